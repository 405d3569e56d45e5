"""Beam search finds what transformers finds, and with enough beams the optimum."""

import itertools

import pytest
import tiny_families
import torch

import lmviz
from lmviz import prediction
from lmviz.toy import language

PROMPTS = ["Anna has a red ball . Tom has a blue kite .", "Mia", "Ben has a"]


def tiny(family="gpt2", vocab_size=50, **changes):
    config = tiny_families.config(family, vocab_size=vocab_size, **changes)
    return lmviz.LanguageModel.from_module(tiny_families.build(config), name=family)


def theirs(lm, ids, *, n_tokens, n_beams, length_penalty=1.0, eos=None):
    """Return the sequences and scores of transformers' beam search."""
    found = lm.module.generate(
        ids[None],
        attention_mask=torch.ones_like(ids)[None],
        max_new_tokens=n_tokens,
        num_beams=n_beams,
        num_return_sequences=n_beams,
        length_penalty=length_penalty,
        do_sample=False,
        # Not None, which would mean the model's own.
        eos_token_id=-1 if eos is None else eos,
        pad_token_id=0,
        return_dict_in_generate=True,
        output_scores=True,
    )
    sequences = found.sequences[:, len(ids) :].tolist()
    ends = {eos} if isinstance(eos, int) else set(eos or ())
    for row in sequences:
        whole = next((i for i, new in enumerate(row, 1) if new in ends), len(row))
        del row[whole:]
    return sequences, found.sequences_scores.tolist()


def assert_same(lm, ids, **options):
    sequences, scores = theirs(lm, ids, **options)
    options["eos"] = options.get("eos") or []
    ours = prediction.beam_search(lm, ids, **options)
    assert [list(beam.ids) for beam in ours] == sequences
    assert [beam.score for beam in ours] == pytest.approx(scores, rel=1e-4)


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("n_beams", [2, 4, 8])
@pytest.mark.parametrize("n_tokens", [1, 2, 9])
def test_the_toys_beams_equal_those_of_transformers(toy, prompt, n_beams, n_tokens):
    options = {"n_tokens": n_tokens, "n_beams": n_beams}
    sequences, scores = theirs(toy, toy.encode(prompt), **options)
    ours = prediction.beam_search(toy, prompt, eos=[], **options)
    assert [beam.score for beam in ours] == pytest.approx(scores, rel=1e-4)
    # Symmetric stories have nearly the same probability.
    for beam, sequence, score in zip(ours, sequences, scores, strict=True):
        equal = sum(abs(score - other) < 1e-4 for other in scores) > 1
        assert list(beam.ids) == sequence or equal


@pytest.mark.parametrize("family", ["gpt2", "llama", "gpt_neox", "mistral", "bloom"])
@pytest.mark.parametrize("n_beams", [2, 3])
def test_a_familys_beams_equal_those_of_transformers(family, n_beams):
    assert_same(tiny(family), torch.tensor([1, 2, 3]), n_tokens=6, n_beams=n_beams)


@pytest.mark.parametrize("length_penalty", [-1.0, 0.0, 1.0, 2.0])
@pytest.mark.parametrize("n_beams", [2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_ended_beams_equal_those_of_transformers(length_penalty, n_beams, seed):
    # Few tokens and flat predictions: many beams end early, others later.
    lm = tiny(vocab_size=5)
    lm.module.lm_head.weight.mul_(0.15)
    ids = torch.randint(5, (3,), generator=torch.Generator().manual_seed(seed))
    options = {"n_tokens": 8, "n_beams": n_beams, "eos": seed % 5}
    assert_same(lm, ids, length_penalty=length_penalty, **options)


@pytest.mark.parametrize("seed", range(8))
def test_several_ends_equal_those_of_transformers(seed):
    # Most of the best extensions end, and the penalty favours those that go on.
    lm = tiny(vocab_size=6)
    lm.module.lm_head.weight.mul_(0.15)
    ids = torch.randint(6, (3,), generator=torch.Generator().manual_seed(seed))
    ends = [(seed + i) % 6 for i in range(4)]
    options = {"n_tokens": 8, "n_beams": 4, "length_penalty": 2.0}
    assert_same(lm, ids, eos=ends, **options)


def test_beams_of_the_test_above_end_early_and_late():
    lm = tiny(vocab_size=5)
    lm.module.lm_head.weight.mul_(0.15)
    lengths = {
        len(beam.ids)
        for eos in range(5)
        for beam in prediction.beam_search(lm, [1, 2], n_tokens=8, n_beams=3, eos=eos)
    }
    assert len(lengths) > 2


def log_prob(lm, ids, more):
    """Return the log-probability of a continuation, from one pass of the model."""
    both = torch.cat([ids, torch.tensor(more)])
    nats = prediction.surprisal(lm.trace(both, keep="logits").logits, both)
    return -float(nats[len(ids) - 1 :].sum())


@pytest.mark.parametrize("n_tokens", [2, 3])
def test_with_all_beams_the_best_continuation_is_found(n_tokens):
    lm, ids = tiny(vocab_size=6), torch.tensor([1, 2])
    every = {
        more: log_prob(lm, ids, more)
        for more in itertools.product(range(6), repeat=n_tokens)
    }
    best = sorted(every, key=every.get, reverse=True)
    found = prediction.beam_search(
        lm, ids, n_tokens=n_tokens, n_beams=6**n_tokens, eos=[]
    )
    assert [beam.ids for beam in found] == best
    totals = [beam.log_prob for beam in found]
    assert totals == pytest.approx([every[more] for more in best], abs=1e-4)


def test_one_beam_is_greedy_decoding(toy):
    steps = prediction.generate(toy, PROMPTS[0], n_tokens=12)
    [beam] = prediction.beam_search(toy, PROMPTS[0], n_tokens=12, n_beams=1)
    assert list(beam.ids) == [step.id for step in steps]


def test_one_beam_ends_at_the_first_end(toy):
    story = next(language.stories("beam"))
    ids = toy.encode(" ".join(story.words[1:50]))
    [beam] = prediction.beam_search(toy, ids[:40], n_tokens=24, n_beams=1, eos=0)
    assert beam.ids[-1] == 0
    assert 0 not in beam.ids[:-1]


def test_the_log_probability_is_that_of_the_tokens(family):
    ids = torch.tensor([1, 2, 3])
    for beam in prediction.beam_search(family, ids, n_tokens=4, n_beams=3):
        assert beam.log_prob == pytest.approx(log_prob(family, ids, beam.ids), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_tokens": 0}, "`n_tokens` must be at least 1, got 0"),
        ({"n_tokens": 63}, "63 new ones exceed the model's context of 64"),
        ({"n_beams": 0}, "`n_beams` must be at least 1, got 0"),
        ({"length_penalty": float("nan")}, "`length_penalty` must be a finite number"),
        ({"eos": 78}, "`eos` must be from 0 to 77, got 78"),
    ],
)
def test_impossible_options_are_refused(toy, options, message):
    with pytest.raises(ValueError, match=message):
        prediction.beam_search(toy, "Anna", **options)
