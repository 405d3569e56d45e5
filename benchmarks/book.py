"""Build the book: from scratch, without changes, and with one lesson changed."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jupyter_cache import get_cache
from tqdm import tqdm

from .measure import row

HERE = Path(__file__).parents[1]
LESSON = Path("examples", "01_tokenization", "02_word_level_tokenizer.py")
# A lesson in the report of sphinx-gallery.
CASE = re.compile(r'<testcase [^>]*file="[^"]*examples/(.*?)\.py"[^>]* time="([\d.]+)"')
LEFT_OUT = shutil.ignore_patterns(".*", "_build", "lessons", "toy-training")


def build(folder):
    """Build the book as `nox -s docs` does, and return the seconds."""
    command = [sys.executable, "-m", "sphinx", "-nW", "--keep-going", "-q"]
    kept = ["-d", "docs/_build/doctrees", "-b", "html", "docs", "docs/_build/html"]
    began = time.perf_counter()
    subprocess.run(
        [*command, *kept],
        cwd=folder,
        check=True,
        env={**os.environ, "PYTHONPATH": str(folder), "LMVIZ_MODEL": "smollm2"},
    )
    return time.perf_counter() - began


def of_the_book(runs):
    cold, same, touched, floor, lesson = [], [], [], [], []
    # One run takes three minutes.
    for _ in tqdm(range(min(runs, 2)), unit="run", leave=False):
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder, "book")
            shutil.copytree(HERE, folder, ignore=LEFT_OUT)
            cold.append(build(folder))
            seconds = run_times(folder)
            floor.append(sum(seconds.values()) / min(2, os.cpu_count()))
            same.append(build(folder))
            with (folder / LESSON).open("a", encoding="utf-8") as file:
                file.write("#\n# One more sentence.\n")
            touched.append(build(folder))
            lesson.append(run_times(folder)[f"{LESSON.parent.name}/{LESSON.stem}"])
    least = "floor: run times by workers"
    ways = {"build": cold, least: floor}
    rows = [row("Build the book", "s", ways, limits={least: 1.25})]
    rows[0]["scripts"] = seconds
    rows.append(row("Nothing changed", "s", {"build": same}, most=5))
    ways = {"build": touched, "floor: the lesson": lesson}
    return [*rows, row("One lesson changed", "s", ways, most=10)]


def run_times(folder):
    """Return the seconds of each lesson that the last build ran, and each notebook."""
    built = folder / "docs" / "_build"
    lessons = CASE.findall((built / "lessons.xml").read_text(encoding="utf-8"))
    seconds = {name: float(took) for name, took in lessons}
    for record in get_cache(built / "notebook-cache").list_cache_records():
        name = Path(record.uri).relative_to(folder / "docs").with_suffix("")
        seconds[name.as_posix()] = record.data["execution_seconds"]
    return seconds
