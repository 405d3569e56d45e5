"""Put the mutant that LMVIZ_MUTANT names into this process.

Python imports a module of this name when it starts. The runner puts this folder on
PYTHONPATH, so the processes that a test starts get the mutant, too.
"""

import importlib.abc
import importlib.util
import os
import sys


class _Mutator(importlib.abc.MetaPathFinder):
    """Replace an attribute of a module as soon as the module has been executed."""

    def __init__(self, mutant):
        self.mutant = mutant

    def find_spec(self, name, path=None, target=None):
        if name != self.mutant.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_and_mutate(module):
                execute(module)
                self.mutant.put_into(module)

            spec.loader.exec_module = execute_and_mutate
        return spec


if name := os.environ.get("LMVIZ_MUTANT"):
    from lmviz_mutants import MUTANTS

    sys.meta_path.insert(0, _Mutator(MUTANTS[name]))
