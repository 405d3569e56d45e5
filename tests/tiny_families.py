"""A tiny random model of each family that `lmviz.transformer.architectures` knows."""

import json

import torch
from transformers import AutoConfig, AutoModelForCausalLM

import lmviz

_SHARED = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
_CONTEXT = {"max_position_embeddings": 64}
_MLP = {"intermediate_size": 48}
_PAIRS = {"num_key_value_heads": 2}
_ROPE = {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}
_PARTIAL_ROPE = {
    "rope_parameters": {**_ROPE["rope_parameters"], "partial_rotary_factor": 0.5}
}

_ROPE_BY_LAYER = {
    "rope_parameters": {
        "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
        "full_attention": {
            "rope_type": "linear",
            "rope_theta": 500.0,
            "factor": 8.0,
        },
    }
}
_LLAMA = {**_MLP, **_CONTEXT, **_PAIRS, **_ROPE}
_WINDOWS = {
    "sliding_window": 4,
    "layer_types": ["sliding_attention", "full_attention"],
}
_GRANITE = {
    "embedding_multiplier": 3.0,
    "attention_multiplier": 0.25,
    "residual_multiplier": 0.5,
    "logits_scaling": 2.0,
}
_EXPERTS = {
    "num_experts": 4,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 24,
}

FAMILIES = {
    "gpt2": {"n_inner": 48, **_CONTEXT},
    "gptj": {"n_inner": 48, "rotary_dim": 4, **_CONTEXT},
    "gpt_neox": {**_MLP, **_CONTEXT, **_PARTIAL_ROPE},
    "llama": {**_MLP, **_CONTEXT, **_PAIRS, **_ROPE},
    "mistral": {**_MLP, **_CONTEXT, **_PAIRS, **_ROPE, "sliding_window": 4},
    "qwen2": {**_MLP, **_CONTEXT, **_PAIRS, **_ROPE},
    "qwen3": {**_MLP, **_CONTEXT, **_PAIRS, **_ROPE, "head_dim": 16},
    # Soft caps low enough to matter, and a scale other than that of d_head.
    "gemma2": {
        **_MLP,
        **_CONTEXT,
        **_PAIRS,
        **_ROPE,
        "head_dim": 16,
        "sliding_window": 4,
        "query_pre_attn_scalar": 5,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 5.0,
    },
    "phi": {**_MLP, **_CONTEXT, **_PARTIAL_ROPE},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, **_CONTEXT},
    "bloom": {},
    "gpt_bigcode": {"n_inner": 48, **_CONTEXT},
    # A window in the second layer.
    "gpt_neo": {
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 4,
        **_CONTEXT,
        **_MLP,
    },
    "codegen": {"n_inner": 48, "rotary_dim": 4, "n_ctx": 64, "n_positions": 64},
    "falcon": {
        **_ROPE,
        "new_decoder_architecture": True,
        "num_kv_heads": 2,
        "ffn_hidden_size": 48,
    },
    "ministral": {**_LLAMA, **_WINDOWS, "head_dim": 16},
    "cwm": {**_LLAMA, **_WINDOWS},
    "seed_oss": {**_LLAMA, "head_dim": 16, "attention_out_bias": True},
    # The first layer does not rotate.
    "smollm3": {**_LLAMA, "no_rope_layers": [0, 1]},
    "ernie4_5": {**_LLAMA, "head_dim": 16, "use_bias": True},
    "helium": {**_LLAMA, "head_dim": 8},
    "arcee": _LLAMA,
    "jais2": _LLAMA,
    "nemotron": {**_LLAMA, **_PARTIAL_ROPE},
    "starcoder2": {**_LLAMA, "sliding_window": 4},
    "persimmon": {**_MLP, **_CONTEXT, **_PARTIAL_ROPE},
    "phi3": {**_LLAMA, **_PARTIAL_ROPE, "sliding_window": 4},
    "stablelm": {**_LLAMA, **_PARTIAL_ROPE, "qk_layernorm": True},
    "hunyuan_v1_dense": {**_LLAMA, "head_dim": 16},
    "glm": {**_LLAMA, **_PARTIAL_ROPE, "head_dim": 16},
    "glm4": {**_LLAMA, **_PARTIAL_ROPE, "head_dim": 16},
    "olmo": {**_LLAMA, "clip_qkv": 0.5},
    "olmo2": _LLAMA,
    "olmo3": {**_LLAMA, **_WINDOWS, **_ROPE_BY_LAYER},
    "exaone4": {**_LLAMA, **_WINDOWS, "head_dim": 16},
    "gemma": {**_LLAMA, "head_dim": 16},
    "vaultgemma": {
        **_LLAMA,
        **_WINDOWS,
        "head_dim": 16,
        "query_pre_attn_scalar": 5,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 5.0,
    },
    "gemma3_text": {
        **_LLAMA,
        **_WINDOWS,
        **_ROPE_BY_LAYER,
        "head_dim": 16,
        "query_pre_attn_scalar": 5,
        "final_logit_softcapping": 5.0,
    },
    "cohere": {**_LLAMA, "use_qk_norm": True, "logit_scale": 0.25},
    "cohere2": {**_LLAMA, **_WINDOWS, "logit_scale": 0.25},
    "granite": {**_LLAMA, **_GRANITE},
    "granitemoe": {**_LLAMA, **_GRANITE, **_EXPERTS},
    "granitemoeshared": {
        **_LLAMA,
        **_GRANITE,
        **_EXPERTS,
        "shared_intermediate_size": 24,
    },
    "mixtral": {**_LLAMA, **_EXPERTS, "sliding_window": 4},
    "olmoe": {**_LLAMA, **_EXPERTS, "clip_qkv": 0.5},
    "flex_olmo": {**_LLAMA, **_EXPERTS, "norm_topk_prob": True},
    "mellum": {
        **_LLAMA,
        **_WINDOWS,
        **_ROPE_BY_LAYER,
        **_EXPERTS,
        "head_dim": 16,
        "mlp_layer_types": ["dense", "sparse"],
    },
    # The first layer has an MLP, the second one experts.
    "qwen2_moe": {
        **_LLAMA,
        **_EXPERTS,
        "shared_expert_intermediate_size": 24,
        "decoder_sparse_step": 2,
    },
    "qwen3_moe": {
        **_LLAMA,
        **_EXPERTS,
        "head_dim": 16,
        "norm_topk_prob": True,
        "mlp_only_layers": [0],
    },
    # A limit low enough to matter.
    "gpt_oss": {**_LLAMA, **_WINDOWS, **_EXPERTS, "head_dim": 16, "swiglu_limit": 0.1},
}

# Everything is tested with these; the others only differ in how they are rebuilt.
CORE = (
    "bloom",
    "gemma2",
    "gpt2",
    "gpt_neox",
    "gptj",
    "llama",
    "mistral",
    "opt",
    "phi",
    "qwen2",
    "qwen3",
)


def config(family, *, vocab_size=50257, **changes):
    """Return the config of a tiny model, with some options changed."""
    ids = ("bos_token_id", "eos_token_id", "pad_token_id")
    options = {**_SHARED, **dict.fromkeys(ids, vocab_size - 1)}
    options |= FAMILIES.get(family, {})
    return AutoConfig.for_model(family, vocab_size=vocab_size, **{**options, **changes})


def build(config):
    """Return a frozen model whose weights are all random.

    A new model's biases are zero and its norms the identity, which would hide mistakes.
    """
    module = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    module.eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.3, generator=generator)
    return module


def save(family, folder, **changes):
    """Save a tiny model with GPT-2's tokenizer."""
    build(config(family, **changes)).save_pretrained(folder)
    save_tokenizer(lmviz.load_tokenizer("gpt2"), folder)


def save_tokenizer(tokenizer, folder):
    """Save a tokenizer so that it is read as it is, whatever the family's own does."""
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
