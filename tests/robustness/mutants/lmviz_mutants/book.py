"""Mutants of the extension that builds the book."""
