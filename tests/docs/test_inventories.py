"""Types of other projects in the reference lead to their documentation."""

import pydoc
import re
import shutil
import subprocess
import sys
from pathlib import Path

import inventories as script
import pytest
from lmviz_book import inventories
from sphinx.util.inventory import InventoryFile
from test_docstrings import public

ROOT = Path(__file__).parents[2]


def listed(project):
    file = inventories.FOLDER / f"{project}.txt"
    return InventoryFile.loads(file.read_bytes(), uri=inventories.SITES[project]).data


@pytest.mark.parametrize("project", inventories.SITES)
def test_every_listed_name_is_in_the_installed_release(project):
    (kind, names), *others = listed(project).items()
    assert kind == "py:class"
    assert not others
    for name in names:
        assert isinstance(pydoc.locate(name), type), name
        assert inventories.NAME.fullmatch(name), name


def test_every_listed_name_is_in_the_reference():
    texts = [thing.__doc__ or "" for _, thing in public()]
    texts += [(ROOT / "docs/reference/index.md").read_text("utf-8")]
    text = "\n".join(texts)
    for project in inventories.SITES:
        for name in listed(project)["py:class"]:
            assert name in text, name


@pytest.fixture
def reference(tmp_path):
    """A page of one function, built by Sphinx without a network."""

    def build(kind):
        docs = tmp_path / "docs"
        shutil.rmtree(docs, ignore_errors=True)
        (docs / "reference").mkdir(parents=True)
        (docs / "conf.py").write_text(
            f"import sys; sys.path.insert(0, {str(inventories.FOLDER.parents[1])!r})\n"
            "from lmviz_book import inventories, links\n"
            "extensions = ['sphinx.ext.intersphinx', 'sphinxcontrib.bibtex']\n"
            "bibtex_bibfiles = []\n"
            "intersphinx_mapping = inventories.mapping()\n"
            "def setup(app): links.register(app)\n"
        )
        (docs / "index.rst").write_text("T\n=\n\n.. toctree::\n\n   reference/page\n")
        (docs / "reference" / "page.rst").write_text(f"P\n=\n\n* **x** (*{kind}*)\n")
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
        done = subprocess.run(
            [*command, "-b", "html", str(docs), str(tmp_path / "html")],
            capture_output=True,
            text=True,
        )
        page = tmp_path / "html" / "reference" / "page.html"
        return page.read_text("utf-8"), done.stderr

    return build


def test_a_type_leads_to_its_documentation(reference):
    page, printed = reference("list of torch.Tensor or pathlib.Path, shape (T, d)")
    assert printed == ""
    assert re.findall(r"<em>(.*?)</em>", page)[0] == (
        'list of <a class="reference external" '
        'href="https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor" '
        'title="(in PyTorch)">torch.Tensor</a> or <a class="reference external" '
        'href="https://docs.python.org/3/library/pathlib.html#pathlib.Path" '
        'title="(in Python)">pathlib.Path</a>, shape (T, d)'
    )


def test_a_type_that_no_inventory_has_is_a_warning(reference):
    page, printed = reference("torch.Generator, optional")
    assert "torch.Generator has no page: add it to a file in inventories" in printed
    assert "<em>torch.Generator, optional</em>" in page


def test_a_page_that_has_moved_is_found_in_the_projects_own_inventory():
    real = "# Sphinx inventory version 1\n# Project: P\n# Version: 2\n"
    real += "torch.Tensor class new/tensors.html\n"
    site = inventories.SITES["torch"]
    inventory = InventoryFile.loads(real.encode(), uri=site).data
    line = "torch.Tensor class tensors.html"
    found = script.updated(line, "torch", inventory)
    assert found == "torch.Tensor class new/tensors.html"
    with pytest.raises(SystemExit, match="torch has no class torch.Other"):
        script.updated("torch.Other class x.html", "torch", inventory)
