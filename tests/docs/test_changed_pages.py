"""The pages whose sources a change touches are listed, and no others."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "changed_pages.py"
LESSON = "examples/04_attention/04_attention_maps.py"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    commit(LESSON, "examples/04_attention/03_gone.py")
    git("checkout", "-q", "-b", "change")


def git(*command):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *command], check=True)


def commit(*files):
    for file in files:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        with Path(file).open("a", encoding="utf-8") as opened:
            opened.write(f"{file}\n")  # different, or git sees a file that moved
    git("add", "-A")
    git("commit", "-q", "-m", "change")


def changed():
    command = [sys.executable, str(SCRIPT), "main"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("file", "page"),
    [
        (LESSON, "lessons/04_attention/04_attention_maps.html"),
        ("examples/04_attention/GALLERY_HEADER.rst", "lessons/04_attention/index.html"),
        ("examples/GALLERY_HEADER.rst", "lessons/index.html"),
        ("docs/book/tour.md", "book/tour.html"),
        ("docs/exercises/index.md", "exercises/index.html"),
    ],
)
def test_a_changed_page_is_listed(repository, file, page):
    commit(file)
    assert changed() == f"## Changed pages\n\n- `{page}`\n"


def test_a_file_without_a_page_is_not_listed(repository):
    commit("README.md", "docs/conf.py", "docs/_build/a.md", "tests/test_a.py")
    Path("examples/04_attention/03_gone.py").unlink()
    git("commit", "-q", "-a", "-m", "delete")
    assert changed() == "## Changed pages\n\nNone.\n"


def test_a_change_on_the_base_branch_is_not_listed(repository):
    git("checkout", "-q", "main")
    commit(LESSON)
    git("checkout", "-q", "change")
    commit("docs/book/toy.md")
    assert changed() == "## Changed pages\n\n- `book/toy.html`\n"


def test_a_change_of_the_package_is_reported(repository):
    commit("lmviz/trace.py")
    assert "The package has changed too" in changed()
