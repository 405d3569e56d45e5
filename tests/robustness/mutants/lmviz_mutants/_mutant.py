"""What a mutant is, and the table of all."""

from dataclasses import dataclass

MUTANTS = {}


@dataclass(frozen=True)
class Mutant:
    """A replacement of one attribute of a module, and a test that must notice.

    Parameters
    ----------
    target : str
        Like ``"lmviz.embeddings:cosine"`` or ``"lmviz.views:View.save"``.
    replace : callable
        Takes the original and returns what takes its place.
    test : str
        Arguments of pytest, for the folder ``tests/robustness``.
    hangs : bool, default False
        The guard keeps something from running forever: a timeout is a failure, too.
    """

    target: str
    replace: object
    test: str
    hangs: bool = False

    @property
    def module(self):
        """The name of the module that is changed."""
        return self.target.partition(":")[0]

    def put_into(self, module):
        """Replace the target in the module that it is in."""
        *owners, name = self.target.partition(":")[2].split(".")
        for owner in owners:
            module = getattr(module, owner)
        new = self.replace(getattr(module, name))
        setattr(module, name, new)
        if hasattr(new, "__set_name__"):
            new.__set_name__(module, name)


def mutant(target, test, *, hangs=False):
    """Enter a function into the table, under its own name."""

    def enter(replace):
        MUTANTS[replace.__name__] = Mutant(target, replace, test, hangs)
        return replace

    return enter


def returning(value):
    """Return a function that returns a value, whatever it is given."""
    return lambda *_, **__: value
