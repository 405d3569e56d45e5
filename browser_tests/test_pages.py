"""Every page of the built book: no complaint, no stranger, wide and narrow."""

import itertools
import os
from pathlib import Path

import pytest

HTML = Path(__file__).parents[1] / "docs" / "_build" / "html"
PAGES = sorted(
    str(path.relative_to(HTML))
    for path in HTML.rglob("*.html")
    if "_static" not in path.parts
)
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def site(serve):
    return serve(HTML)


def test_the_book_is_built():
    if not PAGES and not os.environ.get("CI"):
        pytest.skip("the book is not built: nox -s docs")
    assert len(PAGES) > 50


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_in_order(site, open_page, no_violations, name):
    page = open_page(url=f"{site}/{name}")
    no_violations(page)
    levels = page.eval_on_selector_all(
        "main h1, main h2, main h3, main h4", "all => all.map((h) => +h.tagName[1])"
    )
    assert levels.count(1) == 1, "one title"
    steps = itertools.pairwise(levels)
    assert all(after <= before + 1 for before, after in steps), levels
    nameless = "img:not([alt]), main img.figure[alt='']"
    assert page.locator(nameless).count() == 0
    assert (
        page.locator("script[src^='http'], link[href^='http'][rel=stylesheet]").count()
        == 0
    )

    # The theme names its icons; book.css draws them.
    drawn = page.eval_on_selector_all(
        ".fa-solid", "all => all.map((icon) => getComputedStyle(icon).maskImage)"
    )
    assert drawn
    assert "none" not in drawn

    # In the dark other colours meet, and nothing else changes.
    page.add_style_tag(content="* { transition: none !important; }")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    no_violations(page, rules=["color-contrast"])

    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    "name",
    [name for name in PAGES if name.startswith("lessons/") and "index" not in name],
)
def test_a_lesson_reads_without_scripts_and_weighs_little(browser, site, name):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sizes = {}
    page.on("response", lambda got: sizes.update({got.url: len(got.body())}))
    page.goto(f"{site}/{name}", wait_until="networkidle")
    assert page.locator("main h1").is_visible()
    header = page.locator(".bd-header").first
    clear = "(it) => getComputedStyle(it).backgroundColor"
    assert header.evaluate(clear) == "rgb(255, 255, 255)", "text would show through"
    assert page.locator(".lesson-line + p").is_visible()
    for image in page.locator("img.figure").all():
        light = "only-light" in image.get_attribute("class")
        assert image.is_visible() == light
        if not light:  # without scripts nothing is lazy
            del sizes[
                page.evaluate("(image) => image.currentSrc", image.element_handle())
            ]
    data = page.locator("[data-title] > script[type='application/json']")
    interactive = sum(len(text) for text in data.all_text_contents())
    context.close()
    assert sum(sizes.values()) - interactive < MEGABYTE, sizes
