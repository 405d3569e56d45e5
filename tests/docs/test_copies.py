"""The copies of pages in Markdown, and the file that lists them."""

from types import SimpleNamespace

import pytest
from lmviz_book import copies


@pytest.fixture
def app(tmp_path, monkeypatch):
    def page(name, number, title, *inner):
        return {"name": name, "number": number, "title": title, "pages": list(inner)}

    lesson = page("lessons/01_one/01_lesson", "1.1", "A lesson")
    menu = [
        {"title": "Begin", "pages": [page("book/tour", "", "The tour")]},
        {
            "title": "Chapters",
            "pages": [page("lessons/01_one/index", "1", "One", lesson)],
        },
        {"title": "The project", "pages": [page("project/built", "", "The build")]},
    ]
    monkeypatch.setattr(copies.pages, "menu", lambda env, name: menu)
    entries = {"01_one/01_lesson": {"question": "Why?"}}
    monkeypatch.setattr(copies, "table", lambda app: entries)
    config = SimpleNamespace(
        html_baseurl="https://example.org/book/",
        lmviz_model={"name": "smollm2"},
        ogp_site_name="A book",
        root_doc="index",
        sphinx_gallery_conf={"gallery_dirs": "lessons"},
    )
    builder = SimpleNamespace(format="html")
    return SimpleNamespace(
        config=config, env=None, srcdir=tmp_path, outdir=tmp_path, builder=builder
    )


def test_the_list_has_a_title_a_summary_and_a_section_for_each_part(app):
    title, summary, about, *sections = copies.contents(app).split("\n\n")
    assert title == "# A book"
    assert summary.startswith("> A running textbook")
    assert "with smollm2" in about
    site = "https://example.org/book/"
    assert sections == [
        "## Begin",
        f"- [The tour]({site}book/tour.html.md)",
        "## 1 One",
        f"- [1 One]({site}lessons/01_one/index.html.md)\n"
        f"- [1.1 A lesson]({site}lessons/01_one/01_lesson.html.md): Why?",
        "## Optional",
        f"- [The build]({site}project/built.html)\n",
    ]


def test_addresses_are_relative_where_that_of_the_site_is_unknown(app):
    app.config.html_baseurl = ""
    assert "](book/tour.html.md)" in copies.contents(app)


def test_all_lessons_are_in_one_file_and_copies_of_removed_pages_go(app, tmp_path):
    folder = tmp_path / "lessons" / "01_one"
    folder.mkdir(parents=True)
    for name in ("01_lesson.html", "01_lesson.html.md", "02_removed.html.md"):
        (folder / name).write_text(f"text of {name}\n")
    copies.write_lists(app, None)
    full = (tmp_path / "llms-full.txt").read_text()
    assert full == "text of 01_lesson.html.md\n"
    assert not (folder / "02_removed.html.md").exists()


@pytest.mark.long
def test_pages_of_a_book_lead_to_their_copies(built_book):
    lesson = built_book.page("lessons/01_one/01_lesson.html")
    assert '<link rel="alternate" type="text/markdown"' in lesson
    assert 'href="01_lesson.html.md"' in lesson
    copy = built_book.page("lessons/01_one/01_lesson.html.md")
    assert copy.startswith("# 1.1 A lesson\n")
    assert "The number of queries, $T_q$, is not `T_q`." in copy
    assert "lesson of gpt2" in copy
    assert "```python\nfrom pathlib import Path" in copy
    assert "\n\n1 min\n\n" in copy, "without downloads"
    assert "[Figure](01_lesson.html#a-lesson): A figure." in copy
    assert "text/markdown" not in built_book.page("index.html")
    assert "lessons/01_one/01_lesson.html.md" in built_book.page("llms.txt")
