"""The weekly workflow on other systems, Pythons and dependencies."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

import noxfile

ROOT = Path(__file__).parents[1]
WORKFLOW = yaml.safe_load(
    (ROOT / ".github" / "workflows" / "ranges.yml").read_text("utf-8")
)
JOBS = WORKFLOW["jobs"]
(REPORT,) = JOBS["report"]["steps"]
# It answers "list" with the issues that are open, and writes down everything else.
GH = """#!/bin/sh
if [ "$2" = list ]; then printf '%s' "$OPEN"; else echo "$@" >> "$SAID"; fi
"""


def test_each_system_is_tried_with_the_oldest_and_the_newest_python():
    matrix = JOBS["systems"]["strategy"]["matrix"]
    assert matrix["python"] == [noxfile.PYTHONS[0], noxfile.PYTHONS[-1]]
    names = {system.partition("-")[0] for system in matrix["os"]}
    assert names == {"ubuntu", "macos", "windows"}


def test_the_newest_dependencies_are_tried_with_every_python():
    rows = JOBS["dependencies"]["strategy"]["matrix"]["include"]
    newest = [row["python"] for row in rows if row["session"] == "newest"]
    assert newest == noxfile.PYTHONS
    assert {row["session"] for row in rows} == {"lowest", "newest", "nightlies"}


def test_only_the_report_may_write_and_only_issues():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    allowed = {
        name: job["permissions"] for name, job in JOBS.items() if "permissions" in job
    }
    assert allowed == {"report": {"issues": "write"}}
    assert {*JOBS["report"]["needs"]} == {*JOBS} - {"report"}


@pytest.mark.skipif(os.name == "nt", reason="runs a shell")
@pytest.mark.parametrize(("issue", "verb"), [("", "create"), ("7", "comment 7")])
def test_a_failure_opens_one_issue_and_then_comments_on_it(tmp_path, issue, verb):
    gh, said = tmp_path / "gh", tmp_path / "said"
    gh.write_text(GH, "utf-8")
    gh.chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "OPEN": issue,
        "SAID": str(said),
        "TITLE": REPORT["env"]["TITLE"],
        "RUN": "https://example.org/runs/1",
        "SYSTEMS": "failure",
        "DEPENDENCIES": "success",
    }
    subprocess.run(["bash", "-e", "-c", REPORT["run"]], env=env, check=True)
    (line, *rest) = said.read_text("utf-8").splitlines()
    assert line.startswith(f"issue {verb}")
    assert "https://example.org/runs/1" in line
    assert "Other systems: failure" in " ".join(rest)
