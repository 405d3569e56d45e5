"""Chapter 2: ids become vectors.

Looking rows up, comparing them, finding neighbours, and flattening many
dimensions to the two of a page.
"""

from numbers import Integral

import torch

from . import _validation


def lookup(table, ids):
    """Pick the rows of an embedding table.

    Parameters
    ----------
    table : torch.Tensor, shape (V, d)
    ids : torch.Tensor of int, shape (...)

    Returns
    -------
    torch.Tensor, shape (..., d)

    Raises
    ------
    TypeError, ValueError
        If they are no such tensors, or an id is outside the table.

    Examples
    --------
    >>> lookup(torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.tensor([1, 1]))
    tensor([[2., 3.],
            [2., 3.]])
    """
    _validation.tensor(table, "table", ("V", "d"))
    return table[_validation.ids(ids, "ids", ("...",), size=len(table))]


def cosine(a, b):
    """Compare directions: the cosine between each row of a and each row of b.

    Parameters
    ----------
    a : torch.Tensor, shape (n, d)
    b : torch.Tensor, shape (m, d)

    Returns
    -------
    torch.Tensor, shape (n, m)
        From -1 (opposite) over 0 (at right angles) to 1 (the same direction).

    Raises
    ------
    TypeError, ValueError
        If they are no such tensors, or have different widths.

    Examples
    --------
    >>> cosine(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
    tensor([[1., 0.]])
    """
    a = _validation.float_tensor(a, "a", ("n", "d"))
    b = _validation.float_tensor(b, "b", ("m", "d"))
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(
            f"vectors of different width: {tuple(a.shape)} and {tuple(b.shape)}"
        )
    a, b = _validation.promote(a, b)
    normalize = torch.nn.functional.normalize
    return normalize(a, dim=-1) @ normalize(b, dim=-1).T


def neighbours(table, id, *, k=10):
    """Find the rows whose direction is closest to one row's.

    Parameters
    ----------
    table : torch.Tensor, shape (V, d)
    id : int
        The row to start from; it is left out of the answer.
    k : int, default 10
        How many.

    Returns
    -------
    ids : torch.Tensor, shape (k,)
        The closest first.
    cosines : torch.Tensor, shape (k,)

    Raises
    ------
    TypeError, ValueError
        If `table` is no such tensor or has NaN, there is no such row, or there are not
        k others.

    Examples
    --------
    >>> table = torch.tensor([[1.0, 0.0], [3.0, 4.0], [2.0, 0.0]])
    >>> neighbours(table, 0, k=2)
    (tensor([2, 1]), tensor([1.0000, 0.6000]))
    """
    similarity = cosine(lookup(table, torch.tensor([id])), table)[0]
    _check_answers(k, len(table) - 1, similarity, table)
    similarity[id] = -torch.inf
    cosines, ids = similarity.topk(k)
    return ids, cosines


def analogy(table, a, b, c, *, k=5, without_inputs=True):
    """Solve "a is to b as c is to …": the rows closest to b - a + c.

    Parameters
    ----------
    table : torch.Tensor, shape (V, d)
    a, b, c : int, or torch.Tensor of int, shape (n,)
        Rows of the table; tensors ask n questions at once.
    k : int, default 5
        How many answers to each.
    without_inputs : bool, default True
        Leave the three rows themselves out of the answers, as is the custom. The
        closest row is often b or c.

    Returns
    -------
    ids : torch.Tensor, shape (k,) or (n, k)
        The closest first.
    cosines : torch.Tensor, shape (k,) or (n, k)

    Raises
    ------
    TypeError, ValueError
        If something is no such tensor, `table` has NaN, a row is not there, or there
        are not k answers.

    References
    ----------
    Mikolov, Yih and Zweig, "Linguistic Regularities in Continuous Space Word
    Representations", NAACL 2013, section 4. Linzen, "Issues in evaluating semantic
    spaces using word analogies", 2016, on leaving the inputs out.

    Examples
    --------
    >>> table = torch.tensor([[1.0, 0], [1, 1], [2, 0], [2, 1], [0, 5]])
    >>> analogy(table, 0, 1, 2, k=1)
    (tensor([3]), tensor([1.0000]))
    """
    rows = [_rows(row, name) for row, name in ((a, "a"), (b, "b"), (c, "c"))]
    if len(shapes := {tuple(row.shape) for row in rows}) > 1:
        raise ValueError(f"a, b and c have the shapes {shapes}, wanted the same")
    questions = torch.stack(rows, dim=-1)
    table = _validation.float_tensor(table, "table", ("V", "d"))
    first, second, third = lookup(table, questions).unbind(-2)
    similarity = cosine(torch.atleast_2d(second - first + third), table)
    left = len(table) - 3 if without_inputs else len(table)
    _check_answers(k, left, similarity, table)
    if without_inputs:
        similarity.scatter_(1, torch.atleast_2d(questions), -torch.inf)
    cosines, ids = similarity.reshape(*questions.shape[:-1], -1).topk(k)
    return ids, cosines


