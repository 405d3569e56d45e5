import csv
import importlib
import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import hostile
import numpy as np
import pytest
from screens import CROSSED

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


def opacities(page, which, i=0):
    """Give how opaque each pixel of the tiles (0) or the map (1) is."""
    data = page.evaluate(
        f"""(() => {{
        const {{ source }} = {view(i)}.shadowRoot.querySelectorAll(".heat")[{which}];
        const {{ data, width, height }} = source.getContext("2d").getImageData(
          0, 0, source.width, source.height);
        return [[...data], height, width];
        }})()"""
    )
    return np.array(data[0]).reshape(*data[1:], 4)[..., 3]


def wanted_opacities(weights, scale):
    return 255 * _svg.opacity(_svg.SCALES[scale][0](weights))


def point(page, query, key, n=6, i=0, event="move"):
    """Point at a cell of the large map."""
    box = figure(page, i).locator(".cells").bounding_box()
    x = box["x"] + (key + 0.5) * box["width"] / n
    y = box["y"] + (query + 0.5) * box["height"] / n
    getattr(page.mouse, event)(x, y)


def plots(page, i=0):
    """Give the drawings of the tiles and of the map."""
    return figure(page, i).locator(".plot svg")


def menu(page, name):
    figure(page).locator("summary").click()
    figure(page).get_by_role("button", name=name).click()


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
    box = figure(page).locator(".tiles").bounding_box()
    page.mouse.click(
        box["x"] + (head + 0.4) * box["width"] / 4,
        box["y"] + (layer + 0.4) * box["height"] / 3,
    )
    assert page.evaluate(f"{view()}.shown") == f"layer {layer}, head {head}"
    assert shown(page).startswith(f"Layer {layer}, head {head}: ")
    values = matrix(page)
    assert np.abs(values - WEIGHTS[layer, head])[SEEN].max() < 1e-3
    assert (values[~SEEN] == -1).all()


def test_layers_of_a_hybrid_have_their_own_numbers(open_page):
    page = open_page(attention(WEIGHTS, WORDS, layers=(2, 5, 8)))
    labels = plots(page).first.locator("text").all_text_contents()
    assert labels[-3:] == ["2", "5", "8"]
    plots(page).first.focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(f"{view()}.shown") == "layer 5, head 0"
    assert np.abs(matrix(page) - WEIGHTS[1, 0])[SEEN].max() < 1e-3
    ranked = figure(page).locator(".ranking button").all_inner_texts()
    numbers = {text.split(",")[0] for text in ranked}
    assert numbers <= {"layer 2", "layer 5", "layer 8"}
    layer, head = re.findall(r"\d+", ranked[0])[:2]
    figure(page).locator(".ranking button").first.click()
    assert page.evaluate(f"{view()}.shown") == f"layer {layer}, head {head}"
    index = (2, 5, 8).index(int(layer))
    assert np.abs(matrix(page) - WEIGHTS[index, int(head)])[SEEN].max() < 1e-3


def test_arrow_keys_choose_a_head(open_page):
    page = open_page(attention(WEIGHTS, WORDS))
    plots(page).first.focus()
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
            r"Layer 0, head 0: query (\d) (.*) attends to key (\d) (.*) "
            r"with weight ([\d.]+)",
            shown(page),
        )
        assert found.groups()[:4] == (str(query), WORDS[query], str(key), WORDS[key])
        assert abs(float(found[5]) - WEIGHTS[0, 0, query, key]) <= 1e-3
    point(page, 1, 4)
    assert shown(page).endswith(
        "query 1 ␣dog can’t attend to key 4 ␣ball: masked, since it comes later"
    )
    assert figure(page).locator(".tip").inner_text().endswith("masked")
    page.mouse.move(0, 0)
    assert not figure(page).locator(".tip").is_visible()


def test_touching_the_map_shows_its_weights(open_page, tap):
    page = open_page(attention(WEIGHTS, WORDS), width=390)
    cells = figure(page).locator(".cells")
    cells.scroll_into_view_if_needed()
    box = cells.bounding_box()
    tap(page, box["x"] + 1.5 / 6 * box["width"], box["y"] + 3.5 / 6 * box["height"])
    assert "query 3 ␣the attends to key 1 ␣dog with" in shown(page)


