"""The command line where pipes and disks fail.

It ends with the exit code that is documented and at most one sentence, whatever is
closed, full, write-protected or killed; a file that it saves is whole or as before.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lmviz import _cli

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and files of Unix")
TEXT = "Anna has a red ball"
OLD = b"the old file"
PROGRAM = (sys.executable, "-m", "lmviz")
# A model's whole trace is written again and again, to be killed meanwhile.
SAVES = f"""
from lmviz import _cli
print("began", flush=True)
while True:
    for ending in ("html", "json", "npz"):
        _cli.run(["trace", {TEXT!r}, "-qm", "toy", "-o", f"heads.{{ending}}", "--json"])
"""
# A disk that is full after some bytes: of each file that a process writes.
LIMITED = """
import resource, signal, sys, tempfile
from lmviz import _cli
tempfile.gettempdir()  # torch asks for it, and it is found by writing a file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(_cli.run(sys.argv[2:]))
"""


def start(folder, *command, **options):
    environment = {**os.environ, "PYTHONPATH": str(Path(_cli.__file__).parents[2])}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        command, cwd=folder, env=environment, **{**pipes, **options}
    )


def end(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def assert_one_sentence(err):
    assert err.startswith(b"lmviz: ")
    assert err.count(b"\n") == 1
    assert b"Traceback" not in err


@pytest.mark.parametrize("ending", ["html", "json", "npz", "svg"])
@pytest.mark.parametrize("room", [0, 1000])
def test_a_disk_that_fills_while_saving_leaves_the_old_file(tmp_path, ending, room):
    file = tmp_path / f"heads.{ending}"
    file.write_bytes(OLD)
    options = ("trace", TEXT, "-m", "toy", "--save", file.name)
    process = start(tmp_path, sys.executable, "-c", LIMITED, str(room), *options)
    code, out, err = end(process)
    assert (code, out) == (1, b"")
    assert_one_sentence(err)
    assert b"File too large" in err
    assert file.name.encode() in err
    assert file.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("moments", [4, pytest.param(30, marks=pytest.mark.nightly)])
def test_a_program_killed_while_saving_leaves_whole_files(tmp_path, tried, moments):
    tried(moments)
    seeded = random.Random(0)
    for _ in range(moments):
        with start(tmp_path, sys.executable, "-c", SAVES) as process:
            assert process.stdout.readline() == b"began\n"
            assert process.stdout.readline() == b"{\n"  # the first file is there
            time.sleep(seeded.uniform(0, 0.3))
            process.kill()
        for file in tmp_path.glob("heads.*"):
            content = file.read_bytes()
            if file.suffix == ".html":
                assert content.rstrip().endswith(b"</html>")
            elif file.suffix == ".json":
                assert json.loads(content)["attentions"]
            elif file.suffix == ".npz":
                assert b"logits.npy" in content[-500:]


@pytest.mark.parametrize("verb", ["tokens", "next"])
@pytest.mark.parametrize("closed", ["stdin", "stdout", "stderr", "all"])
def test_streams_that_are_closed_at_the_start_are_no_bug(tmp_path, verb, closed):
    numbers = {"stdin": 0, "stdout": 1, "stderr": 2}
    closes = " ".join(
        f"{n}>&-" for name, n in numbers.items() if closed in (name, "all")
    )
    code = f'exec "$@" {closes}'
    command = (*PROGRAM, verb, TEXT, "-m", "toy")
    code, out, err = end(start(tmp_path, "sh", "-c", code, "sh", *command))
    assert (code, err) == (0, b"")
    assert bool(out) is (closed not in ("stdout", "all"))


def test_a_text_from_a_closed_stdin_is_an_error(tmp_path):
    command = (*PROGRAM, "tokens", "-", "-m", "toy")
    process = start(tmp_path, "sh", "-c", 'exec "$@" 0>&-', "sh", *command)
    code, _, err = end(process)
    assert code == 1
    assert_one_sentence(err)


@pytest.mark.parametrize("verb", ["tokens", "models", "doctor"])
def test_a_full_disk_under_stdout_is_an_error(tmp_path, verb):
    if not Path("/dev/full").exists():
        pytest.skip("a device of Linux")
    text = () if verb in ("models", "doctor") else (TEXT, "-m", "toy")
    with Path("/dev/full").open("wb") as full:
        code, _, err = end(start(tmp_path, *PROGRAM, verb, *text, stdout=full))
    assert code == 1
    assert_one_sentence(err)


@pytest.mark.parametrize("moments", [5, pytest.param(40, marks=pytest.mark.nightly)])
def test_ctrl_c_at_any_moment_exits_with_130_or_after_the_work(
    tmp_path, tried, moments
):
    tried(moments)
    seeded = random.Random(0)
    for _ in range(moments):
        process = start(tmp_path, *PROGRAM, "next", TEXT, "-m", "toy")
        # Before this, Python itself is starting.
        time.sleep(0.3 + seeded.uniform(0, 3))
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        code, out, err = end(process)
        # A shell reports 130, too, for what ends by the signal itself.
        assert code in (0, 130, -signal.SIGINT), err
        assert b"Traceback" not in err
        assert out.count(b"\n") == (11 if code == 0 else 0)


NAMES = ("a b", "-x", "ü猫🦜", "a'b\"c", "$(touch x)", "a\nb", "a" * 240)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_saved(tmp_path, name, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = f"./{name}.html" if name.startswith("-") else f"{name}.html"
    code = _cli.run(["trace", TEXT, "-m", "toy", "--save", path])
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    if len(name) < 200:
        assert code == 0
        assert [file.name for file in tmp_path.iterdir()] == [f"{name}.html"]
    else:  # the partial file's name is too long: nothing is written
        assert (code, list(tmp_path.iterdir())) in ((1, []), (0, [tmp_path / path]))


PLACES = {
    "no folder": lambda folder: folder / "no" / "a.html",
    "a folder": lambda folder: (folder / "a.html").mkdir() or folder / "a.html",
    "below a file": lambda folder: (
        (folder / "f").write_text("") or folder / "f" / "a.html"
    ),
    "too long": lambda folder: folder / f"{'a' * 300}.html",
    "no name": lambda folder: Path("/dev/.html/a.html"),
    "a null byte": lambda folder: f"{folder}/a\0b.html",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_cannot_be_written_to_is_one_sentence(tmp_path, place, capsys):
    path = str(PLACES[place](tmp_path))
    code = _cli.run(["trace", TEXT, "-m", "toy", "--save", path])
    printed = capsys.readouterr()
    assert (code, printed.out) == (1, "")
    assert_one_sentence(printed.err.encode())
    assert not [file for file in tmp_path.rglob("*.html.*")]
