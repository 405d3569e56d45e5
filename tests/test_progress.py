"""Progress bars of a notebook are on stdout, where it does not show them on red."""

import sys
from types import SimpleNamespace

import pytest

from lmviz import _progress
from lmviz._progress import progress_bar

# The kernel of a notebook, as far as it can be told without one.
KERNEL = SimpleNamespace(
    get_ipython=lambda: SimpleNamespace(config={"IPKernelApp": {}}, kernel=None)
)


@pytest.fixture
def notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", KERNEL)


def test_a_bar_of_a_program_is_on_stderr(capsys):
    assert [*progress_bar("ab", desc="Letters")] == ["a", "b"]
    out, err = capsys.readouterr()
    assert out == ""
    assert "Letters: 100%" in err


def test_a_bar_of_a_notebook_is_on_stdout(capsys, notebook):
    assert [*progress_bar("ab", desc="Letters")] == ["a", "b"]
    out, err = capsys.readouterr()
    assert "Letters: 100%" in out
    assert err == ""


def test_a_file_has_no_bar_but_a_notebook_has_one(capsys, monkeypatch):
    assert [*progress_bar("ab", disable=None)] == ["a", "b"]
    assert capsys.readouterr() == ("", "")
    monkeypatch.setitem(sys.modules, "IPython", KERNEL)
    assert [*progress_bar("ab", disable=None)] == ["a", "b"]
    assert "100%" in capsys.readouterr().out
    assert [*progress_bar("ab", disable=True)] == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_an_ipython_without_a_notebook_is_a_program(monkeypatch):
    shell = SimpleNamespace(config={"TerminalIPythonApp": {}})
    monkeypatch.setitem(
        sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell)
    )
    assert not _progress.is_notebook()
