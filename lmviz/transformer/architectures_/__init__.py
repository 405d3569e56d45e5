"""The table of model families: the paths of their weights, and their peculiarities.

Each family has one entry in `FAMILIES`, under the ``model_type`` of its config. To add
one, print the model, write down the paths of its modules, and state what differs from
the defaults. StarCoder2, for example, has Llama's attention, LayerNorm, and an MLP
without a gate::

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

import re
from dataclasses import dataclass

# Config options whose value scales what the model computes.
_SCALES = re.compile(r"multiplier|scal(e|ing)|softcap|clip_qkv")
_MODELLED = {
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "rope_scaling",
    "scale_attn_by_inverse_layer_idx",
    "scale_attn_weights",
}
# These replace another factor, so 1 is not neutral.
_NEVER_NEUTRAL = {"attention_multiplier"}


@dataclass(frozen=True)
class Architecture:
    """One family: the paths of its components, and its peculiarities.

    Parameters
    ----------
    blocks, final_norm : str
        Paths from the model to the list of blocks, and to the norm after the last one.
    norm, query, key, value, output : str
        Paths from a block to the components of attention. With ``fused``, `query`
        holds the weights of queries, keys and values.
    mlp_norm, up, down : str
        Paths from a block to the components of the MLP.
    positions : str
        Type of positional encoding: ``"learned"``, ``"rotary"`` or ``"ALiBi"``.
    fused : str, optional
        Layout of the fused projection. ``"thirds"``: the queries of all heads, then
        their keys, then their values; ``"heads"``: head by head.
    gate, query_norm, key_norm, attention_after, mlp_after : str, optional
        Paths from a block.
    position_table, embedding_norm : str, optional
        Paths from the model.
    first_position : int, default 0
        The row of the position table that belongs to the first position.
    rotary_dim : str, optional
        The config option with the number of rotated dimensions, if the config has no
        ``rope_parameters`` (GPT-J).
    rope_base : float, default 10000
        The base of the rotary frequencies, together with ``rotary_dim``.
    interleaved : bool, default False
        Whether rotary positions rotate neighbouring dimensions.
    partial : bool, default False
        Whether the config may leave some dimensions of each head unrotated.
    parallel : bool, default False
        Whether attention and MLP read the same input.
    norm_offset : float, default 0
        Added to the weights of norms (1 in Gemma).
    scale_embeddings : bool, default False
        Whether embeddings are multiplied by the square root of d (Gemma).
    requires : tuple of (str, object)
        Config options, each with the only value that is supported. A string names
        another option that must have the same value.

    Examples
    --------
    >>> FAMILIES["gpt2"].query, FAMILIES["gpt2"].fused
    ('attn.c_attn', 'thirds')
    >>> FAMILIES["llama"].query, FAMILIES["llama"].key, FAMILIES["llama"].value
    ('self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj')
    >>> FAMILIES["gpt2"].model_paths()
    ['transformer.ln_f', 'transformer.wpe']
    >>> FAMILIES["gpt2"].block_paths()
    ['ln_1', 'attn.c_attn', 'attn.c_proj', 'ln_2', 'mlp.c_fc', 'mlp.c_proj']
    """

    blocks: str
    final_norm: str
    norm: str
    query: str
    output: str
    mlp_norm: str
    up: str
    down: str
    positions: str
    key: str = ""
    value: str = ""
    fused: str = ""
    gate: str = ""
    query_norm: str = ""
    key_norm: str = ""
    attention_after: str = ""
    mlp_after: str = ""
    position_table: str = ""
    embedding_norm: str = ""
    first_position: int = 0
    rotary_dim: str = ""
    rope_base: float = 10_000.0
    interleaved: bool = False
    partial: bool = False
    parallel: bool = False
    norm_offset: float = 0.0
    scale_embeddings: bool = False
    requires: tuple[tuple[str, object], ...] = ()

    def __post_init__(self):
        needed = {"blocks", "final_norm", *_IN_A_BLOCK[:2], "output", *_MLP}
        needed |= set() if self.fused else {"key", "value"}
        if empty := sorted(name for name in needed if not getattr(self, name)):
            raise ValueError(f"`{empty[0]}` must be a path, got ''")

    def model_paths(self) -> list[str]:
        """Return the paths from the model to its modules outside of the blocks."""
        paths = (self.final_norm, self.position_table, self.embedding_norm)
        return [path for path in paths if path]

    def block_paths(self) -> list[str]:
        """Return the paths from a block to its modules."""
        return [path for name in _IN_A_BLOCK if (path := getattr(self, name))]


_MLP = ("mlp_norm", "up", "down")
_IN_A_BLOCK = (
    "norm",
    "query",
    "key",
    "value",
    "output",
    "query_norm",
    "key_norm",
    "attention_after",
    *_MLP,
    "gate",
    "mlp_after",
)


_LLAMA = {
    "blocks": "model.layers",
    "final_norm": "model.norm",
    "norm": "input_layernorm",
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "output": "self_attn.o_proj",
    "mlp_norm": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
    "positions": "rotary",
}
_LLAMA_LIKE = Architecture(**_LLAMA)

#: The entry of each family, under the ``model_type`` of its config.
#:
#: :meta hide-value:
FAMILIES = {
    "gpt2": Architecture(
        blocks="transformer.h",
        final_norm="transformer.ln_f",
        norm="ln_1",
        query="attn.c_attn",
        fused="thirds",
        output="attn.c_proj",
        mlp_norm="ln_2",
        up="mlp.c_fc",
        down="mlp.c_proj",
        positions="learned",
        position_table="transformer.wpe",
    ),
    "gptj": Architecture(
        blocks="transformer.h",
        final_norm="transformer.ln_f",
        norm="ln_1",
        query="attn.q_proj",
        key="attn.k_proj",
        value="attn.v_proj",
        output="attn.out_proj",
        mlp_norm="ln_1",
        up="mlp.fc_in",
        down="mlp.fc_out",
        positions="rotary",
        rotary_dim="rotary_dim",
        rope_base=10_000.0,
        parallel=True,
        interleaved=True,
    ),
    "gpt_neox": Architecture(
        blocks="gpt_neox.layers",
        final_norm="gpt_neox.final_layer_norm",
        norm="input_layernorm",
        query="attention.query_key_value",
        fused="heads",
        output="attention.dense",
        mlp_norm="post_attention_layernorm",
        up="mlp.dense_h_to_4h",
        down="mlp.dense_4h_to_h",
        positions="rotary",
        partial=True,
    ),
    "llama": _LLAMA_LIKE,
    "mistral": _LLAMA_LIKE,
    "qwen2": _LLAMA_LIKE,
    "qwen3": Architecture(
        **_LLAMA, query_norm="self_attn.q_norm", key_norm="self_attn.k_norm"
    ),
    "gemma2": Architecture(
        **_LLAMA
        | {
            "mlp_norm": "pre_feedforward_layernorm",
            "attention_after": "post_attention_layernorm",
            "mlp_after": "post_feedforward_layernorm",
            "norm_offset": 1.0,
            "scale_embeddings": True,
            "requires": (("use_bidirectional_attention", None),),
        }
    ),
    "phi": Architecture(
        blocks="model.layers",
        final_norm="model.final_layernorm",
        norm="input_layernorm",
        query="self_attn.q_proj",
        key="self_attn.k_proj",
        value="self_attn.v_proj",
        output="self_attn.dense",
        mlp_norm="input_layernorm",
        up="mlp.fc1",
        down="mlp.fc2",
        positions="rotary",
        parallel=True,
        partial=True,
        requires=(("qk_layernorm", False),),
    ),
    "opt": Architecture(
        blocks="model.decoder.layers",
        final_norm="model.decoder.final_layer_norm",
        norm="self_attn_layer_norm",
        query="self_attn.q_proj",
        key="self_attn.k_proj",
        value="self_attn.v_proj",
        output="self_attn.out_proj",
        mlp_norm="final_layer_norm",
        up="fc1",
        down="fc2",
        positions="learned",
        position_table="model.decoder.embed_positions",
        first_position=2,
        requires=(
            ("word_embed_proj_dim", "hidden_size"),
            ("do_layer_norm_before", True),
            ("layer_norm_elementwise_affine", True),
            ("_remove_final_layer_norm", False),
        ),
    ),
    "bloom": Architecture(
        blocks="transformer.h",
        final_norm="transformer.ln_f",
        norm="input_layernorm",
        query="self_attention.query_key_value",
        fused="heads",
        output="self_attention.dense",
        mlp_norm="post_attention_layernorm",
        up="mlp.dense_h_to_4h",
        down="mlp.dense_4h_to_h",
        positions="ALiBi",
        embedding_norm="transformer.word_embeddings_layernorm",
        requires=(("apply_residual_connection_post_layernorm", False),),
    ),
}


def architecture_of(config) -> Architecture:
    """Return the entry of a model's family, if its config agrees with the entry.

    Parameters
    ----------
    config : transformers.PretrainedConfig

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
    check_scales(config)
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


def check_scales(config) -> None:
    """Raise an error if a config has a multiplier that is not modelled, like Granite's.

    Parameters
    ----------
    config : transformers.PretrainedConfig

    Examples
    --------
    >>> import lmviz
    >>> check_scales(lmviz.load("toy").module.config)
    """
    for option, value in vars(config).items():
        if not _SCALES.search(option) or option in _MODELLED or value is None:
            continue
        if option in _NEVER_NEUTRAL or (value and value != 1):
            raise ValueError(
                f"the model has {option}={value!r}, which lmviz does not model, so a "
                "model rebuilt from its weights would be wrong; choose another model"
            )


def kind_of_positions(config) -> str:
    """Return the type of a model's positional encoding.

    Parameters
    ----------
    config : transformers.PretrainedConfig

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
    if config.model_type in FAMILIES:
        return FAMILIES[config.model_type].positions
    if getattr(config, "alibi", False):
        return "ALiBi"
    return "rotary" if getattr(config, "rope_parameters", None) else "unknown"
