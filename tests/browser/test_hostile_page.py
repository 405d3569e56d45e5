"""Text that attacks.

In a lesson and a notebook of a built book, in a real browser: it is read, and not run.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import hostile
import pytest

from lmviz._text import visible

pytestmark = pytest.mark.long("books")
ROOT = Path(__file__).parents[2]
# What a lesson does with the words of readers, for each kind of output.
SHOW = """
import hostile
import matplotlib.pyplot as plt
import numpy as np

from lmviz import plots, views

words = {words}
for i, word in enumerate(words):
    print(f"{{i}}: {{word}} :{{i}}")
"""
FIGURE = """
plots.token_bars(words[:6], [0.1] * 6, title=words[{n}])
plt.show()
"""
VIEW = """
n = len(words)
weights = np.tri(n) / np.tri(n).sum(1, keepdims=True)
views.{view}
"""
VIEWS = {
    "lesson": "attention(weights[None, None], words, title=words[0])",
    "notebook": "tokens({word: [word] for word in words if word}, title=words[1])",
}
PAGES = {"lesson": "lessons/01_one/01_lesson.html", "notebook": "notebook.html"}
# What would not be seen, or would turn round what stands beside it.
HIDING = re.compile("[\0\x07\x1b\x7f\u202e\u2066\u2069]")
WORDS = {"hostile": [*hostile.INJECTIONS, *hostile.INVISIBLE, *hostile.ODD]}
WORDS["harmless"] = [f"word{i}" if w else "" for i, w in enumerate(WORDS["hostile"])]


def build(folder, words):
    """Build a book of one lesson and one notebook, as the real one is built."""
    docs, lesson = folder / "docs", folder / "examples" / "01_one" / "01_lesson.py"
    for name in ("_ext", "_static", "_templates"):
        shutil.copytree(ROOT / "docs" / name, docs / name)
    for name in ("conf.py", "references.bib", "book.mplstyle"):
        shutil.copy(ROOT / "docs" / name, docs)
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    shutil.copytree(ROOT / "lmviz", folder / "lmviz")
    shutil.copy(ROOT / "tests" / "hostile.py", folder)
    lesson.parent.mkdir(parents=True)
    for place in (lesson.parent, lesson.parents[1]):
        (place / "GALLERY_HEADER.rst").write_text("Title\n=====\n\nText.\n")
    (docs / "index.md").write_text(
        "# Index\n\n```{toctree}\nnotebook\nlessons/index\nlessons/01_one/index\n```\n"
    )
    show = SHOW.format(words=words)
    parts = [show, FIGURE.format(n=0), VIEW.format(view=VIEWS["lesson"])]
    lesson.write_text(
        '"""\nTitle\n=====\n\nText.\n"""\n' + "\n# %%\n# Text.\n".join(parts)
    )
    parts = [show, FIGURE.format(n=5), VIEW.format(view=VIEWS["notebook"])]
    cells = "".join(f"\n```{{code-cell}} ipython3\n{part}\n```\n" for part in parts)
    head = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n# Title\n"
    (docs / "notebook.md").write_text(head + cells)
    command = "-m sphinx -nW --keep-going -b html docs out"
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(folder),
            "LMVIZ_MODEL": "toy",
            # No page has the model: 97 MB would be written and copied.
            "LMVIZ_MODEL_FILES": "none",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "out"


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """Two books that differ in the words only."""
    lists = {"hostile": "[*hostile.INJECTIONS, *hostile.INVISIBLE, *hostile.ODD]"}
    lists["harmless"] = repr(WORDS["harmless"])
    return {
        name: build(tmp_path_factory.mktemp(name), words)
        for name, words in lists.items()
    }


def structure(page):
    """Give the elements of a page, but for those that set words off in a text."""
    return page.evaluate(
        """[...document.querySelectorAll("html *:not(pre *, head meta)")].map((e) =>
            `${e.parentElement.localName} ${e.localName} ${e.className}`)"""
    )


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_is_built_as_with_any_other_words(
    books, serve, open_page, record_property, kind
):
    pages = {
        name: open_page(url=f"{serve(book)}/{PAGES[kind]}")
        for name, book in books.items()
    }
    assert structure(pages["hostile"]) == structure(pages["harmless"])
    assert pages["hostile"].evaluate("window.ran") is None
    record_property("tried", len(WORDS["hostile"]))


def read(text):
    """Give a text as it is printed, whatever its spaces: some of them end a line."""
    return re.sub(r"(\s|⟨U\+0085⟩)+", " ", text)


@pytest.mark.parametrize("kind", PAGES)
def test_printed_text_reads_as_it_was_typed(
    books, serve, open_page, record_property, kind
):
    page = open_page(url=f"{serve(books['hostile'])}/{PAGES[kind]}")
    output = page.locator(".sphx-glr-script-out pre, .cell_output pre").first
    shown = read(output.text_content())
    printed = {
        f"{i}: {HIDING.sub(lambda hidden: visible(hidden[0]), word)} :{i}"
        for i, word in enumerate(WORDS["hostile"])
        if word != "\r"  # a notebook starts its line anew
    }
    for line in printed:
        line = line.replace("⟨U+001B⟩[31m", "")  # a colour
        assert read(line) in shown
    record_property("tried", len(printed))


@pytest.mark.parametrize("kind", PAGES)
def test_a_figure_has_its_title(books, serve, open_page, kind):
    page = open_page(url=f"{serve(books['hostile'])}/{PAGES[kind]}")
    title = {"lesson": WORDS["hostile"][0], "notebook": WORDS["hostile"][5]}[kind]
    assert page.locator("figcaption").first.text_content().strip() == f"{title}."


@pytest.mark.parametrize("kind", PAGES)
def test_a_view_shows_every_word(books, serve, open_page, record_property, kind):
    page = open_page(url=f"{serve(books['hostile'])}/{PAGES[kind]}")
    buttons = page.locator(".strip button").all_text_contents()
    words = [word for word in WORDS["hostile"] if word or kind == "lesson"]
    assert [b.strip("\u2068\u2069").removeprefix("◌") for b in buttons] == [
        visible(word) for word in words
    ]
    record_property("tried", len(words))
