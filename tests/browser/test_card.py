"""What all views share: a card with a readout, a menu, and inks that can be read."""

import numpy as np
import pytest

from lmviz import views
from lmviz.views._bundle import STATIC

WORDS = ["The", "␣dog", "␣chased", "␣the", "␣ball", "."]
N = len(WORDS)
LOGITS = np.random.default_rng(0).normal(size=(4, N, N)) * 3
WEIGHTS = np.tile(np.tri(N) / np.tri(N).sum(1, keepdims=True), (30, 9, 1, 1))
TREE = {path: (WORDS[1:4], [0.5, 0.3, 0.1]) for path in [(), (0,), (0, 2), (1,)]}
VIEWS = {
    "attention": lambda: views.attention(WEIGHTS, WORDS),
    "continuations": lambda: views.continuations("The dog", TREE),
    "embeddings": lambda: views.embeddings(LOGITS, WORDS),
    "explorer": views.explorer,
    "lens": lambda: views.lens(LOGITS, range(N), WORDS, vocabulary=WORDS),
    "model": views.model,
    "merges": lambda: views.merges({"low": 5, "lower": 2}, [("l", "o"), ("lo", "w")]),
    "positions": lambda: views.positions(n=40, d=16),
    "prediction": lambda: views.prediction(LOGITS[0], WORDS, vocabulary=WORDS),
    "surprisal": lambda: views.surprisal(LOGITS[0], range(N), WORDS, vocabulary=WORDS),
    "tokens": lambda: views.tokens({"words": WORDS, "letters": list("abc")}),
}
SMALL = [name for name in VIEWS if name not in ("explorer", "model")]
# That of a model takes the whole screen: its parts have the heads.
HEADED = [name for name in VIEWS if name != "model"]
# A page that knows no tokens and no color-scheme, with pale letters on black.
DARK_NOTEBOOK = """
    document.querySelector("meta[name=color-scheme]").remove();
    document.body.style.cssText = "background: #000; color: #ddd";
"""
# The contrast of each text with what is behind it, in the shadow root of a view.
CONTRASTS = """(root) => {
    const rgba = (colour) => {
      const parts = colour.match(/[\\d.]+/g).map(Number);
      const scale = colour.startsWith("color") ? 255 : 1;
      return [...parts.slice(0, 3).map((c) => c * scale), parts[3] ?? 1];
    };
    const over = (top, below) => top.slice(0, 3).map((c, i) =>
      c * top[3] + below[i] * (1 - top[3]));
    const ground = (e) => {
      if (!e) return [0, 0, 0];
      const up = e.parentElement ?? e.getRootNode().host;
      return over(rgba(getComputedStyle(e).backgroundColor), ground(up));
    };
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const light = (rgb) => rgb.reduce((sum, c, i) =>
      sum + [0.2126, 0.7152, 0.0722][i] * linear(c / 255), 0);
    return [...root.querySelectorAll("*")].filter((e) =>
      e.checkVisibility() && !(e instanceof SVGElement) && !e.disabled
      && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())).map((e) => {
        const below = ground(e);
        const [a, b] = [over(rgba(getComputedStyle(e).color), below), below].map(light);
        return [e.textContent.slice(0, 20),
          (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
      });
}"""


def card(page, script, element="document.querySelector('[data-title]')"):
    return page.evaluate(
        f"(({{ shadowRoot: root }}) => {{ {script} }})({element})",
    )


@pytest.mark.parametrize("name", HEADED)
def test_a_card_says_that_it_is_interactive_what_to_do_and_what_it_shows(
    open_page, name
):
    page = open_page(VIEWS[name]())
    head = page.locator(".head")
    assert head.locator(".tag").inner_text() == "interactive"
    assert head.locator(".hint").inner_text().endswith(".")
    assert head.locator("output.say").inner_text()
    assert page.locator("output").first.get_attribute("class") == "say"
    stops = card(
        page,
        """return [...root.querySelectorAll("*")].filter((e) => e.tabIndex >= 0 &&
            e.checkVisibility()).map((e) => e.localName);""",
    )
    assert stops[-1] == "summary"  # what saves and copies, comes after the content
    assert stops.count("summary") == 1
    # Firefox hides a text of a drawing that has no x.
    assert card(page, "return root.querySelectorAll('svg text:not([x])').length;") == 0


@pytest.mark.parametrize("name", SMALL)
def test_a_card_fits_a_screen(open_page, name):
    page = open_page(VIEWS[name]())
    page.add_style_tag(content="main { max-width: 48rem; margin: auto }")
    page.wait_for_timeout(100)
    assert page.locator(".view").bounding_box()["height"] <= 600


