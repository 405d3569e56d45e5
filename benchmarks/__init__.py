"""Benchmarks of lmviz against alternatives: ``python -m benchmarks --help``."""
