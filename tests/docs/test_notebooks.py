"""A downloaded notebook has no random names; a page shows what a cell prints as one."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from lmviz_book import notebooks

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"
CONF = f"""import sys
from pathlib import Path

sys.path.insert(0, {str(EXTENSIONS)!r})
from lmviz_book import notebooks
extensions = ["myst_nb"]
exclude_patterns = ["_build"]
nb_execution_mode = "cache"
nb_merge_streams = True
nb_execution_cache_path = str(Path(__file__).parent / "_build" / "cache")
sphinx_gallery_conf = {{"gallery_dirs": "lessons", "parallel": 2}}

def setup(app):
    app.add_config_value("lmviz_only", "", "env")
    app.add_config_value("sphinx_gallery_conf", {{}}, "")
    app.connect("builder-inited", notebooks.run_stale, priority=0)
    app.connect("doctree-read", notebooks.tidy)
"""
PAGE = """---
file_format: mystnb
kernelspec:
  name: python3
---

# A notebook

```{code-cell} ipython3
print("one ", end="", flush=True)
print("line")
```
"""


@pytest.mark.long
def test_two_builds_write_the_same_notebook(tmp_path):
    written = []
    for name in ("first", "second"):
        docs = tmp_path / name
        docs.mkdir()
        (docs / "conf.py").write_text(CONF)
        (docs / "index.md").write_text(PAGE)
        command = [
            sys.executable,
            "-m",
            "sphinx",
            "-qW",
            docs,
            docs / "_build" / "html",
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        file = docs / "_build" / "jupyter_execute" / "index.ipynb"
        written.append(file.read_text(encoding="utf-8"))
    assert written[0] == written[1]
    notebook = nbformat.reads(written[0], as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[1].id == "cell-2"
    page = (docs / "_build" / "html" / "index.html").read_text(encoding="utf-8")
    assert "one line" in re.sub("<[^>]*>", "", page)


def test_answers_are_folded_in_the_notebook_of_a_lesson():
    source = (
        "How many?\n\n.. admonition:: Answer\n   :class: dropdown\n\n   Three:\n\n"
        "   $2 + 1$.\n\nWhat follows."
    )
    cells = [
        {"cell_type": "markdown", "source": [source]},
        {"cell_type": "code", "source": [source]},
    ]
    notebooks.fold_answers({"cells": cells}, "10_lesson.ipynb")
    markdown, code = ("".join(cell["source"]) for cell in cells)
    assert markdown == (
        "How many?\n\n<details><summary>Answer</summary>\n\nThree:\n\n$2 + 1$.\n\n"
        "</details>\n\nWhat follows."
    )
    assert code == source
