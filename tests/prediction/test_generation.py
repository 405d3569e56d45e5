"""How a text ends, and the repetition penalty, as in transformers."""

import any_family
import pytest
import torch
from transformers import RepetitionPenaltyLogitsProcessor

import lmviz
from lmviz import prediction

PROMPT = "Anna has a red ball . Tom has a blue kite . the kite Tom has"


def written(lm, steps):
    return lm.decode([step.id for step in steps])


@pytest.mark.parametrize("penalty", [0.5, 1.0, 1.2, 3.0])
def test_the_repetition_penalty_equals_that_of_transformers(penalty):
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        logits = 3 * torch.randn(50, generator=generator)
        ids = torch.randint(50, (30,), generator=generator)
        theirs = RepetitionPenaltyLogitsProcessor(penalty)(ids[None], logits[None])[0]
        assert torch.equal(prediction.repetition_penalty(logits, ids, penalty), theirs)


@pytest.mark.parametrize("penalty", [0, -1.0, float("nan"), float("inf")])
def test_a_penalty_that_is_not_positive_is_refused(toy, penalty):
    with pytest.raises(ValueError, match="`penalty` must be positive"):
        prediction.repetition_penalty(torch.zeros(4), [1], penalty)
    with pytest.raises(ValueError, match="`repetition_penalty` must be positive"):
        prediction.generate(toy, "Anna has", repetition_penalty=penalty)


@pytest.mark.parametrize("penalty", [0.8, 1.1, 1.5])
def test_penalised_generation_equals_that_of_transformers(family, penalty):
    ids = family.encode("The dog chased the ball and the dog")
    theirs = family.module.generate(
        ids[None],
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
        repetition_penalty=penalty,
    )[0, len(ids) :]
    for use_cache in (True, False):
        ours = prediction.generate(
            family, ids, n_tokens=12, repetition_penalty=penalty, use_cache=use_cache
        )
        assert [step.id for step in ours] == theirs.tolist()


def test_steps_of_a_penalised_text_record_the_models_own_probabilities(toy):
    ids = toy.encode(PROMPT)
    steps = prediction.generate(toy, ids, n_tokens=6, repetition_penalty=1.5)
    for i, step in enumerate(steps):
        so_far = torch.cat([ids, torch.tensor([s.id for s in steps[:i]]).long()])
        probs = toy.trace(so_far).logits[-1].softmax(-1)
        assert step.probability == pytest.approx(float(probs[step.id]), abs=1e-5)


@pytest.mark.parametrize("number", [0, 3, 9])
def test_an_eos_token_ends_the_text_as_in_transformers(family, number):
    ids = family.encode("The dog chased the ball")
    free = [step.id for step in prediction.generate(family, ids, n_tokens=12)]
    for eos in (free[number], [free[number], 1]):
        theirs = family.module.generate(
            ids[None],
            max_new_tokens=12,
            do_sample=False,
            eos_token_id=eos,
            pad_token_id=0,
        )[0, len(ids) :]
        ours = [
            step.id for step in prediction.generate(family, ids, n_tokens=12, eos=eos)
        ]
        assert ours == theirs.tolist()
        assert len(ours) <= number + 1


def test_without_end_tokens_nothing_ends_the_text_early(toy):
    assert len(prediction.generate(toy, PROMPT, n_tokens=40, eos=[])) == 40


@pytest.mark.parametrize("stop", ["is blue", ["never", "red ."], " the ", "lu", "."])
def test_a_stop_string_ends_the_text_at_the_first_token_that_completes_it(toy, stop):
    free = prediction.generate(toy, PROMPT, n_tokens=30, eos=[])
    strings = [stop] if isinstance(stop, str) else stop
    completed = [
        any(string in written(toy, free[: i + 1]) for string in strings)
        for i in range(len(free))
    ]
    steps = prediction.generate(toy, PROMPT, n_tokens=30, stop=stop, eos=[])
    assert [step.id for step in steps] == [
        step.id for step in free[: completed.index(True) + 1]
    ]


def test_stop_strings_end_the_text_as_in_transformers(smollm2):
    """Three strings: within a token, across two tokens, and never."""
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_object=smollm2.tokenizer)
    ids = smollm2.encode("The capital of France is")
    lengths = []
    for stop in ("ri", "s.\n\nThe", "zebra"):
        ours = prediction.generate(smollm2, ids, n_tokens=10, stop=stop)
        theirs = smollm2.module.generate(
            ids[None],
            max_new_tokens=10,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
            stop_strings=[stop],
            tokenizer=tokenizer,
        )[0, len(ids) :]
        assert [step.id for step in ours] == theirs.tolist()
        lengths.append(len(ours))
    assert lengths[0] < lengths[1] < lengths[2] == 10


def test_a_stop_string_in_the_prompt_does_not_end_the_text(toy):
    assert len(prediction.generate(toy, PROMPT, n_tokens=3, stop="Anna")) == 3


@pytest.mark.parametrize("stop", ["", ["a", ""], 7, [7]])
def test_what_cannot_stop_a_text_is_refused(toy, stop):
    with pytest.raises(TypeError, match="`stop` must be a string or a list"):
        prediction.generate(toy, PROMPT, stop=stop)


@pytest.mark.parametrize("eos", [-1, 78, [0, 78], 1.5, "."])
def test_what_is_not_an_eos_token_is_refused(toy, eos):
    with pytest.raises((TypeError, ValueError), match="`eos` must be"):
        prediction.generate(toy, PROMPT, eos=eos)


@pytest.mark.parametrize("family", ["bamba", "llama"])
def test_a_cache_that_changes_the_logits_is_not_used(family):
    # In transformers 5.23, a step of Bamba with a cache counts its positions from 0.
    module = any_family.build_any(any_family.tiny_config(family), norm=1.0)
    lm = lmviz.LanguageModel.from_module(module)
    expected = ids = torch.tensor([9, 50, 30, 9, 50, 30])
    while len(expected) < 12:
        logits = module(input_ids=expected[None], use_cache=False).logits
        expected = torch.cat([expected, logits[0, -1:].argmax(-1)])
    steps = prediction.generate(lm, ids, n_tokens=6, eos=[])
    assert [step.id for step in steps] == expected[6:].tolist()
