"""The check of the built site's links finds each kind of broken one, and no other."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_links.py"
GOOD = """<h1 id="a b">Title</h1><a name="old"></a><img src="part/dot.png?v=1" srcset="
part/dot.png 1x, part/dot.png 2x"><a href="#">up</a><a href="#a%20b">here</a>
<a href="part/">in</a><a href="https://example.org/no">out</a><a href="data:,">d</a>
<a href="mailto:a@example.org">m</a><a href="/index.html#old">root</a>"""


def check(folder, *address):
    command = [sys.executable, str(SCRIPT), str(folder), *address]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def site(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "dot.png").write_bytes(b"")
    (tmp_path / "part" / "index.html").write_text('<a href="../index.html#old">x</a>')
    (tmp_path / "index.html").write_text(GOOD)
    return tmp_path


def test_a_site_with_valid_links_passes(site):
    assert check(site) == (0, "7 links inside the site, 0 of them broken\n")


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ('<a href="gone.html">', "gone.html is not there"),
        ('<a href="part/index.html#gone">', "part/index.html#gone has no such anchor"),
        ('<a href="#gone">', "#gone has no such anchor"),
        ('<img src="gone.png">', "gone.png is not there"),
        ('<img srcset="part/dot.png 1x, gone.png 2x">', "gone.png is not there"),
        ('<script src="/gone.js"></script>', "/gone.js is not there"),
    ],
)
def test_a_broken_link_is_named_with_its_page(site, link, said):
    (site / "page.html").write_text(link)
    code, printed = check(site)
    assert code == 1
    assert f"page.html: {said}\n" in printed
    assert "1 of them broken" in printed


def test_another_edition_is_published_beside_the_site(site):
    (site / "page.html").write_text('<a href="gpt2/page.html" rel="alternate">')
    assert check(site) == (0, "7 links inside the site, 0 of them broken\n")


def test_the_state_of_a_page_is_no_anchor(site):
    (site / "page.html").write_text('<a href="index.html#text=The%20dog&amp;head=1.2">')
    assert check(site) == (0, "8 links inside the site, 0 of them broken\n")


def test_links_are_resolved_at_the_address_of_the_site(site):
    home = "https://example.org/book"
    (site / "index.html").write_text(
        f'<a href="/book/part/"></a><a href="{home}/gone"></a>'
        '<a href="/part/">one</a><i id="old"></i>'
    )
    code, printed = check(site, home)
    assert code == 1
    assert f"index.html: {home}/gone is not there" in printed
    assert "index.html: /part/ leaves the site" in printed
    assert "2 of them broken" in printed


def test_a_site_that_is_not_built_is_named(tmp_path):
    code, printed = check(tmp_path)
    assert code == 1
    assert "build it first: nox -s docs" in printed


@pytest.mark.long
def test_links_are_valid_if_the_book_is_in_a_folder_of_a_site(book, monkeypatch):
    home = "https://example.org/book"
    monkeypatch.setenv("LMVIZ_BASEURL", home)
    _, code, printed = book.build()
    assert code == 0, printed
    html = book.docs / "_build" / "html"
    assert "/book/_static/" in (html / "404.html").read_text("utf-8")
    code, printed = check(html, home)
    assert code == 0, printed
    notebook = next(html.rglob("01_lesson.ipynb")).read_text("utf-8")
    assert f"{home}/downloads/lmviz-" in notebook
    assert f"-r {home}/downloads/model-wheels.txt" in notebook
