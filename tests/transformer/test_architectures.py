import pytest
import tiny_families
from transformers import AutoConfig, AutoModelForCausalLM

from lmviz.transformer import _extract as weights
from lmviz.transformer import architectures as families


def unknown_model():
    config = AutoConfig.for_model(
        "gpt_neo",
        vocab_size=50,
        hidden_size=16,
        num_layers=1,
        num_heads=2,
        attention_types=[[["global"], 1]],
        bos_token_id=1,
        eos_token_id=1,
    )
    return AutoModelForCausalLM.from_config(config)


def test_every_family_has_a_tiny_model():
    assert set(tiny_families.FAMILIES) == set(families.FAMILIES)


@pytest.mark.parametrize(
    "function",
    [
        lambda module: families.names(module.config),
        lambda module: weights.attention(module, 0),
        lambda module: weights.block(module, 0),
        weights.final_norm,
        weights.position_table,
        weights.model,
    ],
)
def test_an_unknown_family_is_refused_in_one_line(function):
    with pytest.raises(
        ValueError,
        match="family 'gpt_neo'.* wanted one of bloom, gemma2, gpt2, .*qwen3",
    ) as error:
        function(unknown_model())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("family", sorted(tiny_families.FAMILIES))
def test_every_path_leads_to_a_part(family):
    names = families.FAMILIES[family]
    module = tiny_families.build(tiny_families.config(family, vocab_size=50))
    block = module.get_submodule(names.blocks)[1]
    for field in ("norm", "query", "key", "value", "output", "mlp_norm", "up", "down"):
        if path := getattr(names, field):
            assert block.get_submodule(path).weight is not None


def test_how_an_unknown_family_knows_positions_is_guessed_from_its_config():
    assert families.kind_of_positions(unknown_model().config) == "unknown"
    olmo = AutoConfig.for_model("olmo")  # a rotary one that has no entry here
    assert families.kind_of_positions(olmo) == "rotary"
    falcon = AutoConfig.for_model("falcon", alibi=True)  # with unused rotary options
    assert families.kind_of_positions(falcon) == "ALiBi"
