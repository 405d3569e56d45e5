"""The entries of the table of model families; see `lmviz.transformer.architectures`."""

from ._entry import Architecture

_GPT2 = {
    "blocks": "transformer.h",
    "final_norm": "transformer.ln_f",
    "norm": "ln_1",
    "query": "attn.c_attn",
    "output": "attn.c_proj",
    "mlp_norm": "ln_2",
    "up": "mlp.c_fc",
    "down": "mlp.c_proj",
    "activation": "activation_function",
    "positions": "learned",
    "position_table": "transformer.wpe",
}
_GPTJ = {
    "blocks": "transformer.h",
    "final_norm": "transformer.ln_f",
    "norm": "ln_1",
    "output": "attn.out_proj",
    "mlp_norm": "ln_1",
    "up": "mlp.fc_in",
    "down": "mlp.fc_out",
    "activation": "activation_function",
    "positions": "rotary",
    "rotary_dim": "rotary_dim",
    "parallel": True,
    "interleaved": True,
}
_BLOOM = {
    "blocks": "transformer.h",
    "final_norm": "transformer.ln_f",
    "norm": "input_layernorm",
    "query": "self_attention.query_key_value",
    "fused": "heads",
    "output": "self_attention.dense",
    "mlp_norm": "post_attention_layernorm",
    "up": "mlp.dense_h_to_4h",
    "down": "mlp.dense_4h_to_h",
}
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
_NO_GATE = {"gate": ""}
_HEAD_NORMS = {"query_norm": "self_attn.q_norm", "key_norm": "self_attn.k_norm"}
_AFTER = {
    "norm": "",
    "mlp_norm": "",
    "attention_after": "post_attention_layernorm",
    "mlp_after": "post_feedforward_layernorm",
}
_GEMMA2 = {
    "mlp_norm": "pre_feedforward_layernorm",
    "attention_after": "post_attention_layernorm",
    "mlp_after": "post_feedforward_layernorm",
    "activation": "hidden_activation",
    "scale_embeddings": True,
    "requires": (("use_bidirectional_attention", None),),
}
_GEMMA2_USES = (
    "query_pre_attn_scalar",
    "attn_logit_softcapping",
    "final_logit_softcapping",
)
_GLM = {
    "gate": "mlp.gate_up_proj",
    "up": "mlp.gate_up_proj",
    "interleaved": True,
    "partial": True,
}
_GRANITE = {
    "uses": (
        "embedding_multiplier",
        "attention_multiplier",
        "residual_multiplier",
        "logits_scaling",
    )
}
_COHERE = {
    "mlp_norm": "input_layernorm",
    "parallel": True,
    "interleaved": True,
    "uses": ("logit_scale",),
}
_EXPERTS = {"router": "mlp.gate|", "experts": "mlp.experts|"}
_SOME_DENSE = {
    "gate": "mlp.gate_proj|",
    "up": "mlp.up_proj|",
    "down": "mlp.down_proj|",
    **_EXPERTS,
}
_GRANITE_EXPERTS = {
    "gate": "",
    "up": "",
    "down": "",
    "router": "block_sparse_moe.router",
    "experts": "block_sparse_moe.experts",
}


def _like_llama(*parts, **changes):
    """Return the entry of a family that differs from Llama in these parts."""
    entry = dict(_LLAMA)
    for part in (*parts, changes):
        entry |= part
    return Architecture(**entry)


