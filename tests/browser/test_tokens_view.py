import unicodedata

import hostile
import pytest

from lmviz._text import visible
from lmviz.views import tokens

HOSTILE = list(hostile.TOKENS)
ROWS = {"BPE": ["The", "␣dog", "⟨E2 82⟩", "⟨AC⟩"], "letters": list("The␣dog")}
IDS = {"BPE": [464, 3290, 158, 105], "letters": list(range(7))}


def strip(page, row=0, view=0):
    return page.locator("lmviz-tokens").nth(view).locator(".strip").nth(row)


def shown(page, view=0):
    text = page.locator("lmviz-tokens").nth(view).locator("output.say").inner_text()
    return text.replace("\u2068", "").replace("\u2069", "")


def test_rows_are_stacked_with_their_token_counts(open_page):
    page = open_page(tokens(ROWS, ids=IDS))
    text = page.locator("lmviz-tokens .rows").inner_text()
    assert "BPE\u2069: 4 tokens" in text
    assert "letters\u2069: 7 tokens" in text
    assert strip(page).locator("button").count() == 4
    first, second = (strip(page, row).bounding_box() for row in (0, 1))
    assert second["y"] >= first["y"] + first["height"]


@pytest.mark.parametrize("i", range(4))
def test_pointing_shows_token_id_and_bytes(open_page, i):
    page = open_page(tokens(ROWS, ids=IDS))
    strip(page).locator("button").nth(i).hover()
    raw = ["54 68 65", "20 64 6F 67", "E2 82", "AC"][i]
    token, number = ROWS["BPE"][i], IDS["BPE"][i]
    wanted = f"BPE, token {i + 1} of 4: “{token}”, id {number}, bytes {raw}"
    assert shown(page) == wanted
    page.mouse.move(0, 0)
    assert shown(page) == wanted


def test_the_readout_is_also_beside_the_token(open_page):
    page = open_page(tokens(ROWS, ids=IDS))
    button = strip(page).locator("button").nth(1)
    button.hover()
    tip = page.locator(".tip")
    assert tip.inner_text() == "id 3290 · 20 64 6F 67"
    at, box = tip.bounding_box(), button.bounding_box()
    assert abs(at["x"] - box["x"]) < 4
    assert box["y"] - 40 < at["y"] + at["height"] <= box["y"] + 4
    page.mouse.move(0, 0)
    assert not tip.is_visible()
    button.focus()
    assert tip.is_visible()
    button.blur()
    assert not tip.is_visible()


def test_a_page_of_its_own_has_no_field_for_a_text(open_page):
    page = open_page(tokens(ROWS, tokenizers=["gpt2"]))
    assert page.get_by_role("textbox").count() == 0


def test_arrow_keys_move_within_a_row_and_tab_between_rows(open_page):
    page = open_page(tokens(ROWS, ids=IDS))
    assert page.locator("lmviz-tokens button[tabindex='0']").count() == 2
    page.keyboard.press("Tab")
    assert "token 1 of 4" in shown(page)
    for key, at in (("ArrowRight", 2), ("End", 4), ("ArrowRight", 4), ("ArrowLeft", 3)):
        page.keyboard.press(key)
        assert f"BPE, token {at} of 4" in shown(page)
    page.keyboard.press("Home")
    assert "BPE, token 1 of 4" in shown(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    assert "letters, token 1 of 7" in shown(page)
    page.keyboard.press("Shift+Tab")
    assert "BPE, token 2 of 4" in shown(page)
    focus = page.evaluate(
        "getComputedStyle(document.querySelector('lmviz-tokens').shadowRoot"
        ".activeElement).outlineStyle"
    )
    assert focus == "solid"


def test_ids_are_optional(open_page):
    page = open_page(tokens(ROWS))
    strip(page).locator("button").first.focus()
    assert shown(page) == "BPE, token 1 of 4: “The”, bytes 54 68 65"


def test_hostile_tokens_are_text(open_page):
    page = open_page(tokens({"</b>": HOSTILE}))
    buttons = strip(page).locator("button")
    assert buttons.count() == len(HOSTILE)
    assert buttons.first.inner_text().strip("\u2068\u2069") == HOSTILE[0]
    assert page.locator("img").count() == 0
    written = [("⟨U+2028⟩", "E2 80 A8"), ("◌\u0301", "CC 81")]
    for i, (seen, raw) in enumerate(written, 3):
        buttons.nth(i).hover()
        assert f"“{seen}”, bytes {raw}" in shown(page)
    buttons.nth(6).hover()
    assert "“⟨U+0000⟩”, bytes 00" in shown(page)
    # A right-to-left token leaves its neighbours in place.
    left = [buttons.nth(i).bounding_box()["x"] for i in (4, 5, 6)]
    assert left == sorted(left)


def test_python_and_the_page_write_invisible_characters_alike(open_page):
    # Without those that this Python's Unicode has not assigned, but a browser's may.
    text = [chr(i) for i in range(0x30000) if not 0xD800 <= i < 0xE000]
    text = [c for c in text if unicodedata.category(c) != "Cn" or c in "\ufffe\uffff"]
    assert len(text) > 100_000
    # A button a character is too many. At the start, a combining character gets a base.
    parts = ["x" + "".join(text[i : i + 1000]) for i in range(0, len(text), 1000)]
    page = open_page(tokens({"A": parts}))
    buttons = strip(page).locator("button")
    shown = buttons.evaluate_all("all => all.map((button) => button.textContent)")
    assert shown == [f"\u2068{visible(part)}\u2069" for part in parts]


def test_a_narrow_page_does_not_scroll_sideways(open_page):
    page = open_page(tokens({"A": ["word"] * 200 + ["x" * 300]}), width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert strip(page).evaluate("e => e.scrollWidth <= e.clientWidth")
    strip(page).locator("button").nth(100).click()
    assert "token 101 of 201" in shown(page)


def test_two_views_on_a_page_are_independent(open_page):
    page = open_page(tokens(ROWS), tokens({"other": ["x", "y"]}))
    strip(page, view=1).locator("button").nth(1).hover()
    assert shown(page, 1) == "other, token 2 of 2: “y”, bytes 79"
    assert "Point at a token" in shown(page, 0)
    assert page.evaluate("document.querySelectorAll('main [id]').length") == 0


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_violations(open_page, no_violations, dark):
    page = open_page(tokens(ROWS, ids=IDS), tokens({"A": HOSTILE}), dark=dark)
    strip(page).locator("button").nth(1).focus()
    no_violations(page)
