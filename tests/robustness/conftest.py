"""Faults of the world: what was tried, what was survived, what was lost.

A row of the table is a module, named by the first line of its docstring. Each test
tries one fault, or as many as it says with the fixture `tried`.
"""

from collections import Counter, defaultdict

import pytest

LOST = ("failed", "error")


def pytest_collection_modifyitems(items):
    for item in items:
        module = getattr(item, "module", None)  # a doctest has none
        row = (
            (getattr(module, "__doc__", None) or "Other tests")
            .partition("\n")[0]
            .rstrip(".")
        )
        item.user_properties.append(("row", row))


@pytest.fixture
def tried(request):
    """Say how many faults this test tries, where it is more than one."""

    def say(count):
        request.node.user_properties.append(("tried", count))

    return say


def pytest_terminal_summary(terminalreporter):
    rows = defaultdict(Counter)
    for outcome in ("passed", *LOST, "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if outcome == "passed" and report.when != "call":
                continue
            said = dict(getattr(report, "user_properties", ()))
            row = said.get("row", "not collected")
            rows[row][outcome] += said.get("tried", 1)
    terminalreporter.section("faults")
    line = "{:<46} {:>6} {:>9} {:>5} {:>9} {:>6}".format
    terminalreporter.line(line("", "tried", "survived", "lost", "not tried", "share"))
    for row, counts in sorted(rows.items()):
        lost = sum(counts[outcome] for outcome in LOST)
        total = counts["passed"] + lost
        # Rounded down: one that is lost must be seen.
        share = f"{100 * counts['passed'] // total} %" if total else "-"
        numbers = (total, counts["passed"], lost, counts["skipped"])
        terminalreporter.line(line(row, *numbers, share))
