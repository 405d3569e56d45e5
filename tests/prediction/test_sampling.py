import pytest
import torch
from transformers import (
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from lmviz import prediction
from lmviz.toy import language


@pytest.fixture
def logits():
    return torch.randn(50, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("temperature", [0.1, 1.0, 3.0])
def test_temperature_equals_that_of_transformers(logits, temperature):
    warped = TemperatureLogitsWarper(temperature)(None, logits[None])[0]
    ours = prediction.probabilities(logits, temperature=temperature)
    assert torch.allclose(ours, warped.softmax(-1))


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(logits, temperature):
    with pytest.raises(ValueError, match="`temperature` must be positive"):
        prediction.probabilities(logits, temperature=temperature)


def test_greedy_takes_the_most_likely_token(logits):
    assert prediction.greedy(logits) == int(logits.argmax())


def test_samples_follow_the_probabilities():
    probs = torch.tensor([0.6, 0.3, 0.1, 0.0])
    choose = prediction.sampler(seed=1)
    drawn = torch.tensor([choose(probs.log()) for _ in range(4000)])
    # Four standard deviations of a fraction of one half.
    fractions = drawn.bincount(minlength=4) / len(drawn)
    assert torch.allclose(fractions, probs, atol=4 * 0.5 / len(drawn) ** 0.5)
    assert fractions[3] == 0


def test_the_toy_generates_stories_of_its_grammar(toy):
    """Each word is possible at its position, apart from rare errors of the model."""
    choose = prediction.sampler(seed=0)
    start = toy.module.config.bos_token_id
    mistakes = n_words = 0
    for _ in range(10):
        steps = prediction.generate(
            toy, torch.tensor([start]), n_tokens=40, choose=choose
        )
        words = ["<story>"]
        for step in steps:
            if (probs := language.next_word_probs(words)) == {}:
                break
            [word] = toy.tokens([step.id])
            n_words += 1
            if word not in probs:
                mistakes += 1
                break
            words.append(word)
    assert n_words > 200
    assert mistakes <= 1


@pytest.mark.parametrize("shape", [(50,), (4, 50), (2, 3, 50)])
@pytest.mark.parametrize("k", [1, 2, 7, 49, 50, 80])
def test_top_k_equals_that_of_transformers(shape, k):
    generator = torch.Generator().manual_seed(k)
    for _ in range(20):
        logits = 3 * torch.randn(shape, generator=generator)
        theirs = TopKLogitsWarper(k)(None, logits)
        assert torch.equal(prediction.top_k_filter(logits, k), theirs)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_top_k_keeps_ties_as_transformers_does(k):
    logits = torch.tensor([[1.0, 2.0, 2.0, 0.0, 1.0], [3.0, 3.0, 3.0, 3.0, 3.0]])
    theirs = TopKLogitsWarper(k)(None, logits)
    assert torch.equal(prediction.top_k_filter(logits, k), theirs)
    assert prediction.top_k_filter(logits, k)[1].isfinite().all()


@pytest.mark.parametrize("shape", [(50,), (4, 50)])
@pytest.mark.parametrize("p", [0.0, 0.01, 0.3, 0.5, 0.9, 0.95, 0.999, 1.0])
def test_top_p_equals_that_of_transformers(shape, p):
    generator = torch.Generator().manual_seed(0)
    for spread in (0.1, 1.0, 3.0):
        for _ in range(20):
            logits = spread * torch.randn(shape, generator=generator)
            theirs = TopPLogitsWarper(p)(None, logits.reshape(-1, 50)).reshape(shape)
            assert torch.equal(prediction.top_p_filter(logits, p), theirs)


@pytest.mark.parametrize("shape", [(50,), (4, 50), (2, 3, 50)])
@pytest.mark.parametrize("p", [0.0, 0.01, 0.1, 0.5, 0.9, 1.0])
def test_min_p_equals_that_of_transformers(shape, p):
    generator = torch.Generator().manual_seed(0)
    for spread in (0.1, 1.0, 3.0):
        for _ in range(20):
            logits = spread * torch.randn(shape, generator=generator)
            theirs = MinPLogitsWarper(p)(None, logits)
            assert torch.equal(prediction.min_p_filter(logits, p), theirs)


@pytest.mark.parametrize("shape", [(50,), (4, 50), (2, 3, 50)])
@pytest.mark.parametrize("p", [0.01, 0.2, 0.5, 0.9, 0.999])
def test_typical_filter_equals_that_of_transformers(shape, p):
    generator = torch.Generator().manual_seed(0)
    for spread in (0.1, 1.0, 3.0):
        for _ in range(20):
            logits = spread * torch.randn(shape, generator=generator).double()
            theirs = TypicalLogitsWarper(p)(None, logits.reshape(-1, 50))
            ours = prediction.typical_filter(logits, p)
            assert torch.equal(ours, theirs.reshape(shape))


def test_typical_filter_can_rule_out_the_most_likely_token():
    probs = torch.tensor([0.5, *[0.05] * 10])
    kept = prediction.typical_filter(probs.log(), 0.3).isfinite()
    assert kept.tolist() == [True] + [False] * 10
    probs = torch.tensor([0.5, *[0.01] * 50])
    kept = prediction.typical_filter(probs.log(), 0.3).isfinite()
    # The entropy is 2.6 nats; the surprisals are 0.7 and 4.6.
    assert kept.tolist() == [True] + [False] * 50
    probs = torch.tensor([0.4, *[0.1] * 6])
    # Here it is 1.7; they are 0.9 and 2.3.
    assert not prediction.typical_filter(probs.log(), 0.3).isfinite()[0]


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_filters_never_keep_a_token_that_was_ruled_out(p):
    logits = torch.tensor([1.0, -torch.inf, 0.0, -torch.inf, -3.0])
    for keep in (prediction.min_p_filter, prediction.typical_filter):
        kept = keep(logits, p).isfinite()
        assert kept.any()
        assert not kept[[1, 3]].any()


def test_top_p_keeps_the_smallest_set_that_reaches_p():
    logits = torch.tensor([0.1, 0.5, 0.3, 0.1]).log()
    for p, kept in [
        (0.0, [1]),
        (0.49, [1]),
        (0.51, [1, 2]),
        (0.79, [1, 2]),
        (0.91, [0, 1, 2, 3]),
        (1.0, [0, 1, 2, 3]),
    ]:
        result = prediction.top_p_filter(logits, p)
        assert result.isfinite().nonzero()[:, 0].tolist() == kept
        assert torch.equal(result[kept], logits[kept])


@pytest.mark.parametrize(("p", "n_kept"), [(0.25, 1), (0.26, 2), (0.5, 2), (0.75, 3)])
def test_top_p_stops_where_p_is_reached(p, n_kept):
    alike = torch.zeros(1, 4)  # a quarter each, without rounding
    assert prediction.top_p_filter(alike, p).isfinite().sum() == n_kept
    assert TopPLogitsWarper(p)(None, alike).isfinite().sum() == n_kept


def test_top_p_of_one_keeps_tokens_of_probability_zero():
    logits = torch.tensor([0.0, -300.0, 500.0])
    assert torch.equal(prediction.top_p_filter(logits, 1.0), logits)


def test_filters_do_not_change_their_argument(logits):
    before = logits.clone()
    prediction.top_k_filter(logits, 3)
    prediction.top_p_filter(logits, 0.5)
    prediction.min_p_filter(logits, 0.1)
    prediction.typical_filter(logits, 0.5)
    assert prediction.typical_filter(logits, 1) is not logits
    prediction.repetition_penalty(logits, [3, 4], 2.0)
    assert torch.equal(logits, before)


@pytest.mark.parametrize("k", [0, -1])
def test_a_k_below_one_is_refused(logits, k):
    with pytest.raises(ValueError, match=f"`k` must be at least 1, got {k}"):
        prediction.top_k_filter(logits, k)
    with pytest.raises(ValueError, match=f"`top_k` must be at least 1, got {k}"):
        prediction.sampler(top_k=k)


@pytest.mark.parametrize("p", [-0.1, 1.1, 90, float("nan")])
def test_a_p_outside_0_to_1_is_refused(logits, p):
    refused = f"must be a probability from 0 to 1, got {p}"
    for name in ("top_p", "min_p", "typical"):
        with pytest.raises(ValueError, match=f"`p` {refused}"):
            getattr(prediction, f"{name}_filter")(logits, p)
    for name in ("top_p", "min_p", "typical_p"):
        with pytest.raises(ValueError, match=f"`{name}` {refused}"):
            prediction.sampler(**{name: p})


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"temperature": 0}, "`temperature` must be positive"),
        ({"temperature": "hot"}, "`temperature` must be a number, got str"),
        ({"top_p": "all"}, "`top_p` must be a number, got str"),
        ({"min_p": "few"}, "`min_p` must be a number, got str"),
        ({"typical_p": [0.5]}, "`typical_p` must be a number, got list"),
        ({"top_k": 2.5}, "`top_k` must be an integer, got 2.5"),
        ({"seed": "x"}, "`seed` must be an integer, got 'x'"),
    ],
)
def test_a_sampler_refuses_what_it_cannot_use_before_it_samples(options, refused):
    with pytest.raises((TypeError, ValueError), match=refused):
        prediction.sampler(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 1},
        {"top_p": 0.0},
        {"min_p": 1.0},
        {"top_k": 1, "temperature": 5.0},
        {"top_k": 1, "min_p": 0.1, "typical_p": 0.5},
    ],
)
def test_a_sampler_with_one_choice_is_greedy(options):
    choose = prediction.sampler(**options)
    generator = torch.Generator().manual_seed(0)
    for logits in torch.randn(50, 100, generator=generator):
        assert choose(logits) == prediction.greedy(logits)


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 2.0},
        {"top_k": 3},
        {"top_p": 0.7},
        {"min_p": 0.1},
        {"typical_p": 0.45},
        # These depend on the order: temperature first, then top-k, top-p, min-p and
        # typical sampling.
        {"temperature": 2.0, "min_p": 0.3},
        {"top_k": 3, "typical_p": 0.45},
        {"min_p": 0.15, "typical_p": 0.3},
        {"temperature": 2.0, "top_k": 3, "top_p": 0.75},
        {"temperature": 2.0, "top_k": 3, "top_p": 0.82},
    ],
)
def test_samples_follow_the_probabilities_of_transformers(options):
    logits = torch.tensor([0.03, 0.5, 0.3, 0.1, 0.04, 0.03]).log()
    warped = TemperatureLogitsWarper(options.get("temperature", 1.0))(
        None, logits[None]
    )
    if "top_k" in options:
        warped = TopKLogitsWarper(options["top_k"])(None, warped)
    if "top_p" in options:
        warped = TopPLogitsWarper(options["top_p"])(None, warped)
    if "min_p" in options:
        warped = MinPLogitsWarper(options["min_p"])(None, warped)
    if "typical_p" in options:
        warped = TypicalLogitsWarper(options["typical_p"])(None, warped)
    probs = warped[0].softmax(-1)
    choose = prediction.sampler(**options, seed=3)
    drawn = torch.tensor([choose(logits) for _ in range(4000)])
    fractions = drawn.bincount(minlength=6) / len(drawn)
    assert torch.equal(fractions > 0, probs > 0), "none outside, and all inside"
    # Four standard deviations of a fraction of one half.
    assert torch.allclose(fractions, probs, atol=4 * 0.5 / len(drawn) ** 0.5)


