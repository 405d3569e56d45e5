"""The comparison of two builds lists all differences except dates and run times."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "compare_builds.py"
PAGE = "<p>Built on {date}, on toy</p>\nran (0 minutes {seconds} seconds)\n<p>{n}</p>"


def page(date="1 May 2026", seconds="1.250", n=7):
    return PAGE.format(date=date, seconds=seconds, n=n)


def compare(*folders):
    command = [sys.executable, str(SCRIPT), *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def builds(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    (first / "index.html").write_text(page())
    (first / "dot.png").write_bytes(b"dot")
    with zipfile.ZipFile(first / "all.zip", "w") as made:
        made.writestr("inside.html", page())
    shutil.copytree(first, second)
    return first, second


def test_dates_and_run_times_may_differ(builds):
    later = page("12 June 2026", "13.7")
    (builds[1] / "index.html").write_text(later)
    with zipfile.ZipFile(builds[1] / "all.zip", "w") as made:
        made.writestr(zipfile.ZipInfo("inside.html", (2001, 1, 1, 0, 0, 0)), later)
    assert compare(*builds) == (0, "3 files, 0 differences\n")


def test_every_other_difference_is_listed(builds):
    first, second = builds
    (second / "index.html").write_text(page(n=8))
    (second / "dot.png").write_bytes(b"dots")
    (second / "new.txt").write_text("")
    with zipfile.ZipFile(second / "all.zip", "w") as made:
        made.writestr("inside.html", page(n=8))
    code, printed = compare(first, second)
    assert code == 1
    assert "index.html, line 3: '<p>7</p>' / '<p>8</p>'\n" in printed
    assert "dot.png: other bytes\n" in printed
    assert "new.txt: only in the second\n" in printed
    assert "all.zip: inside.html, line 3: " in printed
    assert "3 files, 4 differences" in printed


def test_a_folder_without_a_book_is_refused(builds, tmp_path):
    code, printed = compare(builds[0], tmp_path)
    assert code == 1
    assert "give two folders with a built book" in printed
