"""Fault injection: how many faults were tried, and how many were survived.

A row of the report is a module, named by the first line of its docstring. A test tries
one fault, or as many as it says with the fixture `tried`.
"""

from collections import Counter, defaultdict

import pytest

FAILURES = ("failed", "error")


def pytest_collection_modifyitems(items):
    for item in items:
        doc = getattr(getattr(item, "module", None), "__doc__", None)  # none: a doctest
        row = (doc or "Other tests").partition("\n")[0].rstrip(".")
        item.user_properties.append(("row", row))


@pytest.fixture
def tried(request):
    """Return a function that records how many faults a test tries, if not one."""

    def say(count):
        request.node.user_properties.append(("tried", count))

    return say


def pytest_terminal_summary(terminalreporter):
    rows = defaultdict(Counter)
    for outcome in ("passed", *FAILURES, "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if outcome == "passed" and report.when != "call":
                continue
            properties = dict(getattr(report, "user_properties", ()))
            row = properties.get("row", "not collected")
            rows[row][outcome] += properties.get("tried", 1)
    if not rows:
        return
    terminalreporter.section("fault injection")
    line = "{:<46} {:>6} {:>9} {:>6} {:>7} {:>6}".format
    terminalreporter.line(line("", "tried", "survived", "failed", "skipped", "share"))
    for row, counts in sorted(rows.items()):
        failed = sum(counts[outcome] for outcome in FAILURES)
        tried = counts["passed"] + failed
        # Rounded down, so that a single failure is seen.
        share = f"{100 * counts['passed'] // tried} %" if tried else "-"
        numbers = (tried, counts["passed"], failed, counts["skipped"])
        terminalreporter.line(line(row, *numbers, share))
