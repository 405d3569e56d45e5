"""Circuits: the products of weights that say what a head attends to and what it writes.

A head uses its four weight matrices only as two products: query with key (QK), which
gives the scores, and value with output (OV), which gives the contributions. Both are
(d, d) matrices of rank d_head, so they are computed with where possible as two factors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .. import _validation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import ArrayLike


def qk_circuit(query: ArrayLike, key: ArrayLike) -> torch.Tensor:
    """Return the QK circuit of a head: the matrix that gives its scores.

    The score of a query x and a key y is ``x @ circuit @ y``, before it is scaled and
    without biases. With rotary positions, the score depends on the distance, too:
    rotate the columns of one of the factors first.

    Parameters
    ----------
    query : torch.Tensor, shape (..., d, d_head)
        The query weights of one head, or of several along leading axes.
    key : torch.Tensor, shape (..., d, d_head)

    Returns
    -------
    torch.Tensor, shape (..., d, d)

    References
    ----------
    Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021.

    Examples
    --------
    >>> query, key = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.eye(2)
    >>> x, y = torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.0])
    >>> x @ qk_circuit(query, key) @ y
    tensor(2.)
    """
    query = _validation.float_tensor(query, "query", ("...", "d", "d_head"))
    key = _validation.float_tensor(key, "key", tuple(query.shape))
    query, key = _validation.promote(query, key)
    return query @ key.mT


def ov_circuit(value: ArrayLike, output: ArrayLike) -> torch.Tensor:
    """Return the OV circuit of a head: the matrix that gives its contributions.

    If a head attends to a key x with weight a, this adds ``a * (x @ circuit)`` to the
    residual stream of the query, without biases.

    Parameters
    ----------
    value : torch.Tensor, shape (..., d, d_head)
        The value weights of one head, or of several along leading axes.
    output : torch.Tensor, shape (..., d_head, d)
        The rows of the output projection that belong to the head.

    Returns
    -------
    torch.Tensor, shape (..., d, d)

    References
    ----------
    Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021.

    Examples
    --------
    >>> value = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> ov_circuit(value, torch.tensor([[1.0, 0.0], [0.0, -1.0]]))
    tensor([[ 0., -1.],
            [ 1.,  0.]])
    """
    value = _validation.float_tensor(value, "value", ("...", "d", "d_head"))
    output = _validation.float_tensor(output, "output", tuple(value.mT.shape))
    value, output = _validation.promote(value, output)
    return value @ output


def copying_score(left: ArrayLike, right: ArrayLike) -> torch.Tensor:
    """Measure whether a square circuit copies: the sum of its eigenvalues by size.

    The score is the sum of the eigenvalues of ``left @ right``, divided by the sum of
    their absolute values. It is 1 if all are positive: then the circuit raises, on the
    whole, what it reads. It is -1 if all are negative. The eigenvalues are those of the
    small matrix ``right @ left``, apart from zeros.

    Parameters
    ----------
    left : torch.Tensor, shape (..., n, r)
        For copying from tokens to logits, embeddings times value weights, (V, d_head).
        Its product with the embeddings may be moved to the end of `right` instead.
    right : torch.Tensor, shape (..., r, n)
        Output weights times unembedding, (d_head, V).

    Returns
    -------
    torch.Tensor, shape (...)
        From -1 to 1; 0 if all eigenvalues are zero.

    References
    ----------
    Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021.

    Examples
    --------
    >>> copies = torch.eye(3)
    >>> copying_score(copies, copies), copying_score(copies, -copies)
    (tensor(1.), tensor(-1.))
    >>> rotates = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    >>> copying_score(torch.eye(2), rotates)
    tensor(0.)
    """
    left, right = _factors(left, right, ("left", "right"))
    if left.shape[-2] != right.shape[-1]:
        raise ValueError(
            "`left` and `right` must have a square product, got shapes "
            f"{tuple(left.shape)} and {tuple(right.shape)}"
        )
    product = right @ left
    if not product.isfinite().all():
        raise ValueError("`right @ left` must be finite, got nan or infinity")
    values = torch.linalg.eigvals(product)
    total = values.abs().sum(-1)
    score = values.real.sum(-1) / total
    return torch.where(total == 0, 0.0, score)


def composition_score(
    first: Sequence[ArrayLike], second: Sequence[ArrayLike]
) -> torch.Tensor:
    r"""Measure how strongly a circuit reads what an earlier one writes.

    For circuits A and B the score is ``norm(A @ B) / (norm(A) * norm(B))``, with
    Frobenius norms. Independent random matrices of width d give about ``d ** -0.5``.

    Parameters
    ----------
    first : (torch.Tensor, torch.Tensor), shapes (..., m, r) and (..., r, d)
        The factors of A, such as the value and output weights of the earlier head.
    second : (torch.Tensor, torch.Tensor), shapes (..., d, s) and (..., s, n)
        The factors of B. With the weights of the later head: ``(query, key.mT)`` for
        Q-composition, ``(key, query.mT)`` for K-composition, ``(value, output)`` for
        V-composition.

    Returns
    -------
    torch.Tensor, shape (...)
        From 0 to 1; 0 if a circuit is zero.

    References
    ----------
    Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021.

    Examples
    --------
    >>> a = torch.tensor([[1.0], [0.0]]), torch.tensor([[1.0, 0.0]])
    >>> b = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0, 0.0]])
    >>> composition_score(a, a), composition_score(a, b)
    (tensor(1.), tensor(0.))
    """
    a, b = _factors(*_pair(first, "first"), ("first[0]", "first[1]"))
    c, d = _factors(*_pair(second, "second"), ("second[0]", "second[1]"))
    if b.shape[-1] != c.shape[-2] or a.shape[:-2] != c.shape[:-2]:
        raise ValueError(
            "`first` and `second` must be circuits of one width and the same leading "
            f"axes, got factors {tuple(b.shape)} and {tuple(c.shape)}"
        )
    a, b, c, d = _validation.promote(a, b, c, d)
    norms = _norm(a, b) * _norm(c, d)
    return torch.where(norms == 0, 0.0, _norm(a, b @ c @ d) / norms)


def _norm(left, right):
    """Return the Frobenius norm of left @ right without computing the product."""
    return ((left.mT @ left) * (right @ right.mT)).sum((-2, -1)).clamp(min=0).sqrt()


def _factors(left, right, names):
    left = _validation.float_tensor(left, names[0], ("...", "n", "r"))
    shape = *left.shape[:-2], left.shape[-1], "n"
    right = _validation.float_tensor(right, names[1], shape)
    return _validation.promote(left, right)


def _pair(circuit, name):
    try:
        left, right = circuit
    except (TypeError, ValueError):
        raise TypeError(
            f"`{name}` must be a pair of tensors, the factors of a circuit"
        ) from None
    return left, right
