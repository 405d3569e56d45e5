"""Change one operator, number or argument of a computation at a time: a test must fail.

    python scripts/mutations.py [--every 1|5|10] [PATTERN]

mutmut makes the mutants and runs the tests that reach each of them; `[tool.mutmut]` in
pyproject.toml says of which modules. The survivors are compared with those that were
judged before, in tests/mutation/survivors.toml.
"""

import argparse
import fnmatch
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
JUDGED = ROOT / "tests" / "mutation" / "survivors.toml"
GOAL = 0.85
WORKERS = 2
# A sample consists of the mutants whose number, within a function, ends like this: of
# each function at least the first.
ENDINGS = {1: "", 5: "[16]", 10: "1"}


def mutmut(*arguments):
    """Run a command of mutmut, and return what it prints."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()


def change(difference):
    """Return, on one line, what a mutant changes, of which mutmut shows a diff."""
    sides = {"-": [], "+": []}
    for line in difference.splitlines():
        if line[:1] in sides and line[:3] not in ("---", "+++"):
            sides[line[0]].append(line[1:].strip())
    return " -> ".join(" ".join(side) for side in sides.values())


def function_of(name):
    """Return the function or method of a mutant, within the package.

    Examples
    --------
    >>> function_of("lmviz.positions._rotary.x_rotary__mutmut_12")
    'positions._rotary.rotary'
    >>> function_of("lmviz.corpus._map.xǁBatchesǁ__iter____mutmut_1")
    'corpus._map.Batches.__iter__'
    """
    module, _, last = name.removeprefix("lmviz.").rpartition(".")
    mangled = last.rpartition("__mutmut_")[0]
    method = mangled.removeprefix("x").strip("ǁ").replace("ǁ", ".")
    return f"{module}.{method if 'ǁ' in mangled else mangled.removeprefix('x_')}"


def judged(file=JUDGED):
    """Return the known survivors, and the modules all of whose survivors are known.

    Returns
    -------
    dict of (str, str) to str
        Why each survives, by its function and its change.
    tuple of str
        How the names of these modules begin.
    """
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    known = {
        (function, one): group["why"]
        for group in content["group"]
        for function, changes in group["mutants"].items()
        for one in changes
    }
    return known, tuple(content["complete"])


def report(outcomes, changes, known, complete):
    """Return the lines of a report, and whether enough mutants were killed.

    Parameters
    ----------
    outcomes : dict of str to str
        What became of each mutant, as mutmut calls it.
    changes : dict of str to str
        What each mutant changes that was not killed.
    known : dict of (str, str) to str
    complete : tuple of str
        As `judged` returns them. Elsewhere an unknown survivor is only listed.
    """
    modules = defaultdict(Counter)
    for name, outcome in outcomes.items():
        modules[name.removeprefix("lmviz.").rpartition(".")[0]][outcome] += 1
    lines = [f"{'killed':>6} {'of':>6}        module"]
    for module, counted in sorted(modules.items()):
        killed, n = counted["killed"], counted.total()
        lines.append(f"{killed:6} {n:6} {killed / n:6.1%} {module}")
    unknown = new = 0
    for name, one in sorted(changes.items()):
        function = function_of(name)
        if (function, one) in known:
            continue
        unknown += 1
        new += function.startswith(complete)
        lines.append(f"{outcomes[name]}, not judged: {name}\n    {one}")
    killed = sum(counted["killed"] for counted in modules.values())
    share = killed / max(1, len(outcomes))
    lines.append(
        f"{len(outcomes)} mutants: {killed} killed ({share:.1%}, at least {GOAL:.0%} "
        f"are needed), {len(changes) - unknown} others judged, {unknown} not judged, "
        f"of them {new} in modules that have been judged"
    )
    return lines, share >= GOAL and not new


def main():
    """Run mutmut on a sample, and report."""
    parser = argparse.ArgumentParser(
        prog="nox -s mutations --", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "pattern",
        nargs="?",
        default="*",
        help='of the names of functions, such as "lmviz.positions._rotary*"',
    )
    parser.add_argument(
        "--every",
        type=int,
        choices=ENDINGS,
        default=1,
        help="try one of so many mutants, always the same ones (default: 1, all)",
    )
    options = parser.parse_args()
    pattern = f"{options.pattern}__mutmut_*{ENDINGS[options.every]}"
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(WORKERS)]
    subprocess.run([*command, pattern], cwd=ROOT, check=True)
    listed = mutmut("results", "--all", "true").splitlines()
    every = dict(line.strip().rsplit(": ", 1) for line in listed)
    outcomes = {name: every[name] for name in fnmatch.filter(every, pattern)}
    others = [name for name, outcome in outcomes.items() if outcome != "killed"]
    with ThreadPoolExecutor(WORKERS) as pool:
        shown = pool.map(lambda name: mutmut("show", name), others)
        changes = dict(zip(others, map(change, shown), strict=True))
    lines, passed = report(outcomes, changes, *judged())
    print(*lines, sep="\n")
    sys.exit(not passed)


if __name__ == "__main__":
    main()
