"""A function that takes arrays, and how to judge its results.

A verdict is a function of an answer that says what is wrong with it, or None where the
arrays have to be refused.
"""

import functools
import time
import traceback
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import lmviz

PACKAGE = str(Path(lmviz.__file__).parent)
SIZES = {"T": 5, "S": 4, "d": 6, "u": 3, "V": 9, "L": 3, "H": 2, "n": 3}
SECONDS = 10
FLOATS = ("", "shares", "chances")


@dataclass(frozen=True)
class Case:
    """A public function, and good arrays to call it with.

    `shapes` gives the axes of each array, after the kind of its numbers: normal ones,
    or ``ids:``, ``shares:`` (rows of attention weights), ``chances:``, ``mask:``.
    `labels` are strings that go along an axis. An axis in `sizes` has to have this
    size. `call` takes all of them, by default as the function does, with `options`.
    `wide` is the axis to be made long, and how long.
    """

    name: str
    shapes: dict
    call: object = None
    labels: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)
    sizes: dict = field(default_factory=dict)
    vocabulary: int | None = None
    wide: tuple = ("d", 10_000)

    def axes(self, name):
        return self.shapes[name].rpartition(":")[2].split()

    def kind(self, name):
        return self.shapes[name].rpartition(":")[0]

    def of_kind(self, *kinds):
        return [name for name in self.shapes if self.kind(name) in kinds]

    def arrays(self, **sizes):
        sizes = {**SIZES, **self.sizes, **sizes}
        generator = torch.Generator().manual_seed(0)
        arrays = {name: self._array(name, sizes, generator) for name in self.shapes}
        labels = {
            name: [f"{name} {i}" for i in range(sizes[axis])]
            for name, axis in self.labels.items()
        }
        return {**arrays, **labels}

    def _array(self, name, sizes, generator):
        kind, shape = self.kind(name), [sizes[axis] for axis in self.axes(name)]
        if kind == "ids":
            n = self.vocabulary or SIZES["V"]
            return torch.randint(n, shape, generator=generator)
        values = torch.randn(shape, generator=generator)
        if kind == "mask":
            return torch.ones(shape, dtype=torch.bool).tril()
        if kind == "shares":
            hidden = torch.ones(shape[-2:], dtype=torch.bool).triu(1)
            return values.masked_fill(hidden, -torch.inf).softmax(-1)
        if kind == "chances":
            return values.softmax(-1) / 2
        return values

    def run(self, arrays):
        """Call the function: its answer as a list of arrays, and its refusal."""
        before = {name: _bits(array) for name, array in arrays.items()}
        began = time.process_time()
        try:
            answer, refusal = leaves((self.call or self._call)(**arrays)), None
        except Exception as error:
            answer, refusal = None, error
        assert time.process_time() - began < SECONDS, "too slow"
        for name, array in arrays.items():
            assert np.array_equal(_bits(array), before[name]), f"{name} was changed"
        return answer, refusal

    def _call(self, **arrays):
        # Attributes, not modules: `lmviz.views.attention` is a function and a file.
        function = functools.reduce(getattr, self.name.split("."), lmviz)
        return function(**arrays, **self.options)

    def survives(self, arrays, verdict):
        """Return what is wrong with the function's result for these arrays."""
        answer, refusal = self.run(arrays)
        if refusal is not None:
            return unclear(refusal)
        return "not refused" if verdict is None else verdict(answer)


def unclear(error):
    """Return why an error message would not help a reader."""
    said = str(error)
    if not isinstance(error, (TypeError, ValueError)):
        return f"{type(error).__name__}: {said:.200}"
    if not said or "\n" in said or len(said) > 300:
        return f"not one line: {said!r}"
    origin = traceback.extract_tb(error.__traceback__)[-1]
    is_meant = (origin.line or "").startswith("raise ")
    if not origin.filename.startswith(PACKAGE) or not is_meant:
        return f"from {origin.filename}:{origin.lineno}: {said}"
    return None


def leaves(result):
    """Return all numbers of an answer, as a list of float64 arrays."""
    if isinstance(result, torch.Tensor):
        return [result.detach().double().numpy()]
    if hasattr(result, "figure"):  # matplotlib's Axes
        drawn = [*result.images, *result.collections]
        data = [part.get_array() for part in drawn if part.get_array() is not None]
        data += [part.get_offsets() for part in result.collections]
        plt.close(result.figure)
        bars = [bar for bar in result.patches if hasattr(bar, "get_width")]
        return leaves([*data, [bar.get_width() for bar in bars]])
    if hasattr(result, "_repr_html_"):
        result._repr_html_()
        return leaves(result.data)
    if hasattr(result, "__dataclass_fields__"):
        return leaves(vars(result))
    if isinstance(result, dict):
        return leaves(list(result.values()))
    if isinstance(result, (list, tuple)) and not all(
        isinstance(part, (int, float)) for part in result
    ):
        return [leaf for part in result for leaf in leaves(part)]
    if isinstance(result, str):
        return [np.array(float(zlib.crc32(result.encode())))] if result else []
    if result is None:
        return []
    return [np.ma.filled(np.ma.asarray(result, dtype=float), np.nan)]


def _bits(array):
    if not isinstance(array, torch.Tensor) or array.is_meta or array.is_complex():
        return np.array([])
    return array.detach().clone().reshape(-1).view(torch.uint8).numpy()


def equal(to, *, tolerance=1e-5, spared=lambda found, wanted: False):
    """Make the verdict that an answer is the right one, up to rounding.

    None stands for a refusal.
    """
    if to is None:
        return None

    def verdict(answer):
        if [a.shape for a in answer] != [a.shape for a in to]:
            return f"shapes {[a.shape for a in answer]}, not {[a.shape for a in to]}"
        for found, wanted in zip(answer, to, strict=True):
            near = np.isclose(found, wanted, tolerance, tolerance, equal_nan=True)
            wrong = ~(near | spared(found, wanted))
            if wrong.any():
                return f"{found[wrong][:3]}, not {wanted[wrong][:3]}"
        return None

    return verdict


def numbers(answer):
    """Check that not all numbers of an array were lost."""
    lost = [a for a in answer if a.size and np.isnan(a).all()]
    return f"{lost}" if lost else None


def nothing(answer):
    """Check that the result for empty arrays is empty."""
    return f"{answer}" if any(a.size for a in answer) else None


def either(*wanted):
    return any_of(*map(equal, wanted))


def any_of(*verdicts):
    def verdict(answer):
        said = [each(answer) for each in verdicts]
        return None if None in said else said[0]

    return verdict


def squeezed(whole):
    def verdict(answer):
        return equal(whole)([a[0] if a.ndim and len(a) == 1 else a for a in answer])

    return verdict