FAMILIES = {
    "gpt2": Architecture(**_GPT2, fused="thirds"),
    # One key/value head, or as many as queries.
    "gpt_bigcode": Architecture(**_GPT2, fused="heads"),
    "gpt_neo": Architecture(
        **_GPT2
        | {
            "query": "attn.attention.q_proj",
            "key": "attn.attention.k_proj",
            "value": "attn.attention.v_proj",
            "output": "attn.attention.out_proj",
            "scaled": False,
        }
    ),
    "gptj": Architecture(
        **_GPTJ, query="attn.q_proj", key="attn.k_proj", value="attn.v_proj"
    ),
    "codegen": Architecture(**_GPTJ, query="attn.qkv_proj", fused="quarters"),
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
        parallel="use_parallel_residual",
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
        activation="activation_function",
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
        **_BLOOM,
        activation="gelu_new",
        positions="ALiBi",
        embedding_norm="transformer.word_embeddings_layernorm",
        requires=(("apply_residual_connection_post_layernorm", False),),
    ),
    "falcon": Architecture(
        **_BLOOM
        | {
            "norm": "ln_attn|input_layernorm",
            "mlp_norm": "ln_mlp|post_attention_layernorm|input_layernorm",
        },
        activation="activation",
        positions="rotary",
        parallel="parallel_attn",
        # With eager attention, transformers 5.23 subtracts each penalty twice.
        requires=(("alibi", False),),
    ),
    "llama": _like_llama(),
    "mistral": _like_llama(),
    "ministral": _like_llama(),
    "cwm": _like_llama(),
    "seed_oss": _like_llama(),
    "smollm3": _like_llama(),
    "ernie4_5": _like_llama(interleaved=True),
    "helium": _like_llama(interleaved=True),
    "arcee": _like_llama(_NO_GATE),
    "jais2": _like_llama(_NO_GATE),
    "nemotron": _like_llama(_NO_GATE, partial=True),
    "starcoder2": _like_llama(_NO_GATE, up="mlp.c_fc", down="mlp.c_proj"),
    "phi": _like_llama(
        _NO_GATE,
        final_norm="model.final_layernorm",
        query_norm="self_attn.q_layernorm|",
        key_norm="self_attn.k_layernorm|",
        output="self_attn.dense",
        mlp_norm="input_layernorm",
        up="mlp.fc1",
        down="mlp.fc2",
        parallel=True,
        partial=True,
    ),
    "persimmon": _like_llama(
        _NO_GATE,
        final_norm="model.final_layernorm",
        query="self_attn.query_key_value",
        key="",
        value="",
        fused="heads",
        query_norm="self_attn.q_layernorm|",
        key_norm="self_attn.k_layernorm|",
        output="self_attn.dense",
        up="mlp.dense_h_to_4h",
        down="mlp.dense_4h_to_h",
        partial=True,
    ),
    "phi3": _like_llama(
        query="self_attn.qkv_proj",
        key="",
        value="",
        fused="thirds",
        gate="mlp.gate_up_proj",
        up="mlp.gate_up_proj",
        partial=True,
    ),
    "stablelm": _like_llama(
        query_norm="self_attn.q_layernorm|",
        key_norm="self_attn.k_layernorm|",
        mlp_norm="post_attention_layernorm|input_layernorm",
        parallel="use_parallel_residual",
        partial=True,
    ),
    "qwen2": _like_llama(),
    "qwen3": _like_llama(_HEAD_NORMS),
    "hunyuan_v1_dense": _like_llama(
        query_norm="self_attn.query_layernorm",
        key_norm="self_attn.key_layernorm",
        norm_rotated=True,
    ),
    "glm": _like_llama(_GLM),
    "glm4": _like_llama(
        _GLM, attention_after="post_self_attn_layernorm", mlp_after="post_mlp_layernorm"
    ),
    "olmo": _like_llama(uses=("clip_qkv",)),
    "olmo2": _like_llama(_HEAD_NORMS, _AFTER),
    "olmo3": _like_llama(_HEAD_NORMS, _AFTER),
    "exaone4": _like_llama(_HEAD_NORMS, _AFTER, rotary_in_windows=True),
    "gemma": _like_llama(
        scale_embeddings=True, requires=(("use_bidirectional_attention", None),)
    ),
    "gemma2": _like_llama(_GEMMA2, uses=_GEMMA2_USES),
    "vaultgemma": _like_llama(
        mlp_norm="pre_feedforward_layernorm",
        activation="hidden_activation",
        scale_embeddings=True,
        uses=_GEMMA2_USES,
    ),
    "gemma3_text": _like_llama(
        _GEMMA2,
        _HEAD_NORMS,
        uses=("query_pre_attn_scalar", "final_logit_softcapping"),
    ),
    "cohere": _like_llama(
        _COHERE, query_norm="self_attn.q_norm|", key_norm="self_attn.k_norm|"
    ),
    "cohere2": _like_llama(_COHERE, rotary_in_windows=True),
    "granite": _like_llama(_GRANITE),
    "granitemoe": _like_llama(_GRANITE, _GRANITE_EXPERTS),
    "granitemoeshared": _like_llama(
        _GRANITE,
        _GRANITE_EXPERTS,
        gate="shared_mlp.input_linear|",
        up="shared_mlp.input_linear|",
        down="shared_mlp.output_linear|",
        shared="shared_mlp|",
    ),
    "mixtral": _like_llama(_SOME_DENSE),
    "olmoe": _like_llama(_SOME_DENSE, _HEAD_NORMS, uses=("clip_qkv",)),
    "flex_olmo": _like_llama(_SOME_DENSE, _HEAD_NORMS, _AFTER),
    "qwen2_moe": _like_llama(
        _SOME_DENSE, shared="mlp.shared_expert|", shared_gate="mlp.shared_expert_gate|"
    ),
    "qwen3_moe": _like_llama(_SOME_DENSE, _HEAD_NORMS),
    "mellum": _like_llama(_SOME_DENSE, _HEAD_NORMS),
    "gpt_oss": _like_llama(
        _SOME_DENSE,
        router="mlp.router",
        activation="quick_gelu",
        sinks="self_attn.sinks",
        requires=(("swiglu_alpha", 1.702),),
    ),
}
