"""Work in processes of its own, and an end to what hangs, dies or eats the memory.

A lesson or a notebook that crashes takes nothing with it, and leaves nothing behind:
no folder, variable, seed, style or thread of its own, and no process.
"""

import contextlib
import faulthandler
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import wait

from sphinx.util.display import status_iterator

# A fork has all that is imported, and costs nothing. Elsewhere it is not safe.
CONTEXT = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")


class ScriptError(Exception):
    """What is wrong with a piece of work, in words that need no traceback."""


@dataclass
class Job:
    """A piece of work: a function, and the seconds that it may take."""

    name: str
    function: object
    arguments: tuple
    seconds: float


def run_all(app, what, jobs):
    """Do jobs as the book's settings say, and tell how far it is."""
    model = sum(path.stat().st_size for path in app.lmviz_source.folder.iterdir())
    # A model is larger in memory, and there is more than one copy while it is loaded.
    gigabytes = app.config.lmviz_gigabytes + 4 * model / 2**30
    return status_iterator(
        run(jobs, app.config.lmviz_workers, gigabytes),
        f"running {what}... ",
        length=len(jobs),
        verbosity=app.verbosity,
        stringify_func=lambda ended: ended[0].name,
    )


def run(jobs, workers, gigabytes):
    """Do some jobs side by side; yield each with its result, and what went wrong."""
    waiting, running = list(jobs)[::-1], []
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(Running(waiting.pop(), gigabytes))
            wait([one.pipe for one in running], timeout=0.1)
            for one in [one for one in running if one.has_ended()]:
                running.remove(one)
                one.end()
                yield one.job, one.result, one.fault
    finally:
        for one in running:
            one.end()


class Running:
    """A job that is being done."""

    def __init__(self, job, gigabytes):
        self.job, self.result, self.fault = job, None, None
        self.pipe, far_end = CONTEXT.Pipe(duplex=False)
        arguments = (far_end, job.function, job.arguments, job.seconds, gigabytes)
        self.process = CONTEXT.Process(target=work, args=arguments)
        self.process.start()
        far_end.close()
        # A second more, to say where it hangs.
        self.deadline = time.monotonic() + job.seconds + 1

    def has_ended(self):
        """Say whether it has, and take what it sent."""
        ended = self.process.exitcode is not None
        if self.pipe.poll():
            try:
                self.result, self.fault = self.pipe.recv()
            except (EOFError, OSError):
                self.process.join(1)
                self.fault = how_it_ended(self.process.exitcode)
            return True
        if ended:
            self.fault = how_it_ended(self.process.exitcode)
        elif time.monotonic() > self.deadline:
            ended = True
            self.fault = (
                f"ran for more than the {self.job.seconds:g} s that it may take"
            )
        return ended

    def end(self):
        """End its process, and those that it started."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.process.close()
        self.pipe.close()


def check_length(text, most):
    """Refuse a page that would take long to write, and longer to read."""
    if len(text) > most:
        raise ScriptError(f"prints too much: {len(text):,} characters of {most:,}")


def how_it_ended(code):
    if code is None:
        return "closed what it should answer through"
    if code >= 0:
        return f"ended its process with exit code {code} before its last line"
    name = signal.Signals(-code).name
    hint = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f"was ended by the signal {name}{hint}"


def work(pipe, function, arguments, seconds, gigabytes):
    """Do a job in this process, and send what came of it."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    threading.Thread(target=end_with_parent, daemon=True).start()
    limit_memory(gigabytes)
    # Where it crashes or hangs stands in the build's output.
    faulthandler.enable(sys.__stderr__)
    faulthandler.dump_traceback_later(seconds, file=sys.__stderr__)
    # The build itself tells what is wrong, once.
    logging.getLogger("sphinx").handlers.clear()
    try:
        answer = function(*arguments), None
    except ScriptError as fault:
        answer = None, str(fault)
    except BaseException:
        answer = None, traceback.format_exc()
    pipe.send(answer)


def end_with_parent():
    """Write nothing more into a build that was killed."""
    multiprocessing.parent_process().join()
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def limit_memory(gigabytes):
    """Let what asks for more get a MemoryError, where the system can count it."""
    if sys.platform == "linux":
        import resource

        # Not the address space, of which torch reserves much and uses little.
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        limit = int(gigabytes * 2**30)
        if most != resource.RLIM_INFINITY:
            limit = min(limit, most)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, most))
