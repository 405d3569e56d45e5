"""Statistics over many texts, memory held for one layer of one batch at a time.

`lmviz.attention` and `lmviz.prediction` measure one text that was traced and kept.
Here the same numbers are accumulated while the model runs: each layer's attention
weights are reduced in a hook, then freed. Texts of similar length share a batch and are
padded at the end, where no real token of a causal model attends.
"""

import torch

from ..attention import _head_scores as heads
from ..models import _memory as memory
from ..prediction import _metrics as surprise
from ..transformer import architectures as families
from ._map_reduce import Batches


def head_scores(lm, texts, *, batch_tokens=1024, n_jobs=None, file=None, progress=True):
    """Score every head on many texts, as `lmviz.attention` does on one.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    texts : iterable of str, or of torch.Tensor of int, shape (T,)
        Texts, or their ids; each of two tokens or more.
    batch_tokens : int, default 1024
        How many tokens share a pass, filling included. A longer text goes alone.
    n_jobs : int, optional
        How many processes share the work, each with a copy of the model. Default:
        what ``joblib.parallel_config`` says, else one.
    file : path-like, optional
        Where to keep what is done. A call that was interrupted goes on from there
        when it is repeated. Default: nowhere.
    progress : bool, default True
        Whether to show a bar.

    Returns
    -------
    dict of str to torch.Tensor, shape (L, H)
        ``"previous token"``, ``"first token"``, ``"duplicate token"``,
        ``"induction"``: means over all queries of all texts that have such a score,
        NaN if there are none. ``"entropy"``: in nats, over all queries but the
        first of each text.

    Raises
    ------
    TypeError, ValueError
        If a text cannot be traced or has one token, a batch does not fit into memory,
        or `file` holds the sums of another call.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> facts = "Anna has a red ball . Tom has a blue kite ."
    >>> texts = [facts, "Tom has a red ball ."]
    >>> scores = head_scores(lm, texts, progress=False)
    >>> scores["entropy"].shape
    torch.Size([3, 4])
    """
    names = [*heads.PATTERNS, "entropy"]
    size = (len(names), lm.card.n_layers, lm.card.n_heads)
    start = {
        "sums": torch.zeros(size, dtype=torch.float64),
        "queries": torch.zeros(len(names), 1, 1, dtype=torch.float64),
    }

    def add(total, _, found):
        return {name: total[name] + found[name] for name in total}

    batches = Batches(lm, texts, batch_tokens)
    _check_memory(batches, ())
    total = batches.fold(
        _head_sums, add, start, n_jobs=n_jobs, file=file, progress=progress
    )
    means = total["sums"] / total["queries"]
    return dict(zip(names, means.float(), strict=True))


def surprisals(lm, texts, *, batch_tokens=1024, n_jobs=None, file=None, progress=True):
    """Measure how surprised the model was by each token of many texts, in nats.

    Parameters
    ----------
    lm, texts, batch_tokens, n_jobs, file, progress
        As for `head_scores`.

    Returns
    -------
    list of torch.Tensor, shape (T - 1,)
        For each text in turn what `lmviz.prediction.surprisal` gives.

    Raises
    ------
    TypeError, ValueError
        As for `head_scores`.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> facts = "Anna has a red ball . Tom has a blue kite ."
    >>> ends = ["the kite Tom has is blue", "the kite Tom has is red"]
    >>> nats = surprisals(lm, [f"{facts} {end}" for end in ends], progress=False)
    >>> [bool(of_text[-1] > 1) for of_text in nats]  # the first is true
    [False, True]
    """
    batches = Batches(lm, texts, batch_tokens)
    _check_memory(batches, ("logits",))
    lengths = [len(ids) - 1 for ids in batches.ids]

    def add(total, batch, found):
        places = total["nats"].split(lengths)
        for index, values in zip(batch, found, strict=True):
            places[index].copy_(values)
        return total

    start = {"nats": torch.zeros(sum(lengths))}
    total = batches.fold(
        _surprisals, add, start, n_jobs=n_jobs, file=file, progress=progress
    )
    return list(total["nats"].split(lengths))


def _head_sums(lm, batch):
    """Sum what each head gives each kind of key, over the queries of a batch."""
    names = families.names(lm.module.config)
    attention, _, _ = names.output.rpartition(".")
    padded = _padded(batch)
    n_texts, n_tokens = padded.shape
    keys = torch.zeros(n_texts, n_tokens, n_tokens, len(heads.PATTERNS))
    queries = torch.zeros(n_texts, n_tokens, len(heads.PATTERNS) + 1)
    for text, ids in enumerate(batch):
        n = len(ids)
        for i, pattern in enumerate(heads.PATTERNS.values()):
            keys[text, :n, :n, i], queries[text, :n, i] = pattern(ids)
        queries[text, 1:n, -1] = 1  # entropy: of all who have a choice
    sums = []

    def look(_, __, output):
        weights = output[1]
        shares = weights.flatten(2) @ keys.flatten(1, 2)
        entropy = heads.entropy(weights) @ queries[:, :, -1:]
        sums.append(torch.cat([shares, entropy], -1).double().sum(0).T)

    handles = [
        block.get_submodule(attention).register_forward_hook(look)
        for block in lm.module.get_submodule(names.blocks)
    ]
    try:
        with torch.no_grad():
            lm.module(input_ids=padded, use_cache=False, logits_to_keep=1)
    finally:
        for handle in handles:
            handle.remove()
    return {
        "sums": torch.stack(sums, 1),
        "queries": queries.double().sum((0, 1))[:, None, None],
    }


def _surprisals(lm, batch):
    with torch.no_grad():
        logits = lm.module(input_ids=_padded(batch), use_cache=False).logits
    return [
        surprise.surprisal(of_text[: len(ids)].float(), ids)
        for of_text, ids in zip(logits, batch, strict=True)
    ]


def _check_memory(batches, keep):
    config = batches.lm.module.config
    sizes = ((len(batches.ids[batch[0]]), len(batch)) for batch in batches.batches)
    n_tokens, n_texts = max(
        sizes, key=lambda size: memory.needed(config, size[0], keep, n_texts=size[1])
    )
    memory.check(config, n_tokens, keep, n_texts=n_texts)


def _padded(batch):
    return torch.nn.utils.rnn.pad_sequence(batch, batch_first=True)
