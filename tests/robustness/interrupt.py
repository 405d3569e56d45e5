"""Send a signal to commands at moments that are spread over all that they do.

A moment is the number of a function's call or return, so that none is between two
others that were tried. In a generator, it is the next one outside. Each command runs in
a fork of this process: the first ones import all that they need, the others only what
is left. Prints a list of JSON.
"""

import inspect
import json
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

TEXT = "Anna has a red ball"
# What each begins with, and those that do so before anything is imported.
COLD = {"version": ["--version"], "tokens": ["tokens", TEXT, "-m", "toy"]}
WARM = {
    "trace": ["trace", TEXT, "-m", "toy", "-o", "heads.html", "--json"],
    "save": ["trace", TEXT, "-m", "toy", "-o", "heads.npz"],
    "next": ["next", TEXT, "-m", "toy", "--json"],
    "lens": ["lens", TEXT, "-m", "toy"],
    "models": ["models", "--json"],
}
BEGUN = 20  # the moment when `main` has begun
SECONDS = 60  # after which a command hangs
OLD = b"the old file"


def may_be_freed(code):
    """Return whether code may run while its object is freed: Python drops errors."""
    return code.co_flags & inspect.CO_GENERATOR or code.co_name == "__del__"


def become(folder, arguments, moment, number):
    """Run a command in this process, which gets a signal at a moment; never returns."""
    os.chdir(folder)
    for stream in (1, 2):
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(f"../{stream}", flags), stream)
    signal.alarm(SECONDS)
    n_events = 0

    def hook(frame, *_):
        nonlocal n_events
        n_events += 1
        if moment and n_events >= moment and not may_be_freed(frame.f_code):
            sys.setprofile(None)
            signal.raise_signal(number)

    sys.argv = ["lmviz", *arguments]
    from lmviz._cli import main  # until here, Python itself is starting

    sys.setprofile(hook)
    try:
        main()
    finally:
        sys.setprofile(None)
        Path("../events").write_text(str(n_events))


def run(arguments, moment=0, number=signal.SIGINT):
    """Return how a command ended, and None in the process that is to end as it does."""
    top = Path(tempfile.mkdtemp(dir=sys.argv[1]))
    folder = top / "folder"
    folder.mkdir()
    for ending in ("html", "npz"):
        (folder / f"heads.{ending}").write_bytes(OLD)
    pid = os.fork()
    if not pid:
        become(folder, arguments, moment, number)
    _, status = os.waitpid(pid, 0)
    events = top / "events"
    changed = [
        file.name for file in sorted(folder.iterdir()) if file.read_bytes() != OLD
    ]
    return {
        "moment": moment,
        "signal": number.name,
        "code": os.waitstatus_to_exitcode(status),
        "out": (top / "1").read_text(),
        "err": (top / "2").read_text(),
        "changed": changed,
        "whole": all(is_whole(folder / name) for name in changed),
        "events": int(events.read_text()) if events.exists() else 0,  # killed at once
    }


def is_whole(path):
    content = path.read_bytes()
    if path.name == "heads.html":
        return content.rstrip().endswith(b"</html>")
    return path.name == "heads.npz" and b"logits.npy" in content[-500:]


def try_all(commands, n, seeded):
    for name, arguments in commands.items():
        undisturbed = run(arguments)
        yield {"name": name, **undisturbed}
        for number in (signal.SIGINT, signal.SIGTERM):
            for i in range(n):
                share = (i + seeded.random()) / n
                moment = BEGUN + int((undisturbed["events"] - BEGUN) * share)
                yield {"name": name, **run(arguments, moment, number)}


def warm():
    import matplotlib.pyplot
    import numpy

    import lmviz
    import lmviz.views

    lmviz.load("toy").trace(TEXT)
    return matplotlib.pyplot, numpy


if __name__ == "__main__":
    # A job in the background would ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    n, seeded = int(sys.argv[2]), random.Random(0)
    found = list(try_all(COLD, n, seeded))
    warm()
    found += try_all(WARM, n, seeded)
    json.dump(found, sys.stdout)
