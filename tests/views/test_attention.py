import base64
import importlib
import json
import re
import xml.etree.ElementTree as ET
import zlib

import hostile
import numpy as np
import pytest
import torch

from lmviz.views import _svg, attention

maps = importlib.import_module("lmviz.views.attention")

HOSTILE = list(hostile.TOKENS)


def random_weights(*shape, sharpness=3.0, causal=True, seed=0):
    scores = np.random.default_rng(seed).normal(size=shape) * sharpness
    if causal:
        seen = np.tril(np.ones(shape[2:], bool), shape[3] - shape[2])
        scores = np.where(seen, scores, -np.inf)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def names(n):
    return [f"w{i}" for i in range(n)]


def decoded(data):
    n_layers, n_heads = data["shape"][:2]
    return np.array(
        [
            [maps._decode(data, layer, head)[0] for head in range(n_heads)]
            for layer in range(n_layers)
        ]
    )


@pytest.mark.parametrize("shape", [(2, 3, 5, 5), (1, 2, 3, 7), (1, 1, 1, 1)])
@pytest.mark.parametrize("causal", [True, False])
def test_decoded_weights_are_within_a_thousandth(shape, causal):
    weights = random_weights(*shape, causal=causal)
    data = attention(weights, names(shape[3])).data
    assert data["shape"] == shape
    assert data["causal"] == (causal or shape[3] == 1)
    assert np.abs(decoded(data) - weights).max() < 9.5e-4
    if causal:
        size = np.tril(np.ones(shape[2:]), shape[3] - shape[2]).sum()
        assert len(data["low"]) == shape[0] * shape[1] * size


def test_many_weights_take_coarser_steps_within_a_thousandth():
    weights = random_weights(6, 7, 128, 128)
    data = attention(weights, names(128)).data
    assert data["low"].dtype == np.uint8
    assert len(data["levels"]) < 600
    assert np.abs(decoded(data) - weights).max() < 9.5e-4


def test_few_weights_keep_their_logarithmic_colour():
    weights = random_weights(2, 2, 24, 24, sharpness=6)
    share = _svg.SCALES["log"][0]
    close = decoded(attention(weights, names(24)).data)
    assert (weights[weights > 0] < 1e-3).sum() > 100
    assert np.abs(share(close) - share(weights)).max() <= 1 / 255


@pytest.mark.parametrize("fine", [True, False])
def test_levels_rise_from_0_to_1_in_small_steps(fine):
    levels = maps._levels(fine=fine)
    assert levels[0] == 0
    assert levels[-1] == 1
    assert 0 < np.diff(levels).min() <= np.diff(levels).max() <= 0.0019
    assert len(levels) <= 1024


def test_packed_arrays_can_be_unpacked():
    view = attention(random_weights(1, 2, 4, 4), names(4))
    written = re.search(r'json">(.*?)</script>', view._repr_html_(), re.DOTALL)[1]
    packed = json.loads(written)["low"]
    raw = zlib.decompress(base64.b64decode(packed["array"]))
    low = np.frombuffer(raw, packed["type"]).reshape(packed["shape"])
    assert np.array_equal(low, view.data["low"])


def test_144_heads_of_128_tokens_stay_below_a_megabyte():
    weights = random_weights(12, 12, 128, 128).astype("f4")
    assert len(attention(weights, names(128))._repr_html_()) < 1_000_000


def test_tensors_are_accepted_and_left_unchanged():
    weights = torch.tensor(random_weights(1, 1, 3, 3), requires_grad=True)
    before = weights.detach().clone()
    for given in (weights, weights.to(torch.bfloat16)):
        data = attention(given, names(3)).data
        assert np.abs(decoded(data) - before.numpy()).max() < 5e-3
    assert torch.equal(weights, before)
    array = random_weights(1, 1, 3, 3)
    array.flags.writeable = False
    attention(array, names(3))


GOOD = random_weights(1, 2, 3, 3)
BAD = GOOD.copy()
BAD[0, 1, 2, 0] = np.nan
HALF = GOOD.copy()
HALF[0, 1, 2] /= 2


