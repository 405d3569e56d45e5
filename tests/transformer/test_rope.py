"""Rotary positions of every type equal those of transformers."""

import pytest
import tiny_families
import torch
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

import lmviz
from lmviz import transformer

TRAINED = {"original_max_position_embeddings": 16}
YARN = {"rope_type": "yarn", "factor": 4.0, **TRAINED}
FACTORS = {
    "short_factor": [1.0, 1.5, 2.0, 2.5],
    "long_factor": [1.0, 3.0, 6.0, 9.0],
}
LONGROPE = {"rope_type": "longrope", **FACTORS, **TRAINED}
TYPES = {
    "linear": {"rope_type": "linear", "factor": 4.0},
    "dynamic": {"rope_type": "dynamic", "factor": 4.0},
    "llama3": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        **TRAINED,
    },
    "llama3, other limits": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 0.5,
        "high_freq_factor": 2.0,
        **TRAINED,
    },
    "yarn": YARN,
    "yarn of gpt-oss": YARN | {"truncate": False, "beta_fast": 8.0, "beta_slow": 0.5},
    "yarn of DeepSeek": YARN | {"mscale": 1.0, "mscale_all_dim": 0.5},
    "yarn with its factor of the scores": YARN | {"attention_factor": 1.3},
    # ml-explore/mlx-lm#1507: 1.0 turns the scaling off
    "yarn without a factor of the scores": YARN | {"attention_factor": 1.0},
    "longrope": LONGROPE,
    "longrope with its own factor": LONGROPE | {"factor": 2.0},
    "longrope with its factor of the scores": LONGROPE | {"attention_factor": 1.3},
}
# Base low enough that no pair of these short texts is still.
BASE = {"rope_theta": 50.0}


def tiny(family, rope, **changes):
    # Dynamic positions change beyond the context, the others within it.
    context = 16 if rope.get("rope_type") == "dynamic" else 128
    config = tiny_families.config(
        family,
        vocab_size=90,
        max_position_embeddings=context,
        rope_parameters=rope,
        **changes,
    )
    return lmviz.LanguageModel.from_module(tiny_families.build(config))


def assert_logits_equal(lm, n_tokens):
    ids = torch.arange(2, 2 + n_tokens)
    theirs = lm.module(ids[None]).logits[0]
    ours = transformer.logits(transformer.extract(lm), ids)
    assert (ours - theirs).abs().max() < 1e-5


@pytest.mark.parametrize("n_tokens", [12, 16, 17, 30, 70])
@pytest.mark.parametrize("name", TYPES)
def test_logits_of_every_type_equal_the_models_own(name, n_tokens):
    """Shorter and longer than the trained length, and exactly as long.

    TransformerLensOrg/TransformerLens#910: Llama 3.x, scaled by wrong factors.
    """
    assert_logits_equal(tiny("llama", BASE | TYPES[name]), n_tokens)


@pytest.mark.parametrize("name", ["dynamic", "longrope"])
def test_a_longer_text_before_changes_nothing(name):
    """huggingface/transformers#25306: frequencies stayed those of the longest text."""
    model = transformer.extract(tiny("llama", BASE | TYPES[name]))
    long, ids = torch.arange(2, 72), torch.arange(2, 32)
    transformer.logits(model, long)
    fresh = tiny("llama", BASE | TYPES[name]).module(ids[None]).logits[0]
    assert (transformer.logits(model, ids) - fresh).abs().max() < 1e-5


@pytest.mark.parametrize("name", TYPES)
def test_frequencies_equal_those_of_transformers(name):
    lm = tiny("llama", BASE | TYPES[name])
    rotary = transformer.extract(lm).blocks[0].attention.rotary
    function = ROPE_INIT_FUNCTIONS[TYPES[name]["rope_type"]]
    for n_tokens in (12, 16, 17, 70):
        theirs, scale = function(lm.module.config, seq_len=n_tokens)
        ours = rotary.frequencies_of(n_tokens).float()
        assert torch.allclose(ours, theirs, rtol=1e-5)
        assert rotary.scale == pytest.approx(scale)


@pytest.mark.parametrize("family", ["gpt_neox", "nemotron"])
@pytest.mark.parametrize("name", TYPES)
def test_only_a_part_of_each_head_is_rotated_and_scaled(family, name):
    half = {key: factors[:2] for key, factors in FACTORS.items()}
    part = {"partial_rotary_factor": 0.5}
    rope = BASE | TYPES[name] | part
    rope |= half if rope["rope_type"] == "longrope" else {}
    assert_logits_equal(tiny(family, rope), 30)


@pytest.mark.parametrize("n_tokens", [12, 30])
def test_phi3_reads_the_trained_length_where_its_config_has_it(n_tokens):
    rope = {"rope_type": "longrope", **BASE, **FACTORS}
    assert_logits_equal(tiny("phi3", rope, **TRAINED), n_tokens)


@pytest.mark.parametrize("family", ["gemma3_text", "olmo3"])
@pytest.mark.parametrize("n_tokens", [12, 30])
def test_each_kind_of_layer_has_its_own_type(family, n_tokens):
    full = BASE | (TYPES["yarn"] if family == "olmo3" else TYPES["linear"])
    sliding = {"rope_type": "default", "rope_theta": 10.0}
    lm = tiny(family, {"sliding_attention": sliding, "full_attention": full})
    assert_logits_equal(lm, n_tokens)
    first, second = transformer.extract(lm).blocks
    assert first.attention.rotary.scale == 1.0
    assert (
        second.attention.rotary.frequencies[1] != first.attention.rotary.frequencies[1]
    )


def test_another_type_is_refused():
    lm = tiny("llama", BASE | TYPES["linear"])
    lm.module.config.rope_parameters["rope_type"] = "proportional"
    with pytest.raises(ValueError, match="of type 'proportional', but only default,"):
        transformer.extract(lm)
