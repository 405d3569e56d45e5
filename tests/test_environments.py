"""The build of torch that nox installs, and the error without a network."""

import sys
from pathlib import Path

import environments
import nox
import pytest

ROOT = Path(__file__).parents[1]

CPU = "https://download.pytorch.org/whl/cpu"


class Session:
    """A stand-in for a nox session, which records what it would install."""

    def __init__(self, present="", works=True):
        self.present, self.works = present, works
        self.installed, self.logged = [], []

    def run_install(self, *command, **options):
        return self.present

    def install(self, *arguments):
        self.installed.append(arguments)
        if not self.works:
            raise nox.command.CommandFailed()

    def log(self, message):
        self.logged.append(message)

    def error(self, message):
        raise SystemExit(message)


@pytest.fixture(autouse=True)
def linux_without_a_device(monkeypatch):
    """A Linux machine without an NVIDIA device, on which every server answers."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("LMVIZ_TORCH_INDEX", raising=False)
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(environments, "has_nvidia_device", lambda: False)
    monkeypatch.setattr(environments, "answers", lambda address: True)


def install_torch(**options):
    session = Session(**options)
    environments.install_torch(session, "2.13.0")
    return session


def test_without_a_device_torch_is_the_cpu_build():
    session = install_torch()
    assert session.installed == [("--no-deps", "--index-url", CPU, "torch==2.13.0")]
    assert CPU in session.logged[0]
    assert "200 MB" in session.logged[0]


@pytest.mark.parametrize("reason", ["device", "platform", "no answer", "setting"])
def test_otherwise_torch_comes_from_the_default_index(monkeypatch, reason):
    if reason == "device":
        monkeypatch.setattr(environments, "has_nvidia_device", lambda: True)
    elif reason == "platform":
        monkeypatch.setattr(sys, "platform", "darwin")
    elif reason == "no answer":
        monkeypatch.setattr(environments, "answers", lambda address: False)
    else:
        monkeypatch.setenv("LMVIZ_TORCH_INDEX", "pip")
    session = install_torch()
    assert session.installed == [("torch==2.13.0",)]
    assert "2.7 GB" in session.logged[0]


def test_a_setting_names_another_index(monkeypatch):
    monkeypatch.setenv("LMVIZ_TORCH_INDEX", "https://example.org/cu130")
    monkeypatch.setattr(environments, "has_nvidia_device", lambda: True)
    (arguments,) = install_torch().installed
    # A CUDA build has dependencies that are not locked.
    assert arguments == ("--index-url", "https://example.org/cu130", "torch==2.13.0")


@pytest.mark.parametrize("present", ["2.13.0\n", "2.13.0+cpu\n", None])
def test_an_installed_torch_stays(present):
    # nox answers None with -R, which installs nothing.
    assert not install_torch(present=present).installed


def test_another_release_of_torch_is_replaced():
    assert install_torch(present="2.12.1+cpu\n").installed


@pytest.mark.parametrize("reason", ["no answer", "setting"])
def test_without_a_network_a_failure_is_explained(monkeypatch, reason):
    if reason == "setting":
        monkeypatch.setenv("PIP_NO_INDEX", "1")
    else:
        monkeypatch.setattr(environments, "answers", lambda address: False)
    with pytest.raises(SystemExit, match="the first run of a session needs a network"):
        environments.install(Session(works=False), "numpy")


def test_with_a_network_the_error_is_that_of_pip():
    with pytest.raises(nox.command.CommandFailed):
        environments.install(Session(works=False), "numpy")


def test_locked_packages_are_wheels_with_hashes():
    session = Session()
    environments.install_locked(session, "lint")
    (arguments,) = session.installed
    assert {"--require-hashes", "--only-binary=:all:"} < set(arguments)
    assert arguments[-2:] == ("-r", "requirements/lint.txt")


@pytest.fixture
def packages(tmp_path):
    """A folder with a lock of npm packages."""
    (tmp_path / "package-lock.json").write_text("{}")
    return tmp_path


def npm_fails(*arguments, **options):
    raise nox.command.CommandFailed()


def test_npm_packages_are_those_of_the_lock_and_run_no_scripts(monkeypatch, packages):
    ran = []
    monkeypatch.setattr(environments, "run_node", lambda _, *words: ran.append(words))
    assert environments.install_npm(Session(), packages)
    (words,) = ran
    assert words[:3] == ("npm", "ci", "--ignore-scripts")

    done = packages / "node_modules" / ".package-lock.json"
    done.parent.mkdir()
    done.write_text("{}")
    assert environments.install_npm(Session(), packages)
    assert len(ran) == 1, "they are there"


def test_without_npms_registry_nothing_is_installed(monkeypatch, packages):
    monkeypatch.setattr(environments, "run_node", npm_fails)
    monkeypatch.setattr(environments, "answers", lambda address: False)
    assert not environments.install_npm(Session(), packages)
    monkeypatch.setattr(environments, "answers", lambda address: True)
    with pytest.raises(nox.command.CommandFailed):
        environments.install_npm(Session(), packages)


@pytest.mark.parametrize(
    ("python", "folder"), [(None, "dev"), ("3.13", "dev-3-13"), ("/a/py", "dev-a-py")]
)
def test_the_shared_environment_is_where_nox_creates_it(tmp_path, python, folder):
    session = Session()
    session.python, session.env_dir = python, tmp_path / "tests-3-13"
    assert environments.dev_bin(session) == tmp_path / folder / "bin"
    # A short folder: from the name of a long one, nox takes a hash.
    runner = nox.sessions._normalize_path("envs", f"dev-{python}")
    assert python is None or Path(runner) == Path("envs", folder)


def test_on_windows_a_program_has_its_suffix(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "win32")
    session = Session()
    session.python, session.env_dir, session.env = None, tmp_path / "tests", {}
    session.run = lambda program, *arguments, **options: program
    program = environments.run(session, "pytest", "-q")
    assert Path(program) == tmp_path / "dev" / "Scripts" / "pytest.exe"
