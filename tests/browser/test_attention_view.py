import csv
import importlib
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import hostile
import numpy as np
import pytest

from lmviz.views import _svg, attention

maps = importlib.import_module("lmviz.views.attention")

HOSTILE = list(hostile.TOKENS)
WORDS = ["The", "␣dog", "␣chased", "␣the", "␣ball", "."]


def random_weights(*shape, sharpness=3.0, causal=True, seed=0):
    scores = np.random.default_rng(seed).normal(size=shape) * sharpness
    if causal:
        seen = np.tril(np.ones(shape[2:], bool), shape[3] - shape[2])
        scores = np.where(seen, scores, -np.inf)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


WEIGHTS = random_weights(3, 4, 6, 6)
SEEN = np.tril(np.ones((6, 6), bool))


def view(i=0):
    return f"document.querySelectorAll('lmviz-attention')[{i}]"


def figure(page, i=0):
    return page.locator("lmviz-attention").nth(i)


def shown(page, i=0):
    text = figure(page, i).locator("output").first.inner_text()
    return text.replace("\u2068", "").replace("\u2069", "")


def matrix(page, i=0):
    values, shape = page.evaluate(
        f"[[...{view(i)}.matrix.values], {view(i)}.matrix.shape]"
    )
    return np.array(values).reshape(shape)


def pixels(page, which, i=0):
    data = page.evaluate(
        f"""(() => {{
        const canvas = {view(i)}.shadowRoot.querySelectorAll("canvas")[{which}];
        const {{ data, width, height }} = canvas.getContext("2d").getImageData(
          0, 0, canvas.width, canvas.height);
        return [[...data], height, width];
        }})()"""
    )
    return np.array(data[0]).reshape(*data[1:], 4)


def wanted_colours(weights, scale):
    shares = _svg.SCALES[scale][0](weights)
    hexes = [_svg.colour(share) for share in shares.ravel()]
    rgb = np.array([list(bytes.fromhex(h[1:])) for h in hexes])
    return rgb.reshape(*weights.shape, 3)


def point(page, query, key, n=6, i=0, event="move"):
    """Point at a cell of the large map."""
    box = figure(page, i).locator("canvas").nth(1).bounding_box()
    x = box["x"] + (key + 0.5) * box["width"] / n
    y = box["y"] + (query + 0.5) * box["height"] / n
    getattr(page.mouse, event)(x, y)


def choose(page, label, name):
    selects = figure(page).locator("select")
    selects.nth(["show", "colour"].index(label)).select_option(name)


def test_data_is_what_went_in(open_page):
    data = attention(WEIGHTS, WORDS).data
    page = open_page(attention(WEIGHTS, WORDS))
    low, high = (
        page.evaluate(f"[...{view()}.data.{name}.values]") for name in ("low", "high")
    )
    assert low == data["low"].tolist()
    assert high == data["high"].tolist()
    assert page.evaluate(f"{view()}.data.tokens") == WORDS


@pytest.mark.parametrize(("layer", "head"), [(0, 0), (1, 3), (2, 2)])
def test_a_click_chooses_a_head(open_page, layer, head):
    page = open_page(attention(WEIGHTS, WORDS))
    box = figure(page).locator("canvas").first.bounding_box()
    page.mouse.click(
        box["x"] + (head + 0.4) * box["width"] / 4,
        box["y"] + (layer + 0.4) * box["height"] / 3,
    )
    assert page.evaluate(f"{view()}.shown") == f"layer {layer}, head {head}"
    assert shown(page).startswith(f"layer {layer}, head {head}: ")
    values = matrix(page)
    assert np.abs(values - WEIGHTS[layer, head])[SEEN].max() < 1e-3
    assert (values[~SEEN] == -1).all()


def test_arrow_keys_choose_a_head(open_page):
    page = open_page(attention(WEIGHTS, WORDS))
    figure(page).locator(".wide svg").first.focus()
    for key, layer, head in [
        ("ArrowDown", 1, 0),
        ("ArrowRight", 1, 1),
        ("End", 1, 3),
        ("ArrowRight", 1, 3),
        ("ArrowDown", 2, 3),
        ("ArrowDown", 2, 3),
        ("Home", 2, 0),
        ("ArrowUp", 1, 0),
    ]:
        page.keyboard.press(key)
        assert page.evaluate(f"{view()}.shown") == f"layer {layer}, head {head}"


