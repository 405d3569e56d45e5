import pytest
import tiny_families
import torch

from lmviz.transformer import _extract as weights
from lmviz.transformer import components as parts


def test_unembedding_gives_the_models_logits(family):
    trace = family.trace("The dog chased the ball")
    ours = weights.unembedding(family.module)(trace.hidden_states[-1])
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
    norm = parts.Norm(
        module.weight, getattr(module, "bias", None), module.eps, centred=centred
    )
    x = 3 + 2 * torch.randn(5, 16)
    assert torch.allclose(norm(x), module(x), atol=1e-5)


@pytest.mark.parametrize("eps", [1e-6, 1.0])
def test_eps_keeps_the_norm_of_nothing_finite(eps):
    norm = parts.Norm(torch.ones(4), None, eps, centred=False)
    assert torch.equal(norm(torch.zeros(2, 4)), torch.zeros(2, 4))
    # One over the root of 1 + eps, the mean square of ones being one.
    expected = torch.full((2, 4), (1 + eps) ** -0.5)
    assert torch.allclose(norm(torch.ones(2, 4)), expected)


def test_the_position_table_is_what_the_model_adds(family):
    module = family.module
    embeddings = {
        "gpt2": lambda: module.transformer.wpe,
        "opt": lambda: module.model.decoder.embed_positions,
    }.get(module.config.model_type)
    if embeddings is None:
        said = f"the model has {family.card.positions} positions, and no table"
        with pytest.raises(ValueError, match=said) as error:
            weights.position_table(module)
        assert "\n" not in str(error.value)
        return
    added = {}

    def keep(_, inputs, output):
        added["rows"] = output[0]

    hook = embeddings().register_forward_hook(keep)
    ids = family.trace("The dog chased the ball").ids
    hook.remove()
    table = weights.position_table(module)
    assert table.shape == (64, 32)
    assert torch.equal(table[: len(ids)], added["rows"])


@pytest.mark.parametrize("layer", [2, -3])
def test_a_layer_that_is_not_there_is_refused(tiny, layer):
    with pytest.raises(ValueError, match=f"layer is {layer}, .* has 2: wanted -2 to 1"):
        weights.attention(tiny.module, layer)


@pytest.mark.parametrize("layer", [2, -3])
def test_a_block_that_is_not_there_is_refused(family, layer):
    with pytest.raises(ValueError, match=f"layer is {layer}, .* has 2: wanted -2 to 1"):
        weights.block(family.module, layer)


def test_layers_count_from_the_last_too(family):
    last, second = (weights.attention(family.module, layer) for layer in (-1, 1))
    assert torch.equal(last.output.weight, second.output.weight)
    assert last.window == second.window


def test_the_last_layer_is_scaled_as_the_last():
    config = tiny_families.config(
        "gpt2", vocab_size=50, scale_attn_by_inverse_layer_idx=True
    )
    module = tiny_families.build(config)
    # One over the root of a width of eight, over the number of the layer.
    assert weights.attention(module, -1).scale == pytest.approx(8**-0.5 / 2)
    assert weights.attention(module, -2).scale == pytest.approx(8**-0.5)


def test_a_model_shares_the_tensors_of_the_module(tiny):
    model = weights.model(tiny.module)
    own = {weight.data_ptr() for weight in tiny.module.parameters()}
    assert model.token_table.data_ptr() in own
    assert model.blocks[1].attention.output.weight.data_ptr() in own
    assert model.blocks[1].mlp.down.weight.data_ptr() in own


@pytest.mark.parametrize(
    ("family", "changes", "said"),
    [
        (
            "llama",
            {"rope_parameters": {"rope_type": "linear", "factor": 2.0}},
            "rotary positions are of type 'linear'",
        ),
        ("gpt2", {"activation_function": "quick_gelu"}, "activation is 'quick_gelu'"),
        ("opt", {"do_layer_norm_before": False}, "has do_layer_norm_before=False"),
        (
            "opt",
            {"layer_norm_elementwise_affine": False},
            "has layer_norm_elementwise_affine=False",
        ),
        (
            "opt",
            {"_remove_final_layer_norm": True},
            "has _remove_final_layer_norm=True",
        ),
        ("opt", {"word_embed_proj_dim": 16}, "its embeddings from 16 to 32"),
        ("phi", {"qk_layernorm": True}, "has qk_layernorm=True"),
        (
            "bloom",
            {"apply_residual_connection_post_layernorm": True},
            "has apply_residual_connection_post_layernorm=True",
        ),
        ("gemma2", {"use_bidirectional_attention": True}, "has use_bidirectional_att"),
    ],
)
def test_a_model_that_leaves_the_beaten_track_is_refused(family, changes, said):
    config = tiny_families.config(family, vocab_size=50, **changes)
    module = tiny_families.build(config)
    for function in (weights.model, lambda module: weights.attention(module, 0)):
        with pytest.raises(ValueError, match=said) as error:
            function(module)
        assert "\n" not in str(error.value)
