"""The view of a model, used: its address, its keys, its tour, and what it costs."""

import re
from urllib.parse import quote

import hostile
import pytest
from inside import (
    PAGE,
    QUIET,
    ask,
    bars,
    load,
    press,
    problem,
    switch,
    texts,
    write,
)
from screens import assert_fits_a_phone

pytestmark = pytest.mark.long("SmolLM2 in a page")
CAPITAL = "The capital of France is"


@pytest.fixture
def page(inside):
    yield inside
    inside.evaluate("history.replaceState(null, '', location.pathname)")
    inside.set_viewport_size({"width": 1280, "height": 900})
    ask(inside, "(x.shadowRoot.querySelector('.lens').open = false)")
    inside.emulate_media(color_scheme="light", reduced_motion="no-preference")


def state(page):
    return ask(page, "[x.engine.id, x.said, x.layer, x.head, x.q, x.namedOff()]")


def test_a_link_restores_text_head_position_and_ablated_heads(page, site, open_page):
    text = 'Le café & "thé" = 100 % #1?'
    write(page, text)
    ask(page, "x.choose(11, 7)")
    switch(page)
    ask(page, "x.choose(3, 2)")
    switch(page)
    page.locator(".token").nth(3).click()
    page.evaluate(QUIET)
    before, shown = state(page), bars(page)
    assert before == ["smollm2", text, 3, 2, 3, "3.2, 11.7"]
    page.get_by_label("Save or copy").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the link").click()
    page.get_by_text("Copied the link.").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    assert link.startswith(f"{site}/{PAGE}#")
    other = open_page(url=link)
    other.evaluate(QUIET)
    load(other)
    assert state(other) == before
    assert bars(other) == shown
    # On the page itself, too.
    press(page, "Undo")
    page.evaluate("location.hash = 'how-it-runs'")
    assert state(page)[1] != text
    page.evaluate("(link) => { location.href = link }", link)
    page.wait_for_timeout(50)
    page.evaluate(QUIET)
    assert state(page) == before


FRAGMENTS = [
    "text=Hi&head=99999999999999999999.-1&at=-5&off=1.2.3,x,,9e9.1,1.99,99.1",
    f"text=Hi&head={'9' * 400}.{'9' * 400}&at={'9' * 400}&off={'9' * 400}.0",
    f"text={quote('<img src=x onerror=alert(1)>')}&model=<svg/onload=alert(1)>",
    "text=%00%ff%&head=%&at=%00",
    f"text={'many+words+' * 1000}",
    f"text={'qzxjkvwp' * 1250}&off={'23.4,' * 2000}",
    f"model=toy&head=23.4&off=23.4,2.3,2.3&text={quote('Anna has a <b>')}",
    "__proto__=1&constructor=2&text=",
]


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_no_fragment_does_harm(page, fragment):
    page.evaluate("(hash) => { location.hash = hash }", fragment)
    page.wait_for_timeout(50)
    page.evaluate(QUIET)
    model, said, layer, head, q, off = state(page)
    assert said is not None
    layers, heads, n = ask(page, "[x.engine.layers, x.engine.heads, x.tokens.length]")
    assert 0 <= layer < layers and 0 <= head < heads
    assert 0 <= q < n <= 128 or n == 0
    assert off in ("", "23.4", "2.3")
    assert page.locator("lmviz-model img, lmviz-model b > *").count() == 0
    assert page.get_by_role("button", name="toy" if model == "toy" else "SmolLM2")
    pressed = page.locator(".text .steps [aria-pressed=true]").inner_text()
    assert pressed == {"toy": "toy", "smollm2": "SmolLM2"}[model]


def test_a_fragment_is_read_before_the_model_is_loaded(site, open_page):
    for fragment in (FRAGMENTS[1], FRAGMENTS[4], FRAGMENTS[3]):
        page = open_page(url=f"{site}/{PAGE}#{fragment}")
        page.evaluate(QUIET)
        page.locator(".go").wait_for()
        assert texts(page, ".bars button") == []


