"""Interactive embeddings: vectors on a plane, and neighbours in all dimensions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .._extras import needs
from .._validation import float_array, integer, strings
from . import _picture
from ._payload import as_html, check_size
from ._static import Drawing, count
from ._view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import ArrayLike

_SIZE = 320


def embeddings(
    vectors: ArrayLike,
    labels: Sequence[str],
    *,
    exclude: Sequence[int] = (),
    title: str = "Embeddings",
) -> View:
    """Show vectors as points on a plane, each with its nearest neighbours.

    Each vector is scaled to length 1 before it is projected: one vector with a huge
    norm would otherwise shrink the distances between all others to nothing.

    Parameters
    ----------
    vectors : array-like, shape (L + 1, T, d) or (T, d)
        Vectors of T tokens, at each layer or only once; T is at least 3, d at least 2.
    labels : sequence of T str
    exclude : sequence of int, optional
        Vectors that are projected onto the plane but have no say in its choice. In the
        hidden states of a language model, exclude the first token if it is an
        attention sink: ``exclude=[0]``. At least 3 vectors must remain.
    title : str

    Returns
    -------
    View

    References
    ----------
    Sun et al., "Massive Activations in Large Language Models", COLM 2024, on the norm
    of the first token.

    Examples
    --------
    >>> embeddings([[1, 0], [0, 1], [1, 1]], ["a", "b", "c"]).name
    'embeddings'
    """
    layers, labels, exclude = _validate(vectors, labels, exclude)
    data = _encode(layers, labels, exclude)
    return View("embeddings", title, data, _fallback(data))


def _validate(vectors, labels, exclude):
    """Return vectors of shape (L + 1, T, d), labels, and the excluded, sorted."""
    listed = isinstance(vectors, list | tuple) and len(vectors) > 0
    try:
        flat = (1 + np.ndim(vectors[0]) if listed else np.ndim(vectors)) == 2
    except ValueError:  # rows of different lengths, which float_array reports
        flat = False
    shape = ("T", "d") if flat else ("L + 1", "T", "d")
    layers = float_array(vectors, "vectors", shape)
    layers = layers[None] if flat else layers
    _, n, width = layers.shape
    if n < 3 or width < 2:
        raise ValueError(
            "`vectors` must have at least 3 vectors of at least 2 dimensions, got "
            f"{n} of {width}"
        )
    check_size(n, "vectors", 3000)  # all pairs are compared
    labels = strings(labels, "labels", n)
    if not np.iterable(exclude):
        raise TypeError(f"`exclude` must be a sequence of int, got {exclude!r:.60}")
    exclude = sorted({integer(i, "exclude", 0, n - 1) for i in exclude})
    if n - len(exclude) < 3:
        raise ValueError(
            f"`exclude` must leave at least 3 vectors, got {len(exclude)} of {n}"
        )
    return layers, labels, exclude


def _encode(layers, labels, exclude, k=5):
    """Project each layer onto a plane, and find the neighbours of each vector.

    Returns
    -------
    dict
        ``labels``; ``points`` (L + 1, T, 2), on the plane in which a layer's vectors,
        scaled to length 1, vary most (PCA), with a mean square distance of 1 from
        their mean, rotated or reflected to match the previous layer; ``kept``
        (L + 1, 2), the fraction of the variance along each of the two principal
        components; ``norms`` (L + 1, T), the lengths before scaling; ``near``
        (L + 1, T, k), the nearest neighbours by cosine in all dimensions, the closest
        first, and their ``cosines``; ``excluded``, the vectors that did not determine
        the plane. A vector of zeros has cosine 0 with all others.
    """
    k = min(k, len(labels) - 1)
    norms = np.linalg.norm(layers, axis=-1, keepdims=True)
    units = layers / np.where(norms > 0, norms, 1)
    fitted = np.setdiff1d(np.arange(len(labels)), exclude)
    points, kept = [], []
    for x in units:
        coordinates, fraction = _flatten(x, fitted)
        spread = np.sqrt((coordinates[fitted] ** 2).sum(1).mean())
        coordinates /= spread or 1
        if points:
            coordinates = coordinates @ _rotation(
                coordinates[fitted], points[-1][fitted]
            )
        points.append(coordinates)
        kept.append(fraction)
    near, cosines = zip(*(_neighbours(x, k) for x in units), strict=True)
    return {
        "labels": labels,
        "points": np.array(points, np.float32),
        "kept": np.array(kept, np.float32),
        "norms": norms[..., 0].clip(max=np.finfo(np.float32).max).astype(np.float32),
        "near": np.array(near, np.uint32),
        "cosines": np.array(cosines, np.float32),
        "excluded": exclude,
    }


def _flatten(x, fitted):
    """Return coordinates (T, 2) and the fractions of the variance (2,)."""
    with needs("plots", "principal components"):
        from sklearn.decomposition import PCA

    if not np.ptp(x[fitted], axis=0).any():  # all equal: no variance
        return np.zeros((len(x), 2)), np.zeros(2)
    pca = PCA(2, svd_solver="full").fit(x[fitted])
    return pca.transform(x), pca.explained_variance_ratio_


def _rotation(x, target):
    """Return the rotation or reflection (2, 2) of x closest to the target.

    The directions of a PCA have arbitrary signs and may swap between two layers; the
    plane is the same for each (orthogonal Procrustes problem).
    """
    left, _, right = np.linalg.svd(x.T @ target)
    return left @ right


def _neighbours(x, k):
    """Return the k nearest neighbours of each row of length 1, and the cosines."""
    cosines = x @ x.T
    np.fill_diagonal(cosines, -np.inf)
    near = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    return near, np.take_along_axis(cosines, near, 1).clip(-1, 1)


def _fallback(data):
    """Draw the last layer's points as SVG."""
    points = data["points"][-1].astype(float)
    spread = np.abs(points).max() or 1
    half = _SIZE / 2
    marks = []
    for (x, y), label in zip(
        points / spread * (half - 30), data["labels"], strict=True
    ):
        x, y = half + x, half - y
        marks.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
            f'<text x="{x + 5:.1f}" y="{y + 4:.1f}">{as_html(label)}</text>'
        )
    last, fraction = len(data["points"]) - 1, data["kept"][-1].sum()
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {_SIZE + 60} {_SIZE}" width="{_SIZE + 60}" role="img" '
        'style="max-width:100%" font-size="10" fill="currentColor" '
        f'aria-label="{len(points)} vectors on a plane">{"".join(marks)}</svg>'
    )
    return Drawing(
        f"{count(len(points), 'vector')}, {count(last + 1, 'layer')}",
        drawn,
        f"The two directions in which the vectors of layer {last}, scaled to length 1, "
        f"vary most: {fraction:.0%} of the variance.",
        partial(_picture.points, places=points, labels=data["labels"]),
    )
