"""Chapter 2: ids are mapped to vectors.

Rows of an embedding table, their cosine similarities and nearest neighbours, analogies
as vector offsets, and a projection onto two dimensions. V is the size of the
vocabulary, d the width of the table.
"""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import torch

from . import _validation
from ._extras import needs

if TYPE_CHECKING:
    from ._types import ArrayLike, Ids


def lookup(table: ArrayLike, ids: Ids) -> torch.Tensor:
    """Return the rows of an embedding table for some ids.

    Parameters
    ----------
    table : torch.Tensor, shape (V, d)
    ids : torch.Tensor or list of int, shape (...)

    Returns
    -------
    torch.Tensor, shape (..., d)
        Equal to ``torch.nn.functional.embedding(ids, table)``.

    Examples
    --------
    >>> lookup(torch.tensor([[0.0, 1.0], [2.0, 3.0]]), [1, 1])
    tensor([[2., 3.],
            [2., 3.]])
    """
    table = _validation.tensor(table, "table", ("V", "d"))
    return table[_validation.ids(ids, "ids", ("...",), size=len(table))]


def cosine(a: ArrayLike, b: ArrayLike) -> torch.Tensor:
    r"""Return the cosine similarity of each row of `a` and each row of `b`.

    .. math:: \cos(a, b) = \frac{a \cdot b}{\|a\| \, \|b\|}

    Parameters
    ----------
    a : torch.Tensor, shape (n, d)
    b : torch.Tensor, shape (m, d)

    Returns
    -------
    torch.Tensor, shape (n, m)
        From -1 (opposite directions) through 0 (orthogonal) to 1 (the same direction).
        A row of zeros has similarity 0 to every row.

    Examples
    --------
    >>> cosine(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
    tensor([[1., 0.]])
    """
    a = _validation.float_tensor(a, "a", ("n", "d"))
    b = _validation.float_tensor(b, "b", ("m", "d"))
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(
            "`a` and `b` must have rows of the same width, got shapes "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
    a, b = _validation.promote(a, b)
    normalize = torch.nn.functional.normalize
    return normalize(a, dim=-1) @ normalize(b, dim=-1).T


def nearest_neighbors(
    table: ArrayLike, id: int, *, k: int = 10
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rows with the largest cosine similarity to one row.

    Parameters
    ----------
    table : torch.Tensor, shape (V, d)
    id : int
        The row to compare with; it is excluded from the result.
    k : int, default 10
        Number of neighbours.

    Returns
    -------
    ids : torch.Tensor of int, shape (k,)
        The most similar first.
    cosines : torch.Tensor, shape (k,)

    Examples
    --------
    >>> table = torch.tensor([[1.0, 0.0], [3.0, 4.0], [2.0, 0.0]])
    >>> nearest_neighbors(table, 0, k=2)
    (tensor([2, 1]), tensor([1.0000, 0.6000]))
    """
    table = _validation.float_tensor(table, "table", ("V", "d"))
    id = _validation.integer(id, "id", 0, len(table) - 1)
    similarity = cosine(table[[id]], table)[0]
    _check_k(k, len(table) - 1, similarity, table)
    similarity[id] = -torch.inf
    cosines, ids = similarity.topk(k)
    return ids, cosines


def analogy(
    table: ArrayLike,
    a: int | Ids,
    b: int | Ids,
    c: int | Ids,
    *,
    k: int = 5,
    exclude_inputs: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Answer "a is to b as c is to …" with the rows most similar to b - a + c.

    Parameters
    ----------
    table : torch.Tensor, shape (V, d)
    a, b, c : int, or torch.Tensor or list of int, shape (n,)
        Rows of the table. Tensors and lists ask n questions at once.
    k : int, default 5
        Number of answers to each question.
    exclude_inputs : bool, default True
        Exclude the three rows themselves from the answers, as is customary. Otherwise,
        the most similar row is often b or c.

    Returns
    -------
    ids : torch.Tensor of int, shape (k,) or (n, k)
        The most similar first.
    cosines : torch.Tensor, shape (k,) or (n, k)

    References
    ----------
    Mikolov, Yih and Zweig, "Linguistic Regularities in Continuous Space Word
    Representations", NAACL 2013, section 4.

    Linzen, "Issues in evaluating semantic spaces using word analogies", RepEval 2016,
    on excluding the inputs.

    Examples
    --------
    >>> table = torch.tensor([[1.0, 0], [1, 1], [2, 0], [2, 1], [0, 5]])
    >>> analogy(table, 0, 1, 2, k=1)
    (tensor([3]), tensor([1.0000]))
    """
    table = _validation.float_tensor(table, "table", ("V", "d"))
    rows = [
        _rows(row, name, len(table)) for row, name in zip((a, b, c), "abc", strict=True)
    ]
    if len({row.shape for row in rows}) > 1:
        shapes = ", ".join(str(tuple(row.shape)) for row in rows)
        raise ValueError(f"`a`, `b` and `c` must have the same shape, got {shapes}")
    questions = torch.stack(rows, dim=-1)
    first, second, third = table[questions].unbind(-2)
    similarity = cosine(torch.atleast_2d(second - first + third), table)
    n_candidates = len(table) - 3 if exclude_inputs else len(table)
    _check_k(k, n_candidates, similarity, table)
    if exclude_inputs:
        similarity.scatter_(1, torch.atleast_2d(questions), -torch.inf)
    cosines, ids = similarity.reshape(*questions.shape[:-1], -1).topk(k)
    return ids, cosines


def random_pair_cosines(
    table: ArrayLike, *, n: int = 10_000, seed: int = 0
) -> torch.Tensor:
    """Return the cosine similarities of random pairs of different rows.

    They are the baseline for any claim that two rows are similar.

    Parameters
    ----------
    table : torch.Tensor, shape (V, d)
    n : int, default 10,000
        Number of pairs.
    seed : int, default 0

    Returns
    -------
    torch.Tensor, shape (n,)

    Examples
    --------
    >>> random_pair_cosines(torch.eye(5), n=3)
    tensor([0., 0., 0.])
    """
    table = _validation.float_tensor(table, "table", ("V", "d"))
    _validation.integer(n, "n", 1)
    if len(table) < 2:
        raise ValueError("`table` must have at least 2 rows, got 1")
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(len(table), (n,), generator=generator)
    step = torch.randint(1, len(table), (n,), generator=generator)
    second = (first + step) % len(table)
    return torch.nn.functional.cosine_similarity(table[first], table[second])


def pca(x: ArrayLike, *, n_components: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Project vectors onto the directions of largest variance (PCA).

    Parameters
    ----------
    x : torch.Tensor, shape (T, d)
        At least ``n_components + 1`` vectors, not all equal.
    n_components : int, default 2
        Number of directions, at most d.

    Returns
    -------
    coordinates : torch.Tensor, shape (T, n_components)
    explained : torch.Tensor, shape (n_components,)
        The fraction of the variance along each direction. The rest of the variance is
        not visible in the projection.

    References
    ----------
    Hotelling, "Analysis of a complex of statistical variables into principal
    components", Journal of Educational Psychology 24, 1933.

    Examples
    --------
    >>> x = torch.tensor([[0.0, 0], [3, 4], [6, 8]])
    >>> coordinates, explained = pca(x, n_components=1)
    >>> coordinates.abs().flatten(), explained
    (tensor([5., 0., 5.]), tensor([1.]))
    """
    with needs("plots", "principal components"):
        from sklearn.decomposition import PCA

    x = _validation.float_tensor(x, "x", ("T", "d")).detach()
    _validation.check_finite(x, "x")
    _validation.integer(n_components, "n_components", 1, x.shape[1])
    if len(x) <= n_components:
        raise ValueError(
            f"`x` must have more than {n_components} vectors to be projected onto "
            f"{n_components} directions, got {len(x)}"
        )
    if x.eq(x[0]).all():
        raise ValueError("the vectors of `x` are all equal; their variance is zero")
    wide = x.double().numpy()  # squares of large values would overflow float32
    model = PCA(n_components, svd_solver="full").fit(wide)
    results = model.transform(wide), model.explained_variance_ratio_
    coordinates, explained = (torch.from_numpy(each).to(x.dtype) for each in results)
    return coordinates, explained


def _rows(row, name, size):
    row = torch.tensor(int(row)) if isinstance(row, Integral) else row
    shape = () if isinstance(row, torch.Tensor) and not row.ndim else ("n",)
    return _validation.ids(row, name, shape, size=size)


def _check_k(k, n_candidates, similarity, table):
    if not 1 <= k <= n_candidates:
        raise ValueError(
            f"`k` must be from 1 to {n_candidates}, the number of candidates, got {k}"
        )
    # topk would return NaN as the most similar. The whole table is checked only then.
    if similarity.isnan().any():
        _validation.check_finite(table, "table")
