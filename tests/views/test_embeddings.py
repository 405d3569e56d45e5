import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

from lmviz.embeddings import nearest_neighbors, pca
from lmviz.views import embeddings

X = np.random.default_rng(0).normal(size=(3, 8, 6))
LABELS = [f"w{i}" for i in range(8)]


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def test_points_are_the_projection_of_unit_vectors_up_to_rotation():
    data = embeddings(X, LABELS).data
    for x, points, kept in zip(X, data["points"], data["kept"], strict=True):
        want, share = pca(torch.tensor(unit(x)))
        want /= want.square().sum(1).mean().sqrt()
        np.testing.assert_allclose(pairwise(points), pairwise(want), atol=1e-5)
        np.testing.assert_allclose(kept, share, atol=1e-6)
    np.testing.assert_allclose(data["norms"], np.linalg.norm(X, axis=-1), rtol=1e-6)


def pairwise(points):
    return torch.pdist(torch.as_tensor(points).double()).numpy()


def test_an_attention_sink_does_not_squeeze_the_other_points():
    # As in the hidden states of SmolLM2: the first norm is 150 times the others, which
    # share a large common component.
    x = np.random.default_rng(1).normal(size=(5, 16, 64)) + 5
    x[1:4, 0] = np.random.default_rng(2).normal(size=64) * 1000
    data = embeddings(x, [*"abcdefghijklmnop"], exclude=[0]).data
    for points in data["points"]:
        rest = np.ptp(points[1:], axis=0)
        assert rest.max() > 0.9 * np.ptp(points, axis=0).max()
        assert rest.min() > 0.4 * rest.max()
    assert data["excluded"] == [0]


def test_successive_layers_are_aligned():
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(6, 6)))
    swap = [*range(1, 8), 0]
    data = embeddings(np.stack([X[0], X[0] @ turn, 7 * X[0]]), LABELS).data
    points = data["points"]
    np.testing.assert_allclose(points[1], points[0], atol=1e-5)
    np.testing.assert_allclose(points[2], points[0], atol=1e-5)
    # No rotation or reflection would bring the points closer to the previous ones.
    points = embeddings(np.stack([X[0], X[1][swap]]), LABELS).data["points"]
    angles = np.linspace(0, 2 * np.pi, 500)
    cos, sin = np.cos(angles), np.sin(angles)
    for flip in (1, -1):
        turns = np.array([[cos, -sin], [flip * sin, flip * cos]]).transpose(2, 0, 1)
        far = ((points[1] @ turns - points[0]) ** 2).sum((1, 2))
        assert ((points[1] - points[0]) ** 2).sum() <= far.min() + 1e-6


def test_neighbours_are_those_of_the_whole_space():
    data = embeddings(X, LABELS).data
    for i in range(8):
        ids, cosines = nearest_neighbors(torch.tensor(X[1]), i, k=5)
        assert data["near"][1, i].tolist() == ids.tolist()
        np.testing.assert_allclose(data["cosines"][1, i], cosines, atol=1e-6)


def test_one_layer_zero_vectors_and_equal_points_are_accepted():
    data = embeddings(torch.tensor(X[0], requires_grad=True), tuple(LABELS)).data
    assert data["points"].shape == (1, 8, 2)
    data = embeddings(np.zeros((3, 2)), ["a", "b", "c"]).data
    assert not data["points"].any() and not data["kept"].any()
    assert not data["cosines"].any() and data["near"].shape == (1, 3, 2)


def test_input_is_unchanged_and_labels_are_escaped():
    before = X.copy()
    view = embeddings(X, ["</script><img>", "\ud800", "\0", *LABELS[3:]])
    np.testing.assert_array_equal(X, before)
    html = view._repr_html_().encode().decode()
    assert "<img>" not in html and "\0" not in html
    svg = ET.fromstring(re.search(r"<svg.*</svg>", view.fallback)[0])
    assert svg.find("{*}text").text == "\u2068</script><img>\u2069"


@pytest.mark.parametrize(
    "vectors, labels, error, message",
    [
        (X[0, 0], LABELS, ValueError, r"must have shape \(L \+ 1, T, d\), got \(6,\)"),
        (np.stack([X, X]), LABELS, ValueError, "`vectors` .* got a batch of 2"),
        (X * np.inf, LABELS, ValueError, r"must be finite .* got -?inf at \(0, 0, 0\)"),
        (X * np.nan, LABELS, ValueError, "must be finite .* got nan"),
        (X[:, :2], LABELS[:2], ValueError, "at least 3 vectors of .* got 2 of 6"),
        (X[:, :, :1], LABELS, ValueError, "got 8 of 1"),
        (X[:0], LABELS, ValueError, "`vectors` must not be empty"),
        (X, LABELS[1:], ValueError, "`labels` must have length 8, got 7"),
        (X, "abcdefgh", TypeError, "`labels` must be .* got one str"),
        (
            [[1, 2], [3]],
            LABELS,
            TypeError,
            "must be an array of real numbers, got list",
        ),
    ],
)
def test_wrong_arguments_are_errors(vectors, labels, error, message):
    with pytest.raises(error, match=message):
        embeddings(vectors, labels)


@pytest.mark.parametrize(
    "exclude, error, message",
    [
        (0, TypeError, "`exclude` must be a sequence of int, got 0"),
        ([0.5], TypeError, "`exclude` must be an integer, got 0.5"),
        ([8], ValueError, "`exclude` must be from 0 to 7, got 8"),
        (range(6), ValueError, "must leave at least 3 vectors, got 6 of 8"),
    ],
)
def test_wrong_exclusions_are_errors(exclude, error, message):
    with pytest.raises(error, match=message):
        embeddings(X, LABELS, exclude=exclude)
