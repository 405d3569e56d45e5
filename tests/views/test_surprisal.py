import numpy as np
import pytest
import torch

from lmviz import prediction
from lmviz.views import surprisal

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(6, 20)) * 3
IDS = RNG.integers(0, 20, 6)
TOKENS = [*"abcdef"]
WORDS = [f"w{i}" for i in range(20)]
LOGITS_OF = {"logits": LOGITS, "ids": IDS, "tokens": TOKENS, "vocabulary": WORDS}


def test_surprisals_and_ranks_are_those_of_the_package():
    data = surprisal(LOGITS, IDS, TOKENS, vocabulary=WORDS).data
    logits, ids = torch.tensor(LOGITS), torch.tensor(IDS)
    np.testing.assert_allclose(
        data["nats"], prediction.surprisal(logits, ids), rtol=1e-5
    )
    np.testing.assert_array_equal(data["ranks"], prediction.ranks(logits, ids))


def test_alternatives_are_the_most_likely_tokens():
    data = surprisal(LOGITS, IDS, TOKENS, vocabulary=WORDS).data
    top = prediction.probabilities(torch.tensor(LOGITS[:-1])).topk(5)
    np.testing.assert_allclose(data["probs"], top.values, rtol=1e-5)
    names = np.array(data["names"])[data["which"]]
    np.testing.assert_array_equal(names, np.array(WORDS)[top.indices])


def test_small_vocabularies_and_excluded_tokens_are_accepted():
    logits = torch.tensor([[0.0, -torch.inf], [-torch.inf, -torch.inf]])
    data = surprisal(logits, [0, 1], ["a", "b"], vocabulary=lambda ids: ["w"] * 2).data
    assert data["nats"].tolist() == [np.inf] and data["ranks"].tolist() == [2]


def test_input_is_unchanged_and_tokens_are_escaped():
    before = LOGITS.copy()
    view = surprisal(LOGITS, IDS, ["<img>", *TOKENS[1:]], vocabulary=["</script>"] * 20)
    np.testing.assert_array_equal(LOGITS, before)
    assert "<img>" not in view._repr_html_()
    assert view._repr_html_().count("</script>") == 2
    assert "nats" in view.fallback


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"logits": LOGITS[0]}, ValueError, r"`logits` must have shape \(T, V\)"),
        ({"logits": LOGITS * np.nan}, ValueError, "`logits` must be finite .* got nan"),
        ({"ids": IDS[1:]}, ValueError, r"`ids` must have shape \(6,\), got \(5,\)"),
        ({"ids": IDS + 20}, ValueError, "`ids` must be integers from 0 to 19, got"),
        ({"tokens": ["a"]}, ValueError, "`tokens` must have length 6, got 1"),
        ({"vocabulary": ["a"]}, ValueError, "`vocabulary` must have length 20, got 1"),
        (
            {"logits": LOGITS[:1], "ids": IDS[:1], "tokens": ["a"]},
            ValueError,
            "`logits` must have at least 2 positions, got 1",
        ),
        (
            {"logits": np.full((6, 20), -np.inf)},
            ValueError,
            "must have a finite number, got -inf",
        ),
    ],
)
def test_wrong_arguments_are_errors(change, error, message):
    given = LOGITS_OF | change
    with pytest.raises(error, match=message):
        surprisal(
            given["logits"],
            given["ids"],
            given["tokens"],
            vocabulary=given["vocabulary"],
        )