@pytest.mark.parametrize("name", VIEWS)
def test_a_phone_has_no_overflow_and_targets_for_fingers(open_page, name):
    page = open_page(VIEWS[name](), width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    low = card(
        page,
        """return [...root.querySelectorAll("button, select, summary, input")]
            .filter((e) => e.checkVisibility() && e.offsetHeight < 40
              && !e.closest(".long")).map((e) => e.outerHTML);""",
    )
    assert low == []


def test_what_is_below_the_readout_moves_only_for_a_longer_sentence(open_page):
    page = open_page(VIEWS["attention"]())
    map_ = page.locator(".map")

    def say(text):
        page.evaluate(
            """(text) => {
            document.querySelector("lmviz-attention").say(text);
            return new Promise((done) => requestAnimationFrame(() => done()));
            }""",
            text,
        )

    places = []
    for words in (1, 60, 1, 40):
        text = "word " * words
        say(text)
        places.append(map_.bounding_box()["y"])
    assert places[0] < places[1] == places[2] == places[3]
    page.set_viewport_size({"width": 900, "height": 800})
    say("word")
    say("word")
    assert page.locator(".say").bounding_box()["height"] < 30


def test_the_menu_opens_and_closes_with_keys(open_page):
    page = open_page(VIEWS["attention"]())
    summary, menu = page.locator("summary"), page.locator("details")
    save = page.get_by_role("button", name="save as SVG")
    assert not save.is_visible()
    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert save.evaluate("(e) => e.matches(':focus')")
    page.keyboard.press("Escape")
    assert menu.get_attribute("open") is None
    assert summary.evaluate("(e) => e.matches(':focus')")
    page.keyboard.press("Space")
    assert save.is_visible()
    page.keyboard.press("Shift+Tab")
    assert menu.get_attribute("open") is None
    summary.click()
    assert save.is_visible()
    page.mouse.click(5, 5)
    assert not save.is_visible()
    summary.click()
    with page.expect_download():
        save.click()
    assert not save.is_visible()


def outlines(page):
    return card(
        page,
        """return [...root.querySelectorAll("*")].map((e) => getComputedStyle(e))
            .filter((style) => style.outlineStyle !== "none").length;""",
    )


def test_rings_are_for_the_keyboard_only(open_page):
    page = open_page(VIEWS["attention"]())
    for selector in (".mosaic svg", ".map svg", ".strip button", "summary"):
        page.locator(selector).first.click()
        assert outlines(page) == 0
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+Tab")
    assert outlines(page) == 1


@pytest.mark.parametrize("name", VIEWS)
def test_a_card_reads_on_a_dark_page_that_knows_no_color_scheme(open_page, name):
    page = open_page(VIEWS[name]())
    page.evaluate(DARK_NOTEBOOK)
    page.wait_for_timeout(300)
    found = card(page, f"return ({CONTRASTS})(root);")
    assert len(found) > 5
    assert [pair for pair in found if pair[1] < 4.5] == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("role", ["weight", "plus", "minus"])
def test_ink_can_be_read_on_every_colour(open_page, dark, role):
    page = open_page(VIEWS["tokens"](), dark=dark)
    core = (STATIC / "core.js").read_text("utf-8").replace("./style.js", "#style")
    style = (STATIC / "style.js").read_text("utf-8")
    page.evaluate(
        """async ([core, style]) => {
        const blob = (text) => URL.createObjectURL(
          new Blob([text], { type: "text/javascript" }));
        window.core = await import(blob(core.replace("#style", blob(style))));
        }""",
        [core, style],
    )
    found = card(
        page,
        f"""const box = document.createElement("div");
        root.firstChild.replaceChildren(box);
        for (let i = 0; i <= 200; i++) {{
          const cell = document.createElement("p");
          cell.style.cssText = window.core.wash(i / 200, "{role}");
          cell.textContent = i;
          box.append(cell);
        }}
        return ({CONTRASTS})(root);""",
    )
    assert len(found) == 201
    assert min(contrast for _, contrast in found) >= 4.5


@pytest.mark.parametrize("name", SMALL)
def test_paper_is_light_and_has_no_controls(open_page, name):
    page = open_page(VIEWS[name](), dark=True)
    page.emulate_media(media="print", color_scheme="dark")
    for part in (".tag", ".hint", "summary"):
        assert not page.locator(part).first.is_visible()
    assert not any(part.is_visible() for part in page.locator(".controls").all())
    ground = "(e) => getComputedStyle(e).backgroundColor"
    assert page.locator(".view").evaluate(ground) == "rgb(255, 255, 255)"
    assert page.locator(".title").is_visible()


def test_the_copy_of_the_tokens_equals_the_book_s():
    book = (STATIC.parents[2] / "docs" / "_static" / "tokens.css").read_text("utf-8")

    def values(text):
        found = {}
        for part in text.replace("}", ";").replace("{", ";").split(";"):
            name, colon, value = part.rpartition("*/")[2].strip().partition(":")
            if colon and name.startswith("--"):
                found.setdefault(name, value.replace(" ", "").lower())
        return found

    style = (STATIC / "style.js").read_text("utf-8").split("export const STYLE")[0]
    copy = values(style)
    assert len(copy) == 25
    expected = values(book)
    for name in set(copy) - {"--serif", "--sans", "--mark"}:
        assert copy[name].replace("0.", ".") == expected[name], name
