"""Read the rotary positions of a layer from a model's config."""

import math

import torch

from ..positions import inverse_frequencies, scaled_frequencies, yarn_attention_factor
from . import components


def rotary_of(config, family, d_head, layer) -> components.Rotary:
    """Return the rotary positions of a layer.

    Parameters
    ----------
    config : transformers.PreTrainedConfig
    family : lmviz.transformer.architectures.Architecture
    d_head, layer : int

    Returns
    -------
    lmviz.transformer.components.Rotary

    References
    ----------
    Ding et al., "LongRoPE: Extending LLM Context Window Beyond 2 Million Tokens", ICML
    2024, section 3; the paper on YaRN for the other types, see
    `lmviz.positions.scaled_frequencies`.

    Examples
    --------
    >>> import lmviz
    >>> from lmviz.transformer.architectures import FAMILIES
    >>> config = lmviz.load("smollm2").module.config
    >>> rotary_of(config, FAMILIES["llama"], 64, layer=0).frequencies.shape
    torch.Size([32])
    """
    if family.rotary_dim:
        width = getattr(config, family.rotary_dim) or config.hidden_size
        frequencies = inverse_frequencies(width, base=family.rope_base)
        return components.Rotary(frequencies, family.interleaved)
    rope = config.rope_parameters
    if "rope_type" not in rope:  # one for each kind of layer
        rope = rope[config.layer_types[layer]]
    kind = rope["rope_type"]
    if kind not in _TYPES:
        raise ValueError(
            f"the model's rotary positions are of type {kind!r}, but only "
            f"{', '.join(_TYPES)} are supported; choose another model"
        )
    # The default type of some families ignores this option; the others never do.
    part = rope.get("partial_rotary_factor")
    if part is None or (kind == "default" and not family.partial):
        part = 1.0
    width = int(d_head * part)
    changes = _TYPES[kind](rope, config, width)
    return components.Rotary(interleaved=family.interleaved, **changes)


def _default(rope, config, width):
    return {"frequencies": inverse_frequencies(width, base=float(rope["rope_theta"]))}


def _linear(rope, config, width):
    return {"frequencies": _scaled(rope, width, "linear", rope["factor"])}


def _llama3(rope, config, width):
    turns = rope["high_freq_factor"], rope["low_freq_factor"]
    trained = rope["original_max_position_embeddings"]
    options = {"turns": turns, "trained_length": trained}
    return {"frequencies": _scaled(rope, width, "llama3", rope["factor"], **options)}


def _dynamic(rope, config, width):
    """Raise the base as far as a text exceeds the trained length."""
    trained, factor = config.max_position_embeddings, rope["factor"]

    def longer(n_tokens):
        growth = factor * n_tokens / trained - (factor - 1)
        return _scaled(rope, width, "ntk", growth)

    return _default(rope, config, width) | {
        "trained_length": trained,
        "longer": longer,
    }


def _yarn(rope, config, width):
    trained = rope["original_max_position_embeddings"]
    factor = rope.get("factor") or config.max_position_embeddings / trained
    scale = rope.get("attention_factor")
    if scale is None:
        scale = _mscale(factor, rope.get("mscale"), rope.get("mscale_all_dim"))
    frequencies = _scaled(
        rope,
        width,
        "yarn",
        factor,
        trained_length=trained,
        turns=(rope.get("beta_fast") or 32, rope.get("beta_slow") or 1),
        whole_pairs=config.rope_parameters.get("truncate", True),
    )
    return {"frequencies": frequencies, "scale": scale}


def _mscale(factor, numerator, denominator):
    """Return YaRN's factor of queries and keys, as DeepSeek's options change it."""
    log = yarn_attention_factor(factor) - 1
    if not (numerator and denominator):
        return 1 + log
    return (1 + numerator * log) / (1 + denominator * log)


def _longrope(rope, config, width):
    """Divide the frequency of each pair by its own factor; long texts have another."""
    trained = rope["original_max_position_embeddings"]
    factor = rope.get("factor") or config.max_position_embeddings / trained
    scale = rope.get("attention_factor")
    if scale is None:
        scale = math.sqrt(1 + math.log(max(factor, 1.0)) / math.log(trained))
    plain = inverse_frequencies(width, base=float(rope["rope_theta"]))
    short, long = (
        plain / torch.tensor(rope[name], dtype=plain.dtype)
        for name in ("short_factor", "long_factor")
    )
    return {
        "frequencies": short,
        "scale": scale,
        "trained_length": trained,
        "longer": lambda n_tokens: long,
    }


def _scaled(rope, width, method, factor, **options):
    base = float(rope["rope_theta"])
    return scaled_frequencies(width, method, factor=factor, base=base, **options)


_TYPES = {
    "default": _default,
    "linear": _linear,
    "dynamic": _dynamic,
    "yarn": _yarn,
    "llama3": _llama3,
    "longrope": _longrope,
}
