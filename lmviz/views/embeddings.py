"""Interactive embeddings: vectors on a plane, and neighbours in all dimensions."""

import numpy as np

from .._extras import needs
from .._validation import float_array, strings
from ._payload import as_html, check_size
from ._view import View

_SIZE = 320


def embeddings(vectors, labels, *, title="Embeddings") -> View:
    """Show vectors as points on a plane, each with its nearest neighbours.

    Parameters
    ----------
    vectors : array-like, shape (L + 1, T, d) or (T, d)
        Vectors of T tokens, at each layer or only once; T is at least 3, d at least 2.
    labels : sequence of T str
    title : str

    Returns
    -------
    View

    Examples
    --------
    >>> embeddings([[1, 0], [0, 1], [1, 1]], ["a", "b", "c"]).name
    'embeddings'
    """
    layers, labels = _validate(vectors, labels)
    data = _encode(layers, labels)
    return View("embeddings", title, data, _fallback(data))


def _validate(vectors, labels):
    """Return vectors of shape (L + 1, T, d), and labels."""
    try:
        flat = np.ndim(vectors) == 2
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
    return layers, labels


def _encode(layers, labels, k=5):
    """Project each layer onto two directions, and find the neighbours of each vector.

    Returns
    -------
    dict
        ``labels``; ``points`` (L + 1, T, 2), the two directions in which a layer's
        vectors vary most (PCA), with signs that match the previous layer; ``kept``
        (L + 1, 2), the fraction of the variance along each; ``near`` (L + 1, T, k),
        the nearest neighbours by cosine in all dimensions, the closest first, and
        their ``cosines``. A vector of zeros has cosine 0 with all others.
    """
    k = min(k, len(labels) - 1)
    points, kept = [], []
    for x in layers:
        coordinates, fraction = _flatten(x)
        if points:  # the sign of a direction is arbitrary
            coordinates *= np.where((coordinates * points[-1]).sum(0) < 0, -1, 1)
        points.append(coordinates)
        kept.append(fraction)
    near, cosines = zip(*(_neighbours(x, k) for x in layers), strict=True)
    return {
        "labels": labels,
        "points": np.array(points, np.float32),
        "kept": np.array(kept, np.float32),
        "near": np.array(near, np.uint32),
        "cosines": np.array(cosines, np.float32),
    }


def _flatten(x):
    """Return coordinates (T, 2) and the fractions of the variance (2,)."""
    with needs("plots", "principal components"):
        from sklearn.decomposition import PCA

    if not np.ptp(x, axis=0).any():  # all equal: no variance
        return np.zeros((len(x), 2)), np.zeros(2)
    pca = PCA(2, svd_solver="full").fit(x)
    return pca.transform(x), pca.explained_variance_ratio_


def _neighbours(x, k):
    """Return the k nearest neighbours of each row by cosine, and the cosines."""
    length = np.linalg.norm(x, axis=1, keepdims=True)
    unit = x / np.where(length > 0, length, 1)
    cosines = unit @ unit.T
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
    return (
        f'<svg viewBox="0 0 {_SIZE + 60} {_SIZE}" width="{_SIZE + 60}" role="img" '
        'style="max-width:100%" font-size="10" fill="currentColor" '
        f'aria-label="{len(points)} vectors on a plane">{"".join(marks)}</svg>'
        f"<p>The two directions in which the vectors of layer {last} differ most: "
        f"{fraction:.0%} of the variance.</p>"
    )
