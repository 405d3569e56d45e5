import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
)

import lmviz
from lmviz import attention, positions, weights
from lmviz.trace import trace as run_once


def rebuild_attention(module, trace, layer):
    parts = weights.attention(module, layer)
    x = parts.norm(trace.hidden_states[layer if layer >= 0 else layer - 1])
    query = attention.split_heads(parts.query(x), parts.n_heads)
    key = attention.split_heads(parts.key(x), parts.n_kv_heads)
    if parts.rotary_base is not None:
        query, key = (positions.rotary(y, base=parts.rotary_base) for y in (query, key))
    key = attention.share_heads(key, parts.n_heads)
    return attention.weights(query, key, mask=attention.causal_mask(len(x)))


@pytest.mark.parametrize("layer", [0, 1, -1])
def test_attention_from_the_parts_is_the_models(tiny, layer):
    trace = tiny.trace("The dog chased the ball because it was excited.")
    ours = rebuild_attention(tiny.module, trace, layer)
    assert torch.allclose(ours, trace.attentions[layer], atol=1e-5)


def test_attention_from_the_parts_is_that_of_smollm2(smollm2):
    trace = smollm2.trace("The dog chased the ball because it was excited.")
    for layer in (0, 14, -1):
        ours = rebuild_attention(smollm2.module, trace, layer)
        assert (ours - trace.attentions[layer]).abs().max() < 1e-4


@pytest.mark.parametrize("family", ["mistral", "qwen2"])
def test_llamas_relatives_have_the_same_parts(family):
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        family,
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        attn_implementation="eager",
    )
    module = AutoModelForCausalLM.from_config(config).requires_grad_(False)
    for name, weight in module.named_parameters():
        if name.endswith("bias"):  # they start at zero, where no mistake would show
            torch.nn.init.normal_(weight)
    ids = torch.arange(9)
    trace = run_once(module, ids, "abcdefghi")
    ours = rebuild_attention(module, trace, 1)
    assert torch.allclose(ours, trace.attentions[1], atol=1e-5)


def test_the_output_of_attention_is_the_models(tiny):
    caught = {}
    is_gpt2 = tiny.module.config.model_type == "gpt2"
    path = "transformer.h.0.attn" if is_gpt2 else "model.layers.0.self_attn"

    def keep(module, inputs, output):
        caught["output"] = output[0][0]

    hook = tiny.module.get_submodule(path).register_forward_hook(keep)
    trace = tiny.trace("The dog chased the ball")
    hook.remove()
    parts = weights.attention(tiny.module, 0)
    value = attention.split_heads(
        parts.value(parts.norm(trace.hidden_states[0])), parts.n_kv_heads
    )
    heads = trace.attentions[0] @ attention.share_heads(value, parts.n_heads)
    ours = parts.output(heads.transpose(0, 1).flatten(1))
    assert torch.allclose(ours, caught["output"], atol=1e-5)


def test_unembedding_gives_the_models_logits(tiny):
    trace = tiny.trace("The dog chased the ball")
    ours = weights.unembedding(tiny.module)(trace.hidden_states[-1])
    assert torch.allclose(ours, trace.logits, atol=1e-5)


@pytest.mark.parametrize(
    ("theirs", "centred"), [(torch.nn.LayerNorm, True), (torch.nn.RMSNorm, False)]
)
def test_norms_are_those_of_torch(theirs, centred):
    torch.manual_seed(0)
    module = theirs(16, eps=1e-5)
    torch.nn.init.normal_(module.weight)
    if centred:
        torch.nn.init.normal_(module.bias)
    norm = weights.Norm(
        module.weight, getattr(module, "bias", None), module.eps, centred=centred
    )
    x = 3 + 2 * torch.randn(5, 16)
    assert torch.allclose(norm(x), module(x), atol=1e-5)


def test_only_learned_positions_have_a_table(tiny_folders):
    gpt2, llama = (lmviz.load(tiny_folders[name]).module for name in ("gpt2", "llama"))
    assert weights.position_table(gpt2).shape == (64, 32)
    assert weights.position_table(llama) is None


@pytest.mark.parametrize("layer", [2, -3])
def test_a_layer_that_is_not_there_is_refused(tiny, layer):
    with pytest.raises(ValueError, match=f"layer is {layer}, .* has 2: wanted -2 to 1"):
        weights.attention(tiny.module, layer)


def test_an_unknown_family_is_refused_in_one_line():
    config = OPTConfig(
        vocab_size=20,
        hidden_size=8,
        ffn_dim=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        word_embed_proj_dim=8,
    )
    for function in (
        lambda module: weights.attention(module, 0),
        weights.final_norm,
        weights.position_table,
    ):
        with pytest.raises(
            ValueError, match="family 'opt'.* wanted one of gpt2, llama"
        ):
            function(OPTForCausalLM(config))


def test_rotary_positions_of_another_type_are_refused():
    config = LlamaConfig(
        vocab_size=20,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 100.0},
    )
    with pytest.raises(ValueError, match="rotary positions are of type 'linear'"):
        weights.attention(LlamaForCausalLM(config), 0)
