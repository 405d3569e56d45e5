"""A tiny random model of any causal family of the installed transformers release.

`tiny_families` lists what `lmviz.transformer` can rebuild, with options that matter to
the rebuild. Here a family needs no entry: its default config is made small by the names
of its options, and `OPTIONS` says what the names don't tell.
"""

import functools
import re

import torch
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

N_LAYERS, N_HEADS, VOCABULARY = 4, 4, 99

#: The value of each option whose whole name a pattern matches; the first one counts.
_SIZES = {
    r".*(vocab_size|vocab_size_per_layer_input|vocab_size_base)": VOCABULARY,
    r"num_hidden_layers|n_layers?|num_(decoder_|encoder_)?layers|(decoder|encoder)_layers"
    r"|num_blocks|num_layers_per_stack": N_LAYERS,
    r"(swa_)?num_key_value_heads|kv_n_heads|num_kv_heads|num_query_groups": 2,
    r"(.*_)?attention_heads|n_heads?|num_heads|index_n_heads|linear_num_.*heads"
    r"|n_mamba_heads|mamba_n(um)?_heads": N_HEADS,
    r"(swa_)?head_dim|dim_head|d_head|kv_channels|mamba_(d_head|head_?dim)"
    r"|linear_(key_|value_)?head_dim|qk_(nope|rope)_head_dim|v_head_dim"
    r"|attention_head_(dim|size)|rotary_dim|d_rel": 8,
    r"index_head_dim|qk_head_dim": 16,
    r".*(_lora_rank|_rank|dt_rank)": 8,
    r"(hidden_size|d_model|n_embd|(word_embed_proj|embedding|emb|embed)_dim"
    r"|(input_|output_)?embedding_size|attention_hidden_size|lru_width"
    r"|hidden_size_global|mamba_d_ssm|dim_model_base)": 32,
    r".*(intermediate_size.*|ffn_dim|dff|dim_ff|d_inner|n_inner|ffn_hidden_size"
    r"|feed_forward_size)": 48,
    r"hidden_size_per_layer_input|router_hidden_size": 8,
    r"(n|num)_(routed_|local_)?experts|moe_num_experts|zero_expert_num": 4,
    r"(moe_)?num_experts_per_tok(en)?|moe_top_?k|moe_k": 2,
    r"n_group|topk_group|num_expert_group|n_groups|mamba_n_?groups": 1,
    r"(n|num|moe_num)_shared_experts": 1,
    r"first_k_dense_replace|num_dense_layers|moe_layer_start_index": 1,
    r"(sliding_|attention_|local_)?window(_size)?|sliding_window_size"
    r"|local_attention|attention_chunk_size": 8,
    r"(.*_)?chunk_size|.*_block_size|index_topk": 8,
    r".*_state|state_size|ssm_state_size": 8,
    r"max_position_embeddings|n_positions|n_ctx|max_seq_len|context_length"
    r"|max_(source|target)_positions|model_max_length": 128,
    r"num_nextn_predict_layers|num_kv_shared_layers": 0,
    r"max_window_layers": 1,
    r"query_pre_attn_scalar": 8,
    r"(bos|eos|pad|decoder_start|.*_start|.*_end|mask|sep|cls|unk|eod)_token_id": 1,
}

_MIXED = ["linear_attention", "full_attention"] * 2
_ROPE = {"rope_type": "default", "rope_theta": 500.0}
_MAMBA_HEADS = {"mamba_d_head": 16}
_TWICE_AS_WIDE = {"attention_hidden_size": 64, "attention_head_dim": 16}

