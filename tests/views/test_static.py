"""What a view is where no script runs: HTML without SVG, a picture, and plain text."""

import base64
import io
import re
import struct
import sys
import warnings
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from lmviz import views
from lmviz.views import _picture
from lmviz.views._view import LINKED

WORDS = ["the", "␣dog", "␣saw", "␣<b>"]
QUARTERS = np.log([[0.5, 0.25, 0.125, 0.125]] * 4)
NAMES = {"vocabulary": WORDS}


def random_weights(*shape):
    weights = np.random.default_rng(0).random(shape) ** 4
    weights *= np.tril(np.ones(shape[-2:]))
    return weights / weights.sum(-1, keepdims=True)


MADE = {
    "attention": lambda: views.attention(random_weights(3, 2, 4, 4), WORDS),
    "continuations": lambda: views.continuations("It", {(): (["a", "b"], [0.6, 0.3])}),
    "embeddings": lambda: views.embeddings(np.eye(4), WORDS),
    "explorer": lambda: views.explorer({"a": "Anna has a red ball ."}, embed=False),
    "lens": lambda: views.lens([QUARTERS] * 3, range(4), WORDS, **NAMES),
    "merges": lambda: views.merges({"low": 5}, [("l", "o"), ("lo", "w")]),
    "model": views.model,
    "positions": lambda: views.positions(n=16, d=32),
    "prediction": lambda: views.prediction(QUARTERS, WORDS, **NAMES),
    "surprisal": lambda: views.surprisal(QUARTERS, range(4), WORDS, **NAMES),
    "tokens": lambda: views.tokens({"words": WORDS, "letters": [*"dog"]}),
}


@pytest.fixture(autouse=True)
def a_notebook(monkeypatch):
    monkeypatch.delenv(LINKED, raising=False)


@pytest.fixture(params=MADE)
def view(request):
    return MADE[request.param]()


