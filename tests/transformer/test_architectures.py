import pytest
import tiny_families
import torch
from transformers import AutoConfig

import lmviz
from lmviz import attention, corpus, transformer
from lmviz.transformer import architectures
from lmviz.transformer.architectures import Architecture

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


def gpt_neo():
    sizes = {"num_layers": 2, "num_heads": 4, "attention_types": [[["global"], 2]]}
    return tiny_model("gpt_neo", **sizes)


def test_every_family_has_a_tiny_model():
    assert set(tiny_families.FAMILIES) == set(architectures.FAMILIES)


@pytest.mark.parametrize(
    "function",
    [
        transformer.extract,
        lambda lm: attention.mean_head_outputs(lm, [1, 2]),
        lambda lm: corpus.head_scores(lm, [[1, 2]], progress=False),
    ],
)
def test_a_family_without_an_entry_is_refused_in_one_line(function):
    with pytest.raises(
        ValueError, match="family 'gpt_neo' has .* one of bloom, gemma2, gpt2, .*qwen3"
    ) as error:
        function(gpt_neo())
    assert "\n" not in str(error.value)


def test_a_family_without_an_entry_has_a_token_table_and_an_unembedding():
    lm = gpt_neo()
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


def test_layers_without_rotary_positions_are_refused(monkeypatch):
    entry = architectures.FAMILIES["llama"]
    monkeypatch.setitem(architectures.FAMILIES, "smollm3", entry)
    sizes = {"intermediate_size": 48, "num_key_value_heads": 2}
    lm = tiny_model("smollm3", no_rope_layers=[1, 1], **sizes)
    trace = lm.trace([3, 4, 5])
    ours = transformer.logits(transformer.extract(lm), trace.ids)
    assert torch.allclose(ours, trace.logits, atol=1e-5)
    lm = tiny_model("smollm3", no_rope_layers=[1, 0], **sizes)
    with pytest.raises(ValueError, match="no_rope_layers"):
        transformer.extract(lm)


@pytest.mark.parametrize("family", ["granite", "cohere", "olmo", "gemma3_text"])
def test_families_with_other_parts_are_refused_as_llama(monkeypatch, family):
    """None of them can be rebuilt with Llama's entry, so all must be refused."""
    sizes = {"intermediate_size": 48, "num_key_value_heads": 2}
    entry = architectures.FAMILIES["llama"]
    monkeypatch.setitem(architectures.FAMILIES, family, entry)
    with pytest.raises(ValueError) as error:
        transformer.extract(tiny_model(family, **sizes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["norm", "key", "output", "mlp_norm", "final_norm"])
def test_an_entry_without_a_needed_path_is_refused(name):
    with pytest.raises(ValueError, match=f"`{name}` must be a path, got ''"):
        Architecture(**STARCODER2 | {name: ""})


@pytest.mark.parametrize("family", sorted(tiny_families.FAMILIES))
def test_every_path_leads_to_a_module(family):
    entry = architectures.FAMILIES[family]
    module = tiny_families.build(tiny_families.config(family, vocab_size=50))
    block = module.get_submodule(entry.blocks)[1]
    for path in entry.block_paths():
        assert block.get_submodule(path).weight is not None
    for path in entry.model_paths():
        assert module.get_submodule(path).weight is not None


def test_the_type_of_positions_without_an_entry_comes_from_the_config():
    kind = architectures.kind_of_positions
    assert kind(AutoConfig.for_model("gpt_neo")) == "unknown"
    assert kind(AutoConfig.for_model("olmo")) == "rotary"
    falcon = AutoConfig.for_model("falcon", alibi=True)  # with unused rotary options
    assert kind(falcon) == "ALiBi"
