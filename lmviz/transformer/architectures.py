"""What the authors of each model family called its parts.

One record a family: where in the module a part stands, and what is special. This
is the only place that has to grow for a new family; `_extract` reads it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """Paths inside a model of one family.

    Parameters
    ----------
    blocks, final_norm : str
        From the model: the list of blocks, and the norm after the last.
    norm, query, key, value, output : str
        From a block: the parts of attention. With ``fused``, ``query`` holds all three.
    mlp_norm, up, down : str
        From a block: the parts of the MLP.
    positions : str
        What tells the order: ``"learned"``, ``"rotary"`` or ``"ALiBi"``.
    fused : str, optional
        ``"thirds"``: queries, keys, values of all heads; ``"heads"``: head by head.
    gate, query_norm, key_norm, attention_after, mlp_after : str, optional
        From a block.
    position_table, embedding_norm : str, optional
        From the model.
    first_position : int, default 0
        The row of the position table that belongs to the first place.
    parallel : bool, default False
        Whether attention and MLP read the same input.
    interleaved : bool, default False
        Whether rotary positions turn neighbouring dimensions.
    partial : bool, default False
        Whether the config may leave a part of each head's dimensions unturned.
    gemma : bool, default False
        Norm weights count from one, and embeddings are scaled by the root of d.

    Examples
    --------
    >>> FAMILIES["gpt2"].query, FAMILIES["gpt2"].fused
    ('attn.c_attn', 'thirds')
    >>> FAMILIES["llama"].query, FAMILIES["llama"].key, FAMILIES["llama"].value
    ('self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj')
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
    parallel: bool = False
    interleaved: bool = False
    partial: bool = False
    gemma: bool = False


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
_LLAMA_LIKE = Names(**_LLAMA)

FAMILIES = {
    "gpt2": Names(
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
    "gptj": Names(
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
        parallel=True,
        interleaved=True,
    ),
    "gpt_neox": Names(
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
    "qwen3": Names(
        **_LLAMA, query_norm="self_attn.q_norm", key_norm="self_attn.k_norm"
    ),
    "gemma2": Names(
        **_LLAMA
        | {
            "mlp_norm": "pre_feedforward_layernorm",
            "attention_after": "post_attention_layernorm",
            "mlp_after": "post_feedforward_layernorm",
            "gemma": True,
        }
    ),
    "phi": Names(
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
    ),
    "opt": Names(
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
    ),
    "bloom": Names(
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
    ),
}


def names(config):
    """Return the names of a model's parts.

    Parameters
    ----------
    config : transformers.PretrainedConfig

    Returns
    -------
    Names

    Raises
    ------
    ValueError
        If the family is not known, or the model departs from its family.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> lm.module.get_submodule(names(lm.module.config).final_norm)
    LayerNorm((96,), eps=1e-05, elementwise_affine=True, bias=True)
    """
    family = config.model_type
    if family not in FAMILIES:
        raise ValueError(
            f"the model is of the family {family!r}, whose parts have no names here "
            f"yet; wanted one of {', '.join(sorted(FAMILIES))}"
        )
    for option, usual in _USUAL.items():
        if (value := getattr(config, option, usual)) != usual:
            raise ValueError(
                f"the model has {option}={value!r}, and only {option}={usual!r} of the "
                f"family {family!r} is rebuilt here; choose another model"
            )
    if family == "opt" and config.word_embed_proj_dim != config.hidden_size:
        raise ValueError(
            f"the model projects its embeddings from {config.word_embed_proj_dim} to "
            f"{config.hidden_size}, which is not rebuilt here; choose another model"
        )
    return FAMILIES[family]


# Switches with which a config leaves the beaten track of its family.
_USUAL = {
    "_remove_final_layer_norm": False,
    "apply_residual_connection_post_layernorm": False,
    "do_layer_norm_before": True,
    "layer_norm_elementwise_affine": True,
    "qk_layernorm": False,
    "use_bidirectional_attention": None,
}


def kind_of_positions(config):
    """Say how a model knows the order of its tokens.

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
