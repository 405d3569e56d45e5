"""The lessons of the book, and a way to run one as a reader does."""

import contextlib
import io
import re
import runpy
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from lmviz.plots.captions import words_of

LESSONS = sorted(Path(__file__).parents[2].glob("examples/*/*.py"))
# Of which pages show nothing: its output survives any encoding and a closed pipe.
IGNORED = re.compile(
    r"\n# sphinx_gallery_start_ignore\nimport lmviz\n\nlmviz\.print_anywhere\(\)\n+"
    r"# sphinx_gallery_end_ignore\n"
)
ANSWER = re.compile(r"^# \.\. admonition:: .+\n#    :class: dropdown$", re.MULTILINE)
DIFFERENCE = re.compile(r"largest absolute difference.*: (\S+)$", re.MULTILINE)


def name(path):
    """Return a lesson's chapter and stem."""
    return f"{path.parent.name}/{path.stem}"


def find(stem):
    """Return the path of the only lesson with this stem."""
    [path] = (path for path in LESSONS if path.stem == stem)
    return path


def run(path, model, folder):
    """Run a copy of a lesson from an empty folder, on a model.

    Returns
    -------
    dict
        ``"printed"``, a string; ``"titles"``, those of the lesson's axes, of which a
        color bar has none; and ``"words"``, the caption and the description of each
        figure.
    """
    folder.mkdir()
    script = shutil.copy(path, folder)
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setenv("LMVIZ_MODEL", str(model))
        patch.chdir(folder)
        try:
            runpy.run_path(script, run_name="__main__")
            figures = list(map(plt.figure, plt.get_fignums()))
        finally:
            plt.close("all")
    axes = [ax for figure in figures for ax in figure.axes]
    return {
        "printed": out.getvalue(),
        "titles": [ax.get_title() for ax in axes if ax.get_label() != "<colorbar>"],
        "words": list(map(words_of, figures)),
    }


def check_form(path):
    """Assert that a lesson has the required form."""
    text, ignored = IGNORED.subn("", path.read_text(encoding="utf-8"))
    assert ignored == 1, "it prints anywhere, see lmviz.print_anywhere"
    lines = text.splitlines()
    assert re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem), "its number has two digits"
    title, underline = lines[1:3]
    assert underline == "=" * len(title)
    sections = re.findall(r"^# (.+)\n# -{3,}$", text, re.MULTILINE)
    assert sections[-3:] == ["Summary", "Exercises", "Further reading"]
    assert 3 <= len(sections[:-3]) <= 7
    assert ANSWER.search(text), "a question, and its answer in a fold"
    assert not re.search(r"^# -{3,} +\S", text, re.MULTILINE), "a broken heading"
    assert len(lines) <= 300
    assert all(len(line) <= 88 for line in lines)
    read = 0
    for block in text.split("# %%"):
        draws = "plt.show()" in block
        read += 0 if draws else len(re.findall(r"\n(?!# ---)", block))
        assert not (draws and "print(" in block), "a block that draws prints nothing"
    assert read <= 250, "split it: code that draws and underlines do not count"