class Sanitized(HTMLParser):
    """What JupyterLab leaves of the HTML of a notebook that is not trusted.

    It removes the elements of scripts with what is in them, and keeps the content of
    others that it does not know, such as those of SVG.
    """

    def __init__(self, text):
        super().__init__()
        self.text, self.images, self.inside = "", [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        self.text += "" if self.inside == "script" else f"{data} "


def bundle(view):
    """Return what IPython stores of a view, and what it stores about that."""
    formatters = pytest.importorskip("IPython.core.formatters")
    return formatters.DisplayFormatter().format(view)


def test_a_notebook_stores_three_forms_but_no_svg(view):
    data, about = bundle(view)
    # nbconvert passes each SVG to Inkscape to make a PDF, and fails without it.
    assert set(data) == {"text/html", "image/png", "text/plain"}
    assert data["text/plain"] == about["image/png"]["alt"] == repr(view)
    assert f"<lmviz-{view.name} " in data["text/html"]


def test_the_picture_is_a_png_of_some_size_that_shows_something(view):
    png, _ = view._repr_png_()
    assert 3_000 < len(png) < 150_000
    width, height = struct.unpack(">II", png[16:24])
    assert 400 < width < 1100
    assert 90 < height < 1100
    pixels = plt.imread(io.BytesIO(png))
    assert (pixels[[0, -1], :, :3] == 1).all(), "nothing is cut off at the edges"
    assert (pixels[:, [0, -1], :3] == 1).all()
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 10


def test_its_text_says_what_it_shows_in_a_few_lines(view):
    first, *others = repr(view).splitlines()
    assert first.startswith(f"lmviz.views.{view.name} “{view.title}”: ")
    assert 1 <= len(others) <= 10
    assert all(len(line) < 400 and line.isprintable() for line in others)


def test_without_scripts_and_svg_a_page_has_a_table_text_or_an_image(view):
    shown = Sanitized(view._repr_html_())
    assert "interactive if scripts are enabled" in shown.text
    if view.name in ("attention", "embeddings", "positions"):
        [image] = shown.images
        assert image["src"].startswith("data:image/png;base64,iVBOR")
        assert image["alt"] == repr(view)
        assert view.static.note in shown.text
        # Labels of a drawing that is gone would make no sense.
        assert "dog" not in shown.text
    else:
        assert shown.images == []
        words = re.findall(r"\w+", view.static.text().replace("…", ""))
        assert set(words) <= set(re.findall(r"\w+", shown.text))


def test_probabilities_in_the_text_are_those_of_the_logits():
    said = repr(MADE["prediction"]()).splitlines()
    assert said == [
        "lmviz.views.prediction “Prediction”: 4 positions, 4 tokens in the vocabulary",
        "The most likely tokens after “␣<b>”:",
        "  the   0.500",
        "  ␣dog  0.250",
        "  ␣saw  0.125",
        "  ␣<b>  0.125",
    ]
    # ln 4, ln 8, ln 8
    assert re.findall(r"\d\.\d\d", repr(MADE["surprisal"]())) == [
        "1.39",
        "2.08",
        "2.08",
    ]


def test_a_long_table_tells_its_first_rows_and_how_many_more_there_are():
    n = 100
    logits = np.zeros((n, 2))
    view = views.surprisal(logits, [0] * n, ["x"] * n, vocabulary=["x", "y"])
    assert repr(view).count("0.69") == 8
    assert repr(view).endswith("\n  … and 91 more")
    ax = Figure().subplots()
    view.static.draw(ax)
    assert len(ax.patches) == 40
    assert ax.get_xlabel() == "nats (the first 40 of 99)"


def test_the_end_of_a_long_text_is_what_the_next_token_follows():
    view = views.continuations("a" * 1000 + " end", {(): (["b"], [0.5])})
    [_, line, _] = repr(view).splitlines()
    assert re.fullmatch("The most likely tokens after “…a+ end”:", line)
    assert len(line) < 130


def test_bars_are_as_long_as_the_numbers_beside_them():
    ax = Figure().subplots()
    MADE["prediction"]().static.draw(ax)
    np.testing.assert_allclose(
        [bar.get_width() for bar in ax.patches], [0.5, 0.25, 0.125, 0.125]
    )
    assert [text.get_text() for text in ax.texts] == [
        "0.500",
        "0.250",
        "0.125",
        "0.125",
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == WORDS


def test_the_picture_of_attention_is_the_mean_on_a_logarithmic_scale():
    weights = random_weights(3, 2, 4, 4)
    ax = Figure().subplots()
    views.attention(weights, WORDS).static.draw(ax)
    [drawn] = ax.images
    mean = weights.mean((0, 1))
    wanted = np.where(np.tri(4), 1 + np.log10(mean.clip(1e-4)) / 4, np.nan)
    np.testing.assert_allclose(drawn.get_array().filled(np.nan), wanted, atol=1e-6)
    assert [label.get_text() for label in ax.get_xticklabels()] == WORDS


def test_the_picture_of_positions_shows_what_alibi_adds():
    ax = Figure().subplots()
    views.positions(n=17, kind="ALiBi").static.draw(ax)
    # The slopes of heads 0, 2 and 4 of 8 are 1/2, 1/8 and 1/32.
    ends = [line.get_ydata()[-1] for line in ax.lines]
    np.testing.assert_allclose(ends, [-8, -2, -0.5])


def test_many_heads_and_tokens_make_no_large_picture():
    view = views.attention(
        random_weights(30, 9, 128, 128), [f"t{i}" for i in range(128)]
    )
    png, _ = view._repr_png_()
    assert len(png) < 150_000
    longer = len(view._repr_html_()) - len(view._element(view.fallback))
    assert longer < len(view._script()) + 200_000


def test_a_style_of_the_user_does_not_reach_the_picture():
    plain = MADE["attention"]()._png
    with matplotlib.style.context("dark_background"):
        assert MADE["attention"]()._png == plain
        assert matplotlib.rcParams["figure.facecolor"] == "black"


def test_without_matplotlib_the_html_has_an_svg_as_an_image(monkeypatch, view):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert view._repr_png_() is None
    for image in Sanitized(view._repr_html_()).images:
        kind, data = image["src"].split(",")
        assert kind == "data:image/svg+xml;base64"
        svg = ET.fromstring(base64.b64decode(data))
        assert svg.tag == "{http://www.w3.org/2000/svg}svg"


def test_a_site_and_a_saved_file_have_the_drawing_itself(monkeypatch, tmp_path):
    view = MADE["attention"]()
    view.save(tmp_path / "view.html")
    saved = (tmp_path / "view.html").read_text("utf-8")
    monkeypatch.setenv(LINKED, "1")
    for page in (saved, view._repr_html_()):
        assert "<img" not in page
        assert "var(--weight" in page
    assert view._repr_png_() is None


@pytest.mark.parametrize(
    "text", ["$x_$", "a\nb", "\u202egnp", "\ud800", "猫", "e" * 400]
)
def test_any_text_can_be_drawn_without_a_warning(text):
    view = views.prediction([[0.0]], [text], vocabulary=[text], title=text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = _picture.png(view.static.draw, view.title[:0] + "a", text[:9], "b")
        assert view._repr_png_()[0] != png
    assert view._repr_html_().encode()
    assert "\u202e" not in repr(view)
