"""A page says on which model it ran, and leads to the same page of other editions."""

from types import SimpleNamespace

import pytest
from lmviz_book import build_info, editions


def shown(model, base="", published=True, doctree="a text"):
    app = SimpleNamespace(
        config=SimpleNamespace(
            lmviz_model={"name": model},
            lmviz_editions=published,
            html_baseurl=base,
            language="en",
        ),
        builder=SimpleNamespace(
            templates=SimpleNamespace(render=lambda _, told: f"with {told['name']}"),
            get_target_uri=lambda name: f"{name}.html",
        ),
    )
    context = {}
    for add in (build_info.add_model_line, editions.show):
        add(app, "book/tour", "page.html", context, doctree)
    return context


@pytest.mark.parametrize(("name", "edition"), [("smollm2", ""), ("gpt2", "gpt2")])
def test_only_another_model_than_the_discussed_one_makes_an_edition(name, edition):
    context = shown(name)
    assert context["model_line"] == f"with {name}"
    assert context["edition"] == edition


@pytest.mark.parametrize(("name", "folder"), [("smollm2", ""), ("gpt2", "gpt2/")])
def test_each_edition_leads_to_the_same_page_of_both(name, folder):
    site = "https://example.org/book/"
    assert shown(name, f"{site}{folder}")["editions"] == [
        {
            "title": "SmolLM2",
            "address": f"{site}book/tour.html",
            "is_this": name == "smollm2",
        },
        {
            "title": "GPT-2",
            "address": f"{site}gpt2/book/tour.html",
            "is_this": name == "gpt2",
        },
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"published": False},
        {"base": ""},
        {"model": "toy"},
        {"model": "gpt2", "base": "https://example.org/book/"},
    ],
)
def test_a_book_that_is_alone_leads_nowhere(changed):
    given = {"model": "smollm2", "base": "https://example.org/book/"} | changed
    assert shown(**given)["editions"] == []


def test_a_page_without_a_text_has_no_editions():
    assert shown("gpt2", doctree=None) == {}
