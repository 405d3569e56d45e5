"""Every page of the built book: no complaint, no stranger, wide and narrow."""

import itertools
import os
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
from screens import assert_fits_a_phone, assert_legible

HTML = Path(__file__).parents[2] / "docs" / "_build" / "html"
SCRIPTS = HTML / "_static" / "lmviz"
# All pages of code are alike.
CODE = sorted(path.as_posix() for path in HTML.glob("_modules/lmviz/**/*.html"))[1:]
PAGES = sorted(
    path.relative_to(HTML).as_posix()
    for path in HTML.rglob("*.html")
    if "_static" not in path.parts and path.as_posix() not in CODE
)
LESSONS = [p for p in PAGES if p.startswith("lessons/") and "index" not in p]
LESSON_WEIGHT = 600_000  # bytes, uncompressed, without the data of views


def shown_on(name):
    """Name the kinds of views on a page."""
    return set(re.findall(r"<lmviz-(\w+)", (HTML / name).read_text("utf-8")))


# Gallery pages and notebook pages alike.
WITH_VIEWS = [name for name in PAGES if shown_on(name)]


@pytest.fixture(scope="module")
def no_scripts(browser):
    context = browser.new_context(java_script_enabled=False)
    yield context
    context.close()


def test_the_book_is_built_and_has_views_of_every_kind():
    if not PAGES and not os.environ.get("CI"):
        pytest.skip("the book is not built: nox -s docs")
    assert len(PAGES) > 50
    assert {"book/explorer.html", "book/inside.html"} <= set(WITH_VIEWS)
    assert len(set(LESSONS) & set(WITH_VIEWS)) >= 6
    assert len(set.union(*map(shown_on, WITH_VIEWS))) == 11


def test_the_download_of_a_chapter_includes_its_plain_exercises():
    for chapter in HTML.glob("downloads/0*.zip"):
        with zipfile.ZipFile(chapter) as files:
            text = files.read(f"{chapter.stem}/exercises.ipynb").decode()
        assert "%pip install" in text
        assert "{nb-download}" not in text
        (alone,) = HTML.glob(f"_downloads/*/{chapter.stem}.ipynb")
        assert alone.read_text(encoding="utf-8") == text


def test_every_figure_of_the_book_says_what_it_shows():
    figures = [
        (name, *found)
        for name in PAGES
        for found in re.findall(
            r'<figure class="book-figure.*?aria-label="([^"]*)" stroke.*?'
            r"<figcaption><b>(.*?)</b>(.*?)</figcaption>",
            (HTML / name).read_text("utf-8"),
        )
    ]
    assert len(figures) > 50
    for name, alt, finding, _ in figures:
        assert len(alt.split()) >= 5, (name, alt)
        assert len(finding.split()) >= 3, (name, finding)
    # The others are named by their titles.
    assert sum(not rest.strip() for *_, rest in figures) <= 8


# The number of parts that MathML requires.
PARTS = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2}
PARTS |= {"msubsup": 3, "munderover": 3}


def test_formulas_have_as_many_parts_as_mathml_requires():
    """A browser shows an error in the place of others."""
    formulas = [
        (name, found)
        for name in PAGES
        for found in re.findall("<math.*?</math>", (HTML / name).read_text("utf-8"))
    ]
    assert len(formulas) > 500
    for name, formula in formulas:
        for part in ElementTree.fromstring(formula.replace("&nbsp;", " ")).iter():
            wanted = PARTS.get(part.tag.partition("}")[2])
            assert wanted in (None, len(part)), (name, formula)


def imported(name):
    """Give the scripts that a view's script is made of."""
    text = (SCRIPTS / f"{name}.js").read_text(encoding="utf-8")
    direct = re.findall(r'^import .* from "\./(\w+)\.js";$', text, re.MULTILINE)
    return {name}.union(*map(imported, direct))


