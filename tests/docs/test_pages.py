"""What surrounds the text of a page: its place in the menu, and links to its source."""

from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
import yaml
from docutils import nodes
from lmviz_book import pages
from sphinx import addnodes
from sphinx.builders.html._assets import _JavaScript

FORMS = Path(__file__).parents[2] / ".github" / "ISSUE_TEMPLATE"
TITLES = {
    "lessons/04_attention/index": "Attention",
    "lessons/04_attention/04_attention_maps": "Reading <one> head",
    "book/tour": "The tour",
}


@pytest.fixture
def app(tmp_path):
    first = addnodes.toctree(caption="Begin", entries=[(None, "book/tour")])
    chapters = addnodes.toctree(
        caption="Chapters", entries=[(None, "lessons/04_attention/index")]
    )
    env = SimpleNamespace(
        config=SimpleNamespace(root_doc="index"),
        found_docs=set(TITLES),
        titles={name: nodes.title(text=title) for name, title in TITLES.items()},
        toc_secnumbers={
            "lessons/04_attention/index": {"": (4,)},
            "lessons/04_attention/04_attention_maps": {"": (4, 2)},
        },
        toctree_includes={
            "lessons/04_attention/index": ["lessons/04_attention/04_attention_maps"]
        },
        get_doctree=lambda name: nodes.container("", first, chapters),
        doc2path=lambda name, base: (
            f"{name}.md" if name.startswith("book") else f"{name}.rst"
        ),
    )
    gallery = {"examples_dirs": "../examples", "gallery_dirs": "lessons"}
    config = SimpleNamespace(
        sphinx_gallery_conf=gallery, lmviz_repository="", html_baseurl=""
    )
    return SimpleNamespace(env=env, config=config, srcdir=str(tmp_path / "docs"))


def test_the_menu_has_every_page_and_opens_the_readers_chapter(app):
    begin, chapters = pages.menu(app.env, "lessons/04_attention/04_attention_maps")
    assert [page["title"] for page in begin["pages"]] == ["The tour"]
    (chapter,) = chapters["pages"]
    assert (chapter["number"], chapter["title"], chapter["is_open"]) == (
        "4",
        "Attention",
        True,
    )
    (lesson,) = chapter["pages"]
    assert (lesson["number"], lesson["title"]) == ("4.2", "Reading <one> head")
    (_, chapters) = pages.menu(app.env, "book/tour")
    assert not chapters["pages"][0]["is_open"]


@pytest.mark.parametrize(
    ("page", "path"),
    [
        ("book/tour", "docs/book/tour.md"),
        (
            "lessons/04_attention/04_attention_maps",
            "examples/04_attention/04_attention_maps.py",
        ),
        ("lessons/04_attention/index", "examples/04_attention/GALLERY_HEADER.rst"),
    ],
)
def test_a_page_links_to_its_source(app, monkeypatch, page, path):
    assert pages.source_links(app, page) == []
    monkeypatch.setattr(pages.build_info, "facts", lambda config: [])
    app.config.lmviz_repository = "https://example.org/lmviz/"
    source, edit, *_ = pages.source_links(app, page)
    assert source == ("Source", f"https://example.org/lmviz/blob/HEAD/{path}")
    assert edit == ("Edit", f"https://example.org/lmviz/edit/HEAD/{path}")


def test_a_report_opens_a_form_with_the_page_and_its_build_filled_in(app, monkeypatch):
    facts = [("Model", "smollm2: a wheel"), ("Python", "3.11"), ("Commit", "a1b2 & c")]
    monkeypatch.setattr(pages.build_info, "facts", lambda config: facts)
    app.config.lmviz_repository = "https://example.org/lmviz/"
    app.config.html_baseurl = "https://example.org/book/"
    name = "lessons/04_attention/04_attention_maps"
    *_, mistake, wrong_number = pages.source_links(app, name)
    for (_, address), built in (
        (mistake, "Model: smollm2: a wheel\nCommit: a1b2 & c"),
        (wrong_number, "Model: smollm2: a wheel\nPython: 3.11\nCommit: a1b2 & c"),
    ):
        place, _, query = address.partition("?")
        assert place == "https://example.org/lmviz/issues/new"
        filled = {key: value for key, (value,) in parse_qs(query).items()}
        form = yaml.safe_load((FORMS / filled.pop("template")).read_text("utf-8"))
        assert set(filled) <= {"title", *(field.get("id") for field in form["body"])}
        assert filled["title"] == "On the page “Reading <one> head”"
        assert filled["page"] == f"https://example.org/book/{name}.html"
        assert filled["built"] == built
    app.config.html_baseurl = ""
    mistake = pages.source_links(app, name)[2][1]
    assert parse_qs(mistake)["page"] == [f"{name}.html"]


def test_a_description_begins_with_the_lead_and_not_with_minutes(app):
    line = nodes.paragraph("", "core · 7 min", classes=["lesson-line"])
    page = nodes.section("", nodes.title("", "T"), line, nodes.paragraph("", "A lead."))
    pages.describe_by_prose(app, "lesson", "page.html", {}, page)
    assert page.astext() == "T\n\nA lead."
    pages.describe_by_prose(app, "search", "search.html", {}, None)


def test_scripts_wait_for_the_page_and_those_of_the_search_are_only_on_its_own():
    names = ("furo.js", "doctools.js", "sphinx_highlight.js", "sg-tags.js")
    names += ("translations.js",)
    scripts = [_JavaScript(f"_static/{name}", priority=200) for name in names]

    def kept(page):
        context = {"css_files": [], "script_files": scripts}
        pages.drop_needless(context, page)
        return context["script_files"]

    assert kept("search") == scripts[:3]
    assert kept("index") == [
        _JavaScript("_static/furo.js", priority=200, defer="defer")
    ]
