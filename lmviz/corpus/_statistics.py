"""Statistics over many texts, in the memory of one layer of one batch.

`lmviz.attention` and `lmviz.prediction` measure one text that was traced and kept.
Here the same numbers are accumulated while the model runs: each layer's attention
weights are reduced in a hook, then freed. Texts of similar length share a batch and are
padded at the end, where no real token attends to the padding in a causal model.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

from .. import _validation
from .._arrays import written
from .._layout import check_attention, layout_of
from .._module import forward
from .._watch import run
from ..attention import PATTERNS, entropy
from ..models import _memory as memory
from ._map_reduce import Batches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._types import PathLike, Pattern, Text
    from ..models import LanguageModel

_ROWS = 128


def head_scores(
    lm: LanguageModel,
    texts: Iterable[Text],
    *,
    patterns: Mapping[str, Pattern] | None = None,
    batch_tokens: int = 1024,
    n_jobs: int | None = None,
    file: PathLike | None = None,
    progress: bool = True,
) -> dict[str, torch.Tensor]:
    """Score every head on many texts, as `lmviz.attention` does on one text.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    texts : iterable of str, list of int, or torch.Tensor of int, shape (T,)
        Texts, or their ids; each of two tokens or more.
    patterns : mapping of str to callable, optional
        What to measure. Each function takes the ids of a text, (T,), and returns two
        boolean tensors: the keys of this kind, (T_q, T_k), and the queries that are
        scored, (T_q,). Default: ``lmviz.attention.PATTERNS``.
    batch_tokens : int, default 1024
        Maximum number of tokens in a batch, including padding. A longer text is a
        batch of its own.
    n_jobs : int, optional
        Number of processes, each with a copy of the model. Default: set by
        ``joblib.parallel_config``, else one.
    file : path-like, optional
        A checkpoint, from which an interrupted call resumes when it is repeated with
        the same texts, patterns, `batch_tokens` and weights; any other call is refused.
        Each finished batch is saved. Default: no checkpoint.
    progress : bool, default True
        Whether to show a progress bar.

    Returns
    -------
    dict of str to torch.Tensor, shape (L, H)
        For each pattern (by default ``"previous token"``, ``"first token"``,
        ``"duplicate token"``, ``"induction"``) the mean over all queries of all texts
        that have such a score, NaN if there are none, or if the layer has no attention
        weights. ``"entropy"``: the mean in nats over all queries but the first of each
        text; a learned sink counts as one more key.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> facts = "Anna has a red ball . Tom has a blue kite ."
    >>> texts = [facts, "Tom has a red ball ."]
    >>> scores = head_scores(lm, texts, progress=False)
    >>> scores["entropy"].shape
    torch.Size([3, 4])

    A pattern of one's own, the weight that a query gives to itself:

    >>> def own(ids):
    ...     return torch.eye(len(ids)).bool(), torch.ones(len(ids)).bool()
    >>> scores = head_scores(lm, texts, patterns={"own": own}, progress=False)
    >>> list(scores)
    ['own', 'entropy']
    """
    check_attention(_validation.module_of(lm), lm.card.name)
    patterns = PATTERNS if patterns is None else _check_patterns(patterns)
    names = [*patterns, "entropy"]
    size = (len(names), lm.card.n_layers, lm.card.n_heads)
    start = {
        "sums": torch.zeros(size, dtype=torch.float64),
        "queries": torch.zeros(len(names), 1, 1, dtype=torch.float64),
    }

    def add(total, _, sums):
        return {name: total[name] + sums[name] for name in total}

    batches = Batches(lm, texts, batch_tokens)
    _check_memory(batches, ())
    total = batches.reduce(
        partial(_head_sums, patterns=patterns),
        add,
        start,
        key=_masks(patterns, batches.ids),
        n_jobs=n_jobs,
        file=file,
        progress=progress,
    )
    means = total["sums"] / total["queries"]
    return dict(zip(names, means.float(), strict=True))


def surprisals(
    lm: LanguageModel,
    texts: Iterable[Text],
    *,
    batch_tokens: int = 1024,
    n_jobs: int | None = None,
    file: PathLike | None = None,
    progress: bool = True,
) -> list[torch.Tensor]:
    """Return the surprisal of each token of many texts, in nats.

    Parameters
    ----------
    lm, texts, batch_tokens, n_jobs, file, progress
        As for `head_scores`.

    Returns
    -------
    list of torch.Tensor, shape (T - 1,)
        What `lmviz.prediction.surprisal` returns for each text, in the given order.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> facts = "Anna has a red ball . Tom has a blue kite ."
    >>> ends = ["the kite Tom has is blue", "the kite Tom has is red"]
    >>> nats = surprisals(lm, [f"{facts} {end}" for end in ends], progress=False)
    >>> [bool(values[-1] > 1) for values in nats]  # the first text is true
    [False, True]
    """
    _validation.module_of(lm)
    batches = Batches(lm, texts, batch_tokens)
    _check_memory(batches, ("logits",))
    lengths = batches.ids.lengths - 1
    starts = [0, *lengths.cumsum().tolist()]

    def add(total, batch, result):
        parts = result["nats"].split(lengths[batch].tolist())
        for index, values in zip(batch, parts, strict=True):
            total["nats"][starts[index] : starts[index + 1]] = values
        return total

    start = {"nats": torch.zeros(starts[-1])}
    total = batches.reduce(
        _surprisals, add, start, n_jobs=n_jobs, file=file, progress=progress
    )
    return list(total["nats"].split(lengths.tolist()))


def _head_sums(lm, batch, patterns):
    """Sum the attention of each head to each kind of key, over all queries."""
    padded = _padded(batch)
    n_texts, n_tokens = padded.shape
    keys = torch.zeros(n_texts, n_tokens, n_tokens, len(patterns))
    queries = torch.zeros(n_texts, n_tokens, len(patterns) + 1)
    for text, ids in enumerate(batch):
        n = len(ids)
        for i, name in enumerate(patterns):
            keys[text, :n, :n, i], queries[text, :n, i] = _apply(patterns, name, ids)
        queries[text, 1:n, -1] = 1  # entropy: not of the first query, with one key
    layout = layout_of(lm.module)

    def reduced(_, weights):
        if (found := tuple(weights.shape[1:])) != (lm.n_heads, n_tokens, n_tokens):
            raise ValueError(
                f"a layer of {lm.card.name} has attention weights of shape "
                f"{written(found)}, not {written((lm.n_heads, n_tokens, n_tokens))}, "
                "so its heads cannot be listed with those of other layers"
            )
        weights = weights.float().cpu()
        fractions = weights.flatten(2) @ keys.flatten(1, 2)
        options = {}
        if layout.has_sink:
            options["sink"] = (1 - weights.sum(-1)).clamp(0, 1)
        entropies = entropy(weights, **options) @ queries[:, :, -1:]
        return torch.cat([fractions, entropies], -1).double().sum(0).T

    _, found = run(
        lm.module, padded, layout.attentions.values(), reduced, logits_to_keep=1
    )
    shape = (len(patterns) + 1, lm.n_layers, lm.n_heads)
    sums = torch.full(shape, torch.nan, dtype=torch.float64)
    for layer, place in layout.attentions.items():
        sums[:, layer] = found[place]
    return {"sums": sums, "queries": queries.double().sum((0, 1))[:, None, None]}


def _check_patterns(patterns):
    if not isinstance(patterns, Mapping) or not patterns:
        raise TypeError(
            "`patterns` must be a dict of functions by name, such as "
            f"lmviz.attention.PATTERNS, got {patterns!r:.60}"
        )
    for name, pattern in patterns.items():
        if name == "entropy" or not isinstance(name, str):
            raise ValueError(
                f"the names of `patterns` must be strings other than 'entropy', got "
                f"{name!r:.60}"
            )
        if not callable(pattern):
            raise TypeError(f"`patterns[{name!r}]` must be a function, got {pattern!r}")
    return dict(patterns)


def _apply(patterns, name, ids):
    keys, queries = masks = patterns[name](ids)
    shapes = (len(ids), len(ids)), (len(ids),)
    for mask, shape in zip(masks, shapes, strict=True):
        if mask.dtype != torch.bool or tuple(mask.shape) != shape:
            raise ValueError(
                f"`patterns[{name!r}]` must return bool tensors of shapes (T, T) and "
                f"(T,), here {shapes[0]} and {shapes[1]}, got {tuple(keys.shape)} of "
                f"{keys.dtype} and {tuple(queries.shape)} of {queries.dtype}"
            )
    return keys & queries[:, None], queries


def _masks(patterns, texts):
    """Yield the names and masks of patterns: functions can have equal names."""
    for name in patterns:
        yield name.encode()
        if patterns[name] is not PATTERNS.get(name):
            for ids in texts:
                for mask in _apply(patterns, name, ids):
                    yield mask.numpy().tobytes()


def _surprisals(lm, batch):
    ids = _padded(batch)
    n_tokens = torch.tensor([len(of_text) for of_text in batch])
    logits = forward(lm.module, ids, use_cache=False).logits
    # Some rows at a time: for all of them, it would take as much memory as the logits.
    by_rows = logits.flatten(0, 1).split(_ROWS)
    following = ids.roll(-1, 1).flatten().split(_ROWS)
    each = [
        cross_entropy(rows.float().cpu(), next_ids, reduction="none")
        for rows, next_ids in zip(by_rows, following, strict=True)
    ]
    is_followed = torch.arange(1, ids.shape[1] + 1) < n_tokens[:, None]
    return {"nats": torch.cat(each).view(ids.shape)[is_followed]}


def _check_memory(batches, keep):
    lm = batches.lm
    lengths = batches.ids.lengths
    sizes = ((int(lengths[batch[0]]), len(batch)) for batch in batches.batches)
    n_tokens, n_texts = max(
        sizes, key=lambda size: memory.needed(lm.card, size[0], keep, n_texts=size[1])
    )
    memory.check(lm, n_tokens, keep, n_texts=n_texts)


def _padded(batch):
    return torch.nn.utils.rnn.pad_sequence(batch, batch_first=True)
