"""The copy of each lesson in Markdown has all that its page has."""

import re
from html.parser import HTMLParser

import pytest
from conftest import HTML

LESSONS = sorted(
    path.relative_to(HTML).as_posix() for path in HTML.glob("lessons/*/[0-9]*.html")
)
VOID = ("br", "img", "input", "link", "meta", "hr", "wbr", "path", "rect", "use")
NUMBER = re.compile(r"\d[\d.,]*\d|\d")


class Page(HTMLParser):
    """The headings, what was printed, and how many formulas the text has."""

    def __init__(self, text):
        super().__init__()
        self.open, self.headings, self.printed, self.formulas = [], [], "", 0
        self.figures = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        classes = (dict(attrs).get("class") or "").split()
        if tag not in VOID:
            self.open.append((tag, classes))
        if self.has("article"):
            # The definition of a term is on the page as a card.
            self.formulas += tag == "math" and not self.has("definition")
            self.figures += tag == "figure" and "book-figure" in classes
            if tag in ("h1", "h2", "h3"):
                self.headings.append("")

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def has(self, name):
        return any(name == tag or name in classes for tag, classes in self.open)

    def handle_data(self, data):
        if self.has("sphx-glr-script-out") or self.has("printed"):
            self.printed += data + " "
        in_heading = self.has("h1") or self.has("h2") or self.has("h3")
        if in_heading and self.has("article") and not self.has("headerlink"):
            self.headings[-1] += data


def plain(text):
    return " ".join(re.sub(r"\\(?=[\\`*\[\]<$])", "", text).replace("`", "").split())


@pytest.mark.parametrize("name", LESSONS)
def test_a_copy_has_every_heading_formula_figure_and_printed_number(name):
    page = Page((HTML / name).read_text(encoding="utf-8"))
    copy = (HTML / f"{name}.md").read_text(encoding="utf-8")
    found = re.findall(r"^#{1,3} (.*)$", re.sub(r"(?ms)^ *```.*?```$", "", copy), re.M)
    headings = [plain(text) for text in page.headings]
    assert [plain(re.sub(r"\$.*?\$", "", text)) for text in found] == [
        text for text in headings
    ]
    missing = set(NUMBER.findall(page.printed)) - set(NUMBER.findall(copy))
    assert not missing
    prose = re.sub(r"(?ms)^ *(`{3,}).*?^ *\1$", "", copy)
    prose = re.sub(r"(`+)(?:(?!\1).)+\1", "", prose).replace(r"\$", "")
    display = re.findall(r"\$\$.+?\$\$", prose, re.S)
    inline = re.findall(r"\$[^$]+\$", re.sub(r"(?s)\$\$.+?\$\$", "", prose))
    assert len(display) + len(inline) == page.formulas
    assert copy.count("[Figure](") == page.figures
    assert copy.count("\nDescription: ") >= page.figures


def test_every_link_of_the_list_leads_to_a_file():
    listed = (HTML / "llms.txt").read_text(encoding="utf-8")
    addresses = re.findall(r"\]\(([^)]+)\)", listed)
    assert len(addresses) > 60
    for address in addresses:
        assert (HTML / address).is_file(), address
    full = (HTML / "llms-full.txt").read_text(encoding="utf-8")
    assert len(re.findall(r"(?m)^# \d\.\d", full)) == len(LESSONS)
