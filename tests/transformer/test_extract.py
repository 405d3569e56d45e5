import pytest
import tiny_families
import torch

import lmviz
from lmviz import transformer
from lmviz.transformer import components


def tiny_model(family, **changes):
    config = tiny_families.config(family, vocab_size=50, **changes)
    return lmviz.LanguageModel.from_module(tiny_families.build(config))


def test_unembedding_gives_the_models_logits(family):
    trace = family.trace("The dog chased the ball")
    for unembedding in (
        transformer.unembedding(family),
        transformer.extract(family).unembedding,
    ):
        ours = unembedding(trace.hidden_states[-1])
        assert torch.allclose(ours, trace.logits, atol=1e-5)


def test_the_token_table_is_the_models_own(family):
    table = family.module.get_input_embeddings().weight
    assert transformer.token_table(family) is table
    assert transformer.extract(family).token_table is table


@pytest.mark.parametrize(
    ("theirs", "centred"), [(torch.nn.LayerNorm, True), (torch.nn.RMSNorm, False)]
)
def test_norms_equal_those_of_torch(theirs, centred):
    torch.manual_seed(0)
    module = theirs(16, eps=1e-5)
    torch.nn.init.normal_(module.weight)
    if centred:
        torch.nn.init.normal_(module.bias)
    norm = components.Norm(
        module.weight, getattr(module, "bias", None), module.eps, centred=centred
    )
    x = 3 + 2 * torch.randn(5, 16)
    assert torch.allclose(norm(x), module(x), atol=1e-5)


@pytest.mark.parametrize("eps", [1e-6, 1.0])
def test_eps_keeps_the_norm_of_zeros_finite(eps):
    norm = components.Norm(torch.ones(4), None, eps, centred=False)
    assert torch.equal(norm(torch.zeros(2, 4)), torch.zeros(2, 4))
    # One over the root of 1 + eps, the mean square of ones being one.
    expected = torch.full((2, 4), (1 + eps) ** -0.5)
    assert torch.allclose(norm(torch.ones(2, 4)), expected)


def test_the_position_table_holds_what_the_model_adds(family):
    module = family.module
    embeddings = {
        "gpt2": lambda: module.transformer.wpe,
        "opt": lambda: module.model.decoder.embed_positions,
    }.get(module.config.model_type)
    table = transformer.extract(family).position_table
    if embeddings is None:
        assert family.card.positions != "learned"
        assert table is None
        return
    added = {}

    def keep(_, inputs, output):
        added["rows"] = output[0]

    hook = embeddings().register_forward_hook(keep)
    ids = family.trace("The dog chased the ball").ids
    hook.remove()
    assert table.shape == (64, 32)
    assert torch.equal(table[: len(ids)], added["rows"])


@pytest.mark.parametrize("layer", [2, -3])
def test_a_layer_out_of_range_is_refused(family, layer):
    with pytest.raises(IndexError, match=f"no layer {layer}.* between -2 and 1"):
        transformer.extract(family).blocks[layer]


def test_blocks_are_a_sequence(family):
    blocks = transformer.extract(family).blocks
    assert len(blocks) == 2
    assert blocks[-1] is blocks[1] is list(blocks)[1]
    assert blocks[:1] == (blocks[0],)


def test_scores_may_be_scaled_by_the_layer():
    model = transformer.extract(
        tiny_model("gpt2", scale_attn_by_inverse_layer_idx=True)
    )
    # One over the root of d_head, 8, and over the number of the layer.
    assert model.blocks[-1].attention.scale == pytest.approx(8**-0.5 / 2)
    assert model.blocks[-2].attention.scale == pytest.approx(8**-0.5)


def test_components_share_the_models_memory(tiny):
    model = transformer.extract(tiny)
    own = {weight.data_ptr() for weight in tiny.module.parameters()}
    assert model.token_table.data_ptr() in own
    assert model.blocks[1].attention.output.weight.data_ptr() in own
    assert model.blocks[1].mlp.down.weight.data_ptr() in own


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("gpt2", {"activation_function": "mish"}, "activation 'mish'"),
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
        (
            "opt",
            {"word_embed_proj_dim": 16},
            "word_embed_proj_dim=16, but only .* equal to hidden_size",
        ),
        ("gpt_oss", {"swiglu_alpha": 1.5}, "has swiglu_alpha=1.5"),
        (
            "bloom",
            {"apply_residual_connection_post_layernorm": True},
            "has apply_residual_connection_post_layernorm=True",
        ),
        ("gemma2", {"use_bidirectional_attention": True}, "has use_bidirectional_att"),
    ],
)
def test_unsupported_config_options_are_refused(family, changes, message):
    with pytest.raises(ValueError, match=message) as error:
        transformer.extract(tiny_model(family, **changes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("family", ["gpt2", "llama"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("embedding_multiplier", 12.0),
        ("residual_multiplier", 0.2),
        ("attention_multiplier", 1.0),
        ("logits_scaling", 8.0),
        ("logit_scale", 0.0625),
        ("scale_emb", 12),
        ("clip_qkv", 8.0),
        ("scale_embedding", True),  # 1, but not neutral
    ],
)
def test_multipliers_that_are_not_modelled_are_refused(family, option, value):
    lm = tiny_model(family, **{option: value})
    with pytest.raises(ValueError, match=f"{option}={value}, which lmviz does not"):
        transformer.extract(lm)
    lm = tiny_model(family, **{option: None})
    assert len(transformer.extract(lm).blocks) == 2


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("hyperclovax", {"logits_scaling": 2.0}),  # it multiplies, Granite divides
        ("granite_swa", {"logits_scaling": 2.0}),
        ("granite_swa", {"logits_scaling": 0.5}),
        ("nanochat", {"final_logit_softcapping": 0.5}),
        ("electra", {"is_decoder": True}),  # a projection before the unembedding
    ],
)
def test_logits_that_are_not_a_projection_of_the_last_state_are_refused(
    family, changes
):
    """Options of the same name scale differently, or not at all, in other families.

    TransformerLensOrg/TransformerLens#947 and vllm-project/vllm#52158: logits that were
    not scaled; unslothai/unsloth#1218: Granite divides, Cohere multiplies.
    """
    sizes = {"intermediate_size": 48, "num_key_value_heads": 2}
    lm = tiny_model(family, **sizes, **changes)
    assert len(transformer.token_table(lm)) == 50
    with pytest.raises(ValueError, match="logits of the model are not") as error:
        transformer.unembedding(lm)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("family", ["biogpt", "hyperclovax", "apertus"])
def test_the_unembedding_of_other_families_is_read_where_it_gives_the_logits(family):
    lm = tiny_model(family, intermediate_size=48, num_key_value_heads=2)
    output = lm.module(torch.arange(2, 9)[None], output_hidden_states=True)
    logits = transformer.unembedding(lm)(output.hidden_states[-1])
    assert torch.allclose(logits, output.logits, atol=1e-5)


@pytest.mark.parametrize(
    "function", [transformer.extract, transformer.token_table, transformer.unembedding]
)
def test_a_module_in_place_of_a_language_model_is_refused(toy, function):
    for wrong in (toy.module, "gpt2", None):
        with pytest.raises(TypeError, match="`lm` must be an lmviz.LanguageModel"):
            function(wrong)
