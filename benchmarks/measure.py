"""Time things beside each other: in one run, one after the other, again and again."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tqdm import tqdm

# Peaks of memory hardly differ from run to run, and each takes a process.
MEMORY_RUNS = 2
# What a child process says on its last line. `began` its code may set anew. Its peak of
# memory `resource` would not tell: that one begins with the parent's.
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
    """Call each of some functions in turn, `runs` times, and return their seconds.

    Parameters
    ----------
    ways : dict of str to callable
    runs : int
    warm : bool, default True
        Whether each is called once before, unmeasured.

    Returns
    -------
    dict of str to list of float
    """
    seconds = {name: [] for name in ways}
    for run in tqdm(range(-warm, runs), unit="run", leave=False):
        for name, way in ways.items():
            began = time.perf_counter()
            result = way()
            took = time.perf_counter() - began
            del result
            if run >= 0:
                seconds[name].append(took)
    return seconds


def processes(ways, *, runs, environment=None):
    """Run each of some scripts in a new process, in turn.

    Parameters
    ----------
    ways : dict of str to str
        Python code.
    runs : int
    environment : dict of str to str, optional
        Set in the new processes.

    Returns
    -------
    dict of str to dict of str to list of float
        ``"wall"``: seconds of the whole process. ``"inside"``: seconds of the code,
        or since it set ``began``. ``"peak"``: the most memory it held, in MB (Linux).
    """
    found = {kind: {name: [] for name in ways} for kind in ("wall", "inside", "peak")}
    for _ in tqdm(range(runs), unit="run", leave=False):
        for name, code in ways.items():
            began = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", _CHILD.format(code=code)],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **(environment or {})},
            )
            said = json.loads(done.stdout.splitlines()[-1])
            said["wall"] = time.perf_counter() - began
            for kind, values in found.items():
                values[name].append(said[kind])
    return found


def row(what, unit, found, *, goal=None, at=None):
    """Make one row of the table.

    Parameters
    ----------
    what, unit : str
    found : dict of str to list of float
        First ours, then what it is measured against.
    goal : str, optional
        What is wanted, as a ratio of ours to the other.
    at : int, optional
        How much was worked on: rows of one name are a curve.
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
        "goal": goal,
    }


def spread(values):
    """Return the median, the least and the most of some values."""
    return [statistics.median(values), min(values), max(values)]


def machine():
    """Say what all this was measured on."""
    versions = {}
    for name in ("torch", "transformers", "tokenizers", "transformer-lens", "bertviz"):
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
    """Write rows as lines to be read in a terminal."""
    lines = []
    for each in rows:
        at = f", {each['at']:,}" if each["at"] else ""
        goal = f"; wanted: {each['goal']}" if each["goal"] else ""
        lines.append(f"{each['what']}{at} ({each['unit']}){goal}")
        for name, (median, least, most) in each["ways"].items():
            lines.append(f"    {name:38} {median:10.4g}  ({least:.4g} to {most:.4g})")
        lines.extend(f"    {k:38} {v:10.3f}" for k, v in each["ratios"].items())
    return "\n".join(lines)


def save(part, rows, path):
    """Keep a part's rows, and what they were measured on, beside the other parts."""
    path = Path(path)
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept[part] = {"machine": machine(), "rows": rows}
    whole = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(whole, encoding="utf-8")
    partial.replace(path)
