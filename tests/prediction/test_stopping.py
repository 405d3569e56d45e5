"""Where a text ends by default: at the model's own end tokens, as in transformers."""

import itertools

import pytest
import tiny_families
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

import lmviz
from lmviz import prediction

PROMPT = "The dog chased the ball and the dog"


def theirs(lm, ids, **options):
    """Return what transformers' ``generate`` adds with the model's own settings."""
    options = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0, **options}
    mask = torch.ones_like(ids)[None]
    made = lm.module.generate(ids[None], attention_mask=mask, **options)
    return made[0, len(ids) :].tolist()


def ours(lm, ids, **options):
    return [s.id for s in prediction.generate(lm, ids, n_tokens=12, **options)]


def scripted(lm, text):
    """Return a `choose` that writes this text whatever the logits are."""
    ids = iter(lm.tokenizer.encode(text, add_special_tokens=False).ids)
    return lambda logits: next(ids)


# huggingface/transformers#23175, oobabooga/textgen#5885, Blaizzy/mlx-vlm#309
@pytest.mark.parametrize("penalty", [1.0, 1.3])
@pytest.mark.parametrize("number", [0, 2, 7])
def test_the_models_own_end_tokens_end_the_text(family, monkeypatch, number, penalty):
    ids = family.encode(PROMPT)
    free = ours(family, ids, eos=[], repetition_penalty=penalty)
    settings = family.module.generation_config
    for eos in (free[number], [50256, free[number]], [free[number], free[-1]]):
        monkeypatch.setattr(settings, "eos_token_id", eos)
        expected = theirs(family, ids, repetition_penalty=penalty)
        assert ours(family, ids, repetition_penalty=penalty) == expected
        assert len(expected) <= number + 1
        assert ours(family, ids, eos=[], repetition_penalty=penalty) == free


def test_beam_search_ends_at_the_models_own_end_tokens(toy, monkeypatch):
    ids = toy.encode("Anna has a red ball . Tom has a blue kite .")
    monkeypatch.setattr(toy.module.generation_config, "eos_token_id", [0, 5])
    for width in (1, 3):
        options = {"n_tokens": 9, "n_beams": width}
        explicit = prediction.beam_search(toy, ids, eos=[0, 5], **options)
        assert prediction.beam_search(toy, ids, **options) == explicit
        assert explicit != prediction.beam_search(toy, ids, eos=[], **options)


@pytest.mark.parametrize(
    ("config", "generation", "expected"),
    [
        (7, None, [7]),
        ([9, 7], None, [7, 9]),
        # meta-pytorch/torchtune#1483: the list is in generation_config.json alone
        (7, [9, 8], [8, 9]),
        (None, None, []),
        # ids of the vocabulary that a smaller one was cut from, and -1 for none
        (300, [-1, 4], [4]),
    ],
)
def test_end_tokens_are_read_from_both_configs(tmp_path, config, generation, expected):
    module = tiny_families.build(
        tiny_families.config("llama", vocab_size=50, eos_token_id=config)
    )
    module.generation_config.eos_token_id = generation
    module.save_pretrained(tmp_path)
    words = models.WordLevel({"a": 0, "<unk>": 1}, unk_token="<unk>")
    Tokenizer(words).save(str(tmp_path / "tokenizer.json"))
    assert prediction.end_tokens(lmviz.load(tmp_path)) == expected
    made = lmviz.LanguageModel.from_module(module)
    assert prediction.end_tokens(made) == expected


def test_each_step_is_given_as_soon_as_it_is_chosen(family):
    ids, passes = family.encode(PROMPT), []
    prediction.generate(family, ids, n_tokens=1)  # compares the cache, once
    handle = family.module.register_forward_hook(lambda *_: passes.append(1))
    try:
        steps = prediction.generate_steps(family, ids, n_tokens=12, eos=[])
        assert not passes
        some = list(itertools.islice(steps, 3))
        assert len(passes) == 3
    finally:
        handle.remove()
    assert [step.id for step in some] == theirs(family, ids, eos_token_id=-1)[:3]


def test_wrong_options_are_refused_before_the_first_step(toy):
    with pytest.raises(ValueError, match="exceed the model's context of 64"):
        prediction.generate_steps(toy, [1, 2], n_tokens=64)


