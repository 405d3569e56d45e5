"""Run lessons as a reader does: each script alone, copied into an empty folder.

    python scripts/run_examples.py [FILES]

A warning fails a lesson. Their output is encoded as in a file on Windows. LMVIZ_SECONDS
is the time limit of each, 120 by default.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORKERS = min(2, os.cpu_count() or 1)
SECONDS = float(os.environ.get("LMVIZ_SECONDS", "120"))
ENCODING = "cp1252"
ENVIRONMENT = {
    **os.environ,
    "MPLBACKEND": "agg",
    "OMP_NUM_THREADS": "1",
    # The encoding of a file or pipe on Windows.
    "PYTHONIOENCODING": ENCODING,
    # plt.show() has no screen here.
    "PYTHONWARNINGS": "error,ignore:FigureCanvasAgg is non-interactive",
}


def run(script):
    """Return the seconds that a script took, and its error or ''."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(script, folder)
        try:
            done = subprocess.run(
                [sys.executable, script.name],
                cwd=folder,
                env=ENVIRONMENT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding=ENCODING,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            return SECONDS, "time limit exceeded; LMVIZ_SECONDS=300 raises it"
    fault = f"exit code {done.returncode}\n{done.stdout}" if done.returncode else ""
    return time.perf_counter() - began, fault


def main():
    """Run the scripts, two at a time, and report each; exit with 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path, help="default: every lesson")
    scripts = parser.parse_args().files or sorted(ROOT.glob("examples/*/*.py"))
    if missing := [str(path) for path in scripts if not path.is_file()]:
        parser.error(f"no such file: {', '.join(missing)}")
    failed = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for script, (took, fault) in zip(scripts, pool.map(run, scripts), strict=True):
            print(f"{took:6.1f} s  {script.parent.name}/{script.name}", flush=True)
            if fault:
                print(f"failed: {fault}", flush=True)
                failed.append(script.name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
