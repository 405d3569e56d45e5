"""Run the command line in this process, or as a program of its own."""

import dataclasses
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lmviz import _cli

ROOT = Path(__file__).parents[2]


@dataclasses.dataclass
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def lmviz(capsys, monkeypatch):
    """Run a verb in this process: ``lmviz("next", "a text")``."""

    def call(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        code = _cli.run(list(map(str, arguments)))
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture
def program(tmp_path):
    """Start ``python -m lmviz`` in an empty folder."""

    def start(*arguments, environment=None, wait=True, **options):
        names = ("PYTHONIOENCODING", "PYTHONUNBUFFERED", "LC_ALL")
        inherited = {k: v for k, v in os.environ.items() if k not in names}
        process = subprocess.Popen(
            [sys.executable, "-m", "lmviz", *map(os.fspath, arguments)],
            cwd=tmp_path,
            env={**inherited, "PYTHONPATH": str(ROOT), **(environment or {})},
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                **options,
            },
        )
        if not wait:
            return process
        out, err = process.communicate(timeout=120)
        return Done(process.returncode, out, err)

    return start