#: What the names of options don't tell, by family.
OPTIONS = {
    "bailing_hybrid": {"layer_group_size": 2},
    "bamba": {**_MAMBA_HEADS, "attn_layer_indices": [1, 3]},
    "blt": {"encoder_hash_byte_group_vocab": 50},
    "cohere_compass_text": {"rope_parameters": {"full_attention": _ROPE}},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 500.0},
        "ffn_config": {"ffn_hidden_size": 48, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deepseek_v2": {"num_experts_per_tok": 2},
    "deepseek_v4": {"index_topk": 2},
    "dots1": {
        "n_routed_experts": 4,
        "n_shared_experts": 1,
        "num_experts_per_tok": 2,
    },
    "dots3_note_audio_encoder": {"adapter_input_size": 32, "adapter_out_dim": 32},
    "dots3_note_text": {
        "layer_types": ["indexed_attention", "sliding_attention"] * 2,
        "per_layer_config": {},
        "head_dim": 16,
    },
    "dots3_note_vision_encoder": {
        "per_layer_config": {},
        "adapter_in_dim": 32,
        "adapter_out_dim": 32,
    },
    "gemma3n_text": {"laurel_rank": 8, "num_kv_shared_layers": 0},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "granitemoehybrid": {**_MAMBA_HEADS, "layer_types": _MIXED},
    "hrm_text": {"num_layers_per_stack": None},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "kimi_linear": {"layer_types": _MIXED},
    "lfm2": {"layer_types": ["conv", "full_attention"] * 2, "full_attn_idxs": None},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "mamba2": {"head_dim": 16},
    "nemotron": {"num_key_value_heads": 2},
    "nemotron_h": {
        "layers_block_type": ["linear_attention", "full_attention", "moe", "mlp"]
    },
    "qwen3_next": {"layer_types": _MIXED},
    "qwen4_exp_text": {
        "indexer_n_heads": 4,
        "indexer_kv_heads": 1,
        "indexer_head_dim": 8,
        "indexer_budget": 8,
        "indexer_compress_ratio": 4,
    },
    "reformer": {"is_decoder": True, "axial_pos_embds": False},
    "xmod": {"default_language": "en_XX"},
    "zamba": {
        "layers_block_type": ["linear_attention", "hybrid"] * 2,
        **_TWICE_AS_WIDE,
    },
    "zamba2": {
        "layers_block_type": ["linear_attention", "hybrid"] * 2,
        "hybrid_layer_ids": [1, 3],
        "mamba_headdim": 16,
        **_TWICE_AS_WIDE,
    },
    "zaya": {"num_experts_per_tok": 1},
}

#: Families of which no tiny model is made, and why.
NOT_BUILT = {
    "gemma3n": "its image encoder needs the package timm",
    "gemma4_assistant": "it drafts tokens from the states of another model",
    "gemma4_unified_assistant": "it drafts tokens from the states of another model",
    "musicgen": "its decoder reads codes of audio, and has a config of its own",
    "musicgen_melody": "its decoder reads codes of audio, and has a config of its own",
}


@functools.cache
def causal_families():
    """Return the ``model_type`` of every causal family, sorted."""
    return sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def tiny_config(family, **changes):
    """Return a config of a family made small, with some options changed."""
    kind = CONFIG_MAPPING[family]
    options = _small(kind().to_dict()) | OPTIONS.get(family, {}) | changes
    return kind(**options)


def build_any(config, *, std=0.2, norm=0.0):
    """Return a causal model of a config whose weights are all random.

    A new model's biases and sinks are zero and its norms the identity, which would hide
    mistakes. `norm` is the mean of the weights of norms: near 0, states stay small;
    near 1, all parts of a model matter.
    """
    from transformers import AutoModelForCausalLM

    module = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    module.eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for weight in module.parameters():
        if weight.is_floating_point():
            mean = norm if weight.ndim == 1 and bool((weight == 1).all()) else 0.0
            torch.nn.init.normal_(weight, mean, std, generator=generator)
    return module


_DEPTH = "num_hidden_layers|n_layers?|num_layers|num_layers_per_stack"
_LEFT_OUT = ("id2label", "label2id", "per_layer_config", "transformers_version")


def load_any(family, **changes):
    """Return a tiny random language model of a family, without a tokenizer."""
    import lmviz

    module = build_any(tiny_config(family, **changes))
    return lmviz.LanguageModel.from_module(module, name=family)


def _small(options):
    """Make the options of a config small, those of configs within it, too."""
    latent = "kv_lora_rank" in options  # each head has its own keys and values
    kept = {"num_key_value_heads": N_HEADS} if latent else {}
    depths = [options[name] for name in options if re.fullmatch(_DEPTH, name)]
    for name, value in options.items():
        if name in kept or name in _LEFT_OUT:
            continue
        if isinstance(value, dict) and "rope" not in name:
            value = _small(value) | OPTIONS.get(value.get("model_type"), {})
        elif isinstance(value, list) and len(value) in depths:
            continue  # one entry per layer, which the config makes itself
        elif (value is None and name == "head_dim") or (
            isinstance(value, int | float) and not isinstance(value, bool)
        ):
            sizes = (n for rule, n in _SIZES.items() if re.fullmatch(rule, name))
            value = next(sizes, value)
        kept[name] = value
    return kept
