"""The check that the locked wheels are there for every platform."""

import tomllib
from pathlib import Path

import lock
import pytest

PROJECT = tomllib.loads(
    (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
)["project"]


def test_the_outermost_pythons_are_checked_on_each_platform(monkeypatch):
    cases = []
    monkeypatch.setattr(lock, "without_wheels", lambda *case: cases.append(case) or "")
    lock.check_wheels(PROJECT)
    assert ("dev", "aarch64-apple-darwin", "3.11.5") in cases
    assert ("torch", "x86_64-pc-windows-msvc", "3.14") in cases
    assert len(cases) == len({*cases}) == 24


def test_a_missing_wheel_is_an_error_that_says_where(monkeypatch):
    def without_wheels(name, platform, python):
        return "numpy has no wheel" if (name, python) == ("dev", "3.14") else ""

    monkeypatch.setattr(lock, "without_wheels", without_wheels)
    with pytest.raises(SystemExit) as error:
        lock.check_wheels(PROJECT)
    _, *lines = str(error.value).splitlines()
    assert lines == [
        f"dev {platform} 3.14: numpy has no wheel" for platform in lock.PLATFORMS
    ]
