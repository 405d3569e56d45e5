"""Lessons that misbehave.

One build of a book whose lessons and notebooks do what they should not. Each of these
is named, and fails the build; all others have their pages.
"""

import shutil
import time

import psutil
import pytest
from small_book import Book

# Lessons that do not ask for more may take so long.
SECONDS = "5"
GOOD = """
import matplotlib.pyplot as plt

plt.plot([1, 2])
plt.title("A figure")
plt.show()
print("all", "is", "well")
"""
# Ten times as much as the build allows.
EATS = """
kept = []
for i in range(300):
    kept.append(bytearray(10**8))
"""
# What each does, and what the build says of it.
BAD = {
    "raises": ("raise RuntimeError('it ' + 'broke')", "RuntimeError: it broke"),
    "exits": ("import sys\n\nsys.exit(0)", "SystemExit: 0"),
    "leaves": ("import os\n\nos._exit(0)", "exit code 0 before its last line"),
    "crashes": (
        "import os, signal\n\nos.kill(os.getpid(), signal.SIGSEGV)",
        "was ended by the signal SIGSEGV",
    ),
    "hangs": ("while True:\n    pass", f"ran for more than the {SECONDS} s"),
    # Deep in C, where no thread of Python's gets a turn.
    "hangs_in_c": (
        "import re\n\nre.match('(a+)+$', 80 * 'a' + 'b')",
        f"ran for more than the {SECONDS} s",
    ),
    "eats": (EATS, "MemoryError"),
    "prints": ("print(10**5 * (100 * 'x' + '\\n'))", "prints too much: 10,"),
}
BAD_NOTEBOOKS = {
    "raises": BAD["raises"],
    "leaves": (BAD["leaves"][0], "Kernel died"),
    "crashes": (BAD["crashes"][0], "Kernel died"),
    "hangs": (
        BAD["hangs"][0],
        f"after {SECONDS} seconds",
    ),
    "eats": BAD["eats"],
    "prints": BAD["prints"],
}
# What a lesson could leave behind, and what the next one looks at.
CHANGES = """
import os, pathlib, random, subprocess, sys, threading, time

import matplotlib.pyplot as plt
import numpy as np
import torch

import lmviz

child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL, stderr=-3)
pathlib.Path({file!r}).write_text(str(child.pid))
threading.Thread(target=time.sleep, args=[600]).start()
os.chdir("/")
os.environ["LEFT"] = "behind"
sys.path.insert(0, "/left")
for seed in (random.seed, np.random.seed, torch.manual_seed):
    seed(5)
plt.rcParams["lines.linewidth"] = 77
torch.set_default_dtype(torch.float64)
lmviz.left = "behind"
print("is", "changed")
"""
LOOKS = """
import os, pathlib, random, sys

import matplotlib.pyplot as plt
import numpy as np
import torch

import lmviz

print(pathlib.Path.cwd().name, os.environ.get("LEFT"), "/left" in sys.path)
print(random.random(), np.random.rand(), torch.rand(1).item())
print(plt.rcParams["lines.linewidth"], torch.get_default_dtype())
print("left" in dir(lmviz))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The book of all these, after one build: its process and what it printed."""
    book = Book(tmp_path_factory.mktemp("bad"), "toy")
    book.add("01_one/10_lesson", GOOD)
    book.add("notebook", GOOD)
    patient = ["[01_one]", '10_lesson = {level = "core", seconds = 60}']
    for number, (name, (code, _)) in enumerate(BAD.items(), 20):
        book.add(f"01_one/{number}_{name}", code, title=name)
        if "hangs" not in name:
            patient.append(f'{number}_{name} = {{level = "core", seconds = 60}}')
    for name, (code, _) in BAD_NOTEBOOKS.items():
        book.add(name, code, title=name)
    for path in book.docs.glob("*.md"):
        if path.stem not in ("hangs", "index"):
            text = path.read_text()
            asks = "mystnb:\n  execution_timeout: 60\n---\n\n#"
            path.write_text(text.replace("---\n\n#", asks, 1))
    book.pid = book.folder / "pid"
    book.add("01_one/40_changes", CHANGES.format(file=str(book.pid)), title="Changes")
    for place in ("01_one/41_looks", "02_two/10_looks_too"):
        book.add(place, LOOKS, title=place)
    patient += ['40_changes = {level = "core", seconds = 60}']
    patient += ['41_looks = {level = "core", seconds = 60}', "[02_two]"]
    patient += ['10_looks_too = {level = "core", seconds = 60}']
    (book.docs / "lessons.toml").write_text("\n".join(patient))
    settings = ["-D", "lmviz_gigabytes=3"]
    _, book.code, book.printed = book.build(*settings, LMVIZ_SECONDS=SECONDS)
    # What was built, as one test builds it again.
    book.first = book.folder / "first"
    shutil.copytree(book.html, book.first)
    return book


