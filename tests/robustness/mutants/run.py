"""Break one guard after another: each time, a test must fail.

The mutants are in `lmviz_mutants`. A mutant lives in the processes of its test and
changes no file. That the tests pass without mutants is seen when they run as usual.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lmviz_mutants import MUTANTS

MUTANTS_FOLDER = Path(__file__).resolve().parent
TESTS = MUTANTS_FOLDER.parent
ROOT = TESTS.parents[1]
WORKERS = min(2, os.cpu_count() or 1)
SECONDS = 240
FAILED = 1  # pytest's exit code if tests ran and some failed


def run_test(name, test):
    """Run a test with a mutant; return pytest's exit code, None at the timeout."""
    options = ["-x", "-q", "-m", "", "-p", "no:cacheprovider", "-p", "no:randomly"]
    path = [str(MUTANTS_FOLDER), str(ROOT), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *shlex.split(test)],
        cwd=TESTS,
        env={
            **os.environ,
            "LMVIZ_MUTANT": name,
            "PYTHONPATH": os.pathsep.join(filter(None, path)),
            "OMP_NUM_THREADS": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return None, output
    return process.returncode, output


def kill(name):
    """Run the test of a mutant; return whether it failed, why, and the seconds."""
    began = time.monotonic()
    code, output = run_test(name, MUTANTS[name].test)
    took = time.monotonic() - began
    if code is None and MUTANTS[name].hangs:
        return True, "runs forever", took
    if code == FAILED:
        errors = [line for line in output.splitlines() if line.startswith("E  ")]
        return True, errors[0][1:].strip()[:100] if errors else "", took
    ended = "the test ran too long" if code is None else f"pytest's exit code is {code}"
    return False, f"{ended}:\n{output[-1500:]}", took


def main():
    """Try all mutants, or those with the given part in their name or test."""
    parser = argparse.ArgumentParser(
        prog="nox -s guards --", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "part", nargs="?", default="", help="of the name, the target or the test"
    )
    part = parser.parse_args().part
    chosen = [
        name
        for name, mutant in MUTANTS.items()
        if part in f"{name} {mutant.target} {mutant.test}"
    ]
    if not chosen:
        parser.error(f"no mutant has {part!r} in its name, its target or its test")
    survived = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        for name, result in zip(chosen, pool.map(kill, chosen), strict=True):
            killed, why, took = result
            survived += not killed
            print(f"{'killed' if killed else 'SURVIVED':9}{took:6.0f} s  {name}: {why}")
            sys.stdout.flush()
    killed = len(chosen) - survived
    print(f"{len(chosen)} mutants: {killed} killed, {survived} survived")
    sys.exit(bool(survived))


if __name__ == "__main__":
    main()
