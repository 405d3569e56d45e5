"""The copy of each lesson in Markdown has all that its page has."""

import re

import pytest
from bs4 import BeautifulSoup
from conftest import HTML

LESSONS = sorted(
    path.relative_to(HTML).as_posix() for path in HTML.glob("lessons/*/[0-9]*.html")
)
NUMBER = re.compile(r"\d[\d.,]*\d|\d")
CODE = re.compile(r"^ *(`{3,}).*?^ *\1$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(`+)(?:(?!\1).)+?\1(?!`)", re.DOTALL)


def article(name):
    """Return the text of a page without what a copy has not."""
    page = BeautifulSoup((HTML / name).read_text(encoding="utf-8"), "html.parser")
    found = page.find("article")
    # Links to headings, the cards of terms, and what is below a lesson.
    for part in found.select(".headerlink, .definition, .lesson-line, .lesson-install"):
        part.decompose()
    return found


def plain(text):
    text = re.sub(r"\\(?=[\\`*\[\]<$])", "", text).replace("`", "")
    return " ".join(text.replace("*", "").split())


def formulas(copy):
    """Return the formulas in the prose of a copy."""
    prose = SPAN.sub("", CODE.sub("", copy)).replace(r"\$", "")
    displayed = re.findall(r"\$\$.+?\$\$", prose, re.DOTALL)
    prose = re.sub(r"\$\$.+?\$\$", "", prose, flags=re.DOTALL)
    return displayed + re.findall(r"\$[^$]+\$", prose)


@pytest.mark.parametrize("name", LESSONS)
def test_a_copy_has_every_heading_formula_figure_and_printed_number(name):
    page = article(name)
    copy = (HTML / f"{name}.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#{1,4} (.*)$", CODE.sub("", copy), re.MULTILINE)
    assert [plain(text) for text in headings] == [
        " ".join(part.get_text().split()) for part in page.select("h1, h2, h3, h4")
    ]
    printed = " ".join(
        part.get_text(" ") for part in page.select(".sphx-glr-script-out, .printed")
    )
    assert set(NUMBER.findall(printed)) <= set(NUMBER.findall(copy))
    assert len(formulas(copy)) == len(page.select("math"))
    assert copy.count("[Figure](") == len(page.select("figure.book-figure"))
    assert copy.count("\nDescription: ") >= copy.count("[Figure](")


def test_every_link_of_the_list_leads_to_a_file():
    listed = (HTML / "llms.txt").read_text(encoding="utf-8")
    addresses = re.findall(r"\]\(([^)]+)\)", listed)
    assert len(addresses) > 60
    for address in addresses:
        assert (HTML / address).is_file(), address
    full = (HTML / "llms-full.txt").read_text(encoding="utf-8")
    assert len(re.findall(r"(?m)^# \d\.\d", full)) == len(LESSONS)
