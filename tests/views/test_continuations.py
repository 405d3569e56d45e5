import numpy as np
import pytest
import torch

from lmviz.views import continuations

TREE = {
    (): (["a", "b"], [0.6, 0.3]),
    (0,): (["b", "c"], [0.5, 0.25]),
    (0, 1): (["a", "d"], torch.tensor([0.75, 0.0])),
}


def test_data_has_each_path_with_its_tokens_and_probabilities():
    view = continuations("Once", TREE)
    data = view.data
    assert view.name == "continuations" and data["text"] == "Once"
    assert data["names"] == ["a", "b", "c", "d"]
    assert data["rows"] == {"": 0, "0": 1, "0,1": 2}
    for (names, probs), row in zip(TREE.values(), range(3), strict=True):
        assert [data["names"][i] for i in data["which"][row]] == names
        np.testing.assert_allclose(data["probs"][row], probs, rtol=1e-6)


def test_a_tree_in_any_order_is_accepted_and_its_fallback_is_the_first_step():
    view = continuations("Once", dict(reversed(TREE.items())))
    assert view.data["rows"][""] == 2
    assert "after “\u2068Once\u2069”" in view.fallback
    assert "<td>0.600</td>" in view.fallback and "0.500" not in view.fallback


def test_texts_and_tokens_are_escaped():
    view = continuations("<img src=x>", {(): (["</script>"], [1.0])})
    assert "<img" not in view._repr_html_()
    assert view._repr_html_().count("</script>") == 2


@pytest.mark.parametrize(
    "change, error, message",
    [
        ([], TypeError, "`tree` must be a mapping, got list"),
        ({(0,): TREE[()]}, ValueError, r"`tree` must have the key \(\), the start"),
        (TREE | {(1, 0): TREE[()]}, ValueError, r"have the key \(1,\), got \(1, 0\)"),
        (TREE | {"0": TREE[()]}, TypeError, "keys of `tree` must be tuples, got '0'"),
        (TREE | {(2,): TREE[()]}, ValueError, r"a choice of tree\[\(2,\)\]` must be f"),
        (TREE | {(1.5,): TREE[()]}, TypeError, "must be an integer, got 1.5"),
        ({(): ["a", "b", "c"]}, TypeError, r"`tree\[\(\)\]` must be a pair \(tokens,"),
        ({(): ("ab", [0.5, 0.5])}, TypeError, "must be a sequence of str, got 'ab'"),
        ({(): ([1], [0.5])}, TypeError, r"`tree\[\(\)\]\[0\]\[0\]` must be a str, got"),
        ({(): ([], [])}, ValueError, r"`tree\[\(\)\]\[1\]` must not be empty"),
        (TREE | {(1,): (["a"], [0.5])}, ValueError, r"must have shape \(2,\), got"),
        (TREE | {(1,): (["a"], [0.5, 0.1])}, ValueError, "must have length 2, got 1"),
        ({(): (["a"], [1.5])}, ValueError, "probabilities with a sum of at most 1, go"),
        ({(): (["a", "b"], [-0.5, 1])}, ValueError, "got -0.5 to 1 with the sum 0.5"),
        ({(): (["a"], [np.nan])}, ValueError, r"must be finite .* got nan at \(0,\)"),
        ({(): ([*"abcdefghijk"], [0] * 11)}, ValueError, "at most 10 tokens, got 11;"),
    ],
)
def test_wrong_trees_are_errors(change, error, message):
    with pytest.raises(error, match=message):
        continuations("Once", change)


def test_a_wrong_text_and_a_large_tree_are_errors():
    with pytest.raises(TypeError, match="`text` must be a str, got list"):
        continuations(["Once"], TREE)
    large = {(0,) * i: (["a"], [1.0]) for i in range(5001)}
    with pytest.raises(ValueError, match="at most 5,000 nodes, got 5,001;"):
        continuations("Once", large)
