"""The command line: ``lmviz`` and ``python -m lmviz``.

Each verb is a file: it computes a dict with the public functions of lmviz, and prints
it as text or, with ``--json``, as it is. Only verbs that run a model import torch.
"""

from ._main import main, run

__all__ = ["main", "run"]
