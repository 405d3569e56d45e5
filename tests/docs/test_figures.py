"""The markup that the build makes of a figure."""

import base64
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import hostile
import matplotlib.pyplot as plt
import numpy as np
import pytest
from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.utils import new_document
from lmviz_book import figure_svg, figures
from matplotlib import style
from PIL import Image

from lmviz import plots

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def book_style():
    with style.context("default"):
        figures.apply_style()
        yield
    plt.close("all")


def parsed(figure):
    """Return the root of a figure's markup and of the SVG in it."""
    root = ElementTree.fromstring(figures.to_html(figure))
    return root, root.find(".//svg")


def test_a_figure_is_described_by_what_is_drawn():
    figure, axes = plt.subplots(1, 3)
    axes[0].imshow([[0, 1]])
    axes[0].set(title="Weights", xlabel="key", ylabel="query")
    axes[1].bar([0, 1], [2, 3], label="the model")
    axes[1].set(title="Probabilities")
    axes[1].legend()
    axes[2].scatter([0], [1])
    axes[2].text(0, 1, "cat")
    axes[2].set(title="Map")
    assert figures.describe(figure) == (
        "Weights. A table of colours, across: key, up: query. "
        "Probabilities. 2 bars. Drawn: the model. Map. Points. Written in it: cat."
    )


def test_the_title_is_left_to_the_page():
    figure, ax = plt.subplots()
    ax.set_title("One\npanel")
    assert figures.take_title(figure) == "One, panel"
    assert figures.title_of(ax) == ""

    figure, axes = plt.subplots(1, 2)
    axes[0].set_title("Before")
    axes[1].set_title("After")
    assert figures.take_title(figure) == "Before; After"
    figure.suptitle("Both")
    assert figures.take_title(figure) == "Both"
    assert figure.get_suptitle() == ""
    titles = [figures.title_of(ax) for ax in axes]
    assert titles == ["Before", "After"], "panels keep their names"


def test_a_figure_says_what_its_lesson_says():
    figure, ax = plt.subplots()
    ax.set_title("Loss")
    plots.caption("It falls & stays. By <half>.", alt='A "curve" that falls.')
    root, svg = parsed(figure)
    assert svg.get("aria-label") == 'A "curve" that falls.'
    assert svg.get("role") == "img"
    caption = root.find("figcaption")
    assert caption.find("b").text == "It falls & stays."
    assert "".join(caption.itertext()) == "It falls & stays. By <half>."
    assert "Loss" not in "".join(svg.itertext())


def test_the_code_on_a_page_leaves_out_what_the_caption_says():
    call = 'plots.caption(\n    f"A ({n})",\n    alt="B",\n)\n'
    block = nodes.literal_block(text=f"ax.plot(x)\n{call}plt.show()\n")
    other = nodes.literal_block(text="plots.caption()\n")
    document = new_document("page", get_default_settings())
    document += [block, other]
    figures.leave_out_captions(None, document)
    assert call in block.astext(), "an example on a page without figures"
    document += nodes.raw(text=f'{figures.FIGURE}">', format="html")
    figures.leave_out_captions(None, document)
    assert block.astext() == block.rawsource == "ax.plot(x)\nplt.show()\n"
    assert other.astext() == "plots.caption()\n"


def test_without_words_a_figure_says_its_title_and_what_is_drawn():
    figure, ax = plt.subplots()
    ax.plot([1, 2])
    ax.set_title("A line")
    root, svg = parsed(figure)
    assert root.find("figcaption/b").text == "A line."
    assert svg.get("aria-label") == "A line. A curve."


