"""The site that benchmarks of pages load from, and what they say if they cannot run."""

import json
import os
import shutil
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from benchmarks import in_page, tabs

on_unix = pytest.mark.skipif(os.name == "nt", reason="runs programs of Unix")


@pytest.fixture
def site(tmp_path):
    (tmp_path / "a.wasm").write_bytes(bytes(100_000))
    with tabs.Site({"files": tmp_path}) as site:
        yield site


def get(site, name):
    with urllib.request.urlopen(f"{site.address}/{name}") as answer:  # noqa: S310
        return answer.read(), answer.headers


def test_a_site_serves_a_folder_below_its_name_and_counts_what_it_sends(site):
    body, headers = get(site, "files/a.wasm")
    assert len(body) == site.sent == 100_000
    assert headers["content-type"] == "application/wasm"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(site, "elsewhere/a.wasm")


def test_a_rate_limits_what_a_site_sends_in_a_second(site):
    site.rate = 200_000
    began = time.perf_counter()
    get(site, "files/a.wasm")
    assert 0.45 < time.perf_counter() - began < 2


def test_a_site_keeps_what_a_page_tells(site):
    told = {"seconds": 1.5}
    request = urllib.request.Request(  # noqa: S310
        f"{site.address}/told", json.dumps(told).encode(), method="POST"
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert answer.status == 204
    assert site.told.get(timeout=5) == told


@on_unix
def test_a_page_that_tells_nothing_is_an_error(site, monkeypatch, tmp_path):
    monkeypatch.setattr(tabs, "program", lambda: shutil.which("true"))
    with (
        pytest.raises(RuntimeError, match="/files/a.html did not finish in 0.1 s"),
        tabs.bare_tab(site, "/files/a.html", tmp_path, patience=0.1),
    ):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_process_of_a_browser_stays(site, monkeypatch, tmp_path):
    """Not even one that a script has started."""
    script, started = tmp_path / "browser", tmp_path / "started"
    script.write_text(f"#!/bin/sh\nsleep 60 & echo $! > {started}\nwait\n")
    script.chmod(0o755)
    monkeypatch.setattr(tabs, "program", lambda: str(script))
    site.told.put({})
    with tabs.bare_tab(site, "/files/a.html", tmp_path):
        while not (started.is_file() and started.read_text()):
            time.sleep(0.01)
    pid = int(started.read_text())
    deadline = time.monotonic() + 5
    while is_running(pid):
        assert time.monotonic() < deadline


def is_running(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("there", "said"), [(False, "onnxruntime-web"), (True, "Chromium")]
)
def test_what_is_missing_is_said_and_nothing_is_measured(
    there, said, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(in_page, "ORT", tmp_path if there else tmp_path / "none")
    monkeypatch.setattr(tabs, "program", lambda: None)
    assert in_page.in_a_page(1) == []
    (line,) = capsys.readouterr().out.splitlines()
    assert said in line
