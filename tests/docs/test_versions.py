"""A site lists its versions, and each page knows its own."""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from lmviz_book import staleness, versions

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "versions.py"
SITE = "https://example.org/book"


@pytest.mark.parametrize(
    ("version", "of_the_book"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.3rc1", "1.2.3rc1"),
        ("1.2.4.dev5", "1.2.4.dev0"),
        ("1.2.4.dev6", "1.2.4.dev0"),
        ("0+unknown", "0.dev0"),
    ],
)
def test_all_commits_before_a_release_have_one_version(version, of_the_book):
    assert versions.book_version(version) == of_the_book


def shown(version="1.2.3", listed=f"{SITE}/versions.json", doctree="a text"):
    app = SimpleNamespace(
        config=SimpleNamespace(lmviz_versions=listed, release=version),
        builder=SimpleNamespace(get_target_uri=lambda name: f"{name}.html"),
    )
    context = {}
    versions.show(app, "book/tour", "page.html", context, doctree)
    return context


def test_a_page_knows_the_list_and_its_address_in_each_version():
    told = {"version_list": f"{SITE}/versions.json", "page_address": "book/tour.html"}
    assert shown() == told | {"is_development": False}
    assert shown("1.2.4.dev0")["is_development"]


@pytest.mark.parametrize("alone", [{"listed": ""}, {"doctree": None}])
def test_a_site_of_one_version_tells_its_pages_nothing(alone):
    assert shown(**alone) == {}


def add_book(folder, version):
    folder.mkdir(parents=True, exist_ok=True)
    header = f"# Sphinx inventory version 2\n# Project: lmviz\n# Version: {version}\n"
    (folder / "objects.inv").write_bytes(header.encode() + b"# zlib\n\x78\x9c\n\xff")


def written(site):
    command = [sys.executable, str(SCRIPT), str(site), f"{SITE}/"]
    subprocess.run(command, check=True)
    return json.loads((site / "versions.json").read_text("utf-8"))


def test_a_site_lists_its_versions_and_prefers_the_newest_release(tmp_path):
    add_book(tmp_path, "1.3.0.dev0")
    for version in ("1.2.0", "1.10.0", "2.0.0rc1"):
        add_book(tmp_path / f"v{version}", version)
    add_book(tmp_path / "vi", "1.1.0")  # a language
    assert [(v["name"], v["url"], v["preferred"]) for v in written(tmp_path)] == [
        ("2.0.0rc1", f"{SITE}/v2.0.0rc1/", False),
        ("1.10.0", f"{SITE}/v1.10.0/", True),
        ("dev", f"{SITE}/", False),
        ("1.2.0", f"{SITE}/v1.2.0/", False),
    ]


def test_without_a_release_none_is_preferred(tmp_path):
    add_book(tmp_path, "0.dev0")
    assert written(tmp_path) == [
        {"name": "dev", "version": "0.dev0", "url": f"{SITE}/", "preferred": False}
    ]


def test_the_version_at_the_root_is_listed_once(tmp_path):
    add_book(tmp_path, "1.2.0")
    add_book(tmp_path / "v1.2.0", "1.2.0")
    assert [v["url"] for v in written(tmp_path)] == [f"{SITE}/"]


@pytest.mark.parametrize(("package", "is_same"), [("lmviz", True), ("numpy", False)])
def test_another_version_of_lmviz_alone_makes_no_lesson_stale(
    package, is_same, monkeypatch
):
    app, real = SimpleNamespace(srcdir=ROOT / "docs"), importlib.metadata.version
    before = staleness.fingerprint_of_the_book(app).hexdigest()

    def version(name):
        return "999" if name == package else real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    after = staleness.fingerprint_of_the_book(app).hexdigest()
    assert (before == after) is is_same
