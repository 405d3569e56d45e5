import pytest
import torch
from transformers import TemperatureLogitsWarper

from lmviz import prediction


@pytest.fixture
def logits():
    return torch.randn(50, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("temperature", [0.1, 1.0, 3.0])
def test_temperature_is_that_of_transformers(logits, temperature):
    warped = TemperatureLogitsWarper(temperature)(None, logits[None])[0]
    ours = prediction.probabilities(logits, temperature=temperature)
    assert torch.allclose(ours, warped.softmax(-1))


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(logits, temperature):
    with pytest.raises(ValueError, match="wanted more than 0"):
        prediction.probabilities(logits, temperature=temperature)


def test_greedy_takes_the_likeliest(logits):
    assert prediction.greedy(logits) == int(logits.argmax())


def test_samples_follow_the_probabilities():
    chances = torch.tensor([0.6, 0.3, 0.1, 0.0])
    choose = prediction.sampler(seed=1)
    drawn = torch.tensor([choose(chances.log()) for _ in range(4000)])
    # Four standard deviations of a share of one half.
    shares = drawn.bincount(minlength=4) / len(drawn)
    assert torch.allclose(shares, chances, atol=4 * 0.5 / len(drawn) ** 0.5)
    assert shares[3] == 0


def test_greedy_text_is_the_one_of_transformers(tiny):
    ids = tiny.encode("The dog chased the ball")
    theirs = tiny.module.generate(
        ids[None], max_new_tokens=12, do_sample=False, eos_token_id=None, pad_token_id=0
    )[0, len(ids) :]
    steps = prediction.generate(tiny.module, ids, n_tokens=12)
    assert [step.id for step in steps] == theirs.tolist()


def test_the_cache_changes_nothing(smollm2):
    ids = smollm2.encode("The dog chased the ball")
    with_cache, without = (
        prediction.generate(smollm2.module, ids, n_tokens=8, use_cache=use_cache)
        for use_cache in (True, False)
    )
    for ours, theirs in zip(with_cache, without, strict=True):
        assert ours.id == theirs.id
        assert ours.probability == pytest.approx(theirs.probability, abs=1e-4)


def test_steps_keep_what_else_could_have_come(tiny):
    ids = tiny.encode("The dog")
    [step] = prediction.generate(tiny.module, ids, n_tokens=1, k=3)
    chances = tiny.module(ids[None]).logits[0, -1].softmax(-1)
    top = chances.topk(3)
    assert torch.equal(step.alternatives, top.indices)
    assert torch.allclose(step.alternative_probabilities, top.values)
    assert step.id == top.indices[0]
    assert step.probability == pytest.approx(top.values[0].item())


def test_a_text_that_would_not_fit_is_refused(tiny):
    ids = tiny.encode("The dog")
    with pytest.raises(ValueError, match="2 tokens and 63 more do not fit .* 64"):
        prediction.generate(tiny.module, ids, n_tokens=63)
