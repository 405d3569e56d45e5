"""Ablation: replace the output of heads and measure how the prediction changes.

A head is ablated at the input of its layer's output projection, where the outputs of
the heads are concatenated but not yet mixed. Its output is replaced by zeros (zero
ablation) or by its average (mean ablation).
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from .. import _validation
from .._heads import projections
from .._layout import check_attention
from .._module import forward
from ..models import _memory as memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._types import ArrayLike, Text
    from ..models import LanguageModel


@contextmanager
def ablate_heads(
    lm: LanguageModel,
    heads: tuple[int, int] | Iterable[tuple[int, int]],
    *,
    replacement: ArrayLike | None = None,
) -> Iterator[None]:
    """Ablate some heads within a ``with`` block.

    Parameters
    ----------
    lm : lmviz.LanguageModel
        Of any family in which the outputs of the heads can be told apart.
    heads : (int, int) or iterable of (int, int)
        Layer and head, both counted from 0; one pair or several.
    replacement : torch.Tensor, shape (L, H, d_head), optional
        The output that replaces that of each ablated head at every position, such as
        `mean_head_outputs`. Default: zeros.

    References
    ----------
    Michel, Levy and Neubig, "Are Sixteen Heads Really Better than One?", NeurIPS 2019,
    section 2.3.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("smollm2")
    >>> all_heads = [(layer, head) for layer in range(30) for head in range(9)]
    >>> with ablate_heads(lm, all_heads):
    ...     trace = lm.trace("The capital of France is")
    >>> lm.tokens([trace.logits[-1].argmax()]) == ["␣Paris"]
    False
    """
    by_layer, its_projections = {}, _projections(lm)
    replacement = _check_replacement(replacement, lm, its_projections)
    for layer, head in _pairs(heads):
        _check_head(lm, its_projections, layer, head)
        by_layer.setdefault(layer, []).append(head)
    handles = []
    try:
        for layer, its_heads in by_layer.items():
            rows = [slice(None)] * len(its_heads)
            projection = its_projections[layer]
            hook = _replace(projection, layer, rows, its_heads, replacement)
            part = lm.module.get_submodule(projection.module)
            handles.append(part.register_forward_pre_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def mean_head_outputs(lm: LanguageModel, text: Text) -> torch.Tensor:
    """Return the output of each head, averaged over the positions of a text.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    text : str, list of int, or torch.Tensor of int, shape (T,)
        A text, or its ids. It should be typical of the model's input; the longer, the
        better.

    Returns
    -------
    torch.Tensor, shape (L, H, d_head)
        NaN for a layer without attention.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> text = "Anna has a red ball . Tom has a blue kite ."
    >>> mean_head_outputs(lm, text).shape
    torch.Size([3, 4, 24])
    """
    its_projections = _projections(lm)
    ids = lm.ids(text)
    means = torch.full(_shape(lm, its_projections), torch.nan)
    handles = []

    def keep(layer):
        def hook(_, inputs):
            mean = inputs[0][0].float().mean(0).cpu()
            means[layer] = mean.view(means.shape[1:])

        return hook

    try:
        for layer, projection in its_projections.items():
            part = lm.module.get_submodule(projection.module)
            handles.append(part.register_forward_pre_hook(keep(layer)))
        forward(lm.module, ids[None], use_cache=False, logits_to_keep=1)
    finally:
        for handle in handles:
            handle.remove()
    return means


def head_effects(
    lm: LanguageModel,
    text: Text,
    answer: int | str,
    *,
    replacement: ArrayLike | None = None,
) -> torch.Tensor:
    """Ablate one head at a time and measure the effect on the answer.

    The heads of a layer are ablated in one forward pass, as a batch with one row per
    head, so this costs about as much as L * H passes: a minute for SmolLM2 and five
    tokens on a slow machine.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    text : str, list of int, or torch.Tensor of int, shape (T,)
        A text, or its ids.
    answer : int or str
        The next token whose log-probability is measured: its id or its text, such as
        ``" Paris"``.
    replacement : torch.Tensor, shape (L, H, d_head), optional
        As for `ablate_heads`. Default: zeros.

    Returns
    -------
    torch.Tensor, shape (L, H)
        Change in the answer's log-probability, in nats. It is negative where ablating
        the head makes the answer less likely: ``p * effect.exp()`` is the probability
        without the head. NaN for a layer without attention.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> facts = "Anna has a red ball . Tom has a blue kite ."
    >>> effects = head_effects(lm, f"{facts} the kite Tom has is", "blue")
    >>> [(layer, head, value)] = lmviz.attention.strongest(-effects, 1)
    >>> layer, head
    (0, 0)
    """
    _validation.module_of(lm)
    ids = lm.ids(text)
    memory.check(lm, len(ids), (), n_texts=max(lm.n_heads, 1))
    its_projections = _projections(lm)
    answer = _answer_id(lm, answer)
    replacement = _check_replacement(replacement, lm, its_projections)
    n_layers, n_heads, _ = _shape(lm, its_projections)
    baseline = _log_prob(lm.module, ids[None], answer)
    effects = torch.full((n_layers, n_heads), torch.nan)
    for layer, projection in its_projections.items():
        heads = range(n_heads)
        hook = _replace(projection, layer, heads, heads, replacement)
        part = lm.module.get_submodule(projection.module)
        handle = part.register_forward_pre_hook(hook)
        try:
            batch = ids.expand(n_heads, -1)
            effects[layer] = _log_prob(lm.module, batch, answer)
        finally:
            handle.remove()
    return effects - baseline


def _log_prob(module, batch, answer):
    logits = forward(module, batch, use_cache=False, logits_to_keep=1).logits
    return logits[:, -1].float().cpu().log_softmax(-1)[:, answer]


def _replace(projection, layer, rows, heads, replacement):
    def hook(_, inputs):
        x = inputs[0].clone()
        by_head = x.unflatten(-1, (projection.n_heads, projection.d_head))
        for row, head in zip(rows, heads, strict=True):
            instead = 0.0 if replacement is None else replacement[layer, head].to(x)
            by_head[row, ..., head, :] = instead
        return (x, *inputs[1:])

    return hook


def _projections(lm):
    module = _validation.module_of(lm)
    check_attention(module, lm.card.name)
    return projections(module, lm.card.name)


def _shape(lm, its_projections):
    """Return (L, H, d_head), which must be alike in all layers that have heads."""
    sizes = {(one.n_heads, one.d_head) for one in its_projections.values()}
    if len(sizes) > 1:
        raise ValueError(
            f"the layers of {lm.card.name} have heads of different numbers or sizes, "
            f"{sorted(sizes)}, so they cannot be in one tensor; ablate some of them "
            "with `ablate_heads` and without `replacement`"
        )
    return lm.n_layers, *sizes.pop()


def _answer_id(lm, answer):
    """Return the id of the answer, which is given as an id or as its text."""
    if isinstance(answer, str):
        return lm.token_id(answer)
    try:
        answer = operator.index(None if isinstance(answer, bool) else answer)
    except TypeError:
        raise TypeError(
            "`answer` must be the id of a token (an int) or its text, such as "
            f'" Paris", got {answer!r:.60}'
        ) from None
    return _validation.integer(answer, "answer", 0, lm.card.vocabulary - 1)


def _pairs(heads):
    """Return heads as a list of pairs; a single pair becomes a list of one."""
    try:
        pairs = heads.tolist() if hasattr(heads, "tolist") else list(heads)
        if len(pairs) == 2 and all(hasattr(part, "__index__") for part in pairs):
            pairs = [pairs]
        return [(operator.index(layer), operator.index(head)) for layer, head in pairs]
    except (TypeError, ValueError):
        raise TypeError(
            "`heads` must be a pair (layer, head) or a list of such pairs, got "
            f"{heads!r:.80}"
        ) from None


def _check_replacement(replacement, lm, its_projections):
    if replacement is None:
        return None
    shape = _shape(lm, its_projections)
    return _validation.float_tensor(replacement, "replacement", shape)


def _check_head(lm, its_projections, layer, head):
    n_heads = max(one.n_heads for one in its_projections.values())
    if 0 <= layer < lm.n_layers and layer not in its_projections:
        listed = ", ".join(map(str, its_projections))
        raise ValueError(
            f"layer {layer} has no attention heads; layers with heads are {listed}"
        )
    if not (0 <= layer < lm.n_layers and 0 <= head < its_projections[layer].n_heads):
        raise ValueError(
            f"there is no head {head} in layer {layer}: layers go from 0 to "
            f"{lm.n_layers - 1}, heads from 0 to {n_heads - 1}"
        )
