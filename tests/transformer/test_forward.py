import pytest
import tiny_families
import torch

import lmviz
from lmviz import transformer

# Longer than the windows of the tiny models.
TEXT = "The dog chased the ball because it was excited, and the cat watched."


def largest_difference(ours, theirs):
    assert ours.shape == theirs.shape
    return (ours - theirs).abs().max()


def test_logits_equal_the_models_own(family):
    trace = family.trace(TEXT)
    ours = transformer.logits(transformer.extract(family), trace.ids)
    assert largest_difference(ours, trace.logits) < 1e-5


def test_the_residual_stream_equals_the_models_own(family):
    trace = family.trace(TEXT)
    model = transformer.extract(family)
    *ours, last = transformer.stream(model, trace.ids)
    *theirs, normed = trace.hidden_states
    for x, expected in zip(ours, theirs, strict=True):
        assert largest_difference(x, expected) < 1e-5
    assert largest_difference(model.final_norm(last), normed) < 1e-5


def test_attention_weights_equal_the_models_own(family):
    trace = family.trace(TEXT)
    for layer in (0, 1, -1):
        part = transformer.extract(family).blocks[layer].attention
        x = trace.hidden_states[layer if layer >= 0 else layer - 1]
        ours = transformer.heads(part, x).weights
        assert largest_difference(ours, trace.attentions[layer]) < 1e-5


def test_heads_have_the_number_and_width_of_the_config(family):
    config = family.module.config
    d_head = getattr(config, "head_dim", None) or config.hidden_size // 4
    part = transformer.extract(family).blocks[0].attention
    heads = transformer.heads(part, torch.zeros(5, 32))
    for vectors in (heads.query, heads.key, heads.value, heads.output):
        assert vectors.shape == (4, 5, d_head)


@pytest.mark.parametrize("layer", [0, 1])
def test_attention_and_mlp_outputs_equal_the_models_own(tiny, layer):
    caught = {}

    def keep(module, inputs, output):
        caught[module] = (output[0] if isinstance(output, tuple) else output)[0]

    if tiny.module.config.model_type == "gpt2":
        block = tiny.module.transformer.h[layer]
        modules = block.attn, block.mlp
    else:
        block = tiny.module.model.layers[layer]
        modules = block.self_attn, block.mlp
    hooks = [module.register_forward_hook(keep) for module in modules]
    trace = tiny.trace(TEXT)
    for hook in hooks:
        hook.remove()
    part, x = transformer.extract(tiny).blocks[layer], trace.hidden_states[layer]
    attended = transformer.attend(part.attention, x)
    assert largest_difference(attended, caught[modules[0]]) < 1e-5
    transformed = transformer.feed_forward(part.mlp, x + attended)
    assert largest_difference(transformed, caught[modules[1]]) < 1e-5