def test_hostile_text_is_only_text(page):
    joined = [" ".join(hostile.INJECTIONS[i::4]) for i in range(4)]
    for text in (*hostile.TOKENS, *joined):
        write(page, f"The {text} is")
        if text != "\0":
            assert problem(page) == ""
            assert texts(page, ".token")[-1].startswith("␣is")
        assert page.locator(".view :is(img, iframe, script, a)").count() == 0
        for tile in (".all", ".token >> nth=-1", ".bars button >> nth=0"):
            page.locator(tile).hover()


def focused(page):
    """Name what has the focus, and whether a ring shows it."""
    return page.evaluate(
        """() => {
        const e = document.activeElement.shadowRoot.activeElement;
        const { outlineStyle, boxShadow } = getComputedStyle(e);
        const name = e.ariaLabel ?? e.getAttribute("aria-label") ?? e.textContent;
        return [name.replace(/[\\u2068\\u2069]/g, ""), e.matches(":focus-visible")
            && (outlineStyle !== "none" || boxShadow !== "none")];
        }"""
    )


def test_all_can_be_reached_with_the_keyboard_alone(page):
    page.get_by_role("textbox", name="Your text").focus()
    walked = {}
    for _ in range(40):
        page.keyboard.press("Tab")
        name, ring = focused(page)
        assert ring, name
        walked[name] = len(walked)
        if name.startswith("␣is"):
            page.keyboard.press("ArrowLeft")
            page.evaluate(QUIET)
            assert ask(page, "x.q") == 3
            assert focused(page)[0].startswith("␣France")
            page.keyboard.press("End")
            page.evaluate(QUIET)
        if name.startswith("All heads:"):
            for key in ("ArrowUp", "ArrowRight"):
                page.keyboard.press(key)
            page.evaluate(QUIET)
            assert texts(page, ".head-card h2") == ["Layer 24, head 3"]
            page.keyboard.press("ArrowLeft")
            page.keyboard.press("ArrowDown")
            page.evaluate(QUIET)
        if name.startswith("This head"):
            page.keyboard.press("Space")
            page.evaluate(QUIET)
            assert focused(page)[0] == "This head: ablated"
            assert ask(page, "x.namedOff()") == "23.4"
            page.keyboard.press("Enter")
            page.evaluate(QUIET)
        if name.startswith("Attention weights") or "map" in name.lower():
            page.keyboard.press("ArrowUp")
            page.evaluate(QUIET)
            assert ask(page, "x.q") == 3
            page.keyboard.press("ArrowDown")
            page.evaluate(QUIET)
        if name.startswith("␣Paris"):
            assert texts(page, ".next .says")[0].startswith("␣Paris: logit ")
            page.keyboard.press("Enter")
            page.evaluate(QUIET)
            assert ask(page, "x.said") == f"{CAPITAL} Paris"
            break
    order = ["Take the tour", "toy", "attention", "Previous layer", "Continue"]
    assert [name for name in walked if name in order] == order
    assert any("map" in name.lower() for name in walked)


def test_the_tour_states_measured_numbers_and_escape_leaves_it(page):
    press(page, "Take the tour")
    panel = page.get_by_role("region", name="Tour")
    said = []
    while not said or not said[-1].startswith("12 of 12"):
        page.evaluate(QUIET)
        said.append(texts(page, ".tour p")[0])
        assert not re.search(r"[{}]|undefined|NaN|Infinity|\[object", said[-1])
        assert said[-1].startswith(f"{len(said)} of 12. ")
        page.keyboard.press("Enter")  # the focus is on Next
        page.wait_for_timeout(50)
    assert panel.count() == 0
    assert "In head 23.4, ␣is attends to ␣France with weight 0." in said[3]
    assert "␣Paris falls from 77 % to 14 %" in said[7]
    assert focused(page)[0] == "Take the tour"
    page.keyboard.press("Enter")
    page.evaluate(QUIET)
    page.keyboard.press("Escape")
    page.evaluate(QUIET)
    assert panel.count() == 0
    assert page.locator(".dimmed").count() == 0


def test_after_the_tour_the_page_is_as_it_was(page):
    write(page, "The capital of Italy is")
    ask(page, "x.choose(3, 2)")
    switch(page)
    page.locator(".token").nth(2).click()
    page.evaluate(QUIET)
    before, shown = state(page), bars(page)
    press(page, "Take the tour")
    assert state(page) == ["smollm2", CAPITAL, 23, 4, 4, ""]
    press(page, "Next", exact=True)
    press(page, "Back")
    press(page, "Leave the tour")
    assert state(page) == before
    assert bars(page) == shown


