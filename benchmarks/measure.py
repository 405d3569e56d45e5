"""Interleaved measurements of time and memory, and the table of their results."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tqdm import tqdm

# Peak memory hardly varies from run to run, and each measurement takes a process.
MEMORY_RUNS = 2
NAMED = (
    "torch",
    "transformers",
    "tokenizers",
    "transformer-lens",
    "nnsight",
    "bertviz",
    "tiktoken",
)
ROOT = Path(__file__).parents[1]
# The child prints its measurements on the last line; its code may reset `began`.
# VmHWM is its own peak memory; ru_maxrss of `resource` would start at the parent's.
_CHILD = """
import json, time
began = time.perf_counter()
{code}
took = time.perf_counter() - began
status = open("/proc/self/status").read()
peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps({{"inside": took, "peak": peak}}))
"""


def interleaved(ways, *, runs, warm=True):
    """Call several functions in turn, `runs` times, and return their times in seconds.

    Parameters
    ----------
    ways : dict of str to callable
    runs : int
    warm : bool, default True
        Call each once before, without measuring it.

    Returns
    -------
    dict of str to list of float
    """
    return told({name: partial(timed, way) for name, way in ways.items()}, runs, warm)


def timed(function, *arguments):
    """Call a function and return the seconds that it took."""
    began = time.perf_counter()
    result = function(*arguments)
    took = time.perf_counter() - began
    del result
    return took


def told(ways, runs, warm=True):
    """Call functions as `interleaved` does; each returns its own seconds."""
    seconds = {name: [] for name in ways}
    for run in tqdm(range(-warm, runs), unit="run", leave=False):
        for name, way in ways.items():
            took = way()
            if run >= 0:
                seconds[name].append(took)
    return seconds


def processes(ways, *, runs, environment=None):
    """Run several scripts in turn, each in a new process, from the repository's root.

    Parameters
    ----------
    ways : dict of str to str
        Python code.
    runs : int
    environment : dict of str to str, optional
        Additional environment variables of the new processes.

    Returns
    -------
    dict of str to dict of str to list of float
        ``"wall"``: seconds of the whole process. ``"inside"``: seconds of the code,
        since it last set ``began``. ``"peak"``: its peak memory in MiB (Linux).
    """
    kinds = ("wall", "inside", "peak")
    results = {kind: {name: [] for name in ways} for kind in kinds}
    for _ in tqdm(range(runs), unit="run", leave=False):
        for name, code in ways.items():
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", _CHILD.format(code=code)],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
            )
            measured = json.loads(done.stdout.splitlines()[-1])
            measured["wall"] = time.perf_counter() - began
            for kind, values in results.items():
                values[name].append(measured[kind])
    return results


def row(what, unit, found, *, limits=None, most=None, goal=None, at=None):
    """Make one row of the table.

    Parameters
    ----------
    what, unit : str
    found : dict of str to list of float
        Ours first, then the alternatives.
    limits : dict of str to float, optional
        For some alternatives, the target: the largest ratio of our median to theirs.
    most : float, optional
        The target for our median itself.
    goal : str, optional
        A target of another kind, for the reader.
    at : int, optional
        Size of the input; rows with the same name form a curve.
    """
    (ours, our_values), *others = found.items()
    return {
        "what": what,
        "at": at,
        "unit": unit,
        "runs": len(our_values),
        "ways": {name: spread(values) for name, values in found.items()},
        "ratios": {
            f"{ours} / {other}": statistics.median(our_values)
            / statistics.median(values)
            for other, values in others
        },
        "limits": limits or {},
        "most": most,
        "goal": goal,
    }


def goal(row):
    """Return the target of a row as text."""
    limits = [f"{limit:g} of {other}" for other, limit in row["limits"].items()]
    if row["most"] is not None:
        limits.append(f"{row['most']:g} {row['unit']}")
    return f"at most {', '.join(limits)}" if limits else row["goal"]


def spread(values):
    """Return the median, minimum and maximum of some values."""
    return [statistics.median(values), min(values), max(values)]


def machine():
    """Describe the machine and the versions that the results depend on."""
    versions = {}
    for name in NAMED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "date": time.strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "versions": versions,
    }


def table(rows):
    """Format rows for a terminal."""
    lines = []
    for each in rows:
        at = f", {each['at']:,}" if each["at"] else ""
        target = f"; goal: {text}" if (text := goal(each)) else ""
        lines.append(f"{each['what']}{at} ({each['unit']}){target}")
        for name, (median, least, most) in each["ways"].items():
            lines.append(f"    {name:38} {median:10.4g}  ({least:.4g} to {most:.4g})")
        lines.extend(f"    {k:38} {v:10.3f}" for k, v in each["ratios"].items())
    return "\n".join(lines)


def save(part, rows, path):
    """Save the rows of a part and the machine; keep the other parts of the file."""
    path = Path(path)
    parts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    parts[part] = {"machine": machine(), "rows": rows}
    text = json.dumps(parts, indent=1, ensure_ascii=False) + "\n"
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
