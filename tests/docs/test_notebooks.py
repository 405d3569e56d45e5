"""A downloaded notebook has no random names; a page shows what a cell prints as one."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

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


@pytest.mark.parametrize("base", ["", "https://example.org/"])
def test_the_notebook_of_a_lesson_folds_answers_and_resolves_links(tmp_path, base):
    source = (
        "How many?\n\n.. admonition:: Answer\n   :class: dropdown\n\n   Three:\n\n"
        "   $2 + 1$.\n\nSee :doc:`/lessons/01_one/10_first` and\n"
        ":doc:`the\ntour </book/tour>`."
    )
    cells = [
        {"cell_type": "markdown", "source": [source]},
        {"cell_type": "code", "source": [source]},
    ]
    lesson = tmp_path / "docs" / "lessons" / "01_one" / "20_next.ipynb"
    script = tmp_path / "examples" / "01_one" / "10_first.py"
    for file in (lesson, script):
        file.parent.mkdir(parents=True)
    lesson.write_text(json.dumps({"cells": cells}))
    script.write_text('"""\nThe first\n=========\n"""\n')
    gallery = {"gallery_dirs": "lessons", "examples_dirs": "../examples"}
    app = SimpleNamespace(
        srcdir=tmp_path / "docs",
        env=SimpleNamespace(docname="lessons/01_one/20_next"),
        config=SimpleNamespace(sphinx_gallery_conf=gallery, html_baseurl=base),
    )
    for _ in range(2):
        notebooks.tidy_lesson(app, None)
    markdown, code = (
        "".join(cell["source"]) for cell in json.loads(lesson.read_text())["cells"]
    )
    first, tour = "“The first”", "“the\ntour”"
    if base:
        first = f"[The first]({base}lessons/01_one/10_first.html)"
        tour = f"[the\ntour]({base}book/tour.html)"
    assert markdown == (
        "How many?\n\n<details><summary>Answer</summary>\n\nThree:\n\n$2 + 1$.\n\n"
        f"</details>\n\nSee {first} and\n{tour}."
    )
    assert code == source
