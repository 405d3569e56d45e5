"""Figures on the pages of the built book: in the page's ink and face, and small."""

import gzip
import re
from pathlib import Path

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
INK = """() => {
    const text = document.querySelector(".book-figure svg text[fill=currentColor]");
    const { color, fontFamily } = getComputedStyle(text);
    return [color === getComputedStyle(document.querySelector("article")).color
        && color === getComputedStyle(text).fill, color, fontFamily];
}"""


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
