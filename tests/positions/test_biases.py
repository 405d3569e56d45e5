import pytest
import torch
from transformers.models.bloom import modeling_bloom
from transformers.models.t5.modeling_t5 import T5Attention

from lmviz import positions


@pytest.mark.parametrize("n_heads", range(1, 21))
def test_alibi_slopes_equal_those_of_bloom(n_heads):
    # The second token is at position 1, so its bias is the slope.
    two_tokens = torch.ones(1, 2, dtype=torch.long)
    bias = modeling_bloom.build_alibi_tensor(two_tokens, n_heads, torch.float32)
    theirs = bias[:, 0, 1]
    assert torch.allclose(positions.alibi_slopes(n_heads), theirs, atol=1e-7)


@pytest.mark.parametrize("n_heads", [1, 2, 4, 8, 16, 64])
def test_alibi_slopes_equal_the_series_of_the_paper(n_heads):
    # "a geometric sequence that starts at 2 ** (-8 / n) and uses that same value as
    # its ratio"; for 8 heads: 1/2, 1/4, ..., 1/256.
    expected = [2 ** (-8 / n_heads * i) for i in range(1, n_heads + 1)]
    assert positions.alibi_slopes(n_heads).tolist() == pytest.approx(expected, rel=1e-6)
    if n_heads == 8:
        assert expected == [1 / 2**i for i in range(1, 9)]


@pytest.mark.parametrize("n_heads", [0, -1])
def test_zero_heads_are_an_error(n_heads):
    with pytest.raises(
        ValueError, match=f"`n_heads` must be at least 1, got {n_heads}"
    ):
        positions.alibi_slopes(n_heads)


def test_alibi_equals_the_bias_of_bloom():
    # BLOOM adds the slope times the position of the key, the same to every query. Each
    # row differs from the penalty by a constant, to which softmax is invariant.
    scores = torch.randn(6, 9, 9, generator=torch.Generator().manual_seed(0))
    places = torch.ones(1, 9, dtype=torch.long)
    theirs = modeling_bloom.build_alibi_tensor(places, 6, torch.float32)
    hidden = torch.ones(9, 9, dtype=torch.bool).triu(1)
    ours = positions.alibi(positions.alibi_slopes(6), 9)
    assert ours.shape == (6, 9, 9)
    found, expected = (
        (scores + bias).masked_fill(hidden, -torch.inf).softmax(-1)
        for bias in (ours, theirs)
    )
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.equal(ours.diagonal(dim1=-2, dim2=-1), torch.zeros(6, 9))
    assert ours[2, 7, 3] == pytest.approx(-4 * positions.alibi_slopes(6)[2].item())


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("n_buckets", "max_distance"), [(32, 128), (16, 64), (8, 20)])
def test_buckets_equal_those_of_t5(bidirectional, n_buckets, max_distance):
    position = torch.arange(300)
    theirs = T5Attention._relative_position_bucket(
        position - position[:, None],
        bidirectional=bidirectional,
        num_buckets=n_buckets,
        max_distance=max_distance,
    )
    ours = positions.t5_buckets(
        300,
        n_buckets=n_buckets,
        max_distance=max_distance,
        bidirectional=bidirectional,
    )
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_default_buckets_are_those_of_t5(bidirectional):
    position = torch.arange(300)
    theirs = T5Attention._relative_position_bucket(
        position - position[:, None], bidirectional=bidirectional
    )
    ours = positions.t5_buckets(300, bidirectional=bidirectional)
    assert torch.equal(ours, theirs)


def test_two_buckets_of_a_decoder_are_the_token_itself_and_the_others():
    theirs = torch.ones(5, 5, dtype=torch.long).tril(-1)
    ours = positions.t5_buckets(5, n_buckets=2, max_distance=9, bidirectional=False)
    assert torch.equal(ours, theirs)


def test_too_few_buckets_or_too_short_a_distance_are_an_error():
    with pytest.raises(ValueError, match="`n_buckets` must be at least 4, got 2"):
        positions.t5_buckets(3, n_buckets=2)
    with pytest.raises(ValueError, match="`max_distance` must be at least 9, got 8"):
        positions.t5_buckets(3, max_distance=8)