def test_ink_and_roles_take_the_colours_of_the_page():
    figure, ax = plt.subplots()
    ax.plot([0, 1], color=plots.COLORS["query"])
    ax.axhline(0.5, color="0.8")
    ax.plot([0, 1], [1, 0], color="#123456")
    ax.set_ylabel("nats")
    _, svg = parsed(figure)
    strokes = {path.get("stroke"): path for path in svg.iter("path")}
    assert "var(--query,#2362b3)" in strokes
    assert "#123456" in strokes
    greys = [p for p in svg.iter("path") if p.get("stroke") == "currentColor"]
    assert any(float(path.get("stroke-opacity", 1)) < 0.3 for path in greys)
    label = next(t for t in svg.iter("text") if t.text == "nats")
    assert label.get("fill") == "currentColor"
    assert label.get("font-family") is None, "the page's"


def test_a_figure_has_nothing_that_leaks_or_leads_away():
    figure, ax = plt.subplots()
    ax.plot([0, 1], marker="o")
    ax.set_title("<script>alert(1)</script>\x07")
    ax.set_ylabel("$x^2$")
    ax.set_xlabel("</svg><img src=x onerror=alert(2)>")
    markup = figures.to_html(figure)
    root = ElementTree.fromstring(markup)
    tags = {element.tag for element in root.iter()}
    assert not tags & {"script", "style", "metadata", "a", "foreignObject"}
    assert "http" not in markup
    assert "<!" not in markup
    assert "\n" not in markup
    assert not re.search(r"20\d\d-", markup), "a date"


@pytest.mark.parametrize("text", [*hostile.SHORT, *hostile.HALVES])
def test_hostile_text_stays_text(text):
    ax = plots.token_bars([text, "b"], [0.5, 0.2], title=text)
    plots.caption(f"x {text}", alt=f"x {text}")
    markup = figures.to_html(ax.figure)
    root = ElementTree.fromstring(markup)
    assert {element.tag for element in root.iter()} <= {
        *("figure", "div", "svg", "g", "path", "defs", "use", "text", "clipPath"),
        *("rect", "figcaption", "b"),
    }
    assert not [name for e in root.iter() for name in e.attrib if name[:2] == "on"]


def test_figures_of_a_page_have_ids_of_their_own_and_are_the_same_each_time():
    def drawn(height):
        figure, ax = plt.subplots()
        ax.plot([0, height], marker="o")
        return figures.to_html(figure)

    first, again, other = drawn(1), drawn(1), drawn(2)
    assert first == again
    ids = [set(re.findall(r' id="([^"]+)"', markup)) for markup in (first, other)]
    assert ids[0] and not ids[0] & ids[1]
    used = set(re.findall(r"#([^\")]+)[\")]", first)) - {
        colour.strip("#") for colour in plots.COLORS.values()
    }
    assert used == ids[0]


def cells(svg):
    """Return each colour of an SVG's cells, and how much of it they have."""
    found = {}
    for mask in svg.iter("mask"):
        data = mask.find("image").get("href").partition(",")[2]
        picture = Image.open(io.BytesIO(base64.b64decode(data))).convert("L")
        (rect,) = (r for r in svg.iter("rect") if mask.get("id") in r.get("mask", ""))
        found[rect.get("fill")] = np.asarray(picture) / 255
    return found


def test_cells_are_one_small_picture_in_the_colour_of_weights():
    weights = np.array([[1.0, 0, 0], [0.25, 0.75, 0], [0.5, 0.5, 0]])
    ax = plots.attention_map(weights, ["a", "b", "c"], colorbar=False)
    _, svg = parsed(ax.figure)
    ((colour, shades),) = cells(svg).items()
    assert colour == "var(--weight,#0b6e70)"
    assert shades.shape == (3, 3)
    assert shades[np.triu_indices(3, 1)].max() == 0, "the mask is blank"
    assert shades[2, 2] > 0, "zero is not"
    assert shades[1, 1] == pytest.approx(0.06 + 0.94 * 0.75, abs=0.01)
    assert not [path for path in svg.iter("path") if path.get("fill-opacity")]


def test_signed_cells_have_a_colour_for_each_sign():
    ax = plots.heatmap([[-2.0, 1.0], [0.0, np.nan]], colorbar=False)
    _, svg = parsed(ax.figure)
    found = cells(svg)
    minus = found["var(--minus,#b8420e)"]
    plus = found["var(--plus,#5140b3)"]
    assert minus[0, 0] == 1
    assert plus[0, 1] == pytest.approx(0.53, abs=0.02)
    assert minus[0, 1] == plus[0, 0] == 0
    assert minus[1, 1] == plus[1, 1] == 0


