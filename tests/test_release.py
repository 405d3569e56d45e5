"""What is published: its files, its version, its links."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import release
import yaml

import noxfile

ROOT = Path(__file__).parents[1]
SITE = "https://example.org/book"
REPOSITORY = "https://example.org/code"


def git(folder, *arguments):
    names = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    done = subprocess.run(
        ["git", "-C", str(folder), *names, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def hatchling(folder, *arguments, **variables):
    """Run the build backend, without settings of ours."""
    ours = ("LMVIZ_", "SETUPTOOLS_SCM_")
    env = {k: v for k, v in os.environ.items() if not k.startswith(ours)} | variables
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def present():
    """Return the files that Git has here, or would have."""
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard")
    return {name for name in listed.splitlines() if (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """Both distributions, as the release builds them."""
    folder = tmp_path_factory.mktemp("dist")
    addresses = {"LMVIZ_BASEURL": f"{SITE}/", "LMVIZ_REPOSITORY": REPOSITORY}
    hatchling(ROOT, "build", "-d", str(folder), **addresses)
    return folder


@pytest.fixture(scope="module")
def metadata(dist):
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith("/METADATA"))
        return message_from_bytes(wheel.read(name))


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no repository")
def test_the_sdist_has_the_files_of_the_repository(dist):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names == present() | {"PKG-INFO"}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no repository")
def test_the_wheel_has_the_package_and_nothing_else(dist):
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        names = {n for n in wheel.namelist() if ".dist-info/" not in n}
        about = {n.partition(".dist-info/")[2] for n in wheel.namelist()} - {""}
    assert names == {name for name in present() if name.startswith("lmviz/")}
    assert {f"lmviz/{name}" for name in ("py.typed", "views/static/llama.wasm")} < names
    assert "licenses/LICENSE" in about


def test_the_index_links_the_book_and_the_repository(metadata):
    urls = dict(line.split(", ") for line in metadata.get_all("Project-URL"))
    assert urls == {
        "Documentation": f"{SITE}/",
        "Changelog": f"{SITE}/project/changelog.html",
        "Source": REPOSITORY,
        "Issues": f"{REPOSITORY}/issues",
    }


def test_the_readme_works_outside_the_repository(metadata):
    readme = metadata.get_payload(decode=True).decode()
    targets = re.findall(r"\]\(([^)]+)\)", readme)
    assert f"{SITE}/" in targets
    assert f"{REPOSITORY}/raw/HEAD/docs/_static/one-head.png" in targets
    assert f"{REPOSITORY}/blob/HEAD/SECURITY.md" in targets
    assert [t for t in targets if not t.startswith(("https://", "#"))] == []


def test_without_addresses_the_readme_stays_as_it_is(tmp_path):
    hatchling(ROOT, "build", "-t", "wheel", "-d", str(tmp_path))
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        name = next(n for n in wheel.namelist() if n.endswith("/METADATA"))
        found = message_from_bytes(wheel.read(name))
    assert found.get_all("Project-URL") is None
    text = (ROOT / "README.md").read_text("utf-8")
    assert found.get_payload(decode=True).decode().strip() == text.strip()


@pytest.fixture
def sources(tmp_path):
    """A repository with one commit and what says how the version is found."""
    folder = tmp_path / "sources"
    folder.mkdir()
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    folder.joinpath("pyproject.toml").write_text(text)
    for name in (".git_archival.txt", ".gitattributes"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    git(folder, "init", "-q")
    commit(folder)
    return folder


def commit(folder):
    git(folder, "add", ".")
    git(folder, "commit", "-q", "--allow-empty", "-m", "Change it")


def unpacked(sources, folder):
    """Unpack an archive of the sources, as hosts offer them."""
    git(sources, "archive", "-o", str(folder / "sources.tar"), "HEAD")
    with tarfile.open(folder / "sources.tar") as archive:
        archive.extractall(folder / "unpacked", filter="data")
    return folder / "unpacked"


def test_the_version_is_the_tags_or_the_one_after_it(sources, tmp_path):
    assert hatchling(sources, "version") == "0.dev1"
    git(sources, "tag", "v1.2.3")
    assert hatchling(sources, "version") == "1.2.3"
    assert hatchling(unpacked(sources, tmp_path), "version") == "1.2.3"
    commit(sources)
    assert hatchling(sources, "version") == "1.2.4.dev1"


def test_sources_without_tags_have_a_version(sources, tmp_path):
    folder = unpacked(sources, tmp_path)
    assert hatchling(folder, "version") == "0.dev0"
    (folder / ".git_archival.txt").unlink()
    assert hatchling(folder, "version") == "0.dev0"


def test_a_shallow_clone_has_a_version(sources, tmp_path):
    for _ in range(3):
        commit(sources)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", sources.as_uri(), str(clone))
    assert hatchling(clone, "version") == "0.dev1"


CODE = (
    "import sys, lmviz; print('importlib.metadata' in sys.modules, lmviz.__version__)"
)


@pytest.mark.parametrize("folder", [None, "1.2.3"])
def test_the_package_states_the_installed_version(folder, tmp_path):
    """Without an installation, that it is unknown."""
    if folder:
        info = tmp_path / f"lmviz-{folder}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: lmviz\nVersion: {folder}\n")
    # Only lazy_loader, and nothing installed.
    import lazy_loader

    for package in (Path(lazy_loader.__file__).parent, ROOT / "lmviz"):
        (tmp_path / package.name).symlink_to(package)
    done = subprocess.run(
        [sys.executable, "-S", "-c", CODE],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", folder or "0+unknown"]


CHANGES = """# Changelog

