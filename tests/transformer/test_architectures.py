import pytest
import tiny_families
import torch
from transformers import AutoConfig

import lmviz
from lmviz import attention, corpus, transformer
from lmviz.transformer import architectures
from lmviz.transformer.architectures import Architecture
from lmviz.transformer.architectures._entry import find

STARCODER2 = {
    "blocks": "model.layers",
    "final_norm": "model.norm",
    "norm": "input_layernorm",
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "output": "self_attn.o_proj",
    "mlp_norm": "post_attention_layernorm",
    "up": "mlp.c_fc",
    "down": "mlp.c_proj",
    "positions": "rotary",
}


def tiny_model(family, **options):
    config = tiny_families.config(family, vocab_size=50, **options)
    return lmviz.LanguageModel.from_module(tiny_families.build(config))


def starcoder2(**options):
    sizes = {"intermediate_size": 48, "num_key_value_heads": 2, "sliding_window": 4}
    return tiny_model("starcoder2", **sizes, **options)


def biogpt():
    return tiny_model("biogpt", intermediate_size=48)


def test_every_family_has_a_tiny_model():
    assert set(tiny_families.FAMILIES) == set(architectures.FAMILIES)


def test_a_family_without_an_entry_is_refused_in_one_line():
    with pytest.raises(
        ValueError, match="family 'biogpt' has .* one of arcee, bloom, codegen, .*qwen3"
    ) as error:
        transformer.extract(biogpt())
    assert "\n" not in str(error.value)


def test_a_family_without_an_entry_has_a_token_table_and_an_unembedding():
    lm = biogpt()
    trace = lm.trace([3, 4])
    assert torch.equal(transformer.token_table(lm)[trace.ids], trace.embeddings)
    logits = transformer.unembedding(lm)(trace.hidden_states[-1])
    assert torch.allclose(logits, trace.logits, atol=1e-5)


def test_a_family_is_one_entry(monkeypatch):
    monkeypatch.setitem(
        architectures.FAMILIES, "starcoder2", Architecture(**STARCODER2)
    )
    lm = starcoder2()
    trace = lm.trace(torch.arange(2, 14))
    model = transformer.extract(lm)
    ours = transformer.logits(model, trace.ids)
    assert torch.allclose(ours, trace.logits, atol=1e-5)
    for block, x, theirs in zip(
        model.blocks, trace.hidden_states[:-1], trace.attentions, strict=True
    ):
        heads = transformer.heads(block.attention, x)
        assert torch.allclose(heads.weights, theirs, atol=1e-5)
    assert lm.card.positions == "rotary"
    assert attention.head_effects(lm, trace.ids, 5).shape == (2, 4)
    scores = corpus.head_scores(lm, [trace.ids], progress=False)
    assert torch.allclose(
        scores["previous token"],
        attention.previous_token_score(trace.attentions),
        atol=1e-5,
    )


def test_an_entry_that_leaves_out_a_weight_is_refused(monkeypatch):
    entry = architectures.FAMILIES["llama"]
    monkeypatch.setitem(architectures.FAMILIES, "qwen3", entry)
    options = tiny_families.FAMILIES["qwen3"]
    with pytest.raises(
        ValueError, match=r"a weight 'model\.layers\.0\.self_attn\.q_norm\.weight'"
    ):
        transformer.extract(tiny_model("qwen3", **options))


@pytest.mark.parametrize(
    ("name", "path"), [("up", "mlp.up_proj"), ("blocks", "transformer.h")]
)
def test_an_entry_with_a_wrong_path_is_refused(monkeypatch, name, path):
    entry = Architecture(**STARCODER2 | {name: path})
    monkeypatch.setitem(architectures.FAMILIES, "starcoder2", entry)
    with pytest.raises(ValueError, match="'starcoder2' does not match this model: "):
        transformer.extract(starcoder2())


@pytest.mark.parametrize("family", ["granite", "cohere", "olmo", "gemma3_text"])
def test_families_with_other_parts_are_refused_as_llama(monkeypatch, family):
    """None of them can be rebuilt with Llama's entry, so all must be refused."""
    entry = architectures.FAMILIES["llama"]
    monkeypatch.setitem(architectures.FAMILIES, family, entry)
    with pytest.raises(ValueError) as error:
        transformer.extract(tiny_model(family, **tiny_families.FAMILIES[family]))
    assert "\n" not in str(error.value)


def test_layers_of_another_kind_are_refused():
    lm = tiny_model("llama", **tiny_families.FAMILIES["llama"])
    lm.module.config.layer_types = ["full_attention", "linear_attention"]
    model = transformer.extract(lm)
    with pytest.raises(ValueError, match="layer 1 of the model is of type 'linear_at"):
        model.blocks[1]


@pytest.mark.parametrize(
    "name", ["norm", "key", "output", "mlp_norm", "up", "final_norm"]
)
def test_an_entry_without_a_needed_path_is_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` must be a path, got ''"):
        Architecture(**STARCODER2 | {name: ""})


def test_a_path_may_list_alternatives():
    block = torch.nn.ModuleDict({"b": torch.nn.ReLU()})
    assert find(block, "a|b") is find(block, "b") is find(block, "b|") is block["b"]
    assert find(block, "a|") is None
    with pytest.raises(AttributeError, match="ModuleDict has no a or c"):
        find(block, "a|c")


@pytest.mark.parametrize("family", ["stablelm", "falcon", "qwen3_moe"])
def test_alternatives_are_chosen_by_block(family):
    lm = tiny_model(family, **tiny_families.FAMILIES[family])
    entry = architectures.FAMILIES[family]
    for block in find(lm.module, entry.blocks):
        for path in entry.block_paths():
            part = find(block, path)
            assert part is not None or path.endswith("|")


def test_the_type_of_positions_without_an_entry_comes_from_the_config():
    kind = architectures.kind_of_positions
    assert kind(AutoConfig.for_model("biogpt")) == "unknown"
    assert kind(AutoConfig.for_model("apertus")) == "rotary"
    falcon = AutoConfig.for_model("falcon", alibi=True)  # with unused rotary options
    assert kind(falcon) == "ALiBi"
