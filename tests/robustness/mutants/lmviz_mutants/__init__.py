"""Mutants: each breaks one guard, and a test must fail with it.

A mutant is a function. It takes what is at its target, an attribute of a module, and
returns what is put there instead. ``nox -s guards`` runs its test.
"""

from . import arrays, book, commands, models, texts  # noqa: F401 (they fill the table)
from ._mutant import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant"]
