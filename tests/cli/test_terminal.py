"""The program itself: how it starts, where it prints, and how it ends."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import lmviz
from lmviz import _cli

ROOT = Path(_cli.__file__).parents[2]
TEXT = "Anna has a red ball"
UNIX = pytest.mark.skipif(os.name == "nt", reason="needs signals and terminals")
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
HEAVY = {"torch", "transformers", "numpy", "matplotlib", "huggingface_hub"}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_nothing_heavy(option):
    code = f"""
import sys
from lmviz import _cli
_cli.run([{option!r}])
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "lmviz" in done.stdout
    assert not HEAVY & set(done.stdout.splitlines()[-1].split())


def test_tokens_and_models_load_no_torch():
    code = f"""
import sys
from lmviz import _cli
assert _cli.run(["tokens", {TEXT!r}, "-m", "toy"]) == 0
assert _cli.run(["models"]) == 0
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not {"torch", "transformers"} & loaded


def test_the_console_script_is_the_same_program():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    module, _, name = project["scripts"]["lmviz"].partition(":")
    assert getattr(sys.modules[module], name) is _cli.main
    assert any(line.startswith("click") for line in project["dependencies"])


def test_the_module_runs_and_prints_its_version(program):
    done = program("--version")
    assert (done.code, done.err) == (0, b"")
    assert done.out.decode().split() == ["lmviz", lmviz.__version__]


@pytest.mark.parametrize(
    "place", [{"PYTHONIOENCODING": "cp1252"}, C_LOCALE], ids=["cp1252", "C"]
)
def test_columns_are_aligned_in_any_encoding(program, place):
    done = program("tokens", "猫 the dog", "-m", "smollm2", environment=place)
    assert (done.code, done.err) == (0, b"")
    lines = done.out.decode("cp1252").splitlines()
    assert any(r"\u2423the" in line for line in lines)
    column = lines[0].index("bytes")
    assert all(re.match(r"[0-9A-F]{2}\b", line[column:]) for line in lines[1:])
    assert all(line[column - 2 : column] == "  " for line in lines)


def test_arguments_are_read_as_utf8_in_the_c_locale(program):
    text = "déjà 猫"
    done = program("tokens", text, "--json", "-m", "smollm2", environment=C_LOCALE)
    assert json.loads(done.out)["text"] == text


@UNIX
def test_arguments_that_are_not_utf8_are_refused(program):
    done = program("tokens", b"na\xefve \xe9", "-m", "smollm2")
    assert done.code == 1
    assert b"the text must be in UTF-8, got byte 0xef" in done.err


def test_it_works_in_a_pipe(program):
    first = program("tokens", TEXT, "--json", "-m", "toy")
    text = json.loads(first.out)["text"]
    process = program("tokens", "-", "-m", "toy", stdin=subprocess.PIPE, wait=False)
    out, err = process.communicate(f"{text}\n".encode(), timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert len(out.splitlines()) == 7


@UNIX
@pytest.mark.parametrize("n_words", [5, 20_000])
def test_a_pipe_that_is_closed_early_is_no_error(program, n_words):
    text = b"a dog " * n_words
    process = program("tokens", "-", "-m", "smollm2", wait=False, stdin=subprocess.PIPE)
    process.stdout.close()
    process.stdin.write(text)
    process.stdin.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 0


@UNIX
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_an_error_in_one_sentence(program):
    with Path("/dev/full").open("wb") as full:
        done = program("tokens", TEXT, "-m", "toy", stdout=full)
    assert done.code == 1
    assert done.err == b"lmviz: No space left on device\n"


def heed_interrupts():
    """Undo what a shell does to a job in the background: it ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@UNIX
@pytest.mark.parametrize("verb", ["tokens", "next"])
def test_ctrl_c_exits_with_130_and_no_traceback(program, verb):
    options = {"stdin": subprocess.PIPE, "preexec_fn": heed_interrupts}
    process = program(verb, "-", "-m", "toy", wait=False, **options)
    time.sleep(2)  # it waits for the text
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err


def in_terminal(program, *arguments):
    """Return what a program prints on a terminal, as its stdout and its stderr."""
    import pty

    ours, theirs = pty.openpty()
    process = program(*arguments, wait=False, stdout=theirs, stderr=theirs)
    os.close(theirs)
    printed = b""
    while True:
        select.select([ours], [], [], 60)
        try:
            read = os.read(ours, 4096)
        except OSError:  # how Linux says that the terminal was closed
            break
        if not read:
            break
        printed += read
    os.close(ours)
    assert process.wait(60) == 0
    return printed.decode()


@UNIX
def test_progress_is_on_a_terminal_only_and_is_removed(program):
    printed = in_terminal(program, "next", TEXT, "-m", "toy")
    progress, _, table = printed.partition("probability")
    assert progress.startswith("loading toy ...")
    assert progress.endswith(f"\r{' ' * 79}\r")
    assert "loading" not in table
    quiet = in_terminal(program, "next", TEXT, "-m", "toy", "--quiet")
    assert quiet.startswith("probability")
    assert quiet == printed[len(progress) :]
    piped = program("next", TEXT, "-m", "toy")
    assert piped.err == b""
    assert piped.out.decode() == quiet.replace("\r\n", "\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(lmviz, shell):
    done = lmviz("completion", shell)
    assert done.code == 0
    assert f"_LMVIZ_COMPLETE={shell}_complete" in done.out


def completions(program, words, count):
    environment = {
        "_LMVIZ_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(count),
    }
    done = program(environment=environment)
    assert done.err == b""
    return done.out.decode().splitlines()


def test_verbs_options_models_and_cached_repositories_are_completed(program, tmp_path):
    assert completions(program, "lmviz to", 1) == ["plain,tokens"]
    assert "plain,--temperature" in completions(program, "lmviz next --te", 2)
    found = completions(program, "lmviz next hi --model ", 4)
    assert {"plain,smollm2", "plain,gpt2", "plain,toy"} <= set(found)
    assert completions(program, "lmviz next hi -m ./mod", 4) == ["dir,./mod"]
    (tmp_path / "hub" / "models--someone--a-model").mkdir(parents=True)
    environment = {
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "_LMVIZ_COMPLETE": "zsh_complete",
        "COMP_WORDS": "lmviz next hi --model some",
        "COMP_CWORD": "4",
    }
    done = program(environment=environment)
    assert "someone/a-model" in done.out.decode().splitlines()


@UNIX
def test_bash_completes_with_the_printed_script(program, tmp_path):
    script = program("completion", "bash").out
    if not script:
        pytest.skip("no bash")
    launcher = tmp_path / "lmviz"
    launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m lmviz "$@"\n')
    launcher.chmod(0o755)
    (tmp_path / "script").write_bytes(script)
    code = """
source script
COMP_WORDS=(lmviz do); COMP_CWORD=1
_lmviz_completion lmviz
echo "${COMPREPLY[@]}"
"""
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["doctor"], done.stderr