@pytest.mark.parametrize("chosen", [torch.tensor(5), torch.tensor([5])])
def test_a_chosen_id_may_be_a_tensor(toy, chosen):
    steps = prediction.generate(toy, "Anna has", choose=lambda _: chosen, eos=5)
    assert [step.id for step in steps] == [5]


@pytest.mark.parametrize("chosen", [78, -1, 1.5, None])
def test_a_choice_that_is_no_id_is_refused(toy, chosen):
    with pytest.raises((TypeError, ValueError), match=r"`choose\(logits\)` must be"):
        prediction.generate(toy, "Anna has", choose=lambda _: chosen)


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        # huggingface/text-generation-inference#10: "j;" is one token
        (" and obj; or", ";", " and obj;"),
        # vllm-project/vllm#534: the string ends within the token ","
        (' ["a","b"]', '",', ' ["a","'),
        # huggingface/text-generation-inference#1039, mzau/mlx-knife#68
        (" in Paris now", "Pari", " in Paris"),
        (" alpha beta gamma delta", "beta gamma", " alpha beta gamma"),
        # openvinotoolkit/openvino.genai#817: an emoji of several tokens
        (" a 🦜 bird", "🦜", " a 🦜"),
    ],
)
def test_a_stop_string_may_begin_and_end_anywhere(tiny, text, stop, expected):
    found = tiny.generate(
        "The dog", n_tokens=20, choose=scripted(tiny, text), stop=stop, eos=[]
    )
    assert found == expected


@pytest.fixture(scope="module")
def metaspace():
    """A model whose decoder drops the space at the start of a text, like Llama's."""
    words = ["<unk>", "▁the", "▁dog", "▁barks", "▁at", "▁any", "▁cat"]
    letters = sorted(set("".join(words[1:])))
    vocabulary = {token: i for i, token in enumerate([*words, *letters])}
    tokenizer = Tokenizer(models.Unigram([(t, -1.0) for t in vocabulary], unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    config = tiny_families.config("llama", vocab_size=len(vocabulary))
    module = tiny_families.build(config)
    return lmviz.LanguageModel.from_module(module, tokenizer)


# openvinotoolkit/openvino.genai#1676, #817: " any" alone is decoded as "any"
@pytest.mark.parametrize("stop", [" any", "barks at any", " at any"])
def test_a_continuation_keeps_the_space_that_its_decoder_drops(metaspace, stop):
    choose = scripted(metaspace, "barks at any cat")
    prompt = "the dog"
    text = metaspace.generate(prompt, choose=choose, stop=stop, eos=[])
    assert text == " barks at any"
    assert metaspace.decode(metaspace.encode(prompt + text)) == prompt + text


def test_a_stop_string_that_the_prompt_begins_is_not_found(metaspace):
    choose = scripted(metaspace, "barks at any cat")
    text = metaspace.generate(
        "the dog", n_tokens=4, choose=choose, stop="dog barks", eos=[]
    )
    assert text == " barks at any cat"


def test_a_prompt_that_ends_within_a_character_is_continued(tiny):
    ids = tiny.encode("The 🦜").tolist()
    rest = iter(ids[-1:] + tiny.encode(" sings").tolist())
    text = tiny.generate(ids[:-1], n_tokens=2, choose=lambda _: next(rest), eos=[])
    assert text == "\ufffd sings"


@pytest.mark.parametrize("family", ["openai-gpt", "mamba", "rwkv"])
def test_a_model_without_a_cache_to_pass_on_generates_the_same(family):
    options = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2}
    if family == "openai-gpt":
        options = {"vocab_size": 50, "n_embd": 32, "n_layer": 2, "n_head": 4}
    config = tiny_families.AutoConfig.for_model(family, **options)
    lm = lmviz.LanguageModel.from_module(tiny_families.build(config), name=family)
    ids = torch.tensor([3, 1, 4, 1, 5])
    expected = theirs(lm, ids, eos_token_id=-1)
    for use_cache in (True, False):
        assert ours(lm, ids, eos=[], use_cache=use_cache) == expected
