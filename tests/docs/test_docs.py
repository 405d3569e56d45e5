"""The build of the book, tested on a small one: warnings and errors fail it."""

import json
import re
import shutil
import zipfile

import pytest
from small_book import ROOT

# Each builds a book, most of them several times.
pytestmark = pytest.mark.long


def assert_no_page_asks_a_third_party(book):
    loads = re.compile(
        r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=["'](\w+:)?//"""
    )
    pages = list((book.docs / "_build" / "html").rglob("*.html"))
    assert len(pages) > 3
    for page in pages:
        assert not loads.search(page.read_text(encoding="utf-8")), page


def assert_downloads_are_of_this_build(book):
    downloads = book.html / "downloads"
    (wheel,) = downloads.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        for module in ("plots", "views"):
            path = f"lmviz/{module}/__init__.py"
            assert opened.read(path) == (book.folder / path).read_bytes()
    with zipfile.ZipFile(downloads / "01_one.zip") as opened:
        assert opened.read(f"01_one/{wheel.name}") == wheel.read_bytes()
        scripts = [name for name in opened.namelist() if name.endswith(".py")]
        assert len(scripts) == len(list(book.lesson.parent.glob("*.py")))
    with zipfile.ZipFile(downloads / "book.zip") as opened:
        for name in opened.namelist():
            page = book.html / name.removeprefix("lmviz-book/")
            assert opened.read(name) == page.read_bytes()


def test_the_book_builds_states_its_model_and_reruns_stale_lessons(
    first_build, built_book, tiny_folders
):
    _, ran, printed, _ = first_build
    book = built_book
    assert sorted(ran) == ["lesson", "notebook"]
    assert "The book ran on gpt2 (a local folder)." in printed
    assert "index.html" in printed
    for page in ("index.html", "notebook.html", "lessons/01_one/01_lesson.html"):
        assert " with gpt2 (" in book.page(page)
        assert "this edition were computed with <b>gpt2</b>" in book.page(page)
    assert "lesson of gpt2" in book.page("lessons/01_one/01_lesson.html")
    assert "<math" in book.page("index.html")
    lesson = book.page("lessons/01_one/01_lesson.html")
    assert "The number of queries, <math" in lesson
    assert "<msub><mi>T</mi><mi>q</mi></msub>" in lesson
    assert ">T_q</span>" in lesson, "code stays as it is"
    shown = lesson.partition("<article")[2].count("of (T_q, T_k)")
    assert shown == 2, "the code and what it prints"
    assert_no_page_asks_a_third_party(book)

    (book.docs / "data.json").write_text("{}")
    second = book.lesson.with_name("02_second.py")
    second.write_text(book.lesson.read_text().replace("A lesson\n", "Second!\n"))
    ran, code, printed = book.build()
    assert (sorted(ran), code) == (["lesson", "notebook"], 0), printed
    assert "lesson of gpt2" in book.page("lessons/01_one/02_second.html")

    assert_downloads_are_of_this_build(book)

    book.change("plots")
    second.unlink()
    assert book.build()[:2] == ([], 0), "neither imports it"
    assert_downloads_are_of_this_build(book)
    assert not (book.docs / "_build/html/lessons/01_one/02_second.html").exists()

    book.model = tiny_folders["llama"]
    ran, code, printed = book.build()
    assert (sorted(ran), code) == (["lesson", "notebook"], 0), printed
    for page in ("notebook.html", "lessons/01_one/01_lesson.html", "index.html"):
        assert " with llama (" in book.page(page)
    assert "notebook of llama" in book.page("notebook.html")
    assert "lesson of llama" in book.page("lessons/01_one/01_lesson.html")


def test_a_part_is_built_alone_and_the_rest_waits(book):
    ran, code, printed = book.build(only="01_one")
    assert (ran, code) == (["lesson"], 0), printed
    assert "notebook of gpt2" not in book.page("notebook.html")
    ran, code, printed = book.build()
    assert (ran, code) == (["notebook"], 0), printed
    assert "notebook of gpt2" in book.page("notebook.html")

    book.change("models")
    ran, code, printed = book.build(only="notebook")
    assert (ran, code) == (["notebook"], 0), printed
    assert "lesson of gpt2" not in book.page("lessons/01_one/01_lesson.html"), "stale"
    assert book.build()[:2] == (["lesson"], 0)

    ran, code, printed = book.build(only="attention")
    assert (ran, code) == ([], 1)
    assert "is called 'attention'; their names begin with 01_one, notebook" in printed


def test_every_figure_is_one_svg_with_a_caption_and_a_description(built_book):
    book = built_book
    said = {
        "notebook.html": ("Bars of &lt;two&gt;.", "2 bars."),
        "lessons/01_one/01_lesson.html": ("A figure.", "A curve."),
    }
    for name, (title, description) in said.items():
        page = book.page(name)
        (figure,) = re.findall(r"<figure .*?</figure>", page)
        assert re.search(rf'<svg [^>]*aria-label="[^"]*{description}"', figure)
        assert f"<figcaption><b>{title}</b>" in figure
        assert "<img" not in figure


def test_a_chapter_lists_its_lessons_with_the_numbers_of_their_pages(built_book):
    chapter = built_book.page("lessons/01_one/index.html")
    assert "sphx-glr-thumb" not in chapter
    assert '<span class="card-number">1.1</span> <a ' in chapter
    assert " min</span>" in chapter
    lesson = built_book.page("lessons/01_one/01_lesson.html")
    assert '<h1><span class="section-number">1.1 </span>A lesson<' in lesson


def test_the_reference_and_the_lessons_lead_to_each_other(built_book):
    book = built_book
    reference = book.docs / "reference" / "positions.rst"
    reference.parent.mkdir()
    reference.write_text(":orphan:\n\nP\n=\n\n.. automodule:: lmviz.positions\n")
    first = book.lesson.read_text()
    for name in ("alibi_slopes", "inverse_frequencies"):
        code = f"from lmviz import positions\n\npositions.{name}(2)\n"
        book.lesson.write_text(first + code)
        _, code, printed = book.build()
        assert code == 0, printed
        page = book.page("reference/positions.html")
        assert page.count("Used in: ") == 1
        _, after = page.split(f'id="lmviz.positions.{name}"')
        used = after.split('id="lmviz', 1)[0].partition("Used in: ")[2]
        assert "lessons/01_one/01_lesson.html" in used
        link = f'href="../../reference/positions.html#lmviz.positions.{name}"'
        assert link in book.page("lessons/01_one/01_lesson.html")


def test_terms_and_titles_lead_to_the_reference(built_book):
    book = built_book
    sources = "# **Sources.** Vaswani et al., *Attention Is All You Need* (2017).\n"
    prose = (
        "# **Tokens**, a **token** again, and *Attention Is All You Need*. The page\n"
        '# "A notebook", but not "a note", is linked.\n#\n'
    )
    text = book.lesson.read_text()
    book.lesson.write_text(text.replace("# A line of prose.\n", prose + sources))
    glossary = book.docs / "book" / "glossary.md"
    glossary.parent.mkdir()
    shutil.copy(ROOT / "docs" / "book" / "bibliography.md", glossary.parent)
    entry = "# Glossary\n\n```{{glossary}}\n{}\n  A morsel of text, 1 < 2.\n```\n"
    glossary.write_text(entry.format("token"))
    index = (book.docs / "index.md").read_text()
    pages = "notebook\nbook/glossary\nbook/bibliography"
    (book.docs / "index.md").write_text(index.replace("notebook", pages))
    page = "lessons/01_one/01_lesson.html"

    _, code, printed = book.build()
    assert code == 0, printed
    page_text = book.page(page)
    terms = re.findall(r'<a [^>]*href="([^"]*glossary[^"]*#[^"]*)"', page_text)
    assert terms == ["../../book/glossary.html#term-token"], (
        "the first use, and no other"
    )
    assert page_text.count('<span class="definition" role="tooltip"') == 1
    assert ">A morsel of text, 1 &lt; 2.</span>" in page_text
    assert 'aria-describedby="definition-token"' in page_text
    found = re.search(r'"?morsel"?:(\d+|\[[\d,]+\])', book.page("searchindex.js"))
    assert found[1].isdigit(), "a definition is found in the glossary alone"
    assert re.findall(r'href="../../notebook.html">([^<]+)</a>”', page_text) == [
        "A notebook"
    ]
    script = book.page("_static/titles.js")
    listed = json.loads(script.partition(" = ")[2].rstrip(";\n"))
    names = [name for name, *_ in listed["pages"]]
    (token,) = [each for each in listed["inside"] if each[1] == "term"]
    assert token == ["token", "term", names.index("book/glossary"), "#term-token", -1]
    assert ["lessons/01_one/01_lesson", "1.1", "A lesson", "Title"] in listed["pages"]
    assert '<h2>T<a class="headerlink"' in book.page("book/glossary.html")
    (title,) = re.findall(
        r'href="../../book/bibliography.html#(\w+)"[^>]*><em>', book.page(page)
    )
    assert f'<li id="{title}"><p>Ashish Vaswani' in book.page("book/bibliography.html")

    glossary.write_text(entry.format("piece\ntoken"))
    assert book.build()[:2] == ([], 0), "no lesson runs for a change of the glossary"
    glossary.write_text(entry.format("piece"))
    assert book.build()[:2] == ([], 0)
    assert "glossary.html#" not in book.page(page)


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("raise RuntimeError('it broke')", "it broke"),
        ("import warnings; warnings.warn('take care')", "UserWarning: take care"),
    ],
)
def test_a_lesson_that_fails_or_warns_fails_the_build(built_book, added, said):
    book = built_book
    # Two lessons, so that workers run them.
    book.add("01_one/20_other", "print('other')", title="Another lesson")
    with book.lesson.open("a") as lesson:
        lesson.write(f"{added}\n")
    _, code, printed = book.build()
    assert code != 0
    assert said in printed


def test_a_notebook_that_fails_fails_the_build(built_book):
    book = built_book
    text = book.notebook.read_text()
    book.notebook.write_text(text.replace("import lmviz\n", "import no_such_module\n"))
    _, code, printed = book.build()
    assert code != 0
    assert "no_such_module" in printed
    assert book.build()[1] != 0, "nor does it pass the second time"
    _, code, _ = book.build(only="notebook")
    assert code != 0, "nor as a part, where warnings are no errors"


def test_a_model_that_cannot_be_loaded_fails_the_build_in_one_line(book):
    book.model = "smolm2"
    ran, code, printed = book.build()
    assert (ran, code) == ([], 1)
    last = printed.splitlines()[-1]
    assert last.startswith("The book has no model: no model 'smolm2': did you mean")
    assert "Traceback" not in printed
