"""A book in another language: the same results, and English where no translation is."""

import re
from types import SimpleNamespace

import pytest
from docutils import nodes
from lmviz_book import languages
from sphinx import addnodes

HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n'
LESSON = {
    "A lesson": "Una lección",
    "A line of prose.": "Una línea de prosa.",
    "The number of queries, :math:`T_q`, is not ``T_q``.": "El número, :math:`T_q`, "
    "no es ``T_q``.",
}
WORDS = {
    "Lessons": "Lecciones",
    "This page is partly translated (%(percent)s %%); the rest is in English.": "Esta "
    "página está traducida en parte (%(percent)s %%).",
    "This page is not translated yet; it is in English.": "Aún sin traducir.",
    "Glossary": "Glosario",
}
GLUED = """---
file_format: mystnb
kernelspec:
  name: python3
---

# Results

```{code-cell} ipython3
from myst_nb import glue

glue("answer", "42 words", display=False)
glue("other", "7", display=False)
```

It has {glue:text}`answer`, {doc}`here <notebook>`, of {glue:text}`other`.
"""
RESULTS = {
    "Results": "Resultados",
    "It has {glue:text}`answer`, {doc}`here <notebook>`, of {glue:text}`other`.": "De "
    "{glue:text}`other`, {doc}`aquí <notebook>`, tiene {glue:text}`answer`.",
}


def translate(book, page, messages):
    path = book.docs / "locales" / "es" / "LC_MESSAGES" / f"{page}.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [f'msgid "{m}"\nmsgstr "{t}"\n' for m, t in messages.items()]
    path.write_text("\n".join([HEADER, *entries]), encoding="utf-8")


@pytest.mark.long
def test_a_translation_has_the_same_results_and_runs_nothing(built_book):
    book = built_book
    (book.docs / "glued.md").write_text(GLUED)
    book.list("glued", after="notebook")
    ran, code, printed = book.build()
    assert (ran, code) == ([], 0), printed
    assert "It has <span" in book.page("glued.html")
    assert "words.js" not in book.page("index.html")

    translate(book, "lessons/01_one/01_lesson", LESSON)
    translate(book, "glued", RESULTS)
    translate(book, "sphinx", WORDS)
    ran, code, printed = book.build(LMVIZ_LANGUAGE="es")
    assert (ran, code) == ([], 0), printed

    lesson = book.page("lessons/01_one/01_lesson.html")
    assert '<html class="no-js" lang="es"' in lesson
    assert "Una lección</h1>" in re.sub("<a .*?</a>", "", lesson)
    assert "<p>Una línea de prosa.</p>" in lesson
    assert "El número, <math" in lesson
    assert ">T_q</span>" in lesson, "code stays as it is"
    assert "lesson of gpt2" in lesson
    # The lead has no translation, and one of its four messages makes 75 %.
    assert '<p lang="en">A lead.</p>' in lesson
    assert "Esta página está traducida en parte (75 %)." in lesson
    assert ">Lecciones</a>" in lesson

    results = re.sub("<[^>]+>", "", book.page("glued.html").partition("<article")[2])
    assert "De 7, aquí, tiene 42 words." in results
    assert "traducida" not in results

    other = book.page("notebook.html")
    assert "Aún sin traducir." in other
    assert 'id="furo-main-content" lang="en"' in other
    assert "words.js" in other
    assert "Glosario" in book.page("_static/words.js")
    assert "Documentation" not in "".join(re.findall("<script.*", other))


def app(language, published=("en", "es"), base="", **more):
    config = SimpleNamespace(
        language=language, lmviz_languages=list(published), html_baseurl=base
    )
    builder = SimpleNamespace(get_target_uri=lambda name: f"{name}.html")
    return SimpleNamespace(config=config, builder=builder, **more)


def shown(app, page="book/tour", **context):
    languages.show(app, page, "page.html", context, nodes.section())
    return context


@pytest.mark.parametrize(
    ("here", "english", "spanish", "base"),
    [
        ("en", "../book/tour.html", "../es/book/tour.html", "https://e.org/b/"),
        (
            "es",
            "../../book/tour.html",
            "../../es/book/tour.html",
            "https://e.org/b/es/",
        ),
    ],
)
def test_each_language_leads_to_the_same_page_of_all(here, english, spanish, base):
    listed = shown(app(here, base=base))["languages"]
    assert [one["address"] for one in listed] == [english, spanish]
    assert [one["is_this"] for one in listed] == [here == "en", here == "es"]
    assert [one["url"] for one in listed] == [
        "https://e.org/b/book/tour.html",
        "https://e.org/b/es/book/tour.html",
    ]


def test_a_book_in_one_language_or_on_another_model_leads_nowhere():
    assert "languages" not in shown(app("en", published=["en"]))
    assert "languages" not in shown(app("es", published=["en", "fr"]))
    assert "languages" not in shown(app("en"), edition="gpt2")


@pytest.mark.parametrize(
    ("total", "done", "percent"), [(0, 0, 0), (3, 3, 100), (200, 199, 99), (3, 0, 0)]
)
def test_a_page_is_translated_completely_only_if_all_of_it_is(total, done, percent):
    found = [nodes.paragraph(text="text", translated=i < done) for i in range(total)]
    page = nodes.section("", nodes.paragraph(), *found)
    assert languages.share(page) == percent


@pytest.mark.parametrize(
    "message",
    [
        nodes.paragraph("", "(L + 1, T, d)"),
        nodes.paragraph("", "", nodes.literal(text="hidden_states")),
        nodes.paragraph("", "x: ", nodes.math(text="abc")),
        nodes.math_block("", "the mean"),
        addnodes.toctree(),
    ],
)
def test_what_has_no_words_does_not_count(message):
    message["translated"] = False
    done = nodes.paragraph("", "Texto", translated=True)
    assert languages.share(nodes.section("", done, message)) == 100
    prose = nodes.paragraph("", "The ", nodes.literal(text="ids"), translated=False)
    assert languages.share(nodes.section("", done.deepcopy(), prose)) == 50


def test_bold_words_and_titles_are_known_in_the_original():
    title = nodes.title("Further reading", "Para saber más", translated=True)
    assert languages.original(title) == "Further reading"
    assert languages.original(nodes.title("", "Summary")) == "Summary"
