"""Chapter 2: ids become vectors.

Looking rows up, comparing them, finding neighbours, and flattening many
dimensions to the two of a page.
"""

import torch


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
    ValueError
        If an id is outside the table.

    Examples
    --------
    >>> lookup(torch.tensor([[0.0, 1.0], [2.0, 3.0]]), torch.tensor([1, 1]))
    tensor([[2., 3.],
            [2., 3.]])
    """
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high >= len(table):
        wrong = low if low < 0 else high
        raise ValueError(
            f"id {wrong} is not in the table: wanted 0 to {len(table) - 1}"
        )
    return table[ids]


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
    ValueError
        If the two have different widths.

    Examples
    --------
    >>> cosine(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 5.0]]))
    tensor([[1., 0.]])
    """
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(
            f"vectors of different width: {tuple(a.shape)} and {tuple(b.shape)}"
        )
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

    Examples
    --------
    >>> table = torch.tensor([[1.0, 0.0], [3.0, 4.0], [2.0, 0.0]])
    >>> neighbours(table, 0, k=2)
    (tensor([2, 1]), tensor([1.0000, 0.6000]))
    """
    similarity = cosine(lookup(table, torch.tensor([id])), table)[0]
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
    questions = torch.stack([torch.as_tensor(row) for row in (a, b, c)], dim=-1)
    first, second, third = lookup(table, questions).unbind(-2)
    similarity = cosine(torch.atleast_2d(second - first + third), table)
    if without_inputs:
        similarity.scatter_(1, torch.atleast_2d(questions), -torch.inf)
    cosines, ids = similarity.reshape(*questions.shape[:-1], -1).topk(k)
    return ids, cosines


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

    Examples
    --------
    >>> random_pairs(torch.eye(5), n=3)
    tensor([0., 0., 0.])
    """
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
    ValueError
        If there are too few vectors to have n directions.

    Examples
    --------
    >>> coordinates, kept = project(torch.tensor([[0.0, 0], [3, 4], [6, 8]]), n=1)
    >>> coordinates.abs().flatten(), kept
    (tensor([5., 0., 5.]), tensor([1.]))
    """
    from sklearn.decomposition import PCA

    if len(x) <= n:
        raise ValueError(f"{len(x)} vectors cannot spread in {n} directions: give more")
    pca = PCA(n, svd_solver="full").fit(x.numpy())
    coordinates = torch.from_numpy(pca.transform(x.numpy()))
    return coordinates, torch.from_numpy(pca.explained_variance_ratio_)
