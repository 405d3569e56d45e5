"""What workflows, Read the Docs and the devcontainer run is there, and limited."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}
JOBS = {
    f"{workflow}/{name}": job
    for workflow, told in WORKFLOWS.items()
    for name, job in told["jobs"].items()
}
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
SCRIPT = re.compile(r"(?:\./)?(?:scripts|\.ci|\.github|tests)/\S+")


def devcontainer():
    """Return what the devcontainer states; its comments have lines of their own."""
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8")
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def commands():
    """Yield where a command is from, and its text, with the values of a matrix."""
    yield ".ci/run", (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    file = (ROOT / ".readthedocs.yaml").read_text(encoding="utf-8")
    yield ".readthedocs.yaml", "\n".join(yaml.safe_load(file)["build"]["commands"])
    created = devcontainer()["postCreateCommand"]
    yield "devcontainer.json", "\n".join(created.values())
    for name, job in JOBS.items():
        for step in job["steps"]:
            if "run" in step:
                yield name, with_values(step, job)


def with_values(step, job):
    """Return the command of a step, once for each value that its variables have."""
    texts = [step["run"]]
    for variable, value in step.get("env", {}).items():
        if found := re.fullmatch(r"\$\{\{ matrix\.(\w+) \}\}", value):
            texts = [
                re.sub(rf"\$({variable}\b|{{{variable}}})", str(each), text)
                for text in texts
                for each in values(job, found[1])
            ]
    return "\n".join(texts)


def values(job, name):
    """Return what a variable of a job's matrix may be."""
    matrix = job["strategy"]["matrix"]
    added = [each[name] for each in matrix.get("include", []) if name in each]
    return [*matrix.get(name, []), *added]


def sessions_of(text):
    """Return the names of the sessions that the calls of nox in a script ask for."""
    names = set()
    for line in text.replace("\\\n", " ").splitlines():
        for call in re.findall(r"python -m nox\s+([^|;&]*)", line):
            words = shlex.split(call.partition(" -- ")[0], comments=True)
            for start in [i for i, word in enumerate(words, 1) if word == "-s"]:
                rest = words[start:]
                ends = (i for i, word in enumerate(rest) if word.startswith("-"))
                names |= set(rest[: next(ends, len(rest))])
    return names


@pytest.fixture(scope="module")
def sessions():
    command = [sys.executable, "-m", "nox", "--list"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(re.findall(r"^[*-] ([\w.-]+)", done.stdout, re.MULTILINE))


def test_sessions_are_found_in_a_command():
    text = 'python -m nox -x -s lint "tests" docs\npython -m nox -R -s docs -- -s x'
    assert sessions_of(text) == {"lint", "tests", "docs"}


def test_commands_name_sessions_that_exist(sessions):
    asked = {(place, name) for place, text in commands() for name in sessions_of(text)}
    assert {
        ("book/build", "docs"),
        (".ci/run", "tests"),
        ("ranges/dependencies", "newest"),
    } <= asked
    assert {(place, name) for place, name in asked if name not in sessions} == set()


def test_commands_name_scripts_that_exist():
    found = {script for _, text in commands() for script in SCRIPT.findall(text)}
    assert {".ci/run", "scripts/changed_pages.py"} <= found
    assert [script for script in found if not (ROOT / script).exists()] == []
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_has_permissions_and_one_run_at_a_time(name):
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}
    assert WORKFLOWS[name]["concurrency"]["group"]


@pytest.mark.parametrize("name", JOBS)
def test_a_job_ends(name):
    assert 0 < JOBS[name]["timeout-minutes"] <= 180


@pytest.mark.parametrize("name", JOBS)
def test_what_others_propose_gets_no_right_to_write(name):
    job = JOBS[name]
    if "write" in job.get("permissions", {}).values():
        # In YAML 1.1, "on" is a truth value.
        events = WORKFLOWS[name.partition("/")[0]][True]
        proposed = {"pull_request", "pull_request_target"} & set(events)
        assert not proposed or job["if"] == "github.event_name == 'push'"


@pytest.mark.parametrize("name", JOBS)
def test_a_step_uses_outputs_of_earlier_steps(name):
    known = set()
    for step in JOBS[name]["steps"]:
        told = json.dumps(step)
        used = {
            found
            for inner in EXPRESSION.findall(told)
            for found in re.findall(r"steps\.(\w+)\.outputs", inner)
        }
        assert used <= known
        known |= {step["id"]} if "id" in step else set()


@pytest.mark.parametrize("name", WORKFLOWS)
def test_artifacts_that_a_job_gets_were_kept_by_one_that_it_needs(name):
    jobs = WORKFLOWS[name]["jobs"]

    def artifacts(job, action):
        steps = [s for s in job["steps"] if s.get("uses", "").startswith(f"{action}@")]
        # Without a name, a step gets all of them.
        return {step["with"]["name"] for step in steps if "with" in step}

    def before(job):
        needs = job.get("needs", [])
        for other in [needs] if isinstance(needs, str) else needs:
            yield jobs[other]
            yield from before(jobs[other])

    for job in jobs.values():
        kept = [artifacts(each, "actions/upload-artifact") for each in before(job)]
        assert artifacts(job, "actions/download-artifact") <= set().union(*kept)


def test_the_devcontainer_is_pinned_and_runs_commands_of_the_readme():
    told = devcontainer()
    assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", told["image"])
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in told["postCreateCommand"]["environment"].split(" && "):
        assert command in readme
    interpreter = told["customizations"]["vscode"]["settings"]
    assert interpreter["python.defaultInterpreterPath"].endswith("/.nox/dev/bin/python")
