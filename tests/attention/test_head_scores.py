import math

import pytest
import torch

from lmviz import attention


def pattern(keys):
    """Weights of a head whose query i attends only to key keys[i]."""
    return torch.eye(len(keys))[keys]


def causal_uniform(n):
    """Weights of a head that attends evenly to all earlier keys."""
    return torch.ones(n, n).tril() / torch.arange(1.0, n + 1)[:, None]


@pytest.fixture
def repeated():
    """Ten random tokens, all different, and the same ten again."""
    once = torch.randperm(100, generator=torch.Generator().manual_seed(0))[:10]
    return torch.cat([once, once])


PREVIOUS = pattern([0, *range(19)])
FIRST = pattern([0] * 20)
DUPLICATE = pattern([*range(10), *range(10)])
INDUCTION = pattern([*range(10), *range(1, 11)])


def test_previous_token_score_of_pure_patterns():
    assert attention.previous_token_score(PREVIOUS) == 1
    for other in (DUPLICATE, INDUCTION, torch.eye(20)):
        assert attention.previous_token_score(other) == 0
    assert attention.previous_token_score(FIRST) == pytest.approx(1 / 19), (
        "the second one"
    )


def test_first_token_score_of_pure_patterns():
    assert attention.first_token_score(FIRST) == 1
    assert attention.first_token_score(torch.eye(20)) == 0, (
        "the first query is left out"
    )
    assert attention.first_token_score(PREVIOUS) == pytest.approx(1 / 19), (
        "the second one"
    )


def test_duplicate_token_score_of_pure_patterns(repeated):
    assert attention.duplicate_token_score(DUPLICATE, repeated) == 1
    for other in (PREVIOUS, INDUCTION, torch.eye(20)):
        assert attention.duplicate_token_score(other, repeated) == 0
    assert attention.duplicate_token_score(FIRST, repeated) == pytest.approx(1 / 10)


def test_induction_score_of_pure_patterns(repeated):
    assert attention.induction_score(INDUCTION, repeated) == 1
    for other in (DUPLICATE, PREVIOUS, FIRST, torch.eye(20)):
        assert attention.induction_score(other, repeated) == 0


def test_scores_of_uniform_attention_have_a_closed_form(repeated):
    weights = causal_uniform(20)
    later = sum(1 / n for n in range(2, 21)) / 19
    assert attention.previous_token_score(weights) == pytest.approx(later)
    assert attention.first_token_score(weights) == pytest.approx(later)
    # Each of the last ten queries has one copy, and one key after it.
    again = sum(1 / n for n in range(11, 21)) / 10
    assert attention.duplicate_token_score(weights, repeated) == pytest.approx(again)
    assert attention.induction_score(weights, repeated) == pytest.approx(again)


def test_attention_to_all_earlier_copies_is_scored():
    ids = torch.tensor([3, 4, 3, 4, 3])
    weights = torch.zeros(5, 5)
    weights[4] = torch.tensor([0.1, 0.2, 0.3, 0.15, 0.25])
    weights[2, 0], weights[3, 1], weights[2, 1], weights[3, 2] = 0.5, 0.7, 0.4, 0.3
    weights[2, 2] = 0.1
    # The third, fourth and fifth token occurred before.
    assert attention.duplicate_token_score(weights, ids) == pytest.approx(
        (0.5 + 0.7 + 0.4) / 3
    )
    assert attention.induction_score(weights, ids) == pytest.approx(
        (0.4 + 0.3 + 0.35) / 3
    )


def test_a_query_is_not_a_copy_of_itself():
    ids = torch.tensor([7, 7])
    assert attention.induction_score(torch.eye(2), ids) == 0
    assert attention.duplicate_token_score(torch.eye(2), ids) == 0


def test_leading_axes_are_kept(repeated):
    weights = torch.stack([PREVIOUS, FIRST, INDUCTION, DUPLICATE]).expand(3, 4, 20, 20)
    assert attention.previous_token_score(weights).shape == (3, 4)
    assert attention.first_token_score(weights).shape == (3, 4)
    assert torch.equal(
        attention.induction_score(weights, repeated),
        torch.tensor([0.0, 0, 1, 0]).expand(3, 4),
    )
    assert torch.equal(
        attention.duplicate_token_score(weights, repeated)[:, 3], torch.ones(3)
    )
    assert attention.entropy(weights).shape == (3, 4, 20)


def test_entropy_equals_that_of_torch():
    weights = torch.randn(
        2, 3, 7, 7, generator=torch.Generator().manual_seed(0)
    ).softmax(-1)
    theirs = torch.distributions.Categorical(probs=weights).entropy()
    assert torch.allclose(attention.entropy(weights), theirs, atol=1e-6)


def test_entropy_ranges_from_zero_to_log_n():
    expected = torch.tensor([math.log(n) for n in range(1, 21)])
    assert torch.allclose(attention.entropy(causal_uniform(20)), expected)
    assert torch.equal(attention.entropy(FIRST), torch.zeros(20)), "0 * log 0 is 0"