def test_arrow_keys_move_over_the_map(open_page):
    page = open_page(attention(WEIGHTS, WORDS))
    plots(page).nth(1).focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    assert "query 4 ␣ball attends to key 1 ␣dog" in shown(page)
    assert abs(float(shown(page).split()[-1]) - WEIGHTS[0, 0, 4, 1]) <= 1e-3
    page.keyboard.press("End")
    assert "key 5" in shown(page)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_colours_are_those_of_the_weights(open_page, scale):
    page = open_page(attention(WEIGHTS, WORDS))
    choose(page, "colour", scale)
    assert f"weight, {scale} scale" in figure(page).locator(".legend").inner_text()
    drawn = opacities(page, 1)
    assert (drawn[~SEEN] == 0).all()
    wanted = wanted_opacities(WEIGHTS[0, 0], scale)
    assert np.abs(drawn - wanted)[SEEN].max() <= 2
    # Thumbnails: six tokens fit as they are, with a line between.
    tiles = opacities(page, 0)
    for layer in range(3):
        for head in range(4):
            tile = tiles[layer * 7 : layer * 7 + 6, head * 7 : head * 7 + 6]
            wanted = wanted_opacities(WEIGHTS[layer, head], scale)
            assert np.abs(tile - wanted)[SEEN].max() <= 2
            assert (tile[~SEEN] == 0).all()


def test_thumbnails_of_long_texts_show_the_largest_weight_of_a_patch(open_page):
    weights = np.zeros((1, 2, 96, 96))
    weights[:, :, :, 0] = 1
    weights[0, 1, 95, [0, 80]] = 0, 1
    page = open_page(attention(weights, ["x"] * 96))
    full = opacities(page, 0) == 255
    half = full.shape[1] // 2
    assert full[:, 0].any() and full[:, half].any()
    assert not full[:, 1:half].any()
    assert full[:, half + 1 :].sum() == 1


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
    plots(page).first.focus()
    page.keyboard.press("ArrowDown")
    choose(page, "show", what)
    assert page.evaluate(f"{view()}.shown") == f"{name} (not a single head)"
    assert "(not a single head)" in shown(page)
    assert np.abs(matrix(page) - fold(WEIGHTS))[SEEN].max() < 1e-3
    plots(page).first.focus()
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
    assert f"query 3 ␣the attends to key {most} {WORDS[most]}" in shown(page)
    wanted = wanted_opacities(WEIGHTS[0, 0], "linear")[3] / 2.55
    for key in range(6):
        style = buttons.nth(key).get_attribute("style")
        if key > 3:
            assert style == ""
        else:
            share = float(re.search(r"([\d.]+)%", style)[1])
            assert abs(share - wanted[key]) <= 0.2
    buttons.nth(3).focus()
    page.keyboard.press("ArrowRight")
    assert "query 4 ␣ball" in shown(page)
    page.keyboard.press("Home")
    assert "query 0 The attends to key 0 The with weight 1.0000" in shown(page)


def test_arcs_lead_from_the_query_to_its_keys(open_page):
    page = open_page(attention(WEIGHTS, WORDS))
    figure(page).locator(".strip button").nth(3).hover()
    drawn = page.evaluate(
        f"""(() => {{
        const root = {view()}.shadowRoot;
        const middles = [...root.querySelectorAll(".strip button")].map((button) =>
          button.offsetLeft + button.offsetWidth / 2);
        return [middles, [...root.querySelectorAll(".text path")].map((path) =>
          [path.getAttribute("d"), +path.getAttribute("stroke-width")])];
        }})()"""
    )
    middles, arcs = drawn
    found = {}
    for d, width in arcs:
        numbers = [float(x) for x in re.findall(r"[\d.-]+", d)]
        assert numbers[0] == middles[3]
        found[middles.index(numbers[-2])] = width
    row = WEIGHTS[0, 0, 3]
    assert sorted(found) == [key for key in range(3) if row[key] > 0.015]
    for key, width in found.items():
        assert abs(width - (1 + 6 * row[key])) <= 0.06
    assert not page.evaluate(
        "getComputedStyle({view}.shadowRoot.querySelectorAll('.strip button')[3])"
        ".backgroundColor === 'rgba(0, 0, 0, 0)'".replace("{view}", view())
    )