def test_pointing_prints_query_key_and_weight(open_page):
    page = open_page(attention(WEIGHTS, WORDS))
    for query, key in [(0, 0), (3, 1), (5, 5)]:
        point(page, query, key)
        found = re.fullmatch(
            r"layer 0, head 0: query (\d) “(.*)” → key (\d) “(.*)”: ([\d.]+)",
            shown(page),
        )
        assert found.groups()[:4] == (str(query), WORDS[query], str(key), WORDS[key])
        assert abs(float(found[5]) - WEIGHTS[0, 0, query, key]) <= 1e-3
    point(page, 1, 4)
    assert shown(page).endswith("key 4 “␣ball”: masked, since it comes later")


def test_touching_the_map_shows_its_weights(open_page, tap):
    page = open_page(attention(WEIGHTS, WORDS), width=390)
    canvas = figure(page).locator("canvas").nth(1)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    tap(page, box["x"] + 1.5 / 6 * box["width"], box["y"] + 3.5 / 6 * box["height"])
    assert "query 3 “␣the” → key 1 “␣dog”: " in shown(page)


def test_arrow_keys_move_over_the_map(open_page):
    page = open_page(attention(WEIGHTS, WORDS))
    figure(page).locator(".wide svg").nth(1).focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert "query 4 “␣ball” → key 1 “␣dog”" in shown(page)
    assert abs(float(shown(page).split(": ")[-1]) - WEIGHTS[0, 0, 4, 1]) <= 1e-3
    page.keyboard.press("End")
    assert "key 5" in shown(page)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_colours_are_those_of_the_weights(open_page, scale):
    page = open_page(attention(WEIGHTS, WORDS))
    choose(page, "colour", scale)
    assert (
        f"colour: weight, {scale}"
        in figure(page).locator(".wide svg").nth(1).inner_html()
    )
    drawn = pixels(page, 1)
    assert (drawn[~SEEN][:, 3] == 0).all()
    wanted = wanted_colours(WEIGHTS[0, 0], scale)
    # One step of 255 along the colours is at most 3 in a channel.
    assert np.abs(drawn[..., :3] - wanted)[SEEN].max() <= 4
    # Thumbnails: six tokens fit as they are, with a line between.
    tiles = pixels(page, 0)
    for layer in range(3):
        for head in range(4):
            tile = tiles[layer * 7 : layer * 7 + 6, head * 7 : head * 7 + 6]
            wanted = wanted_colours(WEIGHTS[layer, head], scale)
            assert np.abs(tile[..., :3] - wanted)[SEEN].max() <= 4
            assert (tile[~SEEN][:, 3] == 0).all()


def test_thumbnails_of_long_texts_show_the_largest_weight_of_a_patch(open_page):
    weights = np.zeros((1, 2, 96, 96))
    weights[:, :, :, 0] = 1
    weights[0, 1, 95, [0, 80]] = 0, 1
    page = open_page(attention(weights, ["x"] * 96))
    tiles = pixels(page, 0)
    yellow = (tiles[..., :3] == (253, 231, 37)).all(-1) & (tiles[..., 3] == 255)
    half = tiles.shape[1] // 2
    assert yellow[:, 0].any() and yellow[:, half].any()
    assert not yellow[:, 1:half].any()
    assert yellow[:, half + 1 :].sum() == 1


@pytest.mark.parametrize(
    ("what", "name", "fold"),
    [
        (
            "mean over heads of the layer",
            "layer 1, mean over 4 heads",
            lambda w: w[1].mean(0),
        ),
        (
            "maximum over heads of the layer",
            "layer 1, maximum over 4 heads",
            lambda w: w[1].max(0),
        ),
        (
            "mean over all heads",
            "all layers, mean over 12 heads",
            lambda w: w.mean((0, 1)),
        ),
        (
            "maximum over all heads",
            "all layers, maximum over 12 heads",
            lambda w: w.max((0, 1)),
        ),
    ],
)
def test_aggregated_heads_are_marked(open_page, what, name, fold):
    page = open_page(attention(WEIGHTS, WORDS))
    figure(page).locator(".wide svg").first.focus()
    page.keyboard.press("ArrowDown")
    choose(page, "show", what)
    assert page.evaluate(f"{view()}.shown") == f"{name} (not a single head)"
    drawn = figure(page).locator(".wide svg").nth(1).inner_html()
    assert "(not a single head)" in drawn
    assert "(not a single head)" in shown(page)
    assert np.abs(matrix(page) - fold(WEIGHTS))[SEEN].max() < 1e-3
    figure(page).locator(".wide svg").first.focus()
    page.keyboard.press("ArrowDown")  # the next layer; the next head, where it was all
    of_layer = name.replace("layer 1", "layer 2") + " (not a single head)"
    next_one = "layer 2, head 0" if "all" in what else of_layer
    assert page.evaluate(f"{view()}.shown") == next_one
    choose(page, "show", "one head")
    assert page.evaluate(f"{view()}.shown") == "layer 2, head 0"
    assert figure(page).locator("select").first.input_value() == "one head"


