"""Measured numbers are drawn to scale, with their units, and as text only."""

import json
import re
from pathlib import Path

import pytest
from lmviz_book import benchmarks

ROOT = Path(__file__).parents[2]
PART = {
    "machine": {
        "date": "2026-11-26",
        "cores": 2,
        "processor": "<x86>",
        "python": "3.11",
        "versions": {"torch": "2.0"},
    },
    "rows": [
        {
            "what": "Load & <run>",
            "at": 1000,
            "unit": "s",
            "runs": 5,
            "limits": {"<theirs>": 0.4},
            "most": None,
            "goal": None,
            "ways": {"ours": [0.2, 0.1, 0.3], "<theirs>": [0.4, 0.3, 0.5]},
            "ratios": {"ours / <theirs>": 0.5},
        }
    ],
}


def test_medians_and_ranges_are_on_a_logarithmic_axis():
    html = benchmarks.Benchmark(PART)._repr_html_()
    # From 50 ms to 1 s, which are log 20 apart; a tick at 100 ms is at log 2.
    places = re.findall(r'(tick|range|dot)" style="left:([\d.]+)%', html)
    ends = [("tick", "0.00"), ("tick", "23.14"), ("tick", "100.00")]
    assert places == [
        *[*ends, ("range", "23.14"), ("dot", "46.28")],
        *[*ends, ("range", "59.81"), ("dot", "69.41")],
    ]
    assert re.findall(r"width:([\d.]+)%", html) == ["36.67", "17.05"]
    assert re.findall("<b[^>]*>(.*?)</b>", html) == [
        *("50\u00a0ms", "100\u00a0ms", "1\u00a0s")
    ]
    assert html.count('class="ours missed"') == 1
    assert "<td>100–300\u00a0ms</td><td></td>" in html
    assert "<td>400\u00a0ms</td><td>300–500\u00a0ms</td>" in html
    assert "Load &amp; &lt;run&gt;: 1,000" in html
    assert "&lt;theirs&gt;" in html
    assert "5 runs in turn, 2 cores (&lt;x86&gt;)" in html
    assert "Goal: at most 0.4 of &lt;theirs&gt;" in html
    assert not re.search("<run>|<theirs>|<x86>", html)


@pytest.mark.parametrize(
    ("limits", "most", "marks"),
    [
        ({"<theirs>": 0.4}, None, 2),
        ({"<theirs>": 0.5}, None, 0),
        ({}, 0.15, 1),
        ({}, 0.2, 0),
        ({"<theirs>": 0.4}, 0.15, 2),
    ],
)
def test_a_goal_that_is_missed_is_marked(limits, most, marks):
    row = {**PART["rows"][0], "limits": limits, "most": most}
    html = benchmarks.Benchmark({**PART, "rows": [row]})._repr_html_()
    assert html.count('<strong class="missed">') == marks


def test_missed_goals_are_listed():
    limits = {"limits": {"<theirs>": 0.4}, "most": 0.15}
    rows = [PART["rows"][0] | each for each in ({"limits": {}}, limits)]
    assert benchmarks.misses([{"rows": rows}]) == [
        "Load & <run>: 1,000: 0.5 of <theirs>, goal 0.4",
        "Load & <run>: 1,000: 200\u00a0ms, goal 150\u00a0ms",
    ]
    assert benchmarks.misses([{"rows": rows[:1]}]) == ["none"]


def test_plots_without_a_goal_are_folded_after_the_others():
    without = {**PART["rows"][0], "what": "No goal", "limits": {}}
    rows = [without, PART["rows"][0], without]
    html = benchmarks.Benchmark({**PART, "rows": rows})._repr_html_()
    first, folded = html.split("Show 2 more measurements")
    assert re.findall('class="what">(.*?):', first) == ["Load &amp; &lt;run&gt;"]
    assert re.findall('class="what">(.*?):', folded) == ["No goal", "No goal"]


def test_of_several_sizes_the_largest_is_shown_and_what_missed_its_goal():
    limits = {10: 1, 100: 0.1, 1000: 1, 10_000: 1}
    rows = [
        {**PART["rows"][0], "at": at, "limits": {"<theirs>": limit}}
        for at, limit in limits.items()
    ]
    html = benchmarks.Benchmark({**PART, "rows": rows})._repr_html_()
    first, folded = html.split("Show 2 more measurements")
    assert re.findall(r'class="what">.*?: ([\d,]+) ', first) == ["100", "10,000"]
    assert re.findall(r'class="what">.*?: ([\d,]+) ', folded) == ["10", "1,000"]


def test_other_programs_are_listed_with_the_versions():
    row = {**PART["rows"][0], "programs": {"Chromium": "156.0"}}
    html = benchmarks.Benchmark({**PART, "rows": [row]})._repr_html_()
    assert "torch 2.0, Chromium 156.0." in html


def test_a_part_may_be_a_table_alone():
    html = benchmarks.Benchmark(PART, plots=False)._repr_html_()
    assert "dots" not in html
    assert "<table" in html


@pytest.mark.parametrize(
    ("numbers", "unit", "text"),
    [
        ((0.02207,), "s", "22.1\u00a0ms"),
        ((2.9, 4.69), "s", "2.9–4.69\u00a0s"),
        ((2529.52,), "MB", "2,530\u00a0MB"),
        ((65251.3,), "kB", "65,251\u00a0kB"),
    ],
)
def test_a_number_keeps_its_unit(numbers, unit, text):
    assert benchmarks.shown(*numbers, unit=unit) == text


def test_the_page_shows_every_part_that_was_measured():
    docs = ROOT / "docs" / "project"
    measured = json.loads((docs / "measured.json").read_text("utf-8"))
    pages = (docs / f"{name}.md" for name in ("measured", "measured_pages"))
    text = "".join(page.read_text("utf-8") for page in pages)
    found = re.findall(r'Benchmark\(measured\["(\w+)"\]', text)
    assert sorted(found) == sorted(measured)
