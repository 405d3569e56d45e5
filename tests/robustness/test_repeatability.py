"""Repeatability.

The same machine gives the same numbers: in every process, after any lesson, and with
one thread or more.
"""

import gc
import json
import os
import platform
import random
import re
import shutil
import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lmviz_book import build_info, reset
from small_book import ROOT, Book

# Prints the hash of each tensor of a trace, for one thread, for two, and for one again;
# and how far the numbers of the threads are apart, beside the largest of them.
TRACES = """
import hashlib, json

import torch

import lmviz

TEXT = "The dog chased the ball because it was excited, and the cat sat on the mat."
PARTS = ("embeddings", "hidden_states", "attentions", "logits")
said = {}
for name in ("toy", "smollm2"):
    lm = lmviz.load(name)
    text = TEXT if name == "smollm2" else "the dog chased the ball"
    found = {}
    for threads in (1, 2, 1):
        torch.set_num_threads(threads)
        trace = lm.trace(text)
        parts = {part: getattr(trace, part) for part in PARTS}
        hashes = {
            part: hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()
            for part, tensor in parts.items()
        }
        assert found.setdefault(threads, (hashes, parts))[0] == hashes
    one, two = found[1], found[2]
    said[name] = {
        "hashes": {threads: hashes for threads, (hashes, _) in found.items()},
        "apart": max(
            ((first - second).abs().max() / first.abs().max()).item()
            for first, second in zip(one[1].values(), two[1].values(), strict=True)
        ),
    }
print(json.dumps(said))
"""
# Runs some lessons with a number of threads, and prints what they print.
LESSONS = """
import runpy, sys

import torch

threads, *lessons = sys.argv[1:]
torch.set_num_threads(int(threads))
for lesson in lessons:
    print("lesson", lesson)
    torch.manual_seed(0)
    runpy.run_path(lesson, run_name="__main__")
"""
CHOSEN = (
    "02_embeddings/04_cosine_similarity",
    "03_positions/06_rotary",
    "04_attention/04_attention_maps",
    "05_prediction/01_logits",
    "05_prediction/06_perplexity",
)


def run(code, *arguments, **variables):
    """Run code in a process of its own, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture(scope="module")
def traces():
    """The output of two processes for the same traces, with different hash seeds."""
    return [
        json.loads(run(TRACES, PYTHONHASHSEED=seed).splitlines()[-1])
        for seed in ("1", "2")
    ]


@pytest.mark.long("traces")
@pytest.mark.parametrize("name", ["toy", "smollm2"])
def test_two_processes_give_the_same_bits(traces, name, tried):
    tried(2)
    first, second = (said[name]["hashes"] for said in traces)
    for threads in ("1", "2"):
        assert first[threads] == second[threads]
        assert len(set(first[threads].values())) == 4, "different tensors"


@pytest.mark.long("traces")
@pytest.mark.parametrize("name", ["toy", "smollm2"])
def test_one_thread_or_two_differ_by_rounding_alone(traces, name):
    # A float32 has 24 bits; sums over a few hundred terms, in 30 layers, lose some.
    assert traces[0][name]["apart"] < 2**-24 * 600


@pytest.mark.long
def test_lessons_print_the_same_with_one_thread_and_with_two(tried):
    tried(len(CHOSEN))
    paths = [ROOT / "examples" / f"{lesson}.py" for lesson in CHOSEN]
    printed = [
        run(LESSONS, threads, *paths, LMVIZ_MODEL="smollm2", OMP_NUM_THREADS=threads)
        for threads in ("1", "2")
    ]
    # These lines contain only rounding errors.
    rounding = re.compile(r"^(.*difference.*: )\d[\d.e+-]*$", re.MULTILINE)
    first, second = (rounding.sub(r"\\1rounding", text) for text in printed)
    assert first.count("lesson ") == len(CHOSEN)
    assert len(re.findall(r"\d\.\d\d", first)) > 50, "numbers to compare"
    assert first == second


@pytest.fixture
def limits(monkeypatch):
    """Limits that no lesson reaches; the garbage collector is as before afterwards."""
    monkeypatch.setenv("LMVIZ_SECONDS", "60")
    monkeypatch.setenv("LMVIZ_BYTES", str(2**40))
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("limits")
def test_a_lesson_leaves_no_garbage_and_the_rest_is_not_searched_again():
    class Model:
        pass

    model = Model()
    model.itself = model
    alive = weakref.ref(model)
    reset.reset({}, "a lesson", "before")
    del model
    reset.reset({}, "a lesson", "after")
    assert alive() is None
    assert gc.get_freeze_count() > len(gc.get_objects())


@pytest.mark.usefixtures("limits")
def test_each_lesson_starts_with_the_same_random_numbers(tried):
    tried(3)
    draws = []
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        reset.reset({}, "a lesson", "before")
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
        reset.reset({}, "a lesson", "after")
    assert draws[0] == draws[1]


@pytest.mark.nightly
def test_the_book_states_how_it_was_built_and_is_reproducible(tmp_path, tried):
    tried(3)
    folder = tmp_path / "someone" / "books"
    folder.mkdir(parents=True)
    book = Book(folder, "toy")
    for place in ("01_one/01_lesson", "notebook", "built"):
        book.add(place, "print(2)", title=place)
    text = (ROOT / "docs" / "project" / "built.md").read_text()
    # A page that the small book does not have.
    (book.docs / "built.md").write_text(
        text.replace("{doc}`/guide/your_model`", "there")
    )
    _, code, printed = book.build(OMP_NUM_THREADS="1")
    assert code == 0, printed
    page = book.page("built.html").partition("<article")[2].partition("</article")[0]
    for said in (
        platform.python_version(),
        platform.machine(),
        torch.__version__,
        torch.backends.cpu.get_cpu_capability(),
        f"numpy {np.__version__}",
        "shipped with lmviz",
    ):
        assert said in page, said
    names = (str(Path.home()), platform.node(), "someone", sys.prefix)
    for unsaid in filter(None, names):
        assert unsaid not in page, unsaid

    first = folder / "first"
    shutil.copytree(book.html, first)
    for name in ("_build", "lessons"):
        shutil.rmtree(book.docs / name)
    _, code, printed = book.build(OMP_NUM_THREADS="2", PYTHONHASHSEED="7")
    assert code == 0, printed
    assert book.differences(first) == []
    assert "0 added, 0 changed, 0 removed" in book.build()[2]


def test_a_table_of_another_machine_is_not_kept(monkeypatch, tmp_path):
    file = tmp_path / "_build" / "how-built.csv"
    file.parent.mkdir()

    def is_written(processor):
        if file.exists():
            os.utime(file, (0, 0))
        monkeypatch.setattr(build_info, "facts", lambda _: [("CPU", processor)])
        build_info.write_facts(SimpleNamespace(srcdir=tmp_path), None)
        return file.stat().st_mtime > 0

    # Sphinx reads a page again when the time of a file that it includes has changed.
    told = ["old", "old", "<b>new</b>"]
    assert [is_written(processor) for processor in told] == [True, False, True]
    assert file.read_text("utf-8") == r"CPU,\<b\>new\<\/b\>" + "\n"