def test_a_token_of_the_strip_shows_its_row(open_page):
    page = open_page(attention(WEIGHTS, WORDS))
    buttons = figure(page).locator(".strip button")
    buttons.nth(3).hover()
    most = WEIGHTS[0, 0, 3].argmax()
    assert f"query 3 “␣the” → key {most} “{WORDS[most]}”" in shown(page)
    wanted = wanted_colours(WEIGHTS[0, 0], "linear")[3]
    for key in range(6):
        colour = buttons.nth(key).evaluate("e => e.style.backgroundColor")
        if key > 3:
            assert colour == ""
        else:
            rgb = [int(part) for part in re.findall(r"\d+", colour)]
            assert np.abs(np.array(rgb) - wanted[key]).max() <= 4
    buttons.nth(3).focus()
    page.keyboard.press("ArrowRight")
    assert "query 4 “␣ball”" in shown(page)
    page.keyboard.press("Home")
    assert "query 0 “The” → key 0 “The”: 1.0000" in shown(page)


@pytest.mark.parametrize("causal", [True, False])
def test_fewer_queries_than_keys_are_the_last(open_page, causal):
    weights = random_weights(2, 2, 3, 6, causal=causal)
    page = open_page(attention(weights, WORDS))
    seen = np.tril(np.ones((3, 6), bool), 3) if causal else np.ones((3, 6), bool)
    choose(page, "show", "mean over all heads")
    assert np.abs(matrix(page) - weights.mean((0, 1)))[seen].max() < 1e-3
    assert "query 5 “.” → key 0" in shown(page)
    figure(page).locator(".strip button").nth(4).hover()
    assert "query 4 “␣ball”" in shown(page)
    figure(page).locator(".strip button").nth(1).hover()
    assert "query 4 “␣ball”" in shown(page)


def read_csv(text):
    rows = list(csv.reader(io.StringIO(text)))
    return rows[0][1:], [row[0] for row in rows[1:]], [row[1:] for row in rows[1:]]


def test_the_matrix_is_copied_as_csv(open_page):
    page = open_page(attention(WEIGHTS, ['"a",', *WORDS[1:]]))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    figure(page).get_by_role("button", name="copy as CSV").click()
    figure(page).get_by_text("Copied: layer 0, head 0.").wait_for()
    keys, queries, cells = read_csv(page.evaluate("navigator.clipboard.readText()"))
    assert keys == queries == ['"a",', *WORDS[1:]]
    for q in range(6):
        for k in range(6):
            assert (cells[q][k] == "") == (k > q)
            assert k > q or abs(float(cells[q][k]) - WEIGHTS[0, 0, q, k]) <= 1e-3


def test_without_a_clipboard_the_csv_is_a_file(open_page):
    page = open_page(attention(WEIGHTS, WORDS))
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    with page.expect_download() as saved:
        figure(page).get_by_role("button", name="copy as CSV").click()
    assert saved.value.suggested_filename.endswith(".csv")
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert read_csv(text)[0] == WORDS
    assert "saved as a file" in figure(page).locator("output").nth(1).inner_text()


def test_the_map_is_saved_as_svg(open_page):
    page = open_page(attention(WEIGHTS, [*HOSTILE[:5], "."]))
    choose(page, "colour", "log")
    with page.expect_download() as saved:
        figure(page).get_by_role("button", name="save as SVG").click()
    assert saved.value.suggested_filename == "layer 0, head 0.svg"
    tree = ET.parse(saved.value.path()).getroot()
    tag = "{http://www.w3.org/2000/svg}"
    texts = [text.text or "" for text in tree.iter(f"{tag}text")]
    for label in (
        "query",
        "key (attended to)",
        "layer 0, head 0",
        "colour: weight, log scale",
    ):
        assert label in texts
    assert texts.count("\u2068${x}\u2069") == 2
    assert not [rect for rect in tree.iter(f"{tag}rect") if rect.get("fill") == "none"]
    wanted = wanted_colours(WEIGHTS[0, 0], "log")
    squares = {}
    for path in tree.iter(f"{tag}path"):
        rgb = [int(part) for part in re.findall(r"\d+", path.get("fill"))]
        for k, q in re.findall(r"M(\d+) (\d+)", path.get("d")):
            squares[int(q), int(k)] = rgb
    assert sorted(squares) == [tuple(at) for at in np.argwhere(SEEN)]
    for at, rgb in squares.items():
        assert np.abs(np.array(rgb) - wanted[at]).max() <= 4