def page_of(book, name):
    return (book.first / name).read_text(encoding="utf-8")


def said_of(book, name):
    """Return what the build says of one lesson or notebook, up to the next."""
    _, found, after = book.printed.partition(f"WARNING: {name} did not run to its end:")
    assert found, book.printed
    return after.partition("did not run to its end")[0]


def last_words(book):
    (line,) = [line for line in book.printed.splitlines() if "These did not" in line]
    return line.partition(": ")[2].partition(": ")[2].split(", ")


def test_the_build_fails_and_names_them_all_and_no_other(built):
    assert built.code != 0
    lessons = [f"01_one/{number}_{name}" for number, name in enumerate(BAD, 20)]
    assert last_words(built) == sorted([*lessons, *BAD_NOTEBOOKS])
    for name in ("lessons/01_one/10_lesson", "notebook"):
        page = page_of(built, f"{name}.html")
        assert "all is well" in page
        assert page.count("<figcaption>A figure</figcaption>") == 1
    # The steps behind the pages were done, too.
    assert (built.first / "_static/styles/book-all.css").is_file()
    assert (built.first / "downloads/01_one.zip").is_file()


@pytest.mark.parametrize("name", BAD)
def test_a_lesson_fails_alone(built, name):
    number = 20 + list(BAD).index(name)
    assert BAD[name][1] in said_of(built, f"01_one/{number}_{name}")
    page = page_of(built, f"lessons/01_one/{number}_{name}.html")
    assert f"<h1>{name}" in page
    assert "xxxxxx" not in page


@pytest.mark.parametrize("name", BAD_NOTEBOOKS)
def test_a_notebook_fails_alone(built, name):
    assert BAD_NOTEBOOKS[name][1] in said_of(built, name)
    assert f"<h1>{name}" in page_of(built, f"{name}.html")


def test_a_lesson_leaves_nothing_to_the_next(built, tried):
    tried(10)
    assert "is changed" in page_of(built, "lessons/01_one/40_changes.html")
    for page in ("01_one/41_looks", "02_two/10_looks_too"):
        chapter = page.partition("/")[0]
        shown = page_of(built, f"lessons/{page}.html")
        assert f"{chapter} None False\n" in shown
        # What Python, numpy and torch give first after the seed 0.
        assert "0.8444218515250481 0.5488135039273248 0.49625658988952637\n" in shown
        assert "77" not in shown.partition("0.49625658988952637")[2].partition("</p")[0]
        assert " torch.float32\nFalse\n" in shown


def test_a_process_that_a_lesson_left_is_ended(built):
    child = int(built.pid.read_text())
    end = time.monotonic() + 3
    while psutil.pid_exists(child) and time.monotonic() < end:
        if psutil.Process(child).status() == psutil.STATUS_ZOMBIE:
            break
        time.sleep(0.1)
    else:
        assert not psutil.pid_exists(child)


def test_what_failed_runs_again_and_what_did_not_does_not(built):
    """Mended, the book builds: nothing of what failed is left."""
    for number, name in enumerate(BAD, 20):
        if name in ("crashes", "prints", "exits", "leaves"):
            built.add(f"01_one/{number}_{name}", GOOD, title=name)
        else:
            (built.lesson.with_name(f"{number}_{name}.py")).unlink()
    for name in BAD_NOTEBOOKS:
        built.add(name, GOOD, title=name)
    _, code, printed = built.build()
    assert code == 0, printed
    assert "running lessons... [ 25%]" in printed, "four lessons"
    for name in ("21_exits", "22_leaves", "23_crashes", "27_prints"):
        assert "all is well" in built.page(f"lessons/01_one/{name}.html")
    for name in BAD_NOTEBOOKS:
        assert "all is well" in built.page(f"{name}.html")
