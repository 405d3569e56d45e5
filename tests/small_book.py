"""A book of one lesson and one notebook, built as the real one is built."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import compare_builds

ROOT = Path(__file__).parents[1]
LESSON = '''"""
A lesson
========

A lead.
"""

# %%
# A line of prose.
#
# The number of queries, :math:`T_q`, is not ``T_q``.
from pathlib import Path

import matplotlib.pyplot as plt

print("of (T_q, T_k)")

import lmviz

plt.plot([1, 2])
plt.title("A figure")
print("lesson of", lmviz.load().card.name)
with Path({log!r}).open("a") as log:
    log.write("lesson ")
'''
NOTEBOOK = """---
file_format: mystnb
kernelspec:
  name: python3
---

# A notebook

```{{code-cell}} ipython3
from pathlib import Path

import lmviz
from lmviz.models import _resolve

# The lesson loads the model, which takes seconds; here its name will do.
print("notebook of", _resolve.resolve().make_local().name)
with Path({log!r}).open("a") as log:
    _ = log.write("notebook ")
```

```{{code-cell}} ipython3
import matplotlib.pyplot as plt

# What stands in "data.json" a notebook may read.
_ = plt.bar([0, 1], [1, 2])
plt.title("Bars of <two>");
```
"""


class Book:
    """A book of one lesson and one notebook, built as the real one is built."""

    def __init__(self, folder, model):
        self.folder, self.model = folder, model
        self.docs, self.log = folder / "docs", folder / "log"
        self.html = self.docs / "_build" / "html"
        self.doctrees = self.html.with_name("doctrees")
        self.lesson = folder / "examples" / "01_one" / "01_lesson.py"
        self.notebook = self.docs / "notebook.md"
        shutil.copytree(ROOT / "docs" / "_ext", self.docs / "_ext")
        for name in ("_static", "_templates"):
            shutil.copytree(ROOT / "docs" / name, self.docs / name)
        for name in ("conf.py", "references.bib", "book.mplstyle"):
            shutil.copy(ROOT / "docs" / name, self.docs)
        for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, folder)
        shutil.copytree(ROOT / "requirements", folder / "requirements")
        # A copy of the package, which a test can change.
        shutil.copytree(ROOT / "lmviz", folder / "lmviz")
        self.lesson.parent.mkdir(parents=True)
        for place in (self.lesson.parent, self.lesson.parents[1]):
            (place / "GALLERY_HEADER.rst").write_text("Title\n=====\n\nText.\n")
        (self.docs / "index.md").write_text(
            "# Index\n\n```{toctree}\nnotebook\nlessons/index\n```\n\n$$ x^2 $$\n\n"
            "```{toctree}\n:numbered: 2\n\nlessons/01_one/index\n```\n"
        )
        self.lesson.write_text(LESSON.format(log=str(self.log)))
        self.notebook.write_text(NOTEBOOK.format(log=str(self.log)))

    def start(self, *options, only="", **variables):
        """Start a build, and return its process."""
        path = filter(None, [str(self.folder), os.environ.get("PYTHONPATH")])
        strict = [] if only else ["-n", "-W", "--keep-going"]
        command = ["-m", "sphinx", *strict, *options, "-b", "html"]
        command += ["-d", str(self.doctrees)]
        return subprocess.Popen(
            [sys.executable, *command, "docs", str(self.html)],
            cwd=self.folder,
            env={
                **os.environ,
                "NO_COLOR": "1",
                "PYTHONPATH": os.pathsep.join(path),
                "LMVIZ_MODEL": str(self.model),
                # No page has the model: 97 MB would be written and copied.
                "LMVIZ_MODEL_FILES": "none",
                "LMVIZ_ONLY": only,
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def build(self, *options, **variables):
        """Build it, and return what ran, the exit code and what was printed."""
        self.log.write_text("")
        with self.start(*options, **variables) as process:
            printed, _ = process.communicate()
        return self.log.read_text().split(), process.returncode, printed

    def add(self, place, code, title="A lesson"):
        """Write one more lesson, like 01_one/20_more, or a notebook, like more."""
        if "/" in place:
            path = self.lesson.parents[1] / f"{place}.py"
            path.parent.mkdir(exist_ok=True)
            header = path.with_name("GALLERY_HEADER.rst")
            header.write_text("Title\n=====\n\nText.\n")
            self.list(f"lessons/{path.parent.name}/index", after="lessons/01_one/index")
            path.write_text(f'"""\n{title}\n{"=" * len(title)}\n\nA lead.\n"""\n{code}')
            return
        self.docs.joinpath(f"{place}.md").write_text(
            f"{NOTEBOOK.partition('#')[0]}# {title}\n\n"
            f"```{{code-cell}} ipython3\n{code}\n```\n"
        )
        self.list(place, after="notebook")

    def list(self, page, after):
        """List one more page on the front page."""
        index = self.docs / "index.md"
        text = index.read_text()
        if f"\n{page}\n" not in text:
            index.write_text(text.replace(f"\n{after}\n", f"\n{after}\n{page}\n", 1))

    def differences(self, other):
        """Return the differences to another build, except for dates and run times."""
        builds = map(compare_builds.files, (other, self.html))
        return list(compare_builds.compare(*builds))

    def change(self, module):
        """Change a module of the package, or the first file of a sub-package."""
        path = self.folder / "lmviz" / module
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n")

    def page(self, name):
        return (self.html / name).read_text(encoding="utf-8")