def test_logits_equal_those_of_smollm2(smollm2):
    trace = smollm2.trace(TEXT)
    model = transformer.extract(smollm2)
    ours = transformer.logits(model, trace.ids)
    assert largest_difference(ours, trace.logits) < 1e-3
    for layer in (0, 14, 29):
        heads = transformer.heads(
            model.blocks[layer].attention, trace.hidden_states[layer]
        )
        assert largest_difference(heads.weights, trace.attentions[layer]) < 1e-4


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("gpt2", {"scale_attn_weights": False}),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}),
        ("gpt2", {"tie_word_embeddings": False}),
        ("gpt2", {"layer_norm_epsilon": 0.5}),
        *(
            ("gpt2", {"activation_function": name})
            for name in (
                "gelu",
                "gelu_fast",
                "gelu_new",
                "gelu_pytorch_tanh",
                "relu",
                "silu",
                "swish",
            )
        ),
        ("gptj", {"rotary_dim": 8}),
        ("gpt_neox", {"use_parallel_residual": False}),
        ("gpt_neox", {"attention_bias": False}),
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("llama", {"head_dim": 16, "tie_word_embeddings": True}),
        ("llama", {"rms_norm_eps": 0.5}),
        # Llama rotates all dimensions and ignores this option.
        (
            "llama",
            {
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 500.0,
                    "partial_rotary_factor": 0.5,
                }
            },
        ),
        ("llama", {"num_key_value_heads": 1}),
        ("mistral", {"sliding_window": None}),
        (
            "qwen2",
            {"use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1},
        ),
        ("gemma2", {"attn_logit_softcapping": None, "final_logit_softcapping": None}),
        ("gemma2", {"layer_types": ["full_attention", "sliding_attention"]}),
        ("phi", {"num_key_value_heads": 2}),
        ("phi", {"qk_layernorm": True}),
        ("opt", {"activation_function": "gelu", "enable_bias": False}),
        ("bloom", {"num_attention_heads": 6, "hidden_size": 48}),
        ("gpt_bigcode", {"multi_query": False}),
        ("gpt_bigcode", {"scale_attn_weights": False}),
        ("gpt_neo", {"attention_types": [[["local", "global"], 1]]}),
        ("gpt_neo", {"attention_types": [[["global"], 2]]}),
        ("codegen", {"rotary_dim": 8}),
        *(
            ("falcon", {"new_decoder_architecture": False, **changes})
            for changes in (
                {"multi_query": True},
                {"multi_query": False, "num_kv_heads": 4},
                {"parallel_attn": False},
                {"bias": True},
                {"activation": "relu"},
            )
        ),
        ("falcon", {"num_ln_in_parallel_attn": 1}),
        ("cwm", {"layer_types": ["full_attention", "sliding_attention"]}),
        ("seed_oss", {"attention_bias": False, "attention_out_bias": False}),
        ("smollm3", {"no_rope_layers": [1, 0], "attention_bias": True}),
        (
            "smollm3",
            {
                "use_sliding_window": True,
                "sliding_window": 4,
                "layer_types": ["full_attention", "sliding_attention"],
            },
        ),
        ("ernie4_5", {"use_bias": False}),
        ("helium", {"attention_bias": True, "mlp_bias": True}),
        ("arcee", {"attention_bias": True, "mlp_bias": True}),
        ("jais2", {"attention_bias": False, "mlp_bias": False}),
        ("nemotron", {"attention_bias": True, "mlp_bias": True, "head_dim": 16}),
        ("starcoder2", {"use_bias": False, "sliding_window": None}),
        ("phi3", {"sliding_window": None, "num_key_value_heads": 4}),
        ("stablelm", {"use_parallel_residual": True}),
        ("stablelm", {"qk_layernorm": False, "use_qkv_bias": True}),
        ("hunyuan_v1_dense", {"attention_bias": True}),
        ("glm", {"attention_bias": True, "num_key_value_heads": 4}),
        ("glm4", {"attention_bias": True, "num_key_value_heads": 4}),
        ("olmo", {"clip_qkv": None, "attention_bias": True}),
        ("olmo2", {"attention_bias": True, "num_key_value_heads": 4}),
        ("olmo3", {"layer_types": ["full_attention", "sliding_attention"]}),
        ("exaone4", {"layer_types": ["full_attention", "sliding_attention"]}),
        ("exaone4", {"sliding_window": None, "layer_types": ["full_attention"] * 2}),
        ("gemma", {"attention_bias": True, "num_key_value_heads": 1}),
        # TransformerLensOrg/TransformerLens#594: which of the two Gemma uses.
        ("gemma", {"hidden_act": "gelu", "hidden_activation": "gelu_pytorch_tanh"}),
        ("vaultgemma", {"layer_types": ["full_attention", "sliding_attention"]}),
        ("persimmon", {"qk_layernorm": False, "hidden_act": "gelu"}),
        ("flex_olmo", {"norm_topk_prob": False, "attention_bias": True}),
        ("mellum", {"norm_topk_prob": True, "mlp_layer_types": ["sparse", "dense"]}),
        ("gemma3_text", {"final_logit_softcapping": None, "attention_bias": True}),
        ("gemma3_text", {"layer_types": ["full_attention", "sliding_attention"]}),
        ("cohere", {"use_qk_norm": False, "attention_bias": True}),
        ("cohere2", {"layer_types": ["full_attention", "sliding_attention"]}),
        ("granite", {"attention_bias": True, "mlp_bias": True}),
        ("granite", {"tie_word_embeddings": True}),
        ("granitemoe", {"attention_bias": True, "num_experts_per_tok": 1}),
        ("granitemoeshared", {"shared_intermediate_size": 0}),
        ("mixtral", {"sliding_window": None, "num_experts_per_tok": 4}),
        ("olmoe", {"norm_topk_prob": True, "clip_qkv": None, "attention_bias": True}),
        ("qwen2_moe", {"norm_topk_prob": True, "mlp_only_layers": [1]}),
        ("qwen2_moe", {"qkv_bias": False, "decoder_sparse_step": 1}),
        ("qwen3_moe", {"norm_topk_prob": False, "attention_bias": True}),
        (
            "qwen3_moe",
            {"use_sliding_window": True, "sliding_window": 4, "mlp_only_layers": []},
        ),
        ("gpt_oss", {"layer_types": ["full_attention"] * 2, "swiglu_limit": 7.0}),
        ("gpt_oss", {"attention_bias": False}),
    ],
)
def test_supported_config_options_are_followed(family, changes):
    config = tiny_families.config(family, vocab_size=50, **changes)
    lm = lmviz.LanguageModel.from_module(tiny_families.build(config))
    trace = lm.trace(torch.arange(2, 14))
    model = transformer.extract(lm)
    ours = transformer.logits(model, trace.ids)
    assert largest_difference(ours, trace.logits) < 1e-5
    for part, x, theirs in zip(
        model.blocks, trace.hidden_states[:-1], trace.attentions, strict=True
    ):
        ours = transformer.heads(part.attention, x).weights
        assert largest_difference(ours, theirs) < 1e-5


@pytest.mark.parametrize("wrong", [-1, 50257])
def test_ids_outside_the_vocabulary_are_refused(family, wrong):
    model = transformer.extract(family)
    with pytest.raises(ValueError, match=f"`ids` must be .* 0 to 50256, got {wrong}"):
        transformer.logits(model, torch.tensor([0, wrong]))


@pytest.mark.parametrize("name", ["gpt2", "opt"])
def test_learned_positions_take_texts_up_to_the_context(name):
    lm = lmviz.LanguageModel.from_module(
        tiny_families.build(tiny_families.config(name))
    )
    model = transformer.extract(lm)
    ids = torch.arange(64)
    theirs = lm.trace(ids).logits
    assert largest_difference(transformer.logits(model, ids), theirs) < 1e-5
    with pytest.raises(
        ValueError, match="65 tokens long, but the model has only 64 positions"
    ):
        transformer.logits(model, torch.arange(65))


def test_the_contributions_of_heads_sum_to_the_output_of_their_layer(tiny):
    trace = tiny.trace(TEXT)
    for layer, block in enumerate(transformer.extract(tiny).blocks):
        part, x = block.attention, trace.hidden_states[layer]
        parts = transformer.head_contributions(part, x)
        assert parts.shape == (part.n_heads, *x.shape)
        bias = 0 if part.output.bias is None else part.output.bias
        total = parts.sum(0) + bias
        assert largest_difference(total, transformer.attend(part, x)) < 1e-5
