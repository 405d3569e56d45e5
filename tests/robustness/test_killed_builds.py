"""Builds that are killed.

A build that was killed, or whose files were cut short, is started again and ends in the
same book as one that nothing disturbed.
"""

import contextlib
import importlib
import random
import shutil
import subprocess
import time
from types import SimpleNamespace

import psutil
import pytest
from filelock import FileLock
from small_book import ROOT, Book

SEED = 8
KILLS = 10
# So that there is no time at which nothing is written.
LESSON = """
import matplotlib.pyplot as plt

plt.plot([1, {number}])
plt.title("Figure {number}")
plt.show()

# %%
# And more.
print("of lesson", {number})
plt.imshow([[1, {number}]])
plt.title("Figure {number}")
plt.show()
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A book with two lessons in each of two chapters, as built in one go."""
    folder = tmp_path_factory.mktemp("killed") / "book"
    folder.mkdir()
    book = Book(folder, "toy")
    lessons = ["01_one/10_lesson", "01_one/20_more", "02_two/10_a", "02_two/20_b"]
    for number, place in enumerate([*lessons, "notebook", "more"]):
        code = LESSON.format(number=number)
        if "/" not in place:
            code = code.replace("# %%\n", "")
        book.add(place, code, title=f"Lesson {number}")
    began = time.monotonic()
    _, code, printed = book.build()
    book.took = time.monotonic() - began
    assert code == 0, printed
    book.whole = folder / "undisturbed"
    shutil.copytree(book.html, book.whole)
    return book


@pytest.fixture
def finished(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    return importlib.import_module("finished")


def assert_same(book):
    _, code, printed = book.build()
    assert code == 0, printed
    assert book.differences(book.whole) == [], printed


def kill(processes):
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def begin_anew(book):
    for folder in (book.docs / "_build", book.docs / "lessons"):
        shutil.rmtree(folder)


def is_killed(book, moment, with_all):
    """Kill a build at a moment, if it has not ended before."""
    with book.start() as build:
        try:
            build.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            main = psutil.Process(build.pid)
            # All at once, or what it runs is left behind.
            kill([main, *(main.children(recursive=True) if with_all else [])])
            return True
    return False


def test_a_build_that_is_killed_ten_times_ends_in_the_same_book(undisturbed, tried):
    book = undisturbed
    tried(KILLS)
    choose = random.Random(SEED)
    # One moment in each tenth of a build, in no order.
    moments = [book.took * (i + choose.random()) / KILLS for i in range(KILLS)]
    choose.shuffle(moments)
    begin_anew(book)
    killed = 0
    for number, moment in enumerate(moments):
        # It is done sooner when others before it have done most of the work.
        if not is_killed(book, moment, number % 2):
            begin_anew(book)
            killed += is_killed(book, moment, number % 2)
        else:
            killed += 1
    assert killed > KILLS - 3
    assert_same(book)


def cut(path, part=2):
    """Leave a file as one of which only a part was written."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // part])


# One file of each lesson and each notebook.
SCRIPTS = (
    "lessons/01_one/10_lesson.rst",
    "lessons/01_one/20_more.py.md5",
    "lessons/02_two/images/sphx_glr_10_a_001_dark.png",
    "lessons/02_two/images/thumb/sphx_glr_20_b_thumb.png",
    "_build/notebook-cache/executed/*/base.ipynb",
    "_build/notebook-cache/figures/*_dark_2x.png",
)


def test_what_is_kept_of_a_script_is_made_again_if_it_is_cut_short(undisturbed, tried):
    book = undisturbed
    assert_same(book)
    tried(len(SCRIPTS))
    for pattern in SCRIPTS:
        cut(min(book.docs.glob(pattern)))
    assert_same(book)


@pytest.mark.parametrize("part", [2, 10**9])
def test_a_cache_of_notebooks_that_cannot_be_read_is_made_again(undisturbed, part):
    cut(undisturbed.docs / "_build" / "notebook-cache" / "global.db", part)
    assert_same(undisturbed)


def test_everything_that_is_cut_short_is_made_again(undisturbed):
    for folder in ("_build", "lessons"):
        for path in (undisturbed.docs / folder).rglob("*"):
            if path.is_file():
                cut(path)
    assert_same(undisturbed)


def test_each_file_of_the_site_is_missed(undisturbed, finished, tried):
    """One alone, of each kind; what Sphinx read of the pages is thrown away then."""
    book = undisturbed
    assert_same(book)
    app = SimpleNamespace(outdir=book.html, doctreedir=book.doctrees)
    pickle = app.doctreedir / "environment.pickle"
    build, kept = book.html.parent, book.folder / "kept"
    shutil.copytree(build, kept)
    folders = (kept / "html", kept / "doctrees", kept / "jupyter_execute")
    files = [path for folder in folders for path in folder.rglob("*.*")]
    kinds = {path.suffix or path.name: path for path in files if path.is_file()}
    tried(len(kinds))
    assert {".html", ".png", ".css", ".zip", ".doctree", ".pickle"} <= kinds.keys()
    for path in kinds.values():
        shutil.copytree(kept, build, dirs_exist_ok=True)
        cut(build / path.relative_to(kept))
        finished.forget_pages(app, None)
        assert not pickle.exists(), path
    shutil.copytree(kept, build, dirs_exist_ok=True)
    finished.forget_pages(app, None)
    assert pickle.exists()
    shutil.rmtree(kept)


def test_a_lesson_ends_with_the_build_that_is_killed(undisturbed):
    book = undisturbed
    file = book.folder / "pid"
    book.add(
        "02_two/30_long",
        "import os, pathlib, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"pathlib.Path({str(file)!r}).write_text(f'{{os.getpid()}} {{child.pid}} ')\n"
        "time.sleep(60)\n",
    )
    with book.start() as build:
        while not (file.is_file() and file.read_text().endswith(" ")):
            assert build.poll() is None
            time.sleep(0.1)
        left = [psutil.Process(int(pid)) for pid in file.read_text().split()]
        build.kill()
    _, alive = psutil.wait_procs(left, timeout=3)
    kill(alive)
    (book.folder / "examples/02_two/30_long.py").unlink()
    assert not alive
    assert_same(book)


def test_two_builds_at_a_time_do_not_mix(undisturbed):
    with FileLock(undisturbed.docs / "_build" / "lock"):
        _, code, printed = undisturbed.build()
    assert code == 1
    assert printed.splitlines()[-1].startswith("Another build of this book is running")