@pytest.mark.parametrize("origin", ["upper", "lower"])
def test_images_are_the_right_way_up(origin):
    _, ax = plt.subplots()
    colours = plots.heatmap([[0, 1]]).collections[0].get_cmap()
    matrix = np.arange(6).reshape(2, 3) / 5
    ax.imshow(matrix, cmap=colours, origin=origin, interpolation="none")
    _, svg = parsed(ax.figure)
    (shades,) = cells(svg).values()
    expected = matrix if origin == "upper" else matrix[::-1]
    assert np.allclose(shades, 0.06 + 0.94 * expected, atol=0.02)


def test_other_colours_are_a_picture_and_a_large_table_stays_small():
    _, ax = plt.subplots()
    ax.imshow(np.eye(3), cmap="viridis", interpolation="none")
    _, svg = parsed(ax.figure)
    assert svg.find(".//image").get("href").startswith("data:image/png;base64,")
    noise = np.random.default_rng(0).normal(size=(1024, 768))
    markup = figures.to_html(plots.heatmap(noise).figure)
    assert len(markup) < 100_000


def test_what_is_too_large_for_an_svg_is_one_picture(monkeypatch):
    monkeypatch.setattr(figures, "MOST_BYTES", 10)
    figure, ax = plt.subplots(figsize=(2, 1))
    ax.plot([1, 2])
    markup = figures.to_html(figure)
    assert "<svg" not in markup
    data = re.search(r'base64,([^"]+)" width="200" alt="A curve\."', markup)[1]
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (400, 200)
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_figure_that_is_wider_than_a_phone_scrolls_before_its_text_gets_too_small():
    figure, ax = plt.subplots(figsize=(7.68, 3))
    ax.set_title("Wide", fontsize=7.92)  # 11 CSS pixels
    ax.tick_params(labelsize=8.64)
    ax.set_xlabel("x", fontsize=7.92)
    root, svg = parsed(figure)
    assert root.get("class") == "book-figure wide"
    scroller = root.find("div[@class='figure-scroller']")
    assert scroller.get("tabindex") == "0"
    assert scroller.get("role") == "region"
    assert scroller.get("aria-label") == "Wide."
    assert svg.get("style") == "--w:768px;--least:768px"

    narrow, _ = plt.subplots(figsize=(3, 3))
    root, _ = parsed(narrow)
    assert root.get("class") == "book-figure"
    assert root.find("div").get("tabindex") is None


def test_powers_of_ten_are_as_large_as_other_text():
    figure, ax = plt.subplots()
    ax.loglog([1e-7, 1e7], [1, 1e3])
    _, svg = parsed(figure)
    texts = [text for text in svg.iter("text") if text.text]
    assert {"10⁻⁷", "10⁷", "1000"} <= {text.text for text in texts}
    assert not [t for t in svg.iter("tspan")]
    assert min(float(text.get("font-size")) for text in texts) >= 7.92


def test_the_layout_is_computed_with_the_face_of_the_page():
    from matplotlib.font_manager import FontProperties, findfont

    for weight in ("normal", 600):
        found = findfont(FontProperties(family=["Book Sans"], weight=weight))
        assert Path(found).parent == DOCS / "_fonts"


def test_the_style_and_the_pages_have_the_colours_of_the_package():
    tokens = (DOCS / "_static" / "tokens.css").read_text(encoding="utf-8")
    for role, colour in plots.COLORS.items():
        light = re.search(rf"--{role}:\s*(?:light-dark\()?(#\w+)", tokens)[1]
        assert light == colour, role
    assert figure_svg.ROLES[plots.COLORS["ink"]] == "currentColor"
    cycle = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    assert tuple(f"#{colour.strip('#')}" for colour in cycle) == plots.PALETTE
