"""Chapter 4: switch heads off, and see what the model says without them.

A head is switched off where its output enters the output projection of its layer:
there the heads still lie side by side. It gives zeros instead, or what it gives on
average.
"""

from contextlib import contextmanager

import torch

from .. import _validation
from ..models import _memory as memory
from ..transformer import architectures as families


@contextmanager
def ablate_heads(module, heads, *, replacement=None):
    """Switch some heads off for as long as the context lasts.

    Parameters
    ----------
    module : torch.nn.Module
        A causal language model of a family in `lmviz.transformer.architectures`.
    heads : iterable of (int, int)
        Layer and head, both from 0.
    replacement : torch.Tensor, shape (L, H, d_head), optional
        What each head gives instead, at every position, such as `mean_head_outputs`.
        Default: zeros.

    Raises
    ------
    TypeError, ValueError
        If there is no such layer or head, the family is not known, or `replacement` is
        no such tensor.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("smollm2")
    >>> everyone = [(layer, head) for layer in range(30) for head in range(9)]
    >>> with ablate_heads(lm.module, everyone):
    ...     trace = lm.trace("The capital of France is")
    >>> lm.tokens([trace.logits[-1].argmax()]) == ["␣Paris"]
    False
    """
    replacement = _fitting(replacement, module)
    by_layer = {}
    for layer, head in heads:
        _check(module.config, layer, head)
        by_layer.setdefault(layer, []).append(head)
    handles = []
    try:
        for layer, its_heads in by_layer.items():
            rows = [slice(None)] * len(its_heads)
            hook = _replace(module.config, layer, rows, its_heads, replacement)
            handles.append(_output(module, layer).register_forward_pre_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()


def mean_head_outputs(module, ids):
    """Measure what each head gives on average over the positions of a text.

    Parameters
    ----------
    module : torch.nn.Module
    ids : torch.Tensor of int, shape (T,)
        A text of the ordinary kind; the longer, the better.

    Returns
    -------
    torch.Tensor, shape (L, H, d_head)

    Raises
    ------
    TypeError, ValueError
        If `ids` is no such tensor, or too long for the model.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> text = "Anna has a red ball . Tom has a blue kite ."
    >>> mean_head_outputs(lm.module, lm.encode(text)).shape
    torch.Size([3, 4, 24])
    """
    ids = _validation.text_ids(ids, module.config)
    n_layers, n_heads = _size(module.config)
    means, handles = {}, []

    def keep(layer):
        def hook(_, inputs):
            means[layer] = inputs[0][0].mean(0).unflatten(-1, (n_heads, -1))

        return hook

    try:
        for layer in range(n_layers):
            output = _output(module, layer)
            handles.append(output.register_forward_pre_hook(keep(layer)))
        with torch.no_grad():
            module(input_ids=ids[None], use_cache=False, logits_to_keep=1)
    finally:
        for handle in handles:
            handle.remove()
    return torch.stack([means[layer] for layer in range(n_layers)])


def head_effects(module, ids, answer, *, replacement=None):
    """Switch each head off on its own, and measure what that does to the answer.

    The heads of a layer are tried in one pass, as a batch with one row a head.

    Parameters
    ----------
    module : torch.nn.Module
    ids : torch.Tensor of int, shape (T,)
    answer : int
        The id of the next token whose probability is watched.
    replacement : torch.Tensor, shape (L, H, d_head), optional
        As for `ablate_heads`. Default: zeros.

    Returns
    -------
    torch.Tensor, shape (L, H)
        The change of the answer's log-probability, in nats. Negative where the
        answer becomes less likely, so where the head was of use to it.

    Raises
    ------
    TypeError, ValueError
        If `ids` or `replacement` is no such tensor, the text is too long for the model
        or for the memory of this machine, or the answer not in its vocabulary.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> facts = "Anna has a red ball . Tom has a blue kite ."
    >>> ids = lm.encode(f"{facts} the kite Tom has is")
    >>> found = head_effects(lm.module, ids, lm.tokenizer.token_to_id("blue"))
    >>> found.shape, divmod(int(found.argmin()), 4)
    (torch.Size([3, 4]), (0, 0))
    """
    ids = _validation.text_ids(ids, module.config)
    _validation.ids(torch.tensor(answer), "answer", (), size=module.config.vocab_size)
    replacement = _fitting(replacement, module)
    n_layers, n_heads = _size(module.config)
    memory.check(module.config, len(ids), (), n_texts=n_heads)
    with torch.no_grad():
        whole = _log_probability(module, ids[None], answer)
        found = []
        for layer in range(n_layers):
            heads = range(n_heads)
            hook = _replace(module.config, layer, heads, heads, replacement)
            handle = _output(module, layer).register_forward_pre_hook(hook)
            try:
                batch = ids.expand(n_heads, -1)
                found.append(_log_probability(module, batch, answer))
            finally:
                handle.remove()
    return torch.stack(found) - whole


def _log_probability(module, batch, answer):
    logits = module(input_ids=batch, use_cache=False, logits_to_keep=1).logits
    return logits[:, -1].log_softmax(-1)[:, answer]


def _replace(config, layer, rows, heads, replacement):
    _, n_heads = _size(config)

    def hook(_, inputs):
        x = inputs[0].clone()
        by_head = x.unflatten(-1, (n_heads, -1))
        for row, head in zip(rows, heads, strict=True):
            instead = 0.0 if replacement is None else replacement[layer, head]
            by_head[row, ..., head, :] = instead
        return (x, *inputs[1:])

    return hook


def _fitting(replacement, module):
    if replacement is None:
        return None
    n_layers, n_heads = _size(module.config)
    # The projection leads from all heads, side by side, to the residual stream.
    width = _output(module, 0).weight.numel() // module.config.hidden_size
    shape = n_layers, n_heads, width // n_heads
    return _validation.float_tensor(replacement, "replacement", shape)


def _output(module, layer):
    names = families.names(module.config)
    return module.get_submodule(names.blocks)[layer].get_submodule(names.output)


def _size(config):
    return config.num_hidden_layers, config.num_attention_heads


def _check(config, layer, head):
    n_layers, n_heads = _size(config)
    if not (0 <= layer < n_layers and 0 <= head < n_heads):
        raise ValueError(
            f"there is no head {head} in layer {layer}: wanted layers 0 to "
            f"{n_layers - 1} and heads 0 to {n_heads - 1}"
        )
