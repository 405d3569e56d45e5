"""The table of model families: the paths of their weights, and their peculiarities.

Each family has one entry in `FAMILIES`, under the ``model_type`` of its config; they
are in ``lmviz/transformer/architectures/_families.py``. To add one, print the model,
write down the paths of its modules, and state what differs from the defaults, or from a
family that it resembles. StarCoder2, for example, has Llama's attention, LayerNorm, and
an MLP without a gate::

    FAMILIES["starcoder2"] = Architecture(
        blocks="model.layers",
        final_norm="model.norm",
        norm="input_layernorm",
        query="self_attn.q_proj",
        key="self_attn.k_proj",
        value="self_attn.v_proj",
        output="self_attn.o_proj",
        mlp_norm="post_attention_layernorm",
        up="mlp.c_fc",
        down="mlp.c_proj",
        positions="rotary",
    )

Then add a tiny random model of the family to ``tests/tiny_families.py``: the tests
compare the rebuilt model's logits and attention weights with the model's own; nothing
else shows that the entry is right. `lmviz.transformer.extract` refuses an entry that
leaves out a weight of the model, and a config with a multiplier or scale that is not
modelled.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import _families
from ._entry import Architecture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedConfig

__all__ = [
    "FAMILIES",
    "Architecture",
    "architecture_of",
    "check_scales",
    "kind_of_positions",
]

# Config options whose value scales or clips what the model computes.
_SCALES = re.compile(r"multiplier|scal(e|ing)|softcap|clip_qkv|query_pre_attn_scalar")
# These are always modelled, or change only how a number is stored.
_MODELLED = {
    "rope_scaling",
    "scale_attention_softmax_in_fp32",
    "scale_attn_by_inverse_layer_idx",
    "scale_attn_weights",
}
# These replace another factor, so 1 is not neutral.
_NEVER_NEUTRAL = {"attention_multiplier", "query_pre_attn_scalar"}

#: The entry of each family, under the ``model_type`` of its config.
#:
#: :meta hide-value:
FAMILIES = _families.FAMILIES


def architecture_of(config: PreTrainedConfig) -> Architecture:
    """Return the entry of a model's family, if its config agrees with the entry.

    Parameters
    ----------
    config : transformers.PreTrainedConfig

    Returns
    -------
    Architecture

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> norm = lm.module.get_submodule(architecture_of(lm.module.config).final_norm)
    >>> norm.normalized_shape
    (96,)
    """
    name = config.model_type
    if name not in FAMILIES:
        raise ValueError(
            f"the model's family {name!r} has no entry in "
            f"lmviz.transformer.architectures; choose one of "
            f"{', '.join(sorted(FAMILIES))}, or add an entry"
        )
    check_scales(config, FAMILIES[name].uses)
    for option, required in FAMILIES[name].requires:
        said = f"{option}={required!r}"
        if isinstance(required, str):
            said = f"{option} equal to {required}"
            required = getattr(config, required)
        value = getattr(config, option, required)
        if value != required and (value or required):  # False and None are alike
            raise ValueError(
                f"the model has {option}={value!r}, but only {said} is supported for "
                f"the family {name!r}; choose another model"
            )
    return FAMILIES[name]


def check_scales(config: PreTrainedConfig, modelled: Sequence[str] = ()) -> None:
    """Raise an error if a config has a multiplier or scale that is not modelled.

    Parameters
    ----------
    config : transformers.PreTrainedConfig
    modelled : sequence of str
        Options that are modelled: those that the entry of a family uses.

    Examples
    --------
    >>> import lmviz
    >>> check_scales(lmviz.load("toy").module.config)
    """
    for option, value in vars(config).items():
        if not _SCALES.search(option) or option in {*_MODELLED, *modelled}:
            continue
        neutral = not value or (value == 1 and value is not True)
        if value is not None and (option in _NEVER_NEUTRAL or not neutral):
            raise ValueError(
                f"the model has {option}={value!r}, which lmviz does not model, so a "
                "model rebuilt from its weights would be wrong; choose another model"
            )


def kind_of_positions(config: PreTrainedConfig) -> str:
    """Return the type of a model's positional encoding.

    Parameters
    ----------
    config : transformers.PreTrainedConfig

    Returns
    -------
    str
        ``"learned"``, ``"rotary"``, ``"ALiBi"``, or ``"unknown"`` for a family that
        has no entry and no rotary parameters.

    Examples
    --------
    >>> import lmviz
    >>> kind_of_positions(lmviz.load("toy").module.config)
    'learned'
    """
    if getattr(config, "alibi", False):
        return "ALiBi"
    if config.model_type in FAMILIES:
        return FAMILIES[config.model_type].positions
    return "rotary" if getattr(config, "rope_parameters", None) else "unknown"