@pytest.mark.parametrize(
    ("error", "message", "weights", "tokens"),
    [
        (
            ValueError,
            "`weights` must have shape (L, H, T_q, T_k), got (3, 3)",
            GOOD[0, 0],
            names(3),
        ),
        (
            ValueError,
            "`weights` must not be empty, got shape (0, 2, 3, 3)",
            GOOD[:0],
            names(3),
        ),
        (
            ValueError,
            "`weights` must have no more queries than keys",
            GOOD[..., :2],
            names(2),
        ),
        (ValueError, "`tokens` must have length 3, got 2", GOOD, names(2)),
        (ValueError, "from 0 to 1, got nan to nan in layer 0, head 1", BAD, names(3)),
        (ValueError, "from 0 to 1, got -1 to 0 in layer 0, head 0", GOOD - 1, names(3)),
        (ValueError, "got 0.500 in layer 0, head 1, query 2", HALF, "abc"),
        (TypeError, "`tokens[2]` must be a str, got int", GOOD, ["a", "b", 3]),
        (
            TypeError,
            "`weights` must be an array of real numbers",
            np.full((1, 1, 1, 1), "x"),
            ["a"],
        ),
    ],
)
def test_wrong_arguments_are_errors(error, message, weights, tokens):
    with pytest.raises(error, match=re.escape(message)) as refused:
        attention(weights, tokens)
    assert "\n" not in str(refused.value)


def test_an_ablated_head_is_shown():
    weights = GOOD.copy()
    weights[0, 1] = 0
    weights[0, 0, 2] = 0  # a single row may be off, too
    data = attention(weights, names(3)).data
    assert data["causal"]
    assert np.abs(decoded(data) - weights).max() < 9.5e-4
    ET.fromstring(attention(weights, names(3)).to_svg(0, 1, scale="log"))


def test_a_drawing_has_a_square_per_weight_and_every_label():
    weights = random_weights(2, 2, 4, 4)
    svg = attention(weights, ["the", "dog", "sat", "."], title="A").to_svg(1, 0)
    tree = ET.fromstring(svg)
    texts = [text.text.strip("\u2068\u2069") for text in tree.iter(_tag("text"))]
    for label in ("the", "dog", "sat", ".", "key (attended to)", "query"):
        assert label in texts
    assert texts[0].endswith("layer 1, head 0")
    paths = list(tree.iter(_tag("path")))
    drawn = {}
    for path in paths:
        for column, row in re.findall(r"M(\d+) (\d+)", path.get("d")):
            drawn[int(row), int(column)] = float(path.get("fill-opacity"))
    seen = [(row, column) for row in range(4) for column in range(row + 1)]
    assert sorted(drawn) == seen
    for at in seen:
        assert abs(drawn[at] - _svg.opacity(weights[1, 0][at])) <= 4 / 255


def test_a_drawing_of_fewer_queries_labels_the_last_tokens():
    svg = attention(random_weights(1, 1, 2, 4), list("abcd")).to_svg(0, 0)
    texts = [
        text.text.strip("\u2068\u2069")
        for text in ET.fromstring(svg).iter()
        if text.text
    ]
    assert [label for label in texts if label in "abcd"] == list("cdabcd")


def test_an_unknown_head_or_scale_is_an_error():
    view = attention(GOOD, names(3))
    with pytest.raises(ValueError, match="`head` must be from 0 to 1, got 2"):
        view.to_svg(0, 2)
    with pytest.raises(ValueError, match="`layer` must be from 0 to 0, got -1"):
        view.to_svg(-1, 0)
    with pytest.raises(
        ValueError, match="`scale` must be one of 'linear', 'log1p', 'log', got 'power'"
    ):
        view.to_svg(0, 0, scale="power")


def test_hostile_tokens_are_text():
    n = len(HOSTILE)
    view = attention(random_weights(1, 1, n, n), HOSTILE, title="<i>")
    written = view._repr_html_().split('<script type="module">')[0]
    assert re.findall("<img.{11}", written) == ['<img src="data:']
    assert "<i>" not in written
    for svg in (view.to_svg(0, 0), view.to_svg(0, 0, scale="log")):
        ET.fromstring(svg)
    assert "◌\u0301" in view.fallback


