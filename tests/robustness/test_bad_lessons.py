"""Lessons that misbehave.

One build of a book whose lessons and notebooks do what they should not. Each of these
is named, and fails the build; all others have their pages.
"""

import re
import shutil

import pytest
from small_book import Book

pytestmark = pytest.mark.long("built")
SECONDS = "12"
GOOD = """
import matplotlib.pyplot as plt

plt.plot([1, 2])
plt.title("A figure")
plt.show()
print("all", "is", "well")
"""
# Far more than a lesson may take; memory that nothing is written to costs nothing.
EATS = """
import numpy as np

kept = [np.empty(10**9, dtype=np.uint8) for _ in range(50)]
"""
RAISES = "raise RuntimeError('it ' + 'broke')", "RuntimeError: it broke"
# Without taking a core from the tests beside it.
HANGS = "import time\n\nwhile True:\n    time.sleep(0.01)"
# What each does, and what the build says of it.
BAD = {
    "raises": RAISES,
    "warns": ("import warnings; warnings.warn('take ' + 'care')", "Warning: take care"),
    "hangs": (HANGS, f"22_hangs.py ran for more than {SECONDS} s"),
    "eats": (EATS, "MemoryError"),
}
BAD_NOTEBOOKS = {
    "raises": RAISES,
    "hangs": (HANGS, "CellTimeoutError"),
}
# Lessons that end their process, and with it the build.
FATAL = {
    "exits": ("import sys\n\nsys.exit(0)", "Does a lesson call sys.exit?"),
    "crashes": ("import os, signal\n\nos.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
    # In C no signal handler of Python gets a turn.
    "hangs": ("import itertools\n\nsum(itertools.repeat(0))", "Timeout (0:00:"),
}
# What a lesson could leave behind, and what the next one must find.
CHANGES = """
import os, random, sys

import matplotlib.pyplot as plt
import numpy as np
import torch

os.chdir("/")
sys.path.insert(0, "/left")
for seed in (random.seed, np.random.seed, torch.manual_seed):
    seed(5)
plt.rcParams["lines.linewidth"] = 77
torch.set_default_dtype(torch.float64)
print("is", "changed")
"""
LOOKS = """
import pathlib, random, sys

import matplotlib.pyplot as plt
import numpy as np
import torch

print(pathlib.Path.cwd().name, "/left" in sys.path)
print(random.random(), np.random.rand(), torch.rand(1).item())
print(plt.rcParams["lines.linewidth"], torch.get_default_dtype())
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The book of all these after one build: its exit code and what it printed."""
    book = Book(tmp_path_factory.mktemp("bad"), "toy")
    book.add("01_one/01_lesson", GOOD)
    book.add("notebook", GOOD)
    for number, (name, (code, _)) in enumerate(BAD.items(), 20):
        book.add(f"01_one/{number}_{name}", code, title=name)
    for name, (code, _) in BAD_NOTEBOOKS.items():
        book.add(name, code, title=name)
    book.add("02_two/40_changes", CHANGES, title="Changes")
    for number in range(41, 44):  # one of these runs where the other one ran
        book.add(f"02_two/{number}_looks", LOOKS, title=f"Looks {number}")
    _, book.code, book.printed = book.build(LMVIZ_SECONDS=SECONDS)
    # One test builds the book again.
    book.first = book.folder / "first"
    shutil.copytree(book.html, book.first)
    return book


def page_of(book, name):
    return (book.first / name).read_text(encoding="utf-8")


def test_the_build_fails_and_the_rest_is_built(built):
    assert built.code != 0
    for name in ("lessons/01_one/01_lesson", "notebook"):
        page = page_of(built, f"{name}.html")
        assert "all is well" in page
        assert page.count("<figcaption><b>A figure.</b>") == 1
    assert (built.first / "downloads/01_one.zip").is_file()


@pytest.mark.parametrize("name", BAD)
def test_a_lesson_fails_alone(built, name):
    number = 20 + list(BAD).index(name)
    _, _, said = built.printed.partition("Unexpected failing examples (4)")
    _, _, said = said.partition(f"01_one/{number}_{name}.py failed")
    assert BAD[name][1] in said.partition(".py failed")[0]
    page = page_of(built, f"lessons/01_one/{number}_{name}.html")
    assert re.search(rf"<h1>(<span.*?</span>)?{name}", page)


@pytest.mark.parametrize("name", BAD_NOTEBOOKS)
def test_a_notebook_fails_alone(built, name):
    _, _, said = built.printed.partition(f"{name}.md: WARNING: Executing notebook")
    assert BAD_NOTEBOOKS[name][1] in said.partition("WARNING: Executing")[0]
    assert f"<h1>{name}" in page_of(built, f"{name}.html")


def test_a_lesson_leaves_nothing_to_the_next(built, tried):
    tried(6)
    assert "is changed" in page_of(built, "lessons/02_two/40_changes.html")
    for number in range(41, 44):
        shown = page_of(built, f"lessons/02_two/{number}_looks.html")
        assert "02_two False\n" in shown
        # What Python, numpy and torch give first after the seed 0.
        assert "0.8444218515250481 0.5488135039273248 0.49625658988952637\n" in shown
        assert "1.5 torch.float32" in shown


def test_a_failed_lesson_runs_again_once_it_is_fixed(built):
    for number, name in enumerate(BAD, 20):
        built.add(f"01_one/{number}_{name}", GOOD, title=name)
    for name in BAD_NOTEBOOKS:
        built.add(name, GOOD, title=name)
    _, code, printed = built.build()
    assert code == 0, printed
    assert f"successfully executed {len(BAD)} out of {len(BAD)} files" in printed
    for number, name in enumerate(BAD, 20):
        assert "all is well" in built.page(f"lessons/01_one/{number}_{name}.html")
    for name in BAD_NOTEBOOKS:
        assert "all is well" in built.page(f"{name}.html")


@pytest.mark.nightly
@pytest.mark.parametrize("name", FATAL)
def test_a_lesson_that_ends_its_process_ends_the_build(tmp_path, name):
    book = Book(tmp_path, "toy")
    code, said = FATAL[name]
    book.add("01_one/20_fatal", code, title=name)
    _, status, printed = book.build(LMVIZ_SECONDS=SECONDS)
    assert status != 0
    assert said in printed
    if name != "exits":
        assert "20_fatal.py" in printed
    book.add("01_one/20_fatal", GOOD, title=name)
    _, status, printed = book.build()
    assert status == 0, printed