def test_the_same_seed_gives_the_same_samples(logits):
    def drawn(seed):
        choose = prediction.sampler(top_k=20, seed=seed)
        return [choose(logits) for _ in range(30)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_greedy_generation_equals_that_of_transformers(family):
    ids = family.encode("The dog chased the ball")
    theirs = family.module.generate(
        ids[None], max_new_tokens=12, do_sample=False, eos_token_id=None, pad_token_id=0
    )[0, len(ids) :]
    with_cache, without = (
        prediction.generate(family, ids, n_tokens=12, use_cache=use_cache)
        for use_cache in (True, False)
    )
    for steps in (with_cache, without):
        assert [step.id for step in steps] == theirs.tolist()
    for ours, again in zip(with_cache, without, strict=True):
        assert torch.equal(ours.alternatives, again.alternatives)
        assert torch.allclose(
            ours.alternative_probs, again.alternative_probs, atol=1e-6
        )


def test_the_cache_changes_nothing(smollm2):
    ids = smollm2.encode("The dog chased the ball")
    with_cache, without = (
        prediction.generate(smollm2, ids, n_tokens=8, use_cache=use_cache)
        for use_cache in (True, False)
    )
    for ours, theirs in zip(with_cache, without, strict=True):
        assert ours.id == theirs.id
        assert ours.probability == pytest.approx(theirs.probability, abs=1e-4)


def test_steps_record_the_most_likely_alternatives(tiny):
    ids = tiny.encode("The dog")
    [step] = prediction.generate(tiny, ids, n_tokens=1, k=3)
    probs = tiny.module(ids[None]).logits[0, -1].softmax(-1)
    top = probs.topk(3)
    assert torch.equal(step.alternatives, top.indices)
    assert torch.allclose(step.alternative_probs, top.values)
    assert step.id == top.indices[0]
    assert step.probability == pytest.approx(top.values[0].item())


def test_generating_beyond_the_context_is_refused(tiny):
    ids = tiny.encode("The dog")
    with pytest.raises(ValueError, match="2 tokens plus 63 new ones exceed .* 64"):
        prediction.generate(tiny, ids, n_tokens=63)


@pytest.mark.parametrize("choose", ["greedy", 0.7])
def test_what_cannot_choose_a_token_is_refused(toy, choose):
    with pytest.raises(TypeError, match="`choose` must be a function from logits"):
        toy.generate("Anna has", choose=choose)
