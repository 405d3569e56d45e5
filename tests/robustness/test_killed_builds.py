"""Builds that are killed.

A build that was killed is started again, and ends in the same book as one that nothing
disturbed.
"""

import bisect
import contextlib
import random
import shutil
import subprocess
import time

import psutil
import pytest
from filelock import FileLock
from small_book import Book

SEED = 8
KILLS = 10
UNBUFFERED = {"PYTHONUNBUFFERED": "1"}
# Something is written at any time.
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
LONG = """
import pathlib, time

pathlib.Path({file!r}).touch()
time.sleep({seconds})
print("done")
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A book with two lessons in each of two chapters, as built in one go."""
    book = Book(tmp_path_factory.mktemp("killed"), "toy")
    lessons = ["01_one/01_lesson", "01_one/20_more", "02_two/10_a", "02_two/20_b"]
    for number, place in enumerate([*lessons, "notebook", "more"]):
        code = LESSON.format(number=number)
        if "/" not in place:
            code = code.replace("# %%\n", "")
        book.add(place, code, title=f"Lesson {number}")
    began = time.monotonic()
    with book.start(**UNBUFFERED) as build:
        printed = [(time.monotonic() - began, line) for line in build.stdout]
    assert build.returncode == 0, printed
    book.times = [seconds for seconds, _ in printed]
    book.whole = book.folder / "undisturbed"
    shutil.copytree(book.html, book.whole)
    return book


def kill(process):
    """Kill a build and all that it runs."""
    main = psutil.Process(process.pid)
    for each in (main, *main.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()


def is_killed(book, moment):
    """Kill a build at a moment of the undisturbed one, if it has not ended before.

    What that one had printed by then is waited for: a busy machine builds more slowly.
    """
    n_lines = bisect.bisect(book.times, moment)
    since = moment - book.times[n_lines - 1] if n_lines else moment
    with book.start(**UNBUFFERED) as build:
        for _ in range(n_lines):
            build.stdout.readline()
        try:
            build.communicate(timeout=since)
        except subprocess.TimeoutExpired:
            kill(build)
            return True
    return False


def test_a_build_that_is_killed_is_followed_by_a_clean_one(tmp_path):
    book, reached = Book(tmp_path, "toy"), tmp_path / "reached"
    book.add("01_one/20_long", LONG.format(file=str(reached), seconds=60))
    with book.start() as build:
        while not reached.is_file():
            assert build.poll() is None
            time.sleep(0.1)
        kill(build)
    assert list(book.docs.glob("lessons/*/*.py")), "something is left"
    book.add("01_one/20_long", LONG.format(file=str(reached), seconds=0))
    ran, code, printed = book.build()
    assert code == 0, printed
    assert "The last build was killed: this one starts clean." in printed
    assert sorted(ran) == ["lesson", "notebook"]
    ran, code, printed = book.build()
    assert (ran, code) == ([], 0)
    assert "starts clean" not in printed


@pytest.mark.nightly
def test_a_build_that_is_killed_ten_times_ends_in_the_same_book(undisturbed, tried):
    book = undisturbed
    tried(KILLS)
    choose = random.Random(SEED)
    # One moment in each tenth of a build, in no order.
    took = book.times[-1]
    moments = [took * (i + choose.random()) / KILLS for i in range(KILLS)]
    choose.shuffle(moments)
    for folder in (book.docs / "_build", book.docs / "lessons"):
        shutil.rmtree(folder)
    assert sum(is_killed(book, moment) for moment in moments) > KILLS - 3
    _, code, printed = book.build()
    assert code == 0, printed
    assert book.differences(book.whole) == [], printed


@pytest.mark.nightly
def test_a_second_build_at_the_same_time_is_refused(undisturbed):
    with FileLock(undisturbed.docs / "_build" / "lock"):
        _, code, printed = undisturbed.build()
    assert code == 1
    assert printed.splitlines()[-1].startswith("Another build of this book is running")