def test_on_a_phone_the_query_and_a_near_key_are_in_sight(open_page):
    words = [f"␣word{i}" for i in range(12)]
    weights = np.eye(12)
    weights[9:, 8:] = [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]]
    page = open_page(attention(weights[None, None], words), width=390)
    buttons = figure(page).locator(".strip button")

    def in_sight(i):
        box = buttons.nth(i).bounding_box()
        return box["x"] > 0 and box["x"] + box["width"] < 390

    assert in_sight(11) and in_sight(10) and not in_sight(0)
    buttons.nth(0).focus()
    assert in_sight(0)
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    assert in_sight(9) and in_sight(8)


def test_the_pressed_head_of_a_phone_stays_in_sight(open_page):
    page = open_page(attention(np.tile(WEIGHTS, (10, 1, 1, 1)), WORDS), width=390)
    strip = figure(page).locator(".mosaic")
    assert strip.evaluate("(e) => e.scrollWidth > e.clientWidth")
    map_box, tiles = (
        figure(page).locator(name).bounding_box() for name in (".map", ".mosaic")
    )
    assert map_box["y"] + map_box["height"] <= tiles["y"]
    assert tiles["y"] + tiles["height"] - map_box["y"] < 844
    plots(page).first.focus()
    for _ in range(25):  # layers run to the right
        page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{view()}.shown") == "layer 25, head 0"
    ring = figure(page).locator(".mosaic .ring").bounding_box()
    assert ring["x"] > 0 and ring["x"] + ring["width"] < 390


def test_pointing_at_a_tile_names_its_head_and_strongest_pair(open_page):
    page = open_page(attention(WEIGHTS, WORDS))
    before = shown(page)
    box = figure(page).locator(".tiles").bounding_box()
    page.mouse.move(
        box["x"] + 2.5 * box["width"] / 4, box["y"] + 1.5 * box["height"] / 3
    )
    others = np.tril(WEIGHTS[1, 2], -1)
    others[:, 0] = 0
    query, key = np.unravel_index(others.argmax(), others.shape)
    assert shown(page) == (
        "Layer 1, head 2, off the diagonal and first column: "
        f"{WORDS[query]} → {WORDS[key]} {others.max():.2f}. Press to choose it."
    )
    assert figure(page).locator(".tiles").bounding_box() == box
    assert figure(page).locator(".tip").inner_text() == "Layer 1, head 2"
    assert page.evaluate(f"{view()}.shown") == "layer 0, head 0"
    page.mouse.move(2, 2)
    assert shown(page) == before


def test_the_strongest_heads_of_a_pair_are_named_and_chosen(open_page):
    page = open_page(attention(WEIGHTS, WORDS))
    figure(page).locator(".strip button").nth(5).hover()
    point(page, 4, 2)
    best = figure(page).locator(".ranking button")
    order = np.argsort(-WEIGHTS[:, :, 4, 2].ravel())[:3]
    for i, at in enumerate(order):
        layer, head = divmod(int(at), 4)
        name, weight = best.nth(i).get_attribute("aria-label").rsplit(" ", 1)
        assert name == f"Layer {layer}, head {head}, weight"
        assert abs(float(weight) - WEIGHTS[layer, head, 4, 2]) <= 0.006
        seen = best.nth(i).inner_text().split()
        assert seen == ["layer", f"{layer},", "head", str(head), weight]
    best.nth(0).focus()
    page.keyboard.press("Enter")
    layer, head = divmod(int(order[0]), 4)
    assert shown(page).startswith(
        f"Layer {layer}, head {head}: query 4 ␣ball attends to key 2 ␣chased"
    )
    assert best.nth(0).get_attribute("aria-current") == "true"
    point(page, 2, 4)
    assert not figure(page).locator(".ranking").is_visible()


def test_a_single_head_has_no_rivals(open_page):
    page = open_page(attention(WEIGHTS[:1, :1], WORDS))
    point(page, 4, 2)
    assert not figure(page).locator(".ranking").is_visible()


