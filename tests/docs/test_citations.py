"""The page on citing has the facts of CITATION.cff, and GitHub can read that file."""

import re
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from lmviz_book import citations
from pybtex.database import parse_string

import lmviz

ROOT = Path(__file__).parents[2]
STATED = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


@pytest.fixture
def app():
    config = SimpleNamespace(
        copyright="2025–2026, the lmviz authors",
        html_baseurl="",
        lmviz_repository="https://example.org/lmviz",
    )
    return SimpleNamespace(srcdir=ROOT / "docs", config=config)


def test_bibtex_has_the_facts_of_the_citation_file(app):
    text = citations.book_entry(citations.facts(app))
    (entry,) = parse_string(text, "bibtex").entries.values()
    assert entry.type == "software"
    assert entry.fields["title"] == f"{{{STATED['title']}}}"
    (author,) = entry.persons["author"]
    # In braces, since it is no first and last name.
    assert author.last_names == [f"{{{STATED['authors'][0]['name']}}}"]
    assert entry.fields["version"] == lmviz.__version__
    assert entry.fields["year"] == "2026"
    assert entry.fields["url"] == "https://example.org/lmviz"


def test_the_sentence_has_authors_year_title_version_and_address(app):
    app.config.html_baseurl = "https://example.org/book/"
    parts = citations.sentence(citations.facts(app))
    assert "".join(part.astext() for part in parts) == (
        f"The lmviz authors (2026). {STATED['title']} (version {lmviz.__version__}). "
        "https://example.org/book/"
    )


def test_what_is_unknown_is_left_out(app):
    app.config.lmviz_repository = ""
    assert "url" not in citations.book_entry(citations.facts(app))


def test_the_citation_file_agrees_with_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    # The other licence is that of the texts in lmviz/texts.
    assert STATED["license"] == project["license"].split(" AND ")[0]
    assert STATED["keywords"] == project["keywords"]
    names = [author["name"].casefold() for author in project["authors"]]
    assert [author["name"].casefold() for author in STATED["authors"]] == names


def test_the_page_cites_sources_that_the_bibliography_has():
    page = (ROOT / "docs" / "project" / "citing.md").read_text("utf-8")
    keys = re.findall(r"cite-source\} (\w+)", page)
    sources = (ROOT / "docs" / "references.bib").read_text("utf-8")
    assert keys
    for key in keys:
        assert re.search(rf"^@\w+\{{{key},$", sources, re.MULTILINE)
