import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

from lmviz.embeddings import nearest_neighbors, pca
from lmviz.views import embeddings

X = np.random.default_rng(0).normal(size=(3, 8, 6))
LABELS = [f"w{i}" for i in range(8)]


def test_points_are_the_projection_up_to_mirroring():
    data = embeddings(X, LABELS).data
    for x, points, kept in zip(X, data["points"], data["kept"], strict=True):
        want, share = pca(torch.tensor(x))
        np.testing.assert_allclose(abs(points), abs(want.numpy()), atol=1e-5)
        np.testing.assert_allclose(kept, share, atol=1e-6)


def test_neighbours_are_those_of_the_whole_space():
    data = embeddings(X, LABELS).data
    for i in range(8):
        ids, cosines = nearest_neighbors(torch.tensor(X[1]), i, k=5)
        assert data["near"][1, i].tolist() == ids.tolist()
        np.testing.assert_allclose(data["cosines"][1, i], cosines, atol=1e-6)


def test_layers_do_not_mirror_each_other():
    flip = np.diag([-1.0, 1, -1, 1, -1, 1])
    data = embeddings(np.stack([X[0], X[0] @ flip, -X[0]]), LABELS).data
    points = data["points"]
    np.testing.assert_allclose(points[1], points[0], atol=1e-5)
    np.testing.assert_allclose(points[2], points[0], atol=1e-5)


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
    assert svg.find("text").text == "\u2068</script><img>\u2069"


@pytest.mark.parametrize(
    "vectors, labels, error, message",
    [
        (X[0, 0], LABELS, ValueError, r"must have shape \(L \+ 1, T, d\), got \(6,\)"),
        (X[None], LABELS, ValueError, "vectors"),
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
