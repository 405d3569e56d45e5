"""The measurements that the benchmarks consist of."""

import json
import sys

import numpy as np
import pytest

from benchmarks import measure, regression


def test_calls_are_interleaved_and_the_first_of_each_is_not_measured():
    called = []
    ways = {"a": lambda: called.append("a"), "b": lambda: called.append("b")}
    seconds = measure.interleaved(ways, runs=2)
    assert called == ["a", "b"] * 3
    assert {name: len(values) for name, values in seconds.items()} == {"a": 2, "b": 2}


@pytest.mark.skipif(sys.platform != "linux", reason="VmHWM exists only on Linux")
def test_peak_memory_is_that_of_the_child_process_alone():
    ours = np.ones(50_000_000)  # 400 MB, which a child would inherit from `resource`
    ways = {"small": "pass", "large": "held = b'1' * 100_000_000"}
    found = measure.processes(ways, runs=1)["peak"]
    assert found["small"][0] < ours.nbytes / 2**20 / 4
    assert found["large"][0] - found["small"][0] == pytest.approx(95.4, abs=5)


def test_code_can_reset_its_start_time():
    code = "time.sleep(0.2)\nbegan = time.perf_counter()"
    found = measure.processes({"late": code}, runs=1)
    assert found["inside"]["late"][0] < 0.1 < 0.2 < found["wall"]["late"][0]


def test_a_row_has_medians_ranges_and_ratios():
    found = {"ours": [1, 2, 9], "theirs": [4, 4, 4]}
    row = measure.row("Work", "s", found, limits={"theirs": 0.4}, most=3)
    assert row["ways"] == {"ours": [2, 1, 9], "theirs": [4, 4, 4]}
    assert row["runs"] == 3
    assert row["ratios"] == {"ours / theirs": 0.5}
    assert "ours / theirs" in measure.table([row])
    assert "goal: at most 0.4 of theirs, 3 s" in measure.table([row])


def test_saving_a_part_keeps_the_other_parts(tmp_path):
    file = tmp_path / "measured.json"
    measure.save("one", [], file)
    measure.save("two", [measure.row("Work", "s", {"ours": [1]})], file)
    saved = json.loads(file.read_text(encoding="utf-8"))
    assert list(saved) == ["one", "two"]
    assert saved["two"]["rows"][0]["what"] == "Work"
    assert saved["two"]["machine"]["versions"]["torch"]


def rows(ours, *, theirs=100, limit=True):
    found = {"ours": [ours], "theirs": [theirs]}
    limits = {"theirs": 1} if limit else {}
    return [measure.row("Work", "s", found, limits=limits, at=8)]


def test_a_ratio_with_a_goal_may_be_a_tenth_worse_than_the_saved_one():
    key = "Work", 8, "theirs"
    assert regression.worse(rows(50), rows(54)) == {}
    assert regression.worse(rows(50), rows(56)) == {key: (0.5, 0.56)}
    assert regression.worse(rows(50), rows(500, theirs=1000)) == {}  # a slow machine
    assert regression.worse(rows(50, limit=False), rows(90, limit=False)) == {}
    assert regression.worse([], rows(90)) == {}  # a new benchmark


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ([50], []),
        ([60, 50], []),
        ([60, 70], ["Work, 8: 0.6 of theirs, saved 0.5"]),
    ],
)
def test_what_is_worse_is_measured_twice(measured, expected):
    runs = iter(measured)
    assert regression.check("part", rows(50), lambda: rows(next(runs))) == expected
    assert next(runs, None) is None
