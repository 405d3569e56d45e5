"""The guide shows what the command line prints."""

import re
import shlex
from pathlib import Path

import pytest

from lmviz import _cli

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "command_line.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.M | re.S)


def shown():
    """Return each command of the guide whose output follows it, and that output."""
    for block in BLOCK.findall(GUIDE.read_text("utf-8")):
        command, _, output = block.partition("\n")
        if output and not output.startswith("$"):
            yield command.removeprefix("$ lmviz "), output


@pytest.mark.parametrize(
    ("command", "output"), [*shown()], ids=[command for command, _ in shown()]
)
@pytest.mark.usefixtures("smollm2")  # converted
def test_the_output_of_a_command_is_what_it_prints(
    lmviz, monkeypatch, tmp_path, command, output
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LMVIZ_MODEL", "smollm2")
    done = lmviz(*shlex.split(command))
    assert done.code == 0
    # How much memory is free is known only to the machine.
    memory = re.compile(r"Free memory: .*")
    assert memory.sub("", done.out + done.err) == memory.sub("", output)


def test_the_report_has_the_form_of_the_doctors(lmviz):
    page = GUIDE.read_text("utf-8")
    report = re.search(r"^```text\n(status.*?)^```", page, re.M | re.S)
    printed = lmviz("doctor").out
    assert re.split(" {2,}", report[1].split("\n")[0]) == ["status", "what", "found"]
    rows = re.findall(r"^(?:ok|missing)  +(\S+)", report[1], re.M)
    assert rows
    names = re.findall(r"^(?:ok|missing)  +(\S+)", printed, re.M)
    assert [name for name in names if name in rows] == rows
    assert "\n\nlmviz works here.\n" in report[1]
    assert "\n\nlmviz works here.\n" in printed


def test_every_command_is_in_the_table_of_the_guide():
    listed = re.findall(r"^\| `lmviz (\w+)", GUIDE.read_text("utf-8"), re.M)
    assert sorted(listed) == sorted(_cli._main.cli.commands)
