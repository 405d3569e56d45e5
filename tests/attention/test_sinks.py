"""Head scores of weights from which a learned sink has taken its share."""

import pytest
import torch

from lmviz import attention

# Two layers of three heads, five queries: the softmax over five keys and the sink.
WHOLE = torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(0)).softmax(-1)
WEIGHTS, SINK = WHOLE[..., :-1], WHOLE[..., -1]
IDS = [7, 8, 7, 9, 7]


def test_entropy_counts_the_sink_as_one_more_key():
    theirs = torch.distributions.Categorical(probs=WHOLE).entropy()
    assert torch.allclose(attention.entropy(WEIGHTS, sink=SINK), theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("score", "pairs"),
    [
        (attention.previous_token_score, [(1, 0), (2, 1), (3, 2), (4, 3)]),
        (attention.first_token_score, [(1, 0), (2, 0), (3, 0), (4, 0)]),
    ],
)
def test_the_sink_is_no_key_that_a_score_counts(score, pairs):
    expected = torch.stack([WEIGHTS[..., q, k] for q, k in pairs]).mean(0)
    assert torch.allclose(score(WEIGHTS, sink=SINK), expected)


@pytest.mark.parametrize(
    ("score", "keys"),
    [
        (attention.duplicate_token_score, {2: [0], 4: [0, 2]}),
        (attention.induction_score, {2: [1], 4: [1, 3]}),
    ],
)
def test_the_sink_is_no_copy(score, keys):
    shares = [WEIGHTS[..., query, its].sum(-1) for query, its in keys.items()]
    expected = torch.stack(shares).mean(0)
    assert torch.allclose(score(WEIGHTS, IDS, sink=SINK), expected)


def test_what_a_sink_takes_is_missing_from_a_rollout():
    first, second = (0.5 * torch.eye(5) + 0.5 * layer for layer in WEIGHTS.mean(1))
    ours = attention.rollout(WEIGHTS, sink=SINK)
    assert torch.allclose(ours, second @ first, atol=1e-6)
    assert ours.sum(-1).lt(1).all()


def test_a_rollout_in_double_precision_stays_in_it():
    ours = attention.rollout(WHOLE[..., :5].double(), sink=SINK.double())
    assert ours.dtype == torch.float64


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("weights", attention.previous_token_score),
        ("weights", attention.first_token_score),
        ("weights", attention.entropy),
        ("attentions", attention.rollout),
    ],
)
def test_rows_that_do_not_sum_to_one_are_refused(name, function):
    with pytest.raises(ValueError, match=rf"each row of `{name}` must sum to 1 \(or"):
        function(WEIGHTS)
    message = rf"each row of `{name}` must sum to 1 together with `sink` \(or to 0"
    with pytest.raises(ValueError, match=message):
        function(WEIGHTS, sink=SINK + 0.05)


@pytest.mark.parametrize("function", [attention.entropy, attention.rollout])
def test_rows_may_be_rounded_or_ablated(function):
    rounded = WHOLE.bfloat16()
    function(rounded[..., :-1], sink=rounded[..., -1])
    uniform = torch.full((1, 2, 4, 4), 1 / 4)
    uniform[:, 1] = 0
    function(uniform)


def test_the_worst_row_is_named():
    weights = torch.full((4, 4), 1 / 4)
    weights[1] = 0.3
    weights[2] = 0.5
    with pytest.raises(ValueError, match=r"got 2; what a learned sink takes"):
        attention.entropy(weights)