@pytest.mark.parametrize("residual", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("n_layers", [1, 3])
def test_rollout_of_uniform_attention_has_a_closed_form(residual, n_layers):
    # The average P is a projection, so (r + (1 - r) P) ** L = r ** L + (1 - r ** L) P.
    average = torch.full((6, 6), 1 / 6)
    result = attention.rollout(average.expand(n_layers, 2, 6, 6), residual=residual)
    stays = residual**n_layers
    assert torch.allclose(result, stays * torch.eye(6) + (1 - stays) * average)


def test_rollout_of_self_attention_is_the_identity():
    itself = torch.eye(5).expand(4, 3, 5, 5)
    assert torch.allclose(attention.rollout(itself), torch.eye(5))


def test_rollout_starts_at_the_first_layer():
    # First each token attends to the previous one, then all attend to the last, which
    # holds the last but one. In the other order it would be the last.
    back, last = pattern([0, 0, 1, 2]), pattern([3, 3, 3, 3])
    result = attention.rollout(torch.stack([back, last])[:, None], residual=0.0)
    assert torch.equal(result, pattern([2, 2, 2, 2]))


def test_rollout_averages_heads_with_half_a_residual_by_default():
    attentions = torch.stack([pattern([0, 0]), torch.eye(2)])[None]
    expected = torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    assert torch.equal(attention.rollout(attentions), expected)


def test_every_family_can_be_scored(family):
    trace = family.trace("The dog chased the cat, and the cat chased the dog.")
    attentions, n_tokens = trace.attentions, len(trace.ids)
    for scores in (
        attention.previous_token_score(attentions),
        attention.first_token_score(attentions),
        attention.duplicate_token_score(attentions, trace.ids),
        attention.induction_score(attentions, trace.ids),
    ):
        assert scores.shape == (2, 4)
        assert scores.ge(0).all()
        assert scores.le(1).all()
    entropy = attention.entropy(attentions)
    assert entropy.shape == (2, 4, n_tokens)
    most = torch.arange(1.0, n_tokens + 1).log()
    assert (entropy <= most + 1e-5).all()
    rollout = attention.rollout(attentions)
    assert torch.allclose(rollout.sum(-1), torch.ones(n_tokens), atol=1e-5)
    assert rollout.triu(1).eq(0).all()


@pytest.mark.parametrize(
    "function", [attention.duplicate_token_score, attention.induction_score]
)
def test_a_text_without_repetition_is_refused(function):
    with pytest.raises(ValueError, match="none of the 3 tokens occurs twice"):
        function(causal_uniform(3), torch.arange(3))


@pytest.mark.parametrize(
    "function", [attention.duplicate_token_score, attention.induction_score]
)
@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (5, 4, 3)])
def test_weights_of_another_text_are_refused(function, shape):
    with pytest.raises(
        ValueError, match=r"`weights` must have shape \(\.\.\., 4, 4\), got"
    ):
        function(torch.zeros(shape), torch.zeros(4, dtype=torch.long))


@pytest.mark.parametrize(
    "function",
    [
        attention.previous_token_score,
        attention.first_token_score,
        lambda weights: attention.induction_score(weights, torch.tensor([0])),
        lambda weights: attention.duplicate_token_score(weights, torch.tensor([0])),
    ],
)
@pytest.mark.parametrize("shape", [(1, 1), (4, 2, 1, 1)])
def test_fewer_than_two_tokens_are_refused(function, shape):
    with pytest.raises(ValueError, match="with T at least 2"):
        function(torch.zeros(shape))


@pytest.mark.parametrize(
    "function", [attention.previous_token_score, attention.first_token_score]
)
def test_weights_that_are_not_square_are_refused(function):
    with pytest.raises(
        ValueError, match=r"must have shape \(\.\.\., T, T\) .*\(2, 3\)"
    ):
        function(torch.zeros(2, 3))


@pytest.mark.parametrize("shape", [(4, 4), (2, 4, 4), (2, 3, 4, 5)])
def test_rollout_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"must have shape \(L, H, T, T\), got"):
        attention.rollout(torch.zeros(shape))


@pytest.mark.parametrize("residual", [-0.1, 1.1, float("nan")])
def test_a_residual_outside_0_to_1_is_refused(residual):
    with pytest.raises(ValueError, match=f"`residual` must be .* got {residual}"):
        attention.rollout(torch.zeros(1, 1, 2, 2), residual=residual)


def test_strongest_lists_heads_in_the_order_of_a_sort():
    scores = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    expected = sorted(
        ((i, h, float(scores[i, h])) for i in range(5) for h in range(7)),
        key=lambda head: -head[2],
    )
    for k in (1, 3, 35):
        assert attention.strongest(scores, k) == expected[:k]


def test_strongest_takes_the_first_of_equal_heads_as_argmax_does():
    scores = torch.zeros(3, 4)
    scores[1, 2] = scores[2, 0] = 1.0
    assert divmod(int(scores.argmax()), 4) == (1, 2)
    assert [head[:2] for head in attention.strongest(scores, 3)] == [
        (1, 2),
        (2, 0),
        (0, 0),
    ]


@pytest.mark.parametrize("k", [0, -1, 13])
def test_strongest_needs_a_number_of_heads(k):
    with pytest.raises(ValueError, match=f"`k` must be from 1 to 12, got {k}"):
        attention.strongest(torch.zeros(3, 4), k)


def test_strongest_refuses_nan():
    with pytest.raises(ValueError, match="`scores` must be .* got nan"):
        attention.strongest(torch.tensor([[0.0, math.nan]]), 1)
