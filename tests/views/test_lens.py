import numpy as np
import pytest
import torch

from lmviz.prediction import probabilities
from lmviz.views import lens

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(4, 3, 20))
IDS, TOKENS = [4, 2, 9], ["a", "b", "c"]
WORDS = [f"w{i}" for i in range(20)]


def test_top_tokens_are_the_most_likely():
    data = lens(LOGITS, IDS, TOKENS, vocabulary=WORDS).data
    top = probabilities(torch.tensor(LOGITS)).topk(5)
    np.testing.assert_allclose(data["probs"], top.values, rtol=1e-5)
    names = np.array(data["names"])[data["which"]]
    np.testing.assert_array_equal(names, np.array(WORDS)[top.indices])


def test_the_final_prediction_is_ranked_in_every_cell():
    data = lens(LOGITS, IDS, TOKENS, vocabulary=WORDS).data
    probs = probabilities(torch.tensor(LOGITS)).numpy()
    final = probs[-1].argmax(-1)
    for i, answer in enumerate(final):
        order = np.argsort(-probs[:, i], axis=-1)
        np.testing.assert_array_equal(
            data["ranks"][:, i], (order == answer).argmax(-1) + 1
        )
        np.testing.assert_allclose(
            data["final_probs"][:, i], probs[:, i, answer], rtol=1e-5
        )
    assert (data["ranks"][-1] == 1).all()


def test_cells_that_predict_the_next_token_are_marked():
    logits = np.zeros((1, 3, 20))
    logits[0, 0, 2] = logits[0, 1, 3] = logits[0, 2, 9] = 1
    data = lens(logits, IDS, TOKENS, vocabulary=WORDS).data
    assert data["next"].tolist() == [[True, False, False]]


def test_small_vocabularies_excluded_tokens_and_tensors_are_accepted():
    logits = torch.tensor([[[0.0, -torch.inf, 1.0]]], requires_grad=True)
    data = lens(logits, torch.tensor([0]), ["a"], vocabulary=lambda ids: ["w"] * 3).data
    assert data["probs"].shape == (1, 1, 3) and data["probs"][0, 0, 2] == 0


def test_input_is_unchanged_and_tokens_are_escaped():
    before = LOGITS.copy()
    html = lens(
        LOGITS, IDS, ["a", "b", "<img>"], vocabulary=["</script>"] * 20
    )._repr_html_()
    np.testing.assert_array_equal(LOGITS, before)
    assert "<img>" not in html and html.count("</script>") == 2


@pytest.mark.parametrize(
    "change, error, message",
    [
        (
            {"logits": LOGITS[0]},
            ValueError,
            r"`logits` must have shape \(L \+ 1, T, V\), got \(3, 20\)",
        ),
        ({"logits": LOGITS * np.nan}, ValueError, "`logits` must be finite .* got nan"),
        (
            {"logits": np.full((4, 3, 20), -np.inf)},
            ValueError,
            "must have a finite number, got -inf",
        ),
        ({"ids": [1, 2]}, ValueError, r"`ids` must have shape \(3,\), got \(2,\)"),
        (
            {"ids": [1, 2, 20]},
            ValueError,
            "`ids` must be integers from 0 to 19, got 20",
        ),
        ({"ids": [1, 2, 0.5]}, ValueError, "`ids` must be integers .* got 0.5"),
        ({"tokens": ["a"]}, ValueError, "`tokens` must have length 3, got 1"),
        ({"tokens": [1, 2, 3]}, TypeError, r"`tokens\[0\]` must be a str, got int"),
        ({"vocabulary": ["a"]}, ValueError, "`vocabulary` must have length 20, got 1"),
    ],
)
def test_wrong_arguments_are_errors(change, error, message):
    given = {"logits": LOGITS, "ids": IDS, "tokens": TOKENS, "vocabulary": WORDS}
    given |= change
    with pytest.raises(error, match=message):
        lens(
            given["logits"],
            given["ids"],
            given["tokens"],
            vocabulary=given["vocabulary"],
        )


def test_rows_have_the_depths_that_are_given():
    view = lens(LOGITS[:2], IDS, TOKENS, vocabulary=WORDS, depths=(5, 6))
    assert view.data["depths"] == [5, 6]
    assert "<td>6</td>" in view._repr_html_()
    assert lens(LOGITS, IDS, TOKENS, vocabulary=WORDS).data["depths"] == [0, 1, 2, 3]
    for depths in ((5,), (6, 5)):
        with pytest.raises(ValueError, match="`depths` must be 2 different integers"):
            lens(LOGITS[:2], IDS, TOKENS, vocabulary=WORDS, depths=depths)
