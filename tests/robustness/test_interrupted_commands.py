"""Commands that are interrupted.

Ctrl-C and SIGTERM at moments that are spread over all that a command does, from its
first import to its end: the exit code is the documented one or the work is done, there
is no traceback, and a file that it saves is whole or as before.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import interrupt
import pytest

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="signals and processes of Unix"),
    pytest.mark.long("interrupted"),
]
ROOT = Path(__file__).parents[2]
PATH = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
COMMANDS = {**interrupt.COLD, **interrupt.WARM}
CODES = {"SIGINT": 130, "SIGTERM": 143}


def steady(printed):
    """Return what a command printed, without the free memory, which varies."""
    return re.sub(r'"memory": \d+', '"memory": ...', printed)


@pytest.fixture(scope="module", params=[3, pytest.param(40, marks=pytest.mark.nightly)])
def found(request, tmp_path_factory):
    """Return how each command ended, first undisturbed, then after each signal."""
    script = ROOT / "tests" / "robustness" / "interrupt.py"
    folder = tmp_path_factory.mktemp("interrupted")
    done = subprocess.run(
        [sys.executable, str(script), str(folder), str(request.param)],
        env={**os.environ, "PYTHONPATH": PATH, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_at_any_moment_ends_a_command_cleanly(found, tried, name):
    whole, *others = [each for each in found if each["name"] == name]
    assert (whole["code"], whole["err"].count("\n")) == (0, name == "save")
    assert whole["events"] > 1000 and whole["whole"]
    tried(len(others))
    ended = 0
    for each in others:
        about = f"{each['signal']} at {each['moment']}: {each['err']}"
        assert each["code"] in (0, CODES[each["signal"]]), about
        assert "Traceback" not in each["err"], about
        assert "Exception ignored" not in each["err"], about
        assert each["whole"], f"{about}: {each['changed']}"
        if each["code"] == 0:
            assert steady(each["out"]) == steady(whole["out"])
        elif "--json" in COMMANDS[name]:
            assert steady(each["out"]) in ("", steady(whole["out"])), about
        ended += each["code"] != 0
    assert ended > len(others) // 3, "most signals come before the end"