def test_a_chosen_word_covers_no_other(open_page):
    words = [f"word{i}" for i in range(40)]
    page = open_page(attention(random_weights(1, 2, 40, 40), words))
    point(page, 30, 13, n=40)
    # The chosen words are in the last group, the others in the one before the numbers.
    names = """[...document.querySelector("lmviz-attention").shadowRoot
        .querySelectorAll(".map text.key")].filter((text) =>
          text.getAttribute("visibility") !== "hidden").map((text) =>
          [text.textContent, text.getBoundingClientRect().toJSON()])"""
    shown_words = {
        name.strip("\u2068\u2069"): box for name, box in page.evaluate(names)
    }
    chosen = shown_words.pop("word13")
    assert len(shown_words) > 10
    for box in shown_words.values():
        assert box["right"] <= chosen["left"] + 2 or box["left"] >= chosen["right"] - 2


SCORES = np.random.default_rng(4).normal(size=(2, 1, 6, 6)) * 2
OF_SCORES = np.where(SEEN, np.exp(SCORES), 0)
OF_SCORES /= OF_SCORES.sum(-1, keepdims=True)


def test_a_head_unfolds_from_scores_to_weights(open_page):
    page = open_page(attention(OF_SCORES, WORDS, scores=SCORES))
    figure(page).locator(".strip button").nth(3).hover()
    point(page, 3, 1)
    assert float(shown(page).split()[-1]) == pytest.approx(
        OF_SCORES[0, 0, 3, 1], abs=1e-3
    )
    summed = figure(page).locator(".sum")
    score = SCORES[0, 0, 3, 1]
    number = f"{score:.2f}".replace("-", "−")
    assert f"exp({number}) = {np.exp(score):.2f}" in summed.inner_text()
    total = np.exp(SCORES[0, 0, 3, :4]).sum()
    assert f"÷ {total:.2f} (sum of the row)" in summed.inner_text()

    figure(page).get_by_role("button", name="scores").click()
    page.mouse.move(2, 2)
    largest = np.abs(SCORES[0, 0]).max()
    plus, minus = opacities(page, 1), opacities(page, 2)
    wanted = 255 * _svg.opacity(np.abs(SCORES[0, 0]) / largest)
    positive = SCORES[0, 0] >= 0
    assert np.abs(np.where(positive, plus, minus) - wanted).max() <= 1.1
    assert (np.where(positive, minus, plus) == 0).all()
    point(page, 3, 1)
    assert shown(page).endswith(f"key 1 ␣dog have the score {number}")
    point(page, 1, 4)
    assert "have the score" in shown(page)
    assert not figure(page).locator("select").nth(1).is_visible()

    figure(page).get_by_role("button", name="masked").click()
    page.mouse.move(2, 2)
    seen = opacities(page, 1) + opacities(page, 2) > 0
    assert (seen == SEEN).all()
    point(page, 1, 4)
    assert shown(page).endswith("masked, since it comes later")
    assert "−∞" in summed.inner_text()
    figure(page).get_by_role("button", name="weights").click()
    assert (
        np.abs(opacities(page, 1) - wanted_opacities(OF_SCORES[0, 0], "linear"))[
            SEEN
        ].max()
        <= 2
    )
    choose(page, "show", "mean over all heads")
    assert not figure(page).locator(".steps").is_visible()


@pytest.mark.parametrize("causal", [True, False])
def test_fewer_queries_than_keys_are_the_last(open_page, causal):
    weights = random_weights(2, 2, 3, 6, causal=causal)
    page = open_page(attention(weights, WORDS))
    seen = np.tril(np.ones((3, 6), bool), 3) if causal else np.ones((3, 6), bool)
    choose(page, "show", "mean over all heads")
    assert np.abs(matrix(page) - weights.mean((0, 1)))[seen].max() < 1e-3
    assert "query 5 . attends to key " in shown(page)
    figure(page).locator(".strip button").nth(4).hover()
    assert "query 4 ␣ball" in shown(page)
    figure(page).locator(".strip button").nth(1).hover()
    assert "query 4 ␣ball" in shown(page)


def read_csv(text):
    rows = list(csv.reader(io.StringIO(text)))
    return rows[0][1:], [row[0] for row in rows[1:]], [row[1:] for row in rows[1:]]