def test_hostile_tokens_are_text(open_page):
    weights = random_weights(1, 2, 7, 7)
    page = open_page(attention(weights, HOSTILE, title="<img src=x onerror=alert(2)>"))
    assert page.locator("img").count() == 0
    buttons = figure(page).locator(".strip button")
    assert buttons.first.inner_text().strip("\u2068\u2069") == HOSTILE[0]
    buttons.nth(6).hover()
    assert "query 6 “⟨U+0000⟩”" in shown(page)
    labels = figure(page).locator(".wide svg").nth(1).inner_html()
    assert "⟨U+2028⟩" in labels
    assert "◌\u0301" in labels


def test_labels_are_thinned_out_where_they_do_not_fit(open_page):
    page = open_page(
        attention(random_weights(1, 1, 128, 128), [f"w{i}" for i in range(128)])
    )
    boxes = page.evaluate(
        f"""[...{view()}.shadowRoot.querySelectorAll("svg")[1].querySelectorAll("text")]
        .filter((text) => /w\\d/.test(text.textContent)
          && text.getAttribute("transform").endsWith("rotate(0)"))
        .map((text) => text.getBoundingClientRect().y)"""
    )
    assert 20 < len(boxes) < 60
    assert np.diff(boxes).min() >= 11


def test_a_narrow_page_does_not_scroll_sideways(open_page):
    weights = random_weights(4, 30, 64, 64)
    page = open_page(attention(weights, ["x" * 60] + ["␣word"] * 63), width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    scrolling = page.evaluate(
        f"""[...{view()}.shadowRoot.querySelectorAll(".wide")].map((box) =>
        [box.scrollWidth > box.clientWidth, box.tabIndex, box.getAttribute("role")])"""
    )
    assert scrolling == [[True, 0, "group"]] * 2


def test_two_views_on_a_page_are_independent(open_page):
    other = random_weights(1, 1, 6, 6, seed=1)
    page = open_page(attention(WEIGHTS, WORDS), attention(other, WORDS))
    assert np.abs(matrix(page, 1) - other[0, 0])[SEEN].max() < 1e-3
    before = shown(page, 1)
    choose(page, "show", "mean over all heads")
    point(page, 3, 1)
    assert shown(page, 1) == before
    assert np.abs(matrix(page, 1) - other[0, 0])[SEEN].max() < 1e-3
    assert page.evaluate("document.querySelectorAll('main [id]').length") == 0


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_violations(open_page, no_violations, dark, width):
    weights = random_weights(2, 3, 40, 40, sharpness=2)
    one = attention(weights, ["␣word"] * 40)
    page = open_page(one, one, dark=dark, width=width)
    for scale in ("linear", "log"):
        choose(page, "colour", scale)
        no_violations(page)


def test_ink_can_be_read_on_every_colour(open_page):
    weights = np.full((1, 1, 1, 1), 1.0)
    page = open_page(attention(weights, ["x"]))
    source = Path(_svg.__file__).parent / "static" / "core.js"
    worst = page.evaluate(
        """async (source) => {
        const { colour, ink } = await import(
          URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
        const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        const light = (rgb) => rgb.reduce(
          (sum, c, i) => sum + [0.2126, 0.7152, 0.0722][i] * linear(c / 255), 0);
        let worst = 21;
        for (let i = 0; i <= 1000; i++) {
          const back = light(colour(i / 1000));
          const front = ink(colour(i / 1000)) === "#fff" ? 1 : 0;
          const [low, high] = [Math.min(back, front), Math.max(back, front)];
          worst = Math.min(worst, (high + 0.05) / (low + 0.05));
        }
        return worst;
        }""",
        source.read_text(encoding="utf-8"),
    )
    assert worst >= 4.5


def test_many_heads_and_tokens_are_drawn_in_time(open_page):
    weights = np.tile(random_weights(1, 9, 256, 256), (30, 1, 1, 1))
    page = open_page(attention(weights, ["␣word"] * 256))
    took = page.evaluate(
        f"""(() => {{
        const element = {view()};
        const select = element.shadowRoot.querySelector("select");
        const began = performance.now();
        select.value = "maximum over heads of the layer";
        select.dispatchEvent(new Event("change"));
        return performance.now() - began;
        }})()"""
    )
    assert took < 1000
    assert page.evaluate(f"{view()}.shadowRoot.querySelectorAll('*').length") < 2000
