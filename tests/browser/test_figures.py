"""Figures on the pages of the built book: legible on all screens, in the page's ink."""

import gzip
import re
from pathlib import Path

import pytest

HTML = Path(__file__).parents[2] / "docs" / "_build" / "html"
FIGURE = re.compile(r'<figure class="book-figure.*?</figure>', re.DOTALL)


def figures_of(path):
    return FIGURE.findall(path.read_text(encoding="utf-8"))


WITH_FIGURES = sorted(
    path.relative_to(HTML).as_posix()
    for folder in ("book", "guide", "lessons", "project")
    for path in (HTML / folder).rglob("*.html")
    if figures_of(path)
)
# The size of the smallest text of each figure, as it is displayed.
SMALLEST = """() => [...document.querySelectorAll(".book-figure svg")].map((svg) => {
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const texts = [...svg.querySelectorAll("text, tspan")];
    const sizes = texts.map((text) => parseFloat(getComputedStyle(text).fontSize));
    return scale * Math.min(...sizes);
})"""
# Those whose content is wider than they are, and whether they say so.
SCROLLERS = """() => [...document.querySelectorAll(".figure-scroller")]
    .filter((part) => part.scrollWidth > part.clientWidth + 1)
    .map((part) => part.tabIndex === 0 && part.getAttribute("role") === "region"
        && Boolean(part.getAttribute("aria-label")))"""
INK = """() => {
    const text = document.querySelector(".book-figure svg text[fill=currentColor]");
    const { color, fontFamily } = getComputedStyle(text);
    return [color === getComputedStyle(document.querySelector("article")).color
        && color === getComputedStyle(text).fill, color, fontFamily];
}"""


def settles(page, check):
    """Return whether a check comes true within three seconds, as faces come late."""
    for _ in range(30):
        if check():
            return True
        page.wait_for_timeout(100)
    return False


@pytest.mark.parametrize("name", WITH_FIGURES)
def test_the_text_of_figures_is_never_too_small(site, open_page, name):
    page = open_page(url=f"{site}/{name}")
    assert min(page.evaluate(SMALLEST)) >= 10.95
    assert settles(page, lambda: page.evaluate(SCROLLERS) == []), "none on a desktop"
    page.set_viewport_size({"width": 390, "height": 800})
    assert settles(page, lambda: min(page.evaluate(SMALLEST)) >= 10.95)
    assert settles(page, lambda: all(page.evaluate(SCROLLERS)))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    captions = page.locator(".book-figure figcaption").all()
    assert min(caption.bounding_box()["x"] for caption in captions) >= 8


def test_figures_have_the_ink_and_the_face_of_their_page(site, open_page):
    url = f"{site}/{WITH_FIGURES[0]}"
    seen = set()
    for dark in (False, True):
        of_the_page, colour, face = open_page(url=url, dark=dark).evaluate(INK)
        assert of_the_page
        assert "Book Sans" in face
        seen.add(colour)
    assert len(seen) == 2


def test_a_figure_takes_few_bytes():
    sizes = {
        name: [len(gzip.compress(each.encode())) for each in figures_of(HTML / name)]
        for name in WITH_FIGURES
    }
    assert max(map(max, sizes.values())) < 60_000, sizes
    assert sum(map(sum, sizes.values())) < 400_000, sizes
