"""What is printed and written survives any encoding and a pipe that is closed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LESSON = ROOT / "examples/01_tokenization/03_byte_pair_encoding.py"
# A file on Windows, deezer/html-linter#2's locale, and the code page of consoles.
PLACES = {
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "cp437": {"PYTHONIOENCODING": "cp437"},
    "the C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "UTF-8": {"PYTHONIOENCODING": "utf-8"},
}
# openai/gpt-2#52, karpathy/llama2.c#374, salesforce/ctrl#17: what a model writes.
WRITES = """
import lmviz
lmviz.print_anywhere()
print("␣Paris ↵ ⟨U+200B⟩", "\\u2015", "\\u200b", "\\u2019", "🦜", "\\ud800", "plain")
"""
TRAINS = """
import runpy
import lmviz.toy.evaluate
lmviz.toy.evaluate.evaluate = lambda lm: {"kl": 0.0, "␣": 1.0}
import sys
sys.argv = ["lmviz.toy", "--evaluate"]
runpy.run_module("lmviz.toy", run_name="__main__")
"""
SAVES = """
import lmviz
lmviz.views.tokens({"␣": ["␣the", "🦜"]}, title="␣").save("a.html")
print(repr(lmviz.load("toy")).isascii())
lmviz.load("toy").trace("a ␣ 🦜")
"""


@pytest.fixture
def run(tmp_path):
    """Run a script, given as its text or its file."""

    def run(code, place="UTF-8"):
        code = code.encode() if isinstance(code, str) else code.read_bytes()
        (tmp_path / "script.py").write_bytes(code)
        return start(tmp_path, place=place, stdout=subprocess.PIPE)

    return run


def start(folder, *, place="UTF-8", **options):
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)}
    for name in ("PYTHONIOENCODING", "PYTHONUNBUFFERED"):
        environment.pop(name, None)
    environment |= PLACES[place]
    return subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        timeout=300,
        **options,
    )


@pytest.mark.parametrize("place", PLACES)
def test_what_an_output_cannot_encode_is_escaped(run, place):
    done = run(WRITES, place)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.decode("utf-8" if place == "UTF-8" else "ascii", "replace")
    assert printed.rstrip().endswith("plain")
    assert "\\ud800" in printed  # no encoding has a lone surrogate
    assert ("␣Paris" if place == "UTF-8" else r"\u2423Paris") in printed


@pytest.mark.parametrize("place", ["cp1252", "the C locale"])
def test_a_downloaded_lesson_prints_anywhere(run, place):
    done = run(LESSON, place)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert b"merges  tokens" in done.stdout


@pytest.mark.parametrize("place", ["cp1252", "the C locale"])
def test_the_toys_program_prints_anywhere(run, place):
    done = run(TRAINS, place)
    assert done.returncode == 0, done.stderr
    assert rb"\u2423: 100.00% correct" in done.stdout


@pytest.mark.parametrize("place", ["cp1252", "the C locale"])
def test_views_cards_and_errors_are_written_anywhere(run, place, tmp_path):
    done = run(SAVES, place)
    assert "🦜" in (tmp_path / "a.html").read_text("utf-8")
    assert done.stdout.strip() == b"True"
    assert done.stderr.splitlines()[-1].isascii()
    assert b"UnicodeEncodeError" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="head is a program of Unix")
@pytest.mark.parametrize("n_lines", [1, 10**6])
def test_a_closed_pipe_ends_a_script_without_a_traceback(n_lines, tmp_path):
    code = f"{WRITES}\nfor i in range({n_lines}): print('line', i)"
    (tmp_path / "script.py").write_text(code, encoding="utf-8")
    first, second = os.pipe()
    os.close(first)
    try:
        done = start(tmp_path, stdout=second)
    finally:
        os.close(second)
    assert done.stderr == b""


def test_other_errors_are_shown_as_ever(run):
    done = run(f"{WRITES}\n1 / 0")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith(b"ZeroDivisionError: division by zero")


def test_importing_the_package_leaves_the_output_alone(run):
    code = "import sys; before = sys.stdout.errors, sys.excepthook; import lmviz;"
    code += "lmviz.load('toy'); print((sys.stdout.errors, sys.excepthook) == before)"
    assert run(code).stdout.strip() == b"True"
