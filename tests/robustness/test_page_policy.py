"""Content-Security-Policy.

What the build writes; that the pages work under it is tried in tests/browser.
"""

import base64
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"
CONF = f"""import sys
sys.path.insert(0, {str(EXTENSIONS)!r})
from lmviz_book import policy
html_theme = "furo"

def setup(app):
    app.add_config_value("lmviz_policy", True, "", bool)
    app.add_config_value("lmviz_model_files", "site", "html", str)
    app.connect("build-finished", policy.write_policy, priority=900)
"""
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"')
RAW = "Title\n=====\n\nText.\n\n.. raw:: html\n\n   {}\n"
SCRIPT = "<script>window.lesson = 1</script>"


def build(folder, page, *options):
    (folder / "conf.py").write_text(CONF)
    (folder / "index.rst").write_text(page)
    command = [sys.executable, "-m", "sphinx", "-q", *options]
    done = subprocess.run(
        [*command, str(folder), str(folder / "out")], capture_output=True, text=True
    )
    return done.returncode, done.stderr


def policies(folder, name):
    return POLICY.findall((folder / "out" / name).read_text(encoding="utf-8"))


def hash_of(script):
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def test_each_script_of_the_theme_may_run_and_no_other(tmp_path):
    build(tmp_path, RAW.format(SCRIPT))
    (policy,) = policies(tmp_path, "index.html")
    page = (tmp_path / "out" / "search.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script(?![^>]*src=)[^>]*>(.*?)</script>", page, re.DOTALL)
    assert scripts
    assert set(re.findall("'sha256[^ ;]*", policy)) == set(map(hash_of, scripts))
    assert hash_of("window.lesson = 1") not in policy
    assert "'unsafe" not in policy.replace("style-src 'self' file: 'unsafe-inline'", "")


@pytest.mark.parametrize(
    "markup",
    [
        SCRIPT,
        "<script type=module>window.lesson = 1</script>",
        "<p onclick='window.lesson = 1'>x</p>",
        "<img src='x' OnError='window.lesson = 1'>",
        "<a href=' JavaScript:alert(1)'>x</a>",
    ],
)
def test_a_page_with_a_script_of_its_own_fails_the_build(tmp_path, markup):
    code, said = build(tmp_path, RAW.format(markup), "-W")
    assert code == 1
    assert said.count("WARNING") == 1
    assert "index.html: the policy of the pages refuses the inline script" in said


def test_a_refused_script_fails_each_build_and_not_only_the_first(tmp_path):
    for _ in range(2):
        code, said = build(tmp_path, RAW.format(SCRIPT), "-W")
        assert (code, said.count("WARNING")) == (1, 1)


def test_a_page_that_was_checked_is_checked_again_when_it_has_changed(tmp_path):
    (tmp_path / "other.rst").write_text(":orphan:\n\nOther\n=====\n")
    assert build(tmp_path, "T\n=\n", "-W") == (0, "")
    page = tmp_path / "out" / "other.html"
    page.write_text(page.read_text("utf-8").replace("</body>", f"{SCRIPT}</body>"))
    code, said = build(tmp_path, "T\n=\n", "-W")
    assert code == 1
    assert "other.html: the policy of the pages refuses the inline script" in said


def test_data_blocks_are_not_scripts(tmp_path):
    data = '<script type="application/json">{"onclick": "javascript:"}</script>'
    assert build(tmp_path, RAW.format(data), "-W") == (0, "")


def test_a_second_build_leaves_one_policy_on_each_page_and_can_take_it_away(tmp_path):
    (tmp_path / "other.rst").write_text(":orphan:\n\nOther\n=====\n")
    for text in ("T\n=\n", "T\n=\n\nMore.\n"):
        assert build(tmp_path, text, "-W") == (0, "")
        names = ("index.html", "other.html", "search.html")
        assert len({tuple(policies(tmp_path, name)) for name in names}) == 1
        assert len(policies(tmp_path, "index.html")) == 1
    # A server that adds a script of its own to pages needs this.
    assert build(tmp_path, "T\n=\n", "-W", "-Dlmviz_policy=0") == (0, "")
    assert [policies(tmp_path, name) for name in names] == [[], [], []]


def test_the_policy_stands_before_what_it_is_for(tmp_path):
    build(tmp_path, "T\n=\n")
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    head, _, _ = page.partition("Content-Security-Policy")
    assert "<head>" in head
    assert not re.search("<(script|link|style|img)", head)


def test_the_header_repeats_the_policy_and_limits_framing(tmp_path):
    build(tmp_path, "T\n=\n")
    (policy,) = policies(tmp_path, "index.html")
    # A worker has the policy of its response: it compiles the model.
    compiling = policy.replace("script-src ", "script-src 'wasm-unsafe-eval' ")
    assert (tmp_path / "out" / "_headers").read_text() == (
        f"/*\n  Content-Security-Policy: {compiling}; frame-ancestors 'self'\n"
    )
    assert "wasm-unsafe-eval" not in policy
    # In a page, browsers ignore this and report an error.
    assert "frame-ancestors" not in policy
