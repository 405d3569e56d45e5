"""Take out guard after guard, and see that a test fails each time.

The guards are in `tests/robustness/mutations.toml`. Each is taken out of a copy of the
sources, so that nothing here changes; a test that passes all the same guards nothing.
That all tests pass with their guards is what `nox -s faults` sees.
"""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIST = ROOT / "tests" / "robustness" / "mutations.toml"
COPIED = (
    "docs",
    "examples",
    "lmviz",
    "requirements",
    "scripts",
    "tests",
)
WORKERS = min(2, os.cpu_count() or 1)
SECONDS = 180
FAILED = 1  # pytest's exit code where tests have run and some failed


def copy_sources(folder):
    """Copy what tests need; what the book's build has made is only linked to."""
    for name in COPIED:
        ignored = shutil.ignore_patterns("_build", "__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    for path in (ROOT / "docs" / "_build", ROOT / ".github", ROOT / ".git"):
        if path.exists():
            (folder / path.relative_to(ROOT)).symlink_to(path)


def run_test(folder, test):
    """Run tests on the sources in a folder; return pytest's exit code and output."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *test],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        # Where a guard keeps something from taking for ever, this is how it is seen.
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return FAILED, f"it has not ended after {SECONDS} s"
    return process.returncode, output


def try_guard(guard):
    """Take out one guard; return what is wrong with its test, and how long it took."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutation-") as name:
        folder = Path(name)
        copy_sources(folder)
        path = folder / guard["file"]
        text = path.read_text(encoding="utf-8")
        if text.count(guard["cut"]) != 1:
            end = f"its text stands {text.count(guard['cut'])} times in {guard['file']}"
            return end, time.monotonic() - began
        path.write_text(text.replace(guard["cut"], guard["put"]), encoding="utf-8")
        without, output = run_test(folder, shlex.split(guard["test"]))
        if without == FAILED:
            return "", time.monotonic() - began
        end = f"no test fails without it (exit code {without}):\n{output[-1500:]}"
        return end, time.monotonic() - began


def main():
    """Try all guards, or those whose name has the part that was given."""
    parser = argparse.ArgumentParser(
        prog="nox -s mutations --", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "part", nargs="?", default="", help="of the names of guards, or of their tests"
    )
    options = parser.parse_args()
    guards = tomllib.loads(LIST.read_text(encoding="utf-8"))["guard"]
    chosen = [g for g in guards if options.part in f"{g['name']} {g['test']}"]
    if not chosen:
        parser.error(f"no guard has {options.part!r} in its name or its test")
    survived = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        for guard, (end, took) in zip(chosen, pool.map(try_guard, chosen), strict=True):
            survived += bool(end)
            print(f"{'NOT SEEN' if end else 'seen':9}{took:6.0f} s  {guard['name']}")
            if end:
                print(f"         {end}")
            sys.stdout.flush()
    print(f"{len(chosen)} guards taken out, {len(chosen) - survived} seen by a test")
    sys.exit(bool(survived))


if __name__ == "__main__":
    main()