def _rows(row, name):
    row = torch.tensor(int(row)) if isinstance(row, Integral) else row
    shape = () if isinstance(row, torch.Tensor) and not row.ndim else ("n",)
    return _validation.ids(row, name, shape)


def _check_answers(k, n, similarity, table):
    if not 1 <= k <= n:
        raise ValueError(f"k is {k}, wanted 1 to {n}: there are no more other rows")
    # NaN would come out as the closest. Only then the whole table is looked through.
    if similarity.isnan().any():
        _validation.check_finite(table, "table")


def random_pairs(table, *, n=10_000, seed=0):
    """Measure how similar two rows are when they have nothing to do with each other.

    Parameters
    ----------
    table : torch.Tensor, shape (V, d)
    n : int, default 10,000
        How many pairs of different rows.
    seed : int, default 0

    Returns
    -------
    torch.Tensor, shape (n,)
        Their cosines: the baseline for any claim that two rows are close.

    Raises
    ------
    TypeError, ValueError
        If `table` is no such tensor, or has fewer than two rows.

    Examples
    --------
    >>> random_pairs(torch.eye(5), n=3)
    tensor([0., 0., 0.])
    """
    table = _validation.float_tensor(table, "table", ("V", "d"))
    if len(table) < 2 or n < 1:
        raise ValueError(f"{n} pairs of {len(table)} rows: wanted 1 or more, of 2 rows")
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(len(table), (n,), generator=generator)
    step = torch.randint(1, len(table), (n,), generator=generator)
    second = (first + step) % len(table)
    return torch.nn.functional.cosine_similarity(table[first], table[second])


def project(x, *, n=2):
    """Flatten vectors to the few directions in which they differ most (PCA).

    Parameters
    ----------
    x : torch.Tensor, shape (T, d)
        At least n + 1 vectors.
    n : int, default 2
        How many directions.

    Returns
    -------
    coordinates : torch.Tensor, shape (T, n)
    kept : torch.Tensor, shape (n,)
        The share of the variance along each direction; what is missing to one is
        what the picture does not show.

    Raises
    ------
    TypeError, ValueError
        If `x` is no such tensor, has NaN or infinity, or does not spread in n
        directions.

    Examples
    --------
    >>> coordinates, kept = project(torch.tensor([[0.0, 0], [3, 4], [6, 8]]), n=1)
    >>> coordinates.abs().flatten(), kept
    (tensor([5., 0., 5.]), tensor([1.]))
    """
    from sklearn.decomposition import PCA

    x = _validation.float_tensor(x, "x", ("T", "d")).detach()
    _validation.check_finite(x, "x")
    if len(x) <= n:
        raise ValueError(f"{len(x)} vectors cannot spread in {n} directions: give more")
    if not 1 <= n <= x.shape[1] or x.eq(x[0]).all():
        raise ValueError(
            f"vectors {tuple(x.shape)} do not spread in {n} directions: wanted at most "
            "one a dimension, and vectors that differ"
        )
    wide = x.double().numpy()  # squares of what float32 can hold
    pca = PCA(n, svd_solver="full").fit(wide)
    found = pca.transform(wide), pca.explained_variance_ratio_
    coordinates, kept = (torch.from_numpy(each).to(x.dtype) for each in found)
    return coordinates, kept