def assert_views_live(page, name):
    drawn = page.evaluate(
        """() => [...document.querySelectorAll("*")]
            .filter((e) => e.localName.startsWith("lmviz-"))
            .map((e) => e.shadowRoot?.firstElementChild?.childElementCount ?? 0)"""
    )
    assert bool(drawn) == (name in WITH_VIEWS)
    assert all(count > 1 for count in drawn), f"a view is empty: {drawn}"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_errors_and_is_accessible(site, open_page, no_violations, name):
    page = open_page(url=f"{site}/{name}")
    no_violations(page)
    assert_views_live(page, name)
    levels = page.eval_on_selector_all(
        "article :is(h1, h2, h3, h4)", "all => all.map((h) => +h.tagName[1])"
    )
    assert levels.count(1) == 1, "one title"
    steps = itertools.pairwise(levels)
    assert all(after <= before + 1 for before, after in steps), levels
    nameless = "img:not([alt]), svg[role=img]:not([aria-label]), [aria-label='']"
    assert page.locator(nameless).count() == 0
    assert (
        page.locator("script[src^='http'], link[href^='http'][rel=stylesheet]").count()
        == 0
    )

    # Each glyph is drawn once, in a hidden part of the page.
    drawn = page.eval_on_selector_all(
        ".bar :not(.open-menu) > .glyph use",
        "all => all.filter((use) => use.closest('svg').checkVisibility())"
        ".map((use) => use.getBBox().width)",
    )
    assert len(drawn) >= 2
    assert all(drawn)

    # The scripts of its views only, and they are small.
    loaded = page.evaluate(
        """() => performance.getEntriesByType("resource").map((entry) => entry.name)
            .filter((name) => name.includes("/_static/lmviz/"))"""
    )
    loaded = {address.split("/")[-1].partition(".js")[0] for address in loaded}
    assert loaded == {"lmviz"}.union(*map(imported, shown_on(name)))
    size = sum((SCRIPTS / f"{script}.js").stat().st_size for script in loaded)
    # The model's page computes all that it shows.
    limit = 160 if name == "book/inside.html" else 66
    assert size <= limit * 1024, f"{size:,} bytes of scripts"

    assert_legible(page, scrolling=False)

    if name not in WITH_VIEWS:
        # In the dark other colours meet, and nothing else changes.
        page.emulate_media(reduced_motion="reduce")
        page.add_style_tag(content="* { transition: none !important; }")
        page.evaluate("document.body.dataset.theme = 'dark'")
        no_violations(page, rules=["color-contrast"])
        page.set_viewport_size({"width": 390, "height": 800})
        assert_fits_a_phone(page)


# A view may be another one where it is drawn narrow.
@pytest.mark.parametrize("name", WITH_VIEWS)
def test_a_page_with_views_is_right_on_a_dark_phone(
    site, open_page, no_violations, name
):
    page = open_page(url=f"{site}/{name}", width=390, height=800, dark=True)
    assert_views_live(page, name)
    no_violations(page)
    assert_fits_a_phone(page)


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_reads_without_scripts_and_weighs_little(no_scripts, site, name):
    page = no_scripts.new_page()
    answers = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{site}/{name}", wait_until="load")
    sizes = {answer.url: len(answer.body()) for answer in answers}
    assert page.locator("article h1").is_visible()
    ground = "(it) => getComputedStyle(it).backgroundColor"
    bar = page.locator("header.bar")
    assert bar.evaluate(ground) == "rgb(255, 255, 255)", "text would show through"
    assert page.locator(".lesson-line + p").is_visible()
    for picture in page.locator(".book-figure svg").all():
        assert picture.is_visible()
    data = page.locator("[data-title] > script[type='application/json']")
    assert len([url for url in sizes if url.endswith(".woff2")]) <= 5
    interactive = sum(len(text) for text in data.all_text_contents())
    page.close()
    assert sum(sizes.values()) - interactive < LESSON_WEIGHT, sizes


@pytest.mark.parametrize("name", WITH_VIEWS[:4])
def test_the_views_live_on_pages_that_are_opened_from_a_disk(browser, name):
    page = browser.new_page()
    page.goto((HTML / name).as_uri())
    page.wait_for_function(
        """async () => {
            const view = document.querySelector("[data-title]");
            await customElements.whenDefined(view.localName);
            await view.ready;
            return view.shadowRoot.firstElementChild.childElementCount > 1;
        }"""
    )
    page.close()
