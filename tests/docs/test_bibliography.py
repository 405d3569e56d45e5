"""The bibliography has every source that a lesson or a docstring names."""

import ast
import re
from pathlib import Path

import pytest
from pybtex.database import parse_file

ROOT = Path(__file__).parents[2]
ENTRIES = parse_file(ROOT / "docs" / "references.bib").entries
LESSONS = sorted(ROOT.glob("examples/*/*.py"))
FOOTERS = sorted(ROOT.glob("examples/*/GALLERY_FOOTER.rst"))
MODULES = sorted(ROOT.glob("lmviz/**/*.py"))
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
ARXIV = re.compile(r"\b\d{4}\.\d{4,5}\b")


def words(title):
    return tuple(re.findall(r"\w+", title.casefold()))


def titles():
    """Return the entry of every title, with and without its subtitle."""
    found = {}
    for entry in ENTRIES.values():
        title = entry.fields["title"]
        for known in {words(title), words(re.split("[:?]", title)[0])}:
            assert known not in found, f"two entries for {title}"
            found[known] = entry
    return found


def sources(path):
    """Yield the paragraphs of a file that name its sources."""
    text = path.read_text("utf-8")
    if path in FOOTERS:
        yield text.partition("Further reading, in order\n")[2]
        return
    if path in LESSONS:
        begin = r"^# Further reading\n# -{3,}\n(.*)\Z"
        yield re.search(begin, text, re.M | re.S)[1]
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED):
            docstring = ast.get_docstring(node) or ""
            yield from re.findall(
                r"^References\n-+\n(.*?)(?:\n\n|\Z)", docstring, re.M | re.S
            )


def cited(text):
    """Yield each title of a paragraph, with the year behind it if there is one."""
    text = " ".join(re.sub(r"^#", "", text, flags=re.M).split())
    parts = re.split(r'\*(?=\S)(.+?)\*|"(.+?)[,.]?"', text)
    for italics, quoted, rest in zip(
        parts[1::3], parts[2::3], parts[3::3], strict=True
    ):
        year = re.search(r"\b(?:19|20)\d\d\b", rest)
        yield italics or quoted, year and year[0]


@pytest.mark.parametrize(
    "path", [*LESSONS, *FOOTERS, *MODULES], ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_cited_source_is_in_the_bibliography_with_its_year(path):
    known, years = titles(), {}
    for text in sources(path):
        for title, year in cited(text):
            assert words(title) in known, f"{title}: add it to docs/references.bib"
            entry = known[words(title)]
            years[title] = year
            assert year in (None, entry.fields["year"]), title
        for number in ARXIV.findall(text):
            assert number in {e.fields.get("eprint") for e in ENTRIES.values()}
    if path in (*LESSONS, *FOOTERS):
        assert years and all(years.values()), (
            "lessons and chapters name the year of their sources"
        )


def test_an_entry_has_an_author_a_title_and_a_year():
    for key, entry in ENTRIES.items():
        assert entry.persons["author"], key
        assert re.fullmatch(r"[a-z]+(\d{4})[a-z]*", key)[1] == entry.fields["year"]
        if "eprint" in entry.fields:
            assert ARXIV.fullmatch(entry.fields["eprint"]), key
            assert entry.fields["archiveprefix"] == "arXiv", key


def test_the_entries_are_sorted_and_each_one_is_cited():
    assert list(ENTRIES) == sorted(ENTRIES)
    named = {
        words(title)
        for path in (*LESSONS, *MODULES)
        for text in sources(path)
        for title, _ in cited(text)
    }
    spare = {key for key, entry in ENTRIES.items()}
    spare -= {entry.key for title, entry in titles().items() if title in named}
    assert not spare
