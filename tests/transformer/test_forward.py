import pytest
import tiny_families
import torch

from lmviz import transformer
from lmviz.models._trace import trace as run_once
from lmviz.transformer import _extract as weights

# Longer than the windows of the tiny models.
TEXT = "The dog chased the ball because it was excited, and the cat watched."


def largest_difference(ours, theirs):
    assert ours.shape == theirs.shape
    return (ours - theirs).abs().max()


def test_the_logits_are_the_models(family):
    trace = family.trace(TEXT)
    ours = transformer.logits(weights.model(family.module), trace.ids)
    assert largest_difference(ours, trace.logits) < 1e-5


def test_the_stream_is_the_models(family):
    trace = family.trace(TEXT)
    model = weights.model(family.module)
    *ours, last = transformer.stream(model, trace.ids)
    *theirs, normed = trace.hidden_states
    for x, expected in zip(ours, theirs, strict=True):
        assert largest_difference(x, expected) < 1e-5
    assert largest_difference(model.final_norm(last), normed) < 1e-5


def test_the_attention_of_every_layer_is_the_models(family):
    trace = family.trace(TEXT)
    for layer in (0, 1, -1):
        part = weights.attention(family.module, layer)
        x = trace.hidden_states[layer if layer >= 0 else layer - 1]
        ours = transformer.heads(part, x).weights
        assert largest_difference(ours, trace.attentions[layer]) < 1e-5


def test_heads_are_as_many_and_as_wide_as_the_model_says(family):
    config = family.module.config
    d_head = getattr(config, "head_dim", None) or config.hidden_size // 4
    part = weights.attention(family.module, 0)
    heads = transformer.heads(part, torch.zeros(5, 32))
    for vectors in (heads.query, heads.key, heads.value, heads.output):
        assert vectors.shape == (4, 5, d_head)


@pytest.mark.parametrize("layer", [0, 1])
def test_what_attention_and_mlp_add_is_what_the_models_modules_give(tiny, layer):
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
    part, x = weights.block(tiny.module, layer), trace.hidden_states[layer]
    attended = transformer.attend(part.attention, x)
    assert largest_difference(attended, caught[modules[0]]) < 1e-5
    transformed = transformer.feed_forward(part.mlp, x + attended)
    assert largest_difference(transformed, caught[modules[1]]) < 1e-5


def test_the_logits_are_those_of_smollm2(smollm2):
    trace = smollm2.trace(TEXT)
    model = weights.model(smollm2.module)
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
        # Llama turns all dimensions, whatever a config may say.
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
        ("opt", {"activation_function": "gelu", "enable_bias": False}),
        ("bloom", {"num_attention_heads": 6, "hidden_size": 48}),
    ],
)
def test_what_a_config_may_change_is_followed(family, changes):
    config = tiny_families.config(family, vocab_size=50, **changes)
    module = tiny_families.build(config)
    tokens = torch.arange(2, 14)
    trace = run_once(module, tokens, map(str, tokens))
    model = weights.model(module)
    assert largest_difference(transformer.logits(model, tokens), trace.logits) < 1e-5
    for part, x, theirs in zip(
        model.blocks, trace.hidden_states[:-1], trace.attentions, strict=True
    ):
        ours = transformer.heads(part.attention, x).weights
        assert largest_difference(ours, theirs) < 1e-5


@pytest.mark.parametrize("wrong", [-1, 50257])
def test_an_id_that_is_not_in_the_table_is_refused(family, wrong):
    model = weights.model(family.module)
    with pytest.raises(ValueError, match=f"`ids` must be .* 0 to 50256, got {wrong}"):
        transformer.logits(model, torch.tensor([0, wrong]))


@pytest.mark.parametrize("name", ["gpt2", "opt"])
def test_learned_positions_take_a_text_as_long_as_their_table(name):
    module = tiny_families.build(tiny_families.config(name))
    model = weights.model(module)
    ids = torch.arange(64)
    theirs = module(ids[None]).logits[0]
    assert largest_difference(transformer.logits(model, ids), theirs) < 1e-5
    with pytest.raises(ValueError, match="65 tokens, and the model has 64 places"):
        transformer.logits(model, torch.arange(65))
