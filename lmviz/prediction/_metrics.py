"""Chapter 5: how well a model knew what came.

Surprisal, rank and perplexity of a text, and the logit lens, which asks after every
block what the model would say if it were the last.
"""

import math

import torch

from .. import _validation


def surprisal(logits, ids):
    """Measure how surprised the model was by each token, in nats.

    Parameters
    ----------
    logits : torch.Tensor, shape (T, V)
        Row i speaks of token i + 1.
    ids : torch.Tensor of int, shape (T,)

    Returns
    -------
    torch.Tensor, shape (T - 1,)
        Minus the log-probability of tokens 1 to T - 1. The first token of a text
        has nothing before it, so nobody can say.

    Raises
    ------
    TypeError, ValueError
        If they are no such tensors, the lengths differ, an id is not in the vocabulary,
        or there is no second token.

    References
    ----------
    Shannon, "A Mathematical Theory of Communication", 1948, section 6.

    Examples
    --------
    >>> surprisal(torch.zeros(3, 4), torch.tensor([0, 1, 2]))
    tensor([1.3863, 1.3863])
    """
    logits = _validation.float_tensor(logits, "logits", ("T", "V"))
    ids = _fitting(ids, logits)
    logs = logits[:-1].log_softmax(-1)
    return -logs.gather(1, ids[1:, None])[:, 0]


def ranks(logits, ids):
    """Find the place of each token among all that the model could have expected.

    Parameters
    ----------
    logits : torch.Tensor, shape (T, V)
    ids : torch.Tensor of int, shape (T,)

    Returns
    -------
    torch.Tensor of int, shape (T - 1,)
        1 where the token was the likeliest.

    Raises
    ------
    TypeError, ValueError
        As for `surprisal`, or if logits have NaN or infinity.

    Examples
    --------
    >>> ranks(torch.tensor([[0.0, 2.0, 1.0], [0.0, 0.0, 0.0]]), torch.tensor([0, 2]))
    tensor([2])
    """
    logits = _validation.logits(logits, "logits", ("T", "V"))
    ids = _fitting(ids, logits)
    true = logits[:-1].gather(1, ids[1:, None])
    return (logits[:-1] > true).sum(-1) + 1


def perplexity(surprisals):
    """Turn surprisals into the number of equally likely tokens they amount to.

    Parameters
    ----------
    surprisals : torch.Tensor, shape (n,), in nats

    Returns
    -------
    float
        The exponential of the mean. Only comparable between models that cut the
        text into the same tokens.

    Raises
    ------
    TypeError, ValueError
        If `surprisals` is no such tensor.

    References
    ----------
    Jelinek, Mercer, Bahl and Baker, "Perplexity: a measure of the difficulty of
    speech recognition tasks", 1977.

    Examples
    --------
    >>> round(perplexity(surprisal(torch.zeros(3, 4), torch.tensor([0, 1, 2]))), 4)
    4.0
    """
    # The exponential of 89 is too large for float32.
    return float(_nats(surprisals).mean().double().exp())


def bits_per_byte(surprisals, text):
    """Share the surprise of a text among its bytes, in bits.

    Parameters
    ----------
    surprisals : torch.Tensor, shape (n,), in nats
    text : str
        The text that these tokens spell, without what stands before them.

    Returns
    -------
    float
        Comparable between models, whatever their tokens.

    Raises
    ------
    TypeError, ValueError
        If `surprisals` is no such tensor, or `text` is empty or no UTF-8 can be made
        of it.

    Examples
    --------
    >>> round(bits_per_byte(torch.tensor([4 * math.log(2)]), "dogs"), 6)
    1.0
    """
    n_bytes = len(text.encode())
    if not n_bytes:
        raise ValueError("an empty text: wanted the one that the tokens spell")
    return float(_nats(surprisals).sum()) / n_bytes / math.log(2)


def logit_lens(hidden_states, final_norm, unembedding):
    """Ask after every block what the model would say if it were the last.

    Parameters
    ----------
    hidden_states : torch.Tensor, shape (L + 1, T, d)
        Of a `lmviz.Trace`: the last one has passed the final norm already, so it
        is applied to all but that one.
    final_norm : callable
        (..., d) to (..., d), such as `lmviz.transformer._extract.final_norm` gives.
    unembedding : callable
        (..., d) to (..., V), such as `lmviz.transformer._extract.unembedding` gives.

    Returns
    -------
    torch.Tensor, shape (L + 1, T, V)
        Logits. The last layer's are the model's own.

    Raises
    ------
    TypeError, ValueError
        If `hidden_states` is no such tensor.

    References
    ----------
    nostalgebraist, "interpreting GPT: the logit lens", LessWrong, 2020.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> trace = lm.trace("Anna has a red ball")
    >>> norm = lmviz.transformer._extract.final_norm(lm.module)
    >>> unembedding = lmviz.transformer._extract.unembedding(lm.module)
    >>> lens = logit_lens(trace.hidden_states, norm, unembedding)
    >>> lens.shape, torch.allclose(lens[-1], trace.logits, atol=1e-4)
    (torch.Size([4, 6, 78]), True)
    """
    *early, last = _validation.float_tensor(
        hidden_states, "hidden_states", ("L + 1", "T", "d")
    )
    return torch.stack(
        [*(unembedding(final_norm(x)) for x in early), unembedding(last)]
    )


def _nats(surprisals):
    return _validation.float_tensor(surprisals, "surprisals", ("n",)).detach()


def _fitting(ids, logits):
    ids = _validation.ids(ids, "ids", ("T",), size=logits.shape[-1])
    if len(logits) != len(ids) or len(ids) < 2:
        raise ValueError(
            f"logits {tuple(logits.shape)} and {len(ids)} ids: wanted (T, V) and T, of "
            "two tokens or more"
        )
    return ids
