import dataclasses
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import lmviz
from lmviz.models import LanguageModel
from lmviz.models import _wheels as wheels


def test_the_card_of_smollm2(smollm2):
    # The numbers of the model's published configuration.
    card = smollm2.card
    assert (card.n_layers, card.n_heads, card.d_model) == (30, 9, 576)
    assert (card.vocabulary, card.context, card.positions) == (49152, 8192, "rotary")
    assert card.parameters == 134_515_008
    assert card.licence == "Apache-2.0"
    assert wheels.SMOLLM2_WHEEL in card.source
    assert str(card).startswith("smollm2 (")


def test_smollm2_knows_the_capital_of_france(smollm2):
    trace = smollm2.trace("The capital of France is")
    best = trace.logits[-1].softmax(-1).max(-1)
    assert smollm2.tokens([best.indices]) == ["␣Paris"]
    assert best.values == pytest.approx(0.77, abs=0.01)


def test_the_model_is_frozen_float32_and_in_evaluation_mode(tiny):
    assert not tiny.module.training
    for weight in tiny.module.parameters():
        assert weight.dtype == torch.float32
        assert not weight.requires_grad


def test_the_cards_of_all_families(family):
    card = family.card
    assert (card.n_layers, card.n_heads, card.d_model) == (2, 4, 32)
    assert (card.source, card.licence) == ("a local folder", "not stated")
    # As the papers on these models say.
    others = {"gpt2": "learned", "opt": "learned", "bloom": "ALiBi"}
    assert card.positions == others.get(card.name, "rotary")
    assert card.context == (None if card.name == "bloom" else 64)
    assert str(card).endswith(f"{card.positions} positions")


@pytest.mark.parametrize("text", ["", " \n"])
def test_blank_text_is_refused(tiny, text):
    with pytest.raises(ValueError, match="`text` must have at least one word"):
        tiny.trace(text)


@pytest.mark.parametrize("text", [None, 7, ["The", "dog"], [1.5], [True]])
def test_what_is_no_text_is_refused(tiny, text):
    with pytest.raises(TypeError, match="`text` must be a string"):
        tiny.trace(text)


def test_a_text_as_long_as_the_context_is_taken_and_no_longer(tiny):
    assert len(tiny.trace(" dog" * 64).ids) == 64
    with pytest.raises(ValueError, match="65 tokens long, and .* holds 64; shorten"):
        tiny.trace(" dog" * 65)


def test_ids_are_traced_like_the_text_that_they_spell(tiny):
    text = "The dog chased the ball"
    by_text, by_ids = tiny.trace(text), tiny.trace(tiny.encode(text))
    assert by_ids.tokens == by_text.tokens
    assert torch.equal(by_ids.ids, by_text.ids)
    assert torch.equal(by_ids.logits, by_text.logits)


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (
            torch.zeros(1, 3, dtype=torch.long),
            r"`ids` must have shape \(T,\), got \(1, 3\)",
        ),
        (
            torch.zeros(0, dtype=torch.long),
            "`ids` must not be empty",
        ),
        (torch.zeros(3), "`ids` must hold integers, got float32"),
        (torch.tensor([0, 50257]), "`ids` must be from 0 to 50256, got 50257"),
        (torch.zeros(65, dtype=torch.long), "65 tokens long, and .* holds 64"),
    ],
)
def test_ids_that_cannot_be_traced_are_refused(tiny, ids, said):
    with pytest.raises((TypeError, ValueError), match=said):
        tiny.trace(ids)


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


def test_the_tokenizer_of_gpt2_gives_the_published_ids():
    tokenizer = lmviz.load_tokenizer("gpt2")
    ids = [18712, 15417, 32329, 389, 3665, 290, 6942, 0]
    text = "Small Language Models are powerful and efficient!"
    assert tokenizer.encode(text).ids == ids
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode([18710]) == " Hollow"
    assert tokenizer.get_vocab_size() == 50257
    assert tokenizer.encode("<|endoftext|>").ids == [50256]


def test_a_folder_has_the_same_tokenizer_alone_and_with_the_model(tiny_folders):
    alone = lmviz.load_tokenizer(tiny_folders["llama"])
    model = lmviz.load(tiny_folders["llama"])
    assert alone.to_str() == model.tokenizer.to_str()


def test_a_chosen_model_is_announced_and_a_named_one_is_not(
    tiny_folders, monkeypatch, capsys
):
    monkeypatch.setenv("LMVIZ_MODEL", str(tiny_folders["gpt2"]))
    assert lmviz.load().card.name == "gpt2"
    said = capsys.readouterr().err
    assert said == "lmviz: the model is gpt2 (named by LMVIZ_MODEL)\n"
    monkeypatch.setenv("LMVIZ_MODEL_REASON", "chosen for this book")
    lmviz.load()
    said = capsys.readouterr().err
    assert said == "lmviz: the model is gpt2 (chosen for this book)\n"
    lmviz.load(tiny_folders["gpt2"])
    assert capsys.readouterr().err == ""


def test_cards_and_models_cannot_be_changed(tiny):
    with pytest.raises(dataclasses.FrozenInstanceError):
        tiny.card = None
    assert isinstance(tiny, LanguageModel)
    assert repr(tiny).startswith("LanguageModel(")


@pytest.mark.parametrize("ids", [[4, 2], (4, 2), torch.tensor([4, 2])])
def test_ids_are_taken_as_a_list_a_tuple_or_a_tensor(tiny, ids):
    assert torch.equal(tiny.ids(ids), torch.tensor([4, 2]))
    assert tiny.trace(ids).tokens == tuple(tiny.tokens([4, 2]))


def test_a_model_made_in_memory_can_be_traced(toy):
    lm = LanguageModel.from_module(toy.module, toy.tokenizer, name="mine")
    assert lm.card.name == "mine"
    assert torch.equal(lm.trace("Anna has").logits, toy.trace("Anna has").logits)


def test_a_model_without_a_tokenizer_takes_ids_only(toy):
    lm = LanguageModel.from_module(toy.module)
    assert lm.trace([0, 21, 5]).tokens == ("0", "21", "5")
    with pytest.raises(ValueError, match="custom has no tokenizer; pass ids"):
        lm.trace("Anna has")


def test_a_model_made_in_memory_stays_in_its_process(toy):
    lm = LanguageModel.from_module(toy.module, toy.tokenizer)
    with pytest.raises(ValueError, match="custom was made in memory"):
        pickle.dumps(lm)
