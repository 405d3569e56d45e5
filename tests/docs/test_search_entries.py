"""A build of one changed page keeps the index entries of the others in the search."""

import subprocess
import sys
from pathlib import Path

from sphinx.search import js_index

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"
CONF = f"""import sys
sys.path.insert(0, {str(EXTENSIONS)!r})
extensions = ["search_entries"]
"""
PAGE = (
    ".. index:: single: {name} entry\n.. index:: shared\n\n{name}\n=======\n\n{text}\n"
)


def entries(folder):
    command = [sys.executable, "-m", "sphinx", "-qW", str(folder), str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    script = (folder / "out" / "searchindex.js").read_text(encoding="utf-8")
    frozen = js_index.loads(script)
    return {
        entry: [(frozen["docnames"][number], *rest) for number, *rest in places]
        for entry, places in frozen["indexentries"].items()
    }


def test_entries_stay_until_their_page_changes_or_goes(tmp_path):
    (tmp_path / "conf.py").write_text(CONF)
    (tmp_path / "index.rst").write_text("T\n=\n\n.. toctree::\n   :glob:\n\n   p*\n")
    for name in ("pa", "pb", "pc"):
        page = PAGE.format(name=name, text="Text.")
        (tmp_path / f"{name}.rst").write_text(page)
    whole = entries(tmp_path)
    assert set(whole) == {"pa entry", "pb entry", "pc entry", "shared"}
    assert [place[0] for place in whole["shared"]] == ["pa", "pb", "pc"]

    (tmp_path / "pb.rst").write_text(PAGE.format(name="pb", text="More."))
    assert entries(tmp_path) == whole
    (tmp_path / "pa.rst").write_text("pa\n==\n")
    (tmp_path / "pb.rst").unlink()
    assert set(entries(tmp_path)) == {"pc entry", "shared"}
