"""The checks before a commit are those of ``nox -s lint``, and find their files."""

from pathlib import Path

import pytest
import yaml

import noxfile

ROOT = Path(__file__).parents[1]


def read(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_pre_commit_has_a_hook_for_each_check_of_lint():
    (repository,) = read(".pre-commit-config.yaml")["repos"]
    # A hook of another repository would have a release of its own.
    assert repository["repo"] == "local"
    commands = {
        hook["id"]: " ".join([hook["entry"], *hook["args"]])
        for hook in repository["hooks"]
    }
    assert commands == {
        name: f"python -m nox -s lint -- {name}" for name in noxfile.CHECKS
    }
    assert all(hook["language"] == "system" for hook in repository["hooks"])


@pytest.mark.parametrize("pattern", noxfile.SCHEMAS.values())
def test_each_schema_has_files_to_check(pattern):
    assert list(ROOT.glob(pattern))


def test_dependabot_watches_each_folder_with_a_lock_file():
    watched = {}
    for update in read(".github/dependabot.yml")["updates"]:
        folders = update.get("directories", [update.get("directory")])
        watched[update["package-ecosystem"]] = {Path(f.lstrip("/")) for f in folders}
    locks = [
        path.relative_to(ROOT).parent
        for folder in (ROOT / "tests", ROOT / "benchmarks")
        for path in folder.glob("*/package-lock.json")
    ]
    assert watched["npm"] == set(locks)
    assert watched["pip"] == {Path("requirements")}


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
)
def test_a_form_asks_for_each_thing_once(form):
    fields = [field for field in read(form)["body"] if "id" in field]
    labels = [field["attributes"]["label"] for field in fields]
    assert fields[0]["validations"]["required"]
    assert len(labels) == len(set(labels))
