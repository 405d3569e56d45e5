"""Colab and Binder open the notebook of the page that leads to them."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from lmviz_book import launch
from packaging.requirements import Requirement

GITHUB = "https://github.com/org/lmviz"
SITE = "https://org.github.io/lmviz/"
EXERCISES = """---
file_format: mystnb
kernelspec:
  name: python3
---

# Exercises

A line of prose.

```{code-cell} ipython3
print("an exercise")
```
"""
LESSON = "lessons/04_attention/04_attention_maps"


def app(repository=GITHUB, base=SITE, branch="notebooks"):
    config = SimpleNamespace(
        lmviz_repository=repository,
        lmviz_notebooks=branch,
        html_baseurl=base,
        sphinx_gallery_conf={"gallery_dirs": "lessons"},
    )
    return SimpleNamespace(srcdir="docs", config=config)


# The forms of both addresses are those that their own documentation gives.
def test_a_lesson_leads_to_its_notebook():
    assert launch.links(app(), LESSON) == [
        (
            "Colab",
            "https://colab.research.google.com/github/org/lmviz/blob/notebooks/"
            "lessons/04_attention/04_attention_maps.ipynb",
        ),
        (
            "Binder",
            "https://mybinder.org/v2/gh/org/lmviz/notebooks?urlpath=lab/tree/"
            "lessons/04_attention/04_attention_maps.ipynb",
        ),
    ]


def test_a_release_leads_to_its_own_notebooks():
    (_, colab), (_, binder) = launch.links(app(branch="notebooks-v1.2.3"), LESSON)
    assert "/org/lmviz/blob/notebooks-v1.2.3/lessons/" in colab
    assert "/org/lmviz/notebooks-v1.2.3?" in binder


@pytest.mark.parametrize("repository", [f"{GITHUB}/", f"{GITHUB}.git", GITHUB])
def test_the_repository_is_named_by_any_of_its_addresses(repository):
    assert launch.repository(app(repository).config) == "org/lmviz"


@pytest.mark.parametrize(
    "repository",
    [
        "",
        "https://gitlab.com/org/lmviz",
        "http://github.com/org/lmviz",
        "https://github.com/org",
        "https://github.com/org/lmviz/tree/main",
        "https://github.com/org/lmviz?x=1",
        'https://github.com/org/l"onclick="x',
        "https://github.com.example.org/org/lmviz",
    ],
)
def test_another_repository_has_no_links(repository):
    assert launch.links(app(repository), LESSON) == []


def test_a_book_that_is_nowhere_has_no_links():
    assert launch.links(app(base=""), LESSON) == []


@pytest.mark.parametrize(
    ("page", "has_one"),
    [
        ("exercises/04_attention", True),
        ("exercises/index", False),
        ("lessons/index", False),
        ("lessons/04_attention/index", False),
        ("book/tour", False),
    ],
)
def test_lessons_and_exercises_have_a_notebook(page, has_one):
    assert bool(launch.links(app(), page)) == has_one


@pytest.mark.long
def test_the_branch_has_the_notebook_at_the_address_of_each_link(book):
    exercises = book.docs / "exercises" / "01_one.md"
    exercises.parent.mkdir()
    exercises.write_text(EXERCISES, encoding="utf-8")
    book.list("exercises/01_one", after="notebook")
    _, code, printed = book.build(LMVIZ_REPOSITORY=GITHUB, LMVIZ_BASEURL=SITE)
    assert code == 0, printed
    branch = book.html.with_name(launch.FOLDER)
    pages = {"lessons/01_one/01_lesson": "lesson of", "exercises/01_one": "an exercise"}
    for name, content in pages.items():
        page = book.page(f"{name}.html")
        links = dict(re.findall(r'<a class="btn" href="([^"]+)"[^>]*>(\w+)</a>', page))
        colab, binder = (
            next(address for address, text in links.items() if text == each)
            for each in ("Colab", "Binder")
        )
        path = urlsplit(colab).path.partition("/blob/notebooks/")[2]
        tree = parse_qs(urlsplit(binder).query)["urlpath"][0]
        assert tree == f"lab/tree/{path}"
        notebook = branch / unquote(path)
        assert content in notebook.read_text(encoding="utf-8")
        if name.startswith("lessons/"):
            offered = re.search(r'href="(\.\./[^"]+_downloads/[^"]+\.ipynb)"', page)[1]
            download = (book.html / f"{name}.html").parent / offered
            assert notebook.read_bytes() == download.resolve().read_bytes()
            assert_installs_from_the_site(notebook)


def assert_installs_from_the_site(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    first = next(cell for cell in cells if cell["cell_type"] == "code")
    told = "".join(first["source"])
    assert f"{SITE}downloads/lmviz-" in told
    assert f"{SITE}downloads/model-wheels.txt" in told


@pytest.mark.long
def test_a_book_without_a_repository_has_neither_links_nor_a_branch(built_book):
    assert "Colab" not in built_book.page("lessons/01_one/01_lesson.html")
    assert not built_book.html.with_name(launch.FOLDER).exists()


@pytest.fixture
def branch(tmp_path):
    """The branch of a book without pages."""
    root = Path(__file__).parents[2]
    told = app()
    told.srcdir, told.outdir = root / "docs", tmp_path / "html"
    told.builder = SimpleNamespace(format="html")
    told.env = SimpleNamespace(found_docs=set())
    (tmp_path / launch.FOLDER).mkdir()
    (tmp_path / launch.FOLDER / "old.ipynb").touch()
    launch.write_branch(told, None)
    return tmp_path / launch.FOLDER


def test_binder_installs_the_package_of_the_site_and_the_cpu_build_of_torch(branch):
    index, torch, package = (
        (branch / "binder" / "requirements.txt").read_text("utf-8").splitlines()
    )
    assert index == "--extra-index-url https://download.pytorch.org/whl/cpu"
    root = Path(__file__).parents[2]
    locked = (root / "requirements" / "torch.txt").read_text("utf-8").split()[-1]
    assert torch == f"{locked}+cpu"
    assert Requirement(torch).name == "torch"
    wanted = Requirement(package)
    assert wanted.extras == {"all"}
    assert wanted.url.startswith(f"{SITE}downloads/lmviz-")
    models = (branch / "binder" / "models.txt").read_text("utf-8")
    assert models == (root / "requirements" / "models.txt").read_text("utf-8")


def test_binder_runs_commands_after_the_build_from_the_branch(branch):
    script = branch / "binder" / "postBuild"
    assert script.stat().st_mode & 0o111
    assert script.read_bytes().startswith(b"#!/bin/bash\n")
    for name in re.findall(r"-r (\S+)", script.read_text("utf-8")):
        assert (branch / name).is_file()


def test_what_is_no_longer_in_the_book_leaves_the_branch(branch):
    assert not (branch / "old.ipynb").exists()
