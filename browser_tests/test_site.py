"""The views on the built book's own pages."""

import os
import re
import zipfile
from pathlib import Path

import pytest

HTML = Path(__file__).parents[1] / "docs" / "_build" / "html"
SCRIPTS = HTML / "_static" / "lmviz"


@pytest.fixture(scope="module")
def site(serve):
    if not (HTML / "index.html").is_file():
        if os.environ.get("CI"):
            pytest.fail("the book is not built; this run has to build it before")
        pytest.skip("the book is not built: nox -s docs")
    return serve(HTML)


def pages_with_views():
    """Gallery pages and notebook pages alike."""
    return sorted(
        str(path.relative_to(HTML))
        for path in HTML.rglob("*.html")
        if "<lmviz-" in path.read_text(encoding="utf-8")
    )


def test_lessons_and_a_notebook_have_views(site):
    pages = pages_with_views()
    assert "explorer.html" in pages
    assert len([page for page in pages if page.startswith("lessons/")]) >= 6


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_view_comes_to_life_on_its_page(site, open_page, dark, no_violations):
    for name in pages_with_views():
        page = open_page(url=f"{site}/{name}", dark=dark)
        states = page.evaluate(
            """() => [...document.querySelectorAll("*")]
                .filter((e) => e.localName.startsWith("lmviz-"))
                .map((e) => e.shadowRoot?.firstElementChild?.childElementCount)"""
        )
        assert states, name
        assert all(count > 1 for count in states), name
        selector = page.evaluate(
            "document.querySelector('[data-title]').localName"  # one kind on a page
        )
        no_violations(page, selector)


def test_no_page_with_a_view_is_wider_than_a_phone(site, open_page):
    for name in pages_with_views():
        page = open_page(url=f"{site}/{name}", width=390, height=800)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


def test_a_chapter_brings_its_exercises_without_roles_of_the_book(site):
    for chapter in HTML.glob("downloads/0*.zip"):
        with zipfile.ZipFile(chapter) as files:
            text = files.read(f"{chapter.stem}/exercises.ipynb").decode()
        assert "%pip install" in text
        assert "{nb-download}" not in text
        (alone,) = HTML.glob(f"_downloads/*/{chapter.stem}.ipynb")
        assert alone.read_text(encoding="utf-8") == text


def imported(name):
    """Give the scripts that a view's script is made of."""
    text = (SCRIPTS / f"{name}.js").read_text(encoding="utf-8")
    direct = re.findall(r'^import .* from "\./(\w+)\.js";$', text, re.MULTILINE)
    return {name}.union(*map(imported, direct))


def test_a_page_loads_the_scripts_of_its_views_only_and_they_are_small(site, open_page):
    kinds = set()
    for name in ["index.html", *pages_with_views()]:
        shown = set(re.findall(r"<lmviz-(\w+)", (HTML / name).read_text("utf-8")))
        kinds |= shown
        page = open_page(url=f"{site}/{name}")
        loaded = page.evaluate(
            """() => performance.getEntriesByType("resource").map((entry) => entry.name)
                .filter((name) => name.includes("/_static/lmviz/"))"""
        )
        loaded = {address.split("/")[-1].partition(".js")[0] for address in loaded}
        assert loaded == {"lmviz"}.union(*map(imported, shown)), name
        size = sum((SCRIPTS / f"{script}.js").stat().st_size for script in loaded)
        print(f"{name}: {size:,} bytes of scripts")
        assert size <= 40 * 1024, name
    assert len(kinds) == 7


def test_the_views_live_on_pages_that_are_opened_from_a_disk(site, browser):
    page = browser.new_page()
    for name in ["explorer.html", *pages_with_views()[:3]]:
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