def test_the_matrix_is_copied_as_csv(open_page):
    page = open_page(attention(WEIGHTS, ['"a",', *WORDS[1:]]))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    menu(page, "copy as CSV")
    figure(page).get_by_text("Copied: Attention weights layer 0, head 0.").wait_for()
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
        menu(page, "copy as CSV")
    assert saved.value.suggested_filename == "attention-weights-layer-0-head-0.csv"
    text = Path(saved.value.path()).read_text(encoding="utf-8")
    assert read_csv(text)[0] == WORDS
    assert "saved as a file" in figure(page).locator(".done").inner_text()


def test_the_map_is_saved_as_svg(open_page):
    page = open_page(attention(WEIGHTS, [*HOSTILE[:5], "."]))
    choose(page, "colour", "log")
    with page.expect_download() as saved:
        menu(page, "save as SVG")
    assert saved.value.suggested_filename == "attention-weights-layer-0-head-0.svg"
    tree = ET.parse(saved.value.path()).getroot()
    tag = "{http://www.w3.org/2000/svg}"
    texts = [text.text or "" for text in tree.iter(f"{tag}text")]
    for label in (
        "query ↓",
        "key →",
        "layer 0, head 0",
        "colour: weight, log scale",
    ):
        assert label in texts
    assert texts.count("\u2068${x}\u2069") == 2
    assert not [rect for rect in tree.iter(f"{tag}rect") if rect.get("fill") == "none"]
    wanted = wanted_opacities(WEIGHTS[0, 0], "log")
    squares = {}
    for path in tree.iter(f"{tag}path"):
        for k, q in re.findall(r"M(\d+) (\d+)h1v1", path.get("d")):
            assert path.get("fill") == "#0b6e70"
            squares[int(q), int(k)] = 255 * float(path.get("fill-opacity"))
    assert sorted(squares) == [tuple(at) for at in np.argwhere(SEEN)]
    for at, opacity in squares.items():
        assert abs(opacity - wanted[at]) <= 2


def test_hostile_tokens_are_text(open_page):
    weights = random_weights(1, 2, 7, 7)
    page = open_page(attention(weights, HOSTILE, title="<img src=x onerror=alert(2)>"))
    picture = page.locator("img")  # the view's own, for where no script runs
    assert picture.get_attribute("src").startswith("data:image/png;base64,")
    buttons = figure(page).locator(".strip button")
    assert buttons.first.inner_text().strip("\u2068\u2069") == HOSTILE[0]
    buttons.nth(6).hover()
    assert "query 6 ⟨U+0000⟩" in shown(page)
    labels = plots(page).nth(1).inner_html()
    assert "⟨U+2028⟩" in labels
    assert "◌\u0301" in labels


def test_labels_are_thinned_out_where_they_do_not_fit(open_page):
    page = open_page(
        attention(random_weights(1, 1, 128, 128), [f"w{i}" for i in range(128)])
    )
    boxes = page.evaluate(
        f"""[...{view()}.shadowRoot.querySelectorAll(".map g:nth-child(2) .query")]
        .map((text) => text.getBoundingClientRect().y)"""
    )
    assert 20 < len(boxes) < 60
    assert np.diff(boxes).min() >= 11


def test_a_narrow_page_does_not_scroll_sideways(open_page):
    weights = random_weights(4, 30, 64, 64)
    page = open_page(attention(weights, ["x" * 60] + ["␣word"] * 63), width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # What scrolls holds a stop of its own, which arrow keys move.
    scrolling = page.evaluate(
        f"""[...{view()}.shadowRoot.querySelectorAll(".mosaic")].map((box) =>
        [box.scrollWidth > box.clientWidth,
         box.querySelectorAll("[tabindex='0']").length])"""
    )
    assert scrolling == [[False, 1]]
    for plot in plots(page).all():
        plot.focus()
        page.keyboard.press("ArrowRight")
    assert page.evaluate(f"{view()}.shown") == "layer 1, head 0"


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


@pytest.mark.parametrize(("width", "dark"), CROSSED)
def test_axe_finds_no_violations(open_page, no_violations, dark, width):
    weights = random_weights(2, 3, 40, 40, sharpness=2)
    one = attention(weights, ["␣word"] * 40)
    page = open_page(one, one, dark=dark, width=width)
    for scale in ("linear", "log"):
        choose(page, "colour", scale)
        no_violations(page)


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