def test_the_tour_asks_for_the_model_where_it_needs_it(site, open_page):
    page = open_page(url=f"{site}/{PAGE}")
    page.evaluate(QUIET)
    press(page, "Take the tour")
    for _ in range(7):
        assert "must run in the page" not in texts(page, ".tour p")[0]
        press(page, "Next", exact=True)
    assert texts(page, ".tour p")[0].startswith("8 of 12. From here, the model itself")
    press(page, "Try again")
    assert "must run in the page" in texts(page, ".tour p")[0]
    load(page)
    press(page, "Try again")
    assert "␣Paris falls from 77 %" in texts(page, ".tour p")[0]


# The sizes of all texts that are drawn, in pixels of the screen.
SIZES = """() => {
    const { shadowRoot } = document.querySelector("lmviz-model");
    return [...shadowRoot.querySelectorAll("*")].filter((e) => e.checkVisibility()
        && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .map((e) => {
            const size = parseFloat(getComputedStyle(e).fontSize);
            const { viewBox, clientWidth } = e.closest("svg") ?? {};
            const { width } = viewBox?.baseVal ?? {};
            return [size * (width ? clientWidth / width : 1), e.textContent];
        });
}"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_loaded_page_is_accessible_and_fits(page, no_violations, width, dark):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.evaluate("(dark) => { document.body.dataset.theme = dark }", "auto")
    switch(page)
    ask(page, "(x.from = { off: x.off, log: 0 }, x.mode = 'effect', x.effects ="
              " x.off.map((_, l) => Array.from({ length: 9 }, (_, h) => (l - h) / 20)),"
              " x.show())")  # fmt: skip
    page.locator(".lens summary").click()
    page.locator(".lens td").first.wait_for()
    page.evaluate(QUIET)
    no_violations(page, "lmviz-model")
    small = [pair for pair in page.evaluate(SIZES) if pair[0] < 10.95]
    assert small == []
    if width == 390:
        assert_fits_a_phone(page)
        low = ask(
            page,
            "[...x.shadowRoot.querySelectorAll('button, select, summary, input')]"
            ".filter((e) => e.checkVisibility() && e.offsetHeight < 40)"
            ".map((e) => e.outerHTML)",
        )
        assert low == []
    page.locator(".lens summary").click()


def test_nothing_moves_when_motion_is_reduced(page):
    page.emulate_media(reduced_motion="reduce")
    switch(page)
    write(page, "The capital of Italy is")
    moving = ask(
        page, "x.shadowRoot.getAnimations().filter((a) => a.playState === 'running')"
    )
    assert moving == []
    durations = ask(
        page,
        "[...x.shadowRoot.querySelectorAll('*')].map((e) =>"
        "parseFloat(getComputedStyle(e).transitionDuration))",
    )
    assert max(durations) <= 0.001


def test_pointing_at_the_tiles_holds_no_frame_up(page):
    page.evaluate(
        """() => {
        scrollTo(0, 0);
        window.long = [];
        new PerformanceObserver((list) => long.push(...list.getEntries()
            .map(({ duration }) => duration))).observe({ type: "longtask" });
        }"""
    )
    box = page.locator(".all").bounding_box()
    said, found = set(), []
    for _ in range(3):  # another process may hold one up
        for i in range(40):
            x = box["x"] + 50 + i * (box["width"] - 100) / 40
            page.mouse.move(x, box["y"] + 10 + 3 * i)
            if i % 10 == 5:
                said.add(texts(page, ".whole .says")[0])
        found.append(page.evaluate("long.splice(0)"))
        if not found[-1]:
            break
    assert len(said) > 3
    assert [] in found, found


def test_no_request_leaves_the_folder_of_the_site(page, site):
    names = page.evaluate(
        "performance.getEntriesByType('resource').map(({ name }) => name)"
    )
    assert any("llama.wasm" in name or "worker.js" in name for name in names)
    assert all(name.startswith((f"{site}/", "data:")) for name in names)
