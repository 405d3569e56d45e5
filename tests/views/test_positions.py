import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from lmviz.views import positions


def test_sizes_reach_the_page():
    html = positions(n=np.int64(16), d=8, title="<b>", kind="rotary")._repr_html_()
    data = json.loads(re.search(r'json">(.*?)</script>', html, re.S)[1])
    assert data == {"n": 16, "d": 8, "kind": "rotary"}
    assert "<b>" not in html


def test_the_fallback_draws_the_sines():
    svg = re.search(r"<svg.*</svg>", positions(n=5, d=8).fallback)[0]
    points = ET.fromstring(svg).findall("{*}polyline")
    assert len(points) == 2  # dimensions 0 and 4; there is no 16
    first = [pair.split(",") for pair in points[0].get("points").split()]
    x, y = np.array(first, float).T
    np.testing.assert_allclose((60 - y) / 45, np.sin((x - 40) / 400 * 4), atol=2e-2)


def test_the_fallback_shows_the_chosen_kind():
    turned = positions(n=5, d=8, kind="rotary").fallback
    assert "pairs 0 (solid)" in turned
    svg = re.search(r"<svg.*</svg>", positions(n=5, kind="ALiBi").fallback)[0]
    assert ">0</text>" in svg
    assert ">-2</text>" in svg
    ends = [line.get("points").split()[-1] for line in ET.fromstring(svg)[:3]]
    heights = np.array([end.split(",") for end in ends], float)[:, 1]
    np.testing.assert_allclose((heights - 15) / 45, [2, 0.5, 0.125], atol=2e-2)


@pytest.mark.parametrize(
    "sizes, message",
    [
        ({"n": 1}, "`n` must be from 2 to 2048, got 1"),
        ({"n": 2.5}, "`n` must be an integer, got 2.5"),
        ({"n": 5000}, "`n` must be .* got 5000"),
        ({"n": "a"}, "`n` must be an integer, got 'a'"),
        (
            {"kind": "learned"},
            "`kind` must be one of 'sinusoidal', 'rotary', .* got 'learned'",
        ),
        ({"d": 3}, "`d` must be even, got 3"),
        ({"d": 0}, "`d` must be from 2 to 1024, got 0"),
        ({"d": True}, "`d` must be .* got True"),
        ({"d": float("nan")}, "`d` must be .* got nan"),
    ],
)
def test_wrong_sizes_are_errors(sizes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        positions(**sizes)
