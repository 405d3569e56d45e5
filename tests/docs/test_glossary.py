"""The glossary has every term that a page introduces in bold, and only real lessons."""

import ast
import re
from pathlib import Path

import pytest
from lmviz_book import concepts, links

from lmviz.toy import evaluate

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "book" / "glossary.md").read_text("utf-8")
PAGES = [*sorted(ROOT.glob("examples/*/*.py")), *sorted(ROOT.glob("docs/*.md"))]
# Bold text that is not a term: emphasised words, steps, buttons.
STRESSED = {
    *("add", "after", "case", "comes next", "every"),
    *("in the order in which they were learned", "is", "learned"),
    *("on average", "pick a story", "press a head"),
    *("press a next word", "press a word", "random", "spaces"),
    *("spelling", "step one", "step three", "step two", "ablate the head"),
    *("unknown words", *evaluate.KINDS),
}


def prose(page):
    """Return the text of a page, without its code."""
    text = page.read_text("utf-8")
    if page.suffix == ".md":
        return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    blocks = re.findall(r"^# %%\n((?:#.*\n)+)", text, re.M)
    lead = ast.get_docstring(ast.parse(text))
    return "\n".join([lead, *(re.sub(r"^# ?", "", b, flags=re.M) for b in blocks)])


def bold(page):
    """Return the bold words of a page but for those that end like a heading."""
    found = (
        " ".join(words.split()) for words in re.findall(r"\*\*([^*]+)\*\*", prose(page))
    )
    return {words.casefold() for words in found if words[-1] not in ".:?"}


def test_the_pages_have_bold_terms():
    assert {"tokenizer", "tokens", "id", "vocabulary", "bytes"} < bold(PAGES[0])
    assert {"agreement", "toy", "entropy"} < bold(ROOT / "docs" / "book" / "toy.md")


@pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}"
)
def test_every_bold_term_is_in_the_glossary(page):
    terms = {
        term.casefold() for names, _ in concepts.entries(GLOSSARY) for term in names
    }
    missing = {
        words
        for words in bold(page) - STRESSED
        if not {words, words.removesuffix("s")} & terms
    }
    assert not missing, (
        "define them in docs/book/glossary.md; what is only stressed is in *italics*"
    )


def test_the_glossary_is_sorted_and_names_no_term_twice():
    first = [terms[0].casefold() for terms, _ in concepts.entries(GLOSSARY)]
    assert len(first) > 80
    assert first == sorted(first)
    terms = [
        term.casefold() for names, _ in concepts.entries(GLOSSARY) for term in names
    ]
    assert len(terms) == len(set(terms))


def test_every_entry_is_short_and_leads_to_a_page_that_says_the_term():
    for terms, text in concepts.entries(GLOSSARY):
        sentences, link = text.strip().split("\n\n")
        assert 1 <= len(re.findall(r"[.?”](?=\s|\Z)", sentences)) <= 4, terms
        kind, target = re.fullmatch(r"  (Lesson|Page): \{doc\}`/(.+)`", link).groups()
        if kind == "Lesson":
            source = ROOT / "examples" / f"{target.removeprefix('lessons/')}.py"
        else:
            source = ROOT / "docs" / f"{target}.md"
        assert source.is_file(), terms
        if kind == "Lesson":
            said = " ".join(prose(source).casefold().split())
            assert any(term.casefold() in said for term in terms), (terms, target)


@pytest.mark.parametrize(
    ("bold", "term"),
    [
        ("tokens especiales", "token especial"),
        ("cabezas", "cabeza"),
        ("capas de normalización", "capa de normalización"),
        ("matrices de salida", "matriz de salida"),
        ("id", "id"),
    ],
)
def test_a_plural_of_spanish_leads_to_its_term(bold, term):
    assert term in links.singulars(bold)
