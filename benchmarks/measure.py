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

# What a child process says on its last line, where `peak` of its memory is asked for.
_CHILD = """
import json, resource, time
began = time.perf_counter()
{code}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([time.perf_counter() - began, peak]))
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
    seconds, megabytes : dict of str to list of float
        Wall time of the whole process; the peak of the memory it held.
    """
    seconds = {name: [] for name in ways}
    megabytes = {name: [] for name in ways}
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
            seconds[name].append(time.perf_counter() - began)
            megabytes[name].append(json.loads(done.stdout.splitlines()[-1])[1])
    return seconds, megabytes


def row(what, unit, found, *, goal):
    """Make one row of the table.

    Parameters
    ----------
    what, unit : str
    found : dict of str to list of float
        First ours, then what it is measured against.
    goal : str
        What is wanted, as a ratio of ours to the other.
    """
    (ours, our_values), *others = found.items()
    return {
        "what": what,
        "unit": unit,
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
        lines.append(f"{each['what']} ({each['unit']}); wanted: {each['goal']}")
        for name, (median, least, most) in each["ways"].items():
            lines.append(f"    {name:34} {median:10.4g}  ({least:.4g} to {most:.4g})")
        lines.extend(f"    {k:34} {v:10.3f}" for k, v in each["ratios"].items())
    return "\n".join(lines)


def save(rows, path):
    """Keep the rows, and what they were measured on, as JSON."""
    Path(path).write_text(
        json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n",
        encoding="utf-8",
    )
