"""Read a model's tensors into the components of `lmviz.transformer.components`.

Models name their weights differently: GPT-2 stores query, key and value in one matrix
``c_attn``, Llama in three. Here they are always ``query``, ``key`` and ``value``,
applied as ``x @ weight + bias``, so that a block can be rebuilt without knowing its
family. The differences between families are in `lmviz.transformer.architectures`.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from .. import _validation
from .._module import forward
from . import _read, architectures, components
from .architectures._entry import find

if TYPE_CHECKING:
    from ..models import LanguageModel


def extract(lm: LanguageModel) -> components.Model:
    """Return the components of a model.

    Parameters
    ----------
    lm : lmviz.LanguageModel
        Its family must be in `lmviz.transformer.architectures`.

    Returns
    -------
    lmviz.transformer.components.Model
        Its tensors are views of the model's own wherever their layout allows it, except
        for weights that the family multiplies by a number (Granite, Cohere). A block is
        read when it is first used.

    Examples
    --------
    >>> import lmviz
    >>> model = extract(lmviz.load("toy"))
    >>> len(model.blocks), model.position_table.shape
    (3, torch.Size([64, 96]))
    >>> attention = model.blocks[0].attention
    >>> attention.n_heads, attention.query.weight.shape
    (4, torch.Size([96, 96]))
    """
    module = _validation.module_of(lm)
    config = module.config
    family = architectures.architecture_of(config)
    _check_paths(module, family)
    table = find(module, family.position_table)
    blocks = _Blocks(module, family)
    blocks[0]  # raises an error if the activation or rotary type is not supported
    return components.Model(
        token_table=token_table(lm),
        blocks=blocks,
        final_norm=_read.norm(module, family.final_norm),
        unembedding=unembedding(lm),
        position_table=None if table is None else table.weight[family.first_position :],
        embedding_scale=_embedding_scale(config, family),
        embedding_norm=_read.norm(module, family.embedding_norm),
    )


def token_table(lm: LanguageModel) -> torch.Tensor:
    """Return the token embedding table of a model of any family.

    Parameters
    ----------
    lm : lmviz.LanguageModel

    Returns
    -------
    torch.Tensor, shape (V, d)

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> token_table(lm).shape == (lm.card.vocabulary, lm.card.d_model)
    True
    """
    return _validation.module_of(lm).get_input_embeddings().weight


def unembedding(lm: LanguageModel) -> components.Unembedding:
    """Return a model's projection from the last hidden state to the logits.

    Parameters
    ----------
    lm : lmviz.LanguageModel
        Of any family, unless it changes its logits in a way that lmviz does not model.

    Returns
    -------
    lmviz.transformer.components.Unembedding
        If the family multiplies its logits (Granite, Cohere), so are the weights.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> trace = lm.trace("Anna has a")
    >>> torch.allclose(unembedding(lm)(trace.hidden_states[-1]), trace.logits)
    True
    """
    module = _validation.module_of(lm)
    config = module.config
    family = architectures.FAMILIES.get(config.model_type)
    if family is None:
        return _unembedding_of_any_family(module)
    linear = _read.projection(module.get_output_embeddings())
    architectures.check_scales(config, family.uses)
    factor = _read.used(config, family, "logit_scale", 1.0)
    factor /= _read.used(config, family, "logits_scaling", 1.0)
    if factor != 1.0:
        linear = _read.scaled(linear, factor)
    softcap = _read.used(config, family, "final_logit_softcapping", None)
    return components.Unembedding(linear.weight, linear.bias, softcap)


def _unembedding_of_any_family(module):
    """Return the output embeddings of a model if they alone turn states into logits."""
    embeddings = module.get_output_embeddings()
    if embeddings is not None:
        linear = _read.projection(embeddings)
        ids = torch.arange(min(8, linear.weight.shape[1]))[None]
        output = forward(module, ids, output_hidden_states=True, use_cache=False)
        x, logits = output.hidden_states[-1].float(), output.logits.float()
        if x.shape[-1] == len(linear.weight) and logits.shape[:-1] == x.shape[:-1]:
            precision = 1e-4 if output.logits.dtype == torch.float32 else 0.02
            limit = precision * float(logits.std())
            if torch.allclose(linear(x), logits, rtol=0, atol=limit):
                return components.Unembedding(linear.weight, linear.bias)
    raise ValueError(
        "the logits of the model are not the product of its last hidden state and its "
        f"unembedding, and its family {module.config.model_type!r} has no entry in "
        "lmviz.transformer.architectures; choose another model, or add an entry"
    )


def _embedding_scale(config, family):
    scale = config.hidden_size**0.5 if family.scale_embeddings else 1.0
    return scale * _read.used(config, family, "embedding_multiplier", 1.0)


class _Blocks(Sequence):
    """The blocks of a model, each read when it is first used."""

    def __init__(self, module, family):
        self._modules = module.get_submodule(family.blocks)
        self._config, self._family = module.config, family
        self._blocks = [None] * len(self._modules)

    def __repr__(self):
        return f"<{len(self)} blocks>"

    def __len__(self):
        return len(self._blocks)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return tuple(self[i] for i in range(len(self))[index])
        index, n_layers = operator.index(index), len(self)
        if not -n_layers <= index < n_layers:
            raise IndexError(
                f"there is no layer {index}: the model has {n_layers} layers, so the "
                f"index must be between {-n_layers} and {n_layers - 1}"
            )
        index %= n_layers
        if self._blocks[index] is None:
            self._blocks[index] = _read.block(
                self._modules[index], index, self._family, self._config
            )
        return self._blocks[index]


def _check_paths(module, family):
    """Raise an error if the paths of an entry don't match the weights of a model."""
    used = [module.get_input_embeddings(), module.get_output_embeddings()]
    try:
        used += (find(module, path) for path in family.model_paths())
        for block in find(module, family.blocks):
            used += (find(block, path) for path in family.block_paths())
    except AttributeError as error:
        raise ValueError(
            f"the entry of the family {module.config.model_type!r} does not match this "
            f"model: {error}"
        ) from None
    known = {id(weight) for part in used for weight in _weights(part)}
    for name, weight in module.named_parameters():
        if id(weight) not in known:
            raise ValueError(
                f"the model has a weight {name!r}, which the entry of the family "
                f"{module.config.model_type!r} does not cover, so it cannot be "
                "rebuilt; choose another model"
            )


def _weights(part):
    return part.parameters() if isinstance(part, torch.nn.Module) else (part,)
