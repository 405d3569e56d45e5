"""Builds at once, and with little memory.

Two builds of one book, of two editions or of the same one: each ends in the book that
it ends in alone, or refuses in one sentence. So does a build with little memory.
"""

import os
import re
import shutil
import subprocess
import sys
import time

import pytest
from small_book import ROOT, Book

from lmviz.toy import WEIGHTS

resource = pytest.importorskip("resource", reason="limits of Unix")
GIB = 2**30
REFUSED = "Another build of this book is running; wait until it has ended."


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A book of two editions: on the toy, and on a copy of it of another name."""
    book = Book(tmp_path_factory.mktemp("editions"), "toy")
    shutil.copytree(WEIGHTS, book.folder / "copy")
    book.models = {"toy": "toy", "copy": str(book.folder / "copy")}
    return book


def begin(book, edition, folder):
    """Start a build of an edition into a folder of its own, as two terminals would."""
    book.html = book.docs / "_build" / folder
    return book.start(LMVIZ_MODEL=book.models[edition])


def models_in(html):
    """Return the names of the models whose results two pages show."""
    pages = [html / "lessons/01_one/01_lesson.html", html / "notebook.html"]
    return {
        re.search(r"(?:lesson|notebook) of ([\w-]+)", page.read_text("utf-8"))[1]
        for page in pages
    }


@pytest.mark.parametrize(
    ("editions", "folders"),
    [
        (("toy", "copy"), ("html", "other")),
        pytest.param(("copy", "toy"), ("html", "other"), marks=pytest.mark.nightly),
        pytest.param(("toy", "toy"), ("html", "html"), marks=pytest.mark.nightly),
    ],
)
def test_of_two_builds_at_once_none_is_mixed(book, editions, folders):
    shutil.rmtree(book.docs / "_build", ignore_errors=True)
    shutil.rmtree(book.docs / "lessons", ignore_errors=True)
    builds = []
    for edition, folder in zip(editions, folders, strict=True):
        builds.append(begin(book, edition, folder))
        time.sleep(1)
    printed = [build.communicate()[0] for build in builds]
    codes = [build.returncode for build in builds]
    # The second one waits for a while, in which the first one may end.
    for code, said, edition, folder in zip(
        codes, printed, editions, folders, strict=True
    ):
        html = book.docs / "_build" / folder
        if code == 0:
            assert models_in(html) == {edition}
        else:
            assert said.splitlines()[-1] == REFUSED
            assert "Traceback" not in said
            assert folders[0] == folders[1] or not list(html.rglob("*.html"))
    assert 0 in codes


@pytest.mark.nightly
def test_what_was_refused_is_right_afterwards(book):
    first = begin(book, "toy", "html")
    time.sleep(1)
    begin(book, "copy", "other").communicate()
    first.communicate()
    said, _ = (again := begin(book, "copy", "other")).communicate()
    assert again.returncode == 0, said
    assert models_in(book.html) == {"copy"}


LIMIT = """
import os, sys
from lmviz_book import reset

os.environ |= {{"LMVIZ_SECONDS": "9", "LMVIZ_BYTES": str({wanted})}}
import resource
resource.setrlimit(resource.RLIMIT_DATA, ({given}, {given}))
reset.limit("a lesson")
print(*resource.getrlimit(resource.RLIMIT_DATA))
reset.limit(None)
print(*resource.getrlimit(resource.RLIMIT_DATA))
"""


def test_a_lesson_gets_no_more_memory_than_its_build():
    """Where Linux grants less than a lesson may take, the build runs on."""
    code = LIMIT.format(wanted=8 * GIB, given=6 * GIB)
    path = os.pathsep.join(map(str, (ROOT / "docs" / "_ext", ROOT)))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(6 * GIB)] * 4


@pytest.mark.nightly
@pytest.mark.parametrize("kind", [resource.RLIMIT_AS, resource.RLIMIT_DATA])
@pytest.mark.parametrize("gib", [12, 1])
def test_a_build_with_little_memory_ends_right_or_with_a_sentence(book, kind, gib):
    """With half of 24 GiB it is right; after one with 1 GiB, the next one is."""
    shutil.rmtree(book.docs / "_build", ignore_errors=True)
    book.html = book.docs / "_build" / "html"
    build = book.start()
    resource.prlimit(build.pid, kind, (gib * GIB, gib * GIB))
    printed, _ = build.communicate()
    if build.returncode:
        assert gib == 1, printed
        assert "memory" in printed.splitlines()[-1]
    _, code, printed = book.build()
    assert code == 0, printed
    assert models_in(book.html) == {"toy"}
