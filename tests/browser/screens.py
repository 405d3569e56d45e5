"""What a screen of another width asks anew: whether a page fits, and reads."""

from pathlib import Path

TOO_WIDE = Path(__file__).with_name("too_wide.js").read_text(encoding="utf-8")
# Width and darkness of two screens of four: on the other two, test_pages opens the
# views of the book.
CROSSED = [(1280, True), (390, False)]
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


def settles(page, check):
    """Return whether a check comes true within three seconds, as faces come late."""
    for _ in range(30):
        if check():
            return True
        page.wait_for_timeout(100)
    return False


def assert_legible(page, *, scrolling):
    """Assert that no text of a figure is too small, and that what scrolls says so."""
    assert settles(page, lambda: all(size >= 10.95 for size in page.evaluate(SMALLEST)))
    if scrolling:
        assert settles(page, lambda: all(page.evaluate(SCROLLERS)))
    else:
        assert settles(page, lambda: page.evaluate(SCROLLERS) == [])
    starts = "all => all.map((caption) => caption.getBoundingClientRect().x)"
    captions = page.locator(".book-figure figcaption").evaluate_all(starts)
    assert all(start >= 8 for start in captions)


def assert_fits_a_phone(page):
    """Assert that nothing sticks out of a page, and that its figures can be read."""
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert_legible(page, scrolling=True)
