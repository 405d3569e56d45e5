"""The drawings that views save are self-contained."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import hostile
import numpy as np
import pytest

from lmviz import views

WORDS = [*hostile.TOKENS, "currentColor", "␣the"]
N = len(WORDS)
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(3, N, N)) * 3
WEIGHTS = np.exp(LOGITS[:1, None]) * np.tri(N)
VIEWS = {
    "attention": (
        lambda: views.attention(WEIGHTS / WEIGHTS.sum(-1, keepdims=True), WORDS),
        ["query ↓", "key →", "Attention weights", *WORDS[-2:]],
    ),
    "continuations": (
        lambda: views.continuations("Once", {(): (WORDS[-4:], [0.25] * 4)}),
        ["Once", "Most likely next tokens, .*", r"0\.250", *WORDS[-2:]],
    ),
    "embeddings": (
        lambda: views.embeddings(RNG.normal(size=(N, 6)), WORDS),
        ["Closest by cosine, in all .*", *WORDS[-2:]],
    ),
    "lens": (
        lambda: views.lens(LOGITS, range(N), WORDS, vocabulary=WORDS),
        ["probability of the top token", "read", *WORDS[-2:]],
    ),
    "positions": (
        lambda: views.positions(n=20, d=8),
        ["Selected dimensions", "dim 0", "Dot product .*", "position", "dimension"],
    ),
    "prediction": (
        lambda: views.prediction(LOGITS[0], WORDS, vocabulary=WORDS),
        ["next token", "temperature", r"0\.\d{4}", *WORDS[-2:]],
    ),
    "merges": (
        lambda: views.merges({"low": 5, "␣the": 2}, [("l", "o")]),
        ["5 ×", "t", "Most frequent pairs .*", "5"],
    ),
    "surprisal": (
        lambda: views.surprisal(LOGITS[0], range(N), WORDS, vocabulary=WORDS),
        [r"\d+\.\d\d", "Most likely after ", *WORDS[-2:]],
    ),
    "explorer": (
        views.explorer,
        ["key →", "embeddings", "the", "Divergence of the model .*"],
    ),
    "model": (
        views.model,
        ["Layer ", "head", "red", "Next token", r"\d+ %"],
    ),
    "tokens": (
        lambda: views.tokens({"words": WORDS, "letters": list("abc")}),
        [f"words.: {N} tokens", "b", *WORDS],
    ),
}


def saved(page):
    page.get_by_label("Save or copy").click()
    with page.expect_download() as file:
        page.get_by_role("button", name="Save as SVG").click()
    name = file.value.suggested_filename
    assert re.fullmatch(r"[a-z0-9-]+\.svg", name), name
    return Path(file.value.path()).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", VIEWS)
def test_a_saved_drawing_stands_alone(open_page, name):
    make, labels = VIEWS[name]
    view = make()
    text = saved(open_page(view))
    assert saved(open_page(view, dark=True)) == text
    texts = [
        "".join(element.itertext()).strip("\u2068\u2069")
        for element in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}text")
    ]
    for label in labels:
        label = label if label not in WORDS else re.escape(label)
        if label not in map(re.escape, hostile.TOKENS):
            assert any(re.fullmatch(label, found) for found in texts), (label, texts)
    marks = re.sub(r">[^<]*<", "><", text)
    for word in ("var(", "light-dark", "Canvas", "color-mix", "color(", "url("):
        assert word not in marks
    # As an image it has nothing of the page, and no scripts.
    page = open_page(view)
    width, height, corner, ink = page.evaluate(
        """async (text) => {
        const image = new Image();
        image.src = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
        await image.decode();
        const canvas = document.createElement("canvas");
        const [width, height] = [image.naturalWidth, image.naturalHeight];
        Object.assign(canvas, { width, height });
        const context = canvas.getContext("2d");
        context.drawImage(image, 0, 0);
        const { data } = context.getImageData(0, 0, width, height);
        let ink = 0;
        for (let i = 0; i < data.length; i += 4) ink += data[i] + data[i + 1] < 200;
        return [width, height, [...data.slice(-4)], ink];
        }""",
        text,
    )
    assert width > 150 and height > 100
    assert corner == [255, 255, 255, 255]
    assert ink > 300


def test_saved_curves_keep_their_colours_and_dashes(open_page):
    text = saved(open_page(views.positions(n=20, d=8), dark=True))
    space = "{http://www.w3.org/2000/svg}"
    lines = {
        path.get("stroke"): path.get("stroke-dasharray")
        for path in ET.fromstring(text).iter(f"{space}path")
        if path.get("stroke-width") == "1.8px"
    }
    assert lines == {
        "rgb(11, 110, 112)": None,
        "rgb(184, 66, 14)": "9px, 3px",
        "rgb(81, 64, 179)": "4px, 3px",
        "rgb(24, 33, 38)": "10px, 3px, 2px, 3px",
    }
