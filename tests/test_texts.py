"""The texts of the package, and that lessons use no text of the running Python."""

import ast
import hashlib
from pathlib import Path

import pytest

from lmviz import texts

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("examples/*/*.py"), *ROOT.glob("docs/exercises/*.md")])
# SHA-256 of the topics of Python 3.11.7, with names and texts joined by NUL, and of the
# source code of its argparse.
MANUAL = "853505944682f68394b4bac08996a977b0d71f01cb49ef646ad8f8150e5779d6"
CODE = "dc1eba8adfdf615986421f981337458ba1072d3e718a0f76e3224940fd74118b"


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_manual_is_that_of_python_3_11_7():
    topics = texts.python_manual()
    assert sha256("\0".join(f"{k}\0{v}" for k, v in topics.items())) == MANUAL


def test_the_manual_belongs_to_the_caller():
    texts.python_manual().clear()
    assert texts.python_manual()


def test_the_code_is_that_of_python_3_11_7():
    assert sha256(texts.python_code()) == CODE


def test_the_licence_of_the_texts_is_beside_them():
    licence = Path(texts.__file__).parent / "python" / "LICENSE"
    assert "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in licence.read_text("utf-8")


def running_python(code):
    """Return what code reads that differs between releases of Python."""
    tree = ast.parse(code)
    names = [getattr(node, "module", None) for node in ast.walk(tree)]
    names += [n.name for node in ast.walk(tree) for n in getattr(node, "names", [])]
    called = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    found = [name for name in names if str(name).startswith("pydoc")]
    return found + [name for name in called if name.startswith("getsource")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_lesson_reads_no_text_of_the_running_python(page):
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        assert "pydoc" not in text and "getsource" not in text
    else:
        assert running_python(text) == []


@pytest.mark.parametrize(
    "code",
    [
        "from pydoc_data.topics import topics",
        "import pydoc_data.topics",
        "import inspect, this\ncode = inspect.getsource(this)",
    ],
)
def test_a_text_of_the_running_python_is_noticed(code):
    assert running_python(code)