def test_long_texts_are_pooled_in_the_fallback():
    weights = random_weights(1, 2, 100, 100)
    fallback = attention(weights, names(100)).fallback
    assert len(fallback) < 40_000
    assert "largest of 4 × 4" in fallback
    assert "mean over all 2 heads" in fallback


def test_a_drawing_has_the_colour_of_the_page_and_a_saved_one_its_own():
    view = attention(random_weights(1, 1, 4, 4), names(4))
    assert 'fill="var(--weight, #0b6e70)"' in view.fallback
    assert "var(" not in view.to_svg(0, 0)
    assert 'fill="#0b6e70"' in view.to_svg(0, 0)


SCORES = np.array([[[[0.5, 9.0], [1.0, 2.0]]]])
OF_SCORES = np.array([[[[1, 0], [0.26894, 0.73106]]]])


def test_scores_are_stored_with_three_decimals():
    data = attention(OF_SCORES, names(2), scores=SCORES + 1e-5).data
    assert data["scores"].dtype == np.float32
    assert np.array_equal(data["scores"], SCORES.astype("f4"))
    assert attention(OF_SCORES, names(2)).data["scores"] is None
    ablated = attention(OF_SCORES * 0, names(2), scores=SCORES)
    assert np.array_equal(ablated.data["scores"], SCORES.astype("f4"))


@pytest.mark.parametrize(
    ("message", "scores"),
    [
        (
            "`scores` must have the shape of `weights`, (1, 1, 2, 2), got",
            SCORES[:, :, :1],
        ),
        ("the softmax of `scores` must be `weights`, differs by 0.2", SCORES * 8),
        ("`scores` must be finite", SCORES * np.nan),
    ],
)
def test_scores_that_give_other_weights_are_errors(message, scores):
    with pytest.raises(ValueError, match=re.escape(message)):
        attention(OF_SCORES, names(2), scores=scores)


def _tag(name):
    return f"{{http://www.w3.org/2000/svg}}{name}"


def test_layers_have_the_numbers_that_are_given():
    weights = random_weights(2, 3, 4, 4)
    view = attention(weights, names(4), layers=(1, 5), title="Mine")
    assert view.data["layers"] == [1, 5]
    assert "Mine\u2069, layer 5, head 2" in view.to_svg(5, 2)
    plain = attention(weights, names(4), title="Mine").to_svg(1, 2)
    assert view.to_svg(5, 2).replace("layer 5", "layer 1") == plain
    with pytest.raises(ValueError, match="`layer` must be one of 1, 5, got 2"):
        view.to_svg(2, 0)
    for layers in ((1,), (5, 1), (1, 1), (-1, 0), "ab", 3):
        with pytest.raises(ValueError, match="`layers` must be 2 different integers"):
            attention(weights, names(4), layers=layers)


def test_a_learned_sink_is_shown_as_a_key_before_the_first_token():
    whole = random_weights(1, 2, 4, 5)
    sink, weights = whole[..., 0], whole[..., 1:]
    with pytest.raises(ValueError, match="must sum to 1 .* what a learned sink takes"):
        attention(weights, names(4))
    view = attention(weights, names(4), sink=sink)
    assert view.data["tokens"] == ["(sink)", *names(4)]
    assert view.data["shape"] == (1, 2, 4, 5)
    assert view.data["causal"]
    assert np.allclose(decoded(view.data), whole, atol=1e-3)
    assert "(sink): the share that a learned sink takes" in view.data["note"]
    with pytest.raises(ValueError, match="must sum to 1"):
        attention(weights, names(4), sink=sink / 2)
    with pytest.raises(ValueError, match="`sink` must have shape"):
        attention(weights, names(4), sink=sink[0])
    with pytest.raises(ValueError, match="`scores` cannot be shown together with"):
        attention(weights, names(4), sink=sink, scores=weights)
