"""The page on security names tests, and each of them exists and runs."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "project" / "security.md"
# A paragraph that begins with the promise, and a list of tests.
PROMISES = dict(
    re.findall(
        r"^\*\*(.+?)\.\*\*.*\n(?:.+\n)*\n((?:- `.*`\n)+)", PAGE.read_text("utf-8"), re.M
    )
)


def test_every_promise_has_a_test():
    written = PAGE.read_text("utf-8").count("\n**")
    assert len(PROMISES) == written > 5


@pytest.mark.parametrize("promise", PROMISES)
def test_the_tests_of_a_promise_exist_and_run(promise):
    for named in re.findall(r"`(.+?)`", PROMISES[promise]):
        path, _, name = named.partition("::")
        functions = {
            node.name: node
            for node in ast.parse((ROOT / path).read_text("utf-8")).body
            if isinstance(node, ast.FunctionDef)
        }
        skipped = [ast.unparse(d) for d in functions[name].decorator_list]
        assert not any("skip" in d or "xfail" in d for d in skipped)
