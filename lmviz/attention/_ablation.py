"""Ablation: replace the output of heads and measure how the prediction changes.

A head is ablated at the input of its layer's output projection, where the outputs of
the heads are concatenated but not yet mixed. Its output is replaced by zeros (zero
ablation) or by its average (mean ablation).
"""

import operator
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .. import _validation
from .._module import forward
from ..models import _memory as memory
from ..transformer.architectures import architecture_of


@contextmanager
def ablate_heads(lm, heads, *, replacement=None) -> Iterator[None]:
    """Ablate some heads within a ``with`` block.

    Parameters
    ----------
    lm : lmviz.LanguageModel
        Its family must be in `lmviz.transformer.architectures`.
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
    module = _validation.module_of(lm)
    replacement = _check_replacement(replacement, module)
    by_layer = {}
    for layer, head in _pairs(heads):
        _check_head(module.config, layer, head)
        by_layer.setdefault(layer, []).append(head)
    handles = []
    try:
        for layer, its_heads in by_layer.items():
            rows = [slice(None)] * len(its_heads)
            hook = _replace(module.config, layer, rows, its_heads, replacement)
            projection = _output_projection(module, layer)
            handles.append(projection.register_forward_pre_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def mean_head_outputs(lm, text) -> torch.Tensor:
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

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> text = "Anna has a red ball . Tom has a blue kite ."
    >>> mean_head_outputs(lm, text).shape
    torch.Size([3, 4, 24])
    """
    module = _validation.module_of(lm)
    ids = lm.ids(text)
    n_layers, n_heads = _size(module.config)
    means, handles = {}, []

    def keep(layer):
        def hook(_, inputs):
            mean = inputs[0][0].float().mean(0).cpu()
            means[layer] = mean.unflatten(-1, (n_heads, -1))

        return hook

    try:
        for layer in range(n_layers):
            projection = _output_projection(module, layer)
            handles.append(projection.register_forward_pre_hook(keep(layer)))
        forward(module, ids[None], use_cache=False, logits_to_keep=1)
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack([means[layer] for layer in range(n_layers)])


def head_effects(lm, text, answer, *, replacement=None) -> torch.Tensor:
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
        without the head.

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
    module = _validation.module_of(lm)
    ids = lm.ids(text)
    answer = _answer_id(lm, answer)
    replacement = _check_replacement(replacement, module)
    n_layers, n_heads = _size(module.config)
    memory.check(lm, len(ids), (), n_texts=n_heads)
    baseline = _log_prob(module, ids[None], answer)
    ablated = []
    for layer in range(n_layers):
        heads = range(n_heads)
        hook = _replace(module.config, layer, heads, heads, replacement)
        projection = _output_projection(module, layer)
        handle = projection.register_forward_pre_hook(hook)
        try:
            batch = ids.expand(n_heads, -1)
            ablated.append(_log_prob(module, batch, answer))
        finally:
            handle.remove()
    return torch.stack(ablated) - baseline


def _log_prob(module, batch, answer):
    logits = forward(module, batch, use_cache=False, logits_to_keep=1).logits
    return logits[:, -1].float().cpu().log_softmax(-1)[:, answer]


def _replace(config, layer, rows, heads, replacement):
    _, n_heads = _size(config)

    def hook(_, inputs):
        x = inputs[0].clone()
        by_head = x.unflatten(-1, (n_heads, -1))
        for row, head in zip(rows, heads, strict=True):
            instead = 0.0 if replacement is None else replacement[layer, head].to(x)
            by_head[row, ..., head, :] = instead
        return (x, *inputs[1:])

    return hook


def _output_projection(module, layer):
    family = architecture_of(module.config)
    return module.get_submodule(f"{family.blocks}.{layer}.{family.output}")


def _size(config):
    return config.num_hidden_layers, config.num_attention_heads


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


def _check_replacement(replacement, module):
    if replacement is None:
        return None
    n_layers, n_heads = _size(module.config)
    # The projection maps the concatenated heads to the residual stream.
    width = _output_projection(module, 0).weight.numel() // module.config.hidden_size
    shape = n_layers, n_heads, width // n_heads
    return _validation.float_tensor(replacement, "replacement", shape)


def _check_head(config, layer, head):
    n_layers, n_heads = _size(config)
    if not (0 <= layer < n_layers and 0 <= head < n_heads):
        raise ValueError(
            f"there is no head {head} in layer {layer}: layers go from 0 to "
            f"{n_layers - 1}, heads from 0 to {n_heads - 1}"
        )