## Unreleased

Later.

## 1.2.3 - 2030-01-31

### Added

- [A page](docs/project/cost.md).

## 1.2.2 - 2030-01-01

Before.
"""


def test_the_notes_of_a_release_are_its_section_of_the_changelog(monkeypatch, tmp_path):
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setenv("LMVIZ_REPOSITORY", REPOSITORY)
    link = f"[A page]({REPOSITORY}/blob/HEAD/docs/project/cost.md)"
    assert release.notes("v1.2.3") == f"### Added\n\n- {link}.\n"


@pytest.mark.parametrize("version", ["1.2", "2.0.0", "1.2.."])
def test_a_release_that_the_changelog_does_not_describe_is_refused(version):
    with pytest.raises(SystemExit, match=f"must describe {version} .* 'Unreleased'"):
        release.section(CHANGES, version)


def test_the_changelog_has_the_usual_form():
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall("^## (.*)$", text, re.M)
    assert all(
        one == "Unreleased" or re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", one)
        for one in versions
    )
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall("^### (.*)$", text, re.M)) <= kinds


def test_a_build_of_another_version_than_the_tag_is_refused():
    built = [Path("dist/lmviz-1.2.3.tar.gz"), Path("lmviz-1.2.3-py3-none-any.whl")]
    release.check_version(built, "v1.2.3")
    with pytest.raises(SystemExit, match=r"build of v1.2.4 gave lmviz-1.2.3-py3"):
        release.check_version(built, "v1.2.4")


def test_the_workflow_tries_each_supported_python():
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    assert jobs["try"]["strategy"]["matrix"]["python"] == noxfile.PYTHONS


def test_only_the_job_that_publishes_can_prove_where_it_runs():
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    jobs = yaml.safe_load(text)["jobs"]
    able = [
        name for name, job in jobs.items() if "id-token" in str(job.get("permissions"))
    ]
    assert able == ["publish"]
    assert jobs["publish"]["environment"]["name"] == "pypi"
    # It runs no code of ours, and what it publishes has been tried.
    assert all("run" not in step for step in jobs["publish"]["steps"])
    assert jobs["publish"]["needs"] == ["build", "try"]
