import dataclasses
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GPT2Config

import lmviz
from lmviz import prediction
from lmviz.models import LanguageModel, _wheels


def test_card_of_smollm2(smollm2):
    # The numbers of the model's published configuration.
    card = smollm2.card
    assert (card.n_layers, card.n_heads, card.d_model) == (30, 9, 576)
    assert (card.vocabulary, card.context, card.positions) == (49152, 8192, "rotary")
    assert card.parameters == 134_515_008
    assert card.license == "Apache-2.0"
    assert _wheels.SMOLLM2_WHEEL in card.source
    assert str(card).startswith("smollm2 (")


def test_sizes_are_those_of_the_card(tiny):
    card = tiny.card
    sizes = (tiny.n_layers, tiny.n_heads, tiny.d_model, tiny.context)
    assert sizes == (card.n_layers, card.n_heads, card.d_model, card.context)


def test_smollm2_knows_the_capital_of_france(smollm2):
    trace = smollm2.trace("The capital of France is")
    best = trace.logits[-1].softmax(-1).max(-1)
    assert best.indices == smollm2.token_id(" Paris")
    assert best.values == pytest.approx(0.77, abs=0.01)


def test_model_is_frozen_float32_and_in_evaluation_mode(tiny):
    assert not tiny.module.training
    for weight in tiny.module.parameters():
        assert weight.dtype == torch.float32
        assert not weight.requires_grad


def test_cards_of_all_families(family):
    card = family.card
    assert (card.n_layers, card.n_heads, card.d_model) == (2, 4, 32)
    assert (card.source, card.license) == ("a local folder", "not stated")
    # As their papers state.
    others = {"gpt2": "learned", "opt": "learned", "bloom": "ALiBi"}
    assert card.positions == others.get(card.name, "rotary")
    assert card.context == (None if card.name == "bloom" else 64)
    assert str(card).endswith(f"{card.positions} positions")


def test_generate_continues_with_the_most_likely_token(smollm2):
    text = "The capital of France is"
    steps = prediction.generate(smollm2, text, n_tokens=3)
    continuation = smollm2.generate(text, n_tokens=3)
    assert continuation.startswith(" Paris")
    assert smollm2.encode(text + continuation).tolist()[-3:] == [s.id for s in steps]


def test_generate_takes_ids(toy):
    ids = toy.encode("Anna has a red ball . Tom has a blue kite . the kite Tom has")
    assert toy.generate(ids.tolist(), n_tokens=2) == " is blue"


def test_gpt2_as_the_hub_stores_it_loads_the_same(tiny_folders, tmp_path, capfd):
    # The hub's file has no "transformer." before its names, no unembedding, as that is
    # the embedding, and the causal masks of an older release.
    shutil.copytree(tiny_folders["gpt2"], tmp_path, dirs_exist_ok=True)
    file = tmp_path / "model.safetensors"
    tensors = {
        name.removeprefix("transformer."): tensor
        for name, tensor in load_file(file).items()
        if name != "lm_head.weight"
    }
    mask = torch.ones(1, 1, 64, 64).tril()
    tensors.update({f"h.{i}.attn.bias": mask.clone() for i in range(2)})
    save_file(tensors, file, metadata={"format": "pt"})
    ours, theirs = (
        lmviz.load(folder).trace("The dog").logits
        for folder in (tmp_path, tiny_folders["gpt2"])
    )
    assert torch.equal(ours, theirs)
    assert capfd.readouterr().err == "", "nothing that would end on a page"


def test_gpt2_tokenizer_gives_the_published_ids():
    tokenizer = lmviz.load_tokenizer("gpt2")
    ids = [18712, 15417, 32329, 389, 3665, 290, 6942, 0]
    text = "Small Language Models are powerful and efficient!"
    assert tokenizer.encode(text).ids == ids
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode([18710]) == " Hollow"
    assert tokenizer.get_vocab_size() == 50257
    assert tokenizer.encode("<|endoftext|>").ids == [50256]


def test_cards_and_models_are_immutable(tiny):
    with pytest.raises(dataclasses.FrozenInstanceError):
        tiny.card = None
    assert isinstance(tiny, LanguageModel)
    assert repr(tiny).startswith("LanguageModel(")


def test_module_in_memory_gives_the_same_trace(toy):
    lm = LanguageModel.from_module(toy.module, toy.tokenizer, name="mine")
    assert lm.card.name == "mine"
    assert torch.equal(lm.trace("Anna has").logits, toy.trace("Anna has").logits)


def test_module_in_memory_without_a_tokenizer_takes_ids_only(toy):
    lm = LanguageModel.from_module(toy.module)
    assert lm.trace([0, 21, 5]).tokens == ("0", "21", "5")
    with pytest.raises(ValueError, match="custom has no tokenizer; pass ids"):
        lm.trace("Anna has")


def test_module_in_memory_cannot_be_sent_to_another_process(toy):
    lm = LanguageModel.from_module(toy.module, toy.tokenizer)
    with pytest.raises(ValueError, match="custom was made in memory"):
        pickle.dumps(lm)


def test_module_in_memory_is_put_into_evaluation_mode():
    config = GPT2Config(n_layer=1, n_head=2, n_embd=8, vocab_size=10)
    module = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    module.train()
    lm = LanguageModel.from_module(module)
    assert torch.equal(lm.trace([1, 2]).logits, lm.trace([1, 2]).logits)


@pytest.mark.filterwarnings("ignore")  # of transformers, on the same matter
def test_module_without_eager_attention_is_refused():
    config = GPT2Config(n_layer=1, n_head=2, n_embd=8, vocab_size=10)
    module = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    lm = LanguageModel.from_module(module)
    assert lm.trace([1, 2], keep="logits").logits.shape == (2, 10)
    with pytest.raises(ValueError, match='attn_implementation="eager"'):
        lm.trace([1, 2])
