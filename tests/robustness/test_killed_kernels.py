"""Kernels that are killed.

The kernel of a notebook is killed while a book is built, once or each time, and while a
reader runs the notebook: it runs again, or the build names it, and nothing half-done is
kept.
"""

import os
import signal
import threading
import time

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from small_book import Book

pytestmark = pytest.mark.long("kernels")
ALWAYS = """
import os, signal

print("half", "done", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
ONCE = """
import os, signal
from pathlib import Path

print("it", "begins", flush=True)
if not Path({file!r}).exists():
    Path({file!r}).touch()
    os.kill(os.getpid(), signal.SIGKILL)
print("all", "is", "well")
"""
GOOD = 'print("it", "is", "repaired")'


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A book after one build: its exit code and what it printed."""
    book = Book(tmp_path_factory.mktemp("kernels"), "toy")
    book.killed = book.folder / "killed"
    book.add("once", ONCE.format(file=str(book.killed)), title="Once")
    book.add("always", ALWAYS, title="Always")
    book.ran, book.code, book.printed = book.build()
    return book


def test_a_kernel_that_is_killed_once_runs_again(built):
    assert built.killed.exists()
    page = built.page("once.html")
    assert page.count("it begins") == page.count("all is well") == 1


def test_a_kernel_that_always_dies_is_named_and_fails_the_build(built):
    assert built.code != 0
    [said] = [line for line in built.printed.splitlines() if "kernel died" in line]
    assert "always.md: WARNING: The kernel died twice while it ran" in said
    assert "Traceback" not in built.printed
    assert "half done" not in built.page("always.html")
    # All others are as they should be.
    assert sorted(built.ran) == ["lesson", "notebook"]
    assert "notebook of toy" in built.page("notebook.html")


def test_the_next_build_runs_only_what_was_not_finished(built):
    built.killed.unlink()  # else it would not be killed a second time
    built.add("always", GOOD, title="Always")
    ran, code, printed = built.build()
    assert code == 0, printed
    assert (ran, built.killed.exists()) == ([], False)
    assert "running the notebooks: 1\n" in printed
    assert "it is repaired" in built.page("always.html")
    page = built.page("once.html")
    assert page.count("it begins") == page.count("all is well") == 1


CELLS = [
    "import lmviz\n\nlm = lmviz.load('smollm2')",
    "trace = lm.trace('The capital of France is')\nprint(trace.tokens)",
    "print(lm.tokens(trace.logits[-1].topk(1).indices))",
]


@pytest.mark.nightly
@pytest.mark.parametrize("moment", [2, 5, 8, 11])
def test_a_notebook_whose_kernel_was_killed_runs_from_the_top(
    tmp_path, monkeypatch, moment
):
    """The first cell converts the model; it is killed then, or a little later."""
    monkeypatch.setenv("LMVIZ_CACHE", str(tmp_path))
    manager, client = start_new_kernel()
    process = manager.provisioner.process
    kill = threading.Timer(moment, os.kill, (process.pid, signal.SIGKILL))
    kill.start()
    for cell in CELLS:
        client.execute(cell)
    process.wait(60)
    client.stop_channels()
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    manager.restart_kernel(now=True)
    began = time.monotonic()
    try:
        NotebookClient(notebook, km=manager, timeout=120).execute()
    finally:
        manager.shutdown_kernel(now=True)
    assert time.monotonic() - began < 120
    printed = ["".join(out.get("text", "") for out in c.outputs) for c in cells]
    assert printed[1].startswith("('The', '␣capital', '␣of'")
    assert printed[2] == "['␣Paris']\n"
    assert not list(tmp_path.glob("*.partial-*"))
