import base64
import json
import re
import zlib

import numpy as np
import pytest
import torch

from lmviz.views import prediction

LOGITS = np.array([[0.0, 2.0, 1.0, 1.0], [3.0, -1.0, 0.5, 0.0]])
WORDS = ["a", "b", "<c>", "d"]


def packed(html, key):
    data = json.loads(re.search(r'json">(.*?)</script>', html, re.S)[1])[key]
    values = np.frombuffer(
        zlib.decompress(base64.b64decode(data["array"])), data["type"]
    )
    return values.reshape(data["shape"])


def test_most_likely_tokens_come_first_and_ties_in_order():
    data = prediction(LOGITS, ["x", "y"], vocabulary=WORDS, keep=3).data
    assert data["ids"].tolist() == [[1, 2, 3], [0, 2, 3]]
    named = [[data["names"][i] for i in row] for row in data["which"]]
    assert named == [["b", "<c>", "d"], ["a", "<c>", "d"]]
    assert data["count"] == 1


def test_tail_is_summed_at_every_temperature():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 500)) * 5
    data = prediction(logits, ["x", "y"], vocabulary=["w"] * 500, keep=20).data
    tail = np.sort(logits, axis=1)[:, :-20]
    for t, sums in zip(data["temperatures"], data["sums"].T, strict=True):
        want = np.logaddexp.reduce(tail / t, axis=1)
        np.testing.assert_allclose(sums, want, rtol=1e-6, atol=1e-5)
    assert data["bins"].sum(1).tolist() == [480, 480]
    np.testing.assert_allclose(data["start"], tail.max(1), rtol=1e-6)


def test_ties_of_the_last_kept_token_are_counted():
    data = prediction(LOGITS, ["x", "y"], vocabulary=WORDS, keep=2).data
    assert data["ties"].tolist() == [1, 0]


def test_an_empty_tail_and_excluded_tokens_are_accepted():
    logits = [[0.0, -np.inf, -np.inf, -1e30]]
    data = prediction(logits, ["x"], vocabulary=WORDS).data
    assert data["count"] == 0 and data["bins"].shape == (1, 0)
    data = prediction(logits, ["x"], vocabulary=WORDS, keep=1).data
    assert data["bins"].sum() == 1 and data["ties"] == [0]
    data = prediction([[0.0, -np.inf]], ["x"], vocabulary=WORDS[:2], keep=1).data
    assert np.isneginf(data["sums"]).all()


def test_arrays_are_unpacked_as_they_were_packed():
    html = prediction(LOGITS, ["x", "y"], vocabulary=WORDS)._repr_html_()
    np.testing.assert_array_equal(
        packed(html, "logits"), -np.sort(-LOGITS).astype(np.float32)
    )
    assert packed(html, "ids").dtype == np.uint32


def test_tensors_and_callables_are_accepted_and_left_unchanged():
    logits = torch.tensor(LOGITS, dtype=torch.bfloat16, requires_grad=True)
    asked = []

    def name(ids):
        asked.append(ids)
        return [WORDS[i] for i in ids]

    data = prediction(logits, ("x", "y"), vocabulary=name, keep=1).data
    assert data["names"] == ["a", "b"] and asked[0].tolist() == [0, 1]
    array = LOGITS.copy()
    prediction(array, ["x", "y"], vocabulary=WORDS)
    np.testing.assert_array_equal(array, LOGITS)


def test_tokens_are_escaped():
    words = ["</script><b>", "\ud800\0", "<c>", "d"]
    view = prediction(LOGITS, ["x", "<img>"], vocabulary=words)
    assert "<img>" not in view._repr_html_() and "<c>" not in view._repr_html_()
    view.fallback.encode()
    assert "\0" not in view.fallback


@pytest.mark.parametrize(
    "change, error, message",
    [
        (
            {"logits": LOGITS[0]},
            ValueError,
            r"`logits` must have shape \(T, V\), got \(4,\)",
        ),
        ({"logits": np.zeros((2, 0))}, ValueError, "`logits` must not be empty"),
        (
            {"logits": LOGITS * np.nan},
            ValueError,
            r"finite \(in float32\) or -inf, got nan at \(0, 0\)",
        ),
        (
            {"logits": np.full((2, 4), np.inf)},
            ValueError,
            "`logits` must be finite .* got inf",
        ),
        (
            {"logits": np.full((2, 4), -np.inf)},
            ValueError,
            "must have a finite number, got -inf",
        ),
        ({"logits": [["a"]]}, TypeError, "must be an array of real numbers"),
        ({"tokens": ["x"]}, ValueError, "`tokens` must have length 2, got 1"),
        ({"tokens": "xy"}, TypeError, "`tokens` must be .* got one str"),
        ({"tokens": ["x", 3]}, TypeError, r"`tokens\[1\]` must be a str, got int"),
        (
            {"vocabulary": WORDS[:3]},
            ValueError,
            "`vocabulary` must have length 4, got 3",
        ),
        (
            {"vocabulary": lambda ids: ["a"]},
            ValueError,
            r"`vocabulary\(ids\)` must have length 4, got 1",
        ),
        ({"keep": 0}, ValueError, "`keep` must be at least 1, got 0"),
        ({"keep": 1.5}, TypeError, "`keep` must be an integer, got 1.5"),
    ],
)
def test_wrong_arguments_are_errors(change, error, message):
    with np.errstate(all="ignore"):
        bad = {"logits": LOGITS, "tokens": ["x", "y"], "vocabulary": WORDS} | change
        with pytest.raises(error, match=message):
            prediction(bad.pop("logits"), bad.pop("tokens"), **bad)


def test_of_many_ties_the_first_ids_come_first():
    logits = np.random.default_rng(0).integers(0, 3, (1, 500))
    data = prediction(logits, ["x"], vocabulary=["w"] * 500, keep=100).data
    assert data["ids"][0].tolist() == np.flatnonzero(logits[0] == 2)[:100].tolist()
    assert data["ties"] == [(logits == 2).sum() - 100]
