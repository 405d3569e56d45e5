"""The view of a model for every reader: keyboard, small screen, motion, requests."""

import pytest
from inside import QUIET, ask, focused, switch, texts, write
from llama_checks import CAPITAL
from screens import assert_fits_a_phone

pytestmark = pytest.mark.long("SmolLM2 in a page")


@pytest.fixture
def page(inside):
    return inside


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
        if "map" in name.lower():
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
    for start in ("␣is", "All heads:", "This head", "␣Paris"):
        assert any(name.startswith(start) for name in walked), start
    order = ["Take the tour", "toy", "attention", "Previous layer", "Continue"]
    assert [name for name in walked if name in order] == order
    assert any("map" in name.lower() for name in walked)


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
    ask(page, "(x.sweeps.set(x.key(x.off), { off: x.off, logs: [0, 0], effects: "
              "x.off.map((_, l) => Array.from({ length: 9 }, (_, h) => [l - h, 1])) }),"
              " x.mode = 'effect', x.show())")  # fmt: skip
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
