"""The group of verbs, and how a run ends: its exit code, and one sentence."""

import contextlib
import errno
import logging
import os
import sys
import warnings

import click
from click.shell_completion import shell_complete

from .. import __version__
from .._output import discard_output
from ._completion import completion
from ._doctor import doctor
from ._lens import lens
from ._models import models
from ._next import next_
from ._terminal import Warnings, complain
from ._tokens import tokens
from ._trace import trace

#: click reads this variable to complete names; see `completion`.
COMPLETE = "_LMVIZ_COMPLETE"
_OK, _ERROR = 0, 1
# Errors about a missing extra have the command that installs it.
_INSTALL = "python -m pip install"

EXAMPLES = """\b
Examples:
  lmviz next "The capital of France is"
  lmviz trace "The capital of France is" --save heads.html
  echo "The capital of France is" | lmviz tokens - --model gpt2
  lmviz doctor

Exit codes: 0 for success, 1 for an error, 2 for an invalid command line, 130 after
Ctrl-C, 143 after SIGTERM."""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog=EXAMPLES,
    no_args_is_help=True,
)
@click.version_option(__version__, "-V", "--version", message="lmviz %(version)s")
def cli():
    """Look inside a language model.

    TEXT is one argument, in quotes. If it is a single dash, the text is read from
    stdin. If it begins with a dash, put -- before it, after all options.
    """


for verb in (trace, tokens, next_, lens, models, doctor, completion):
    cli.add_command(verb)


def run_verb(arguments):
    """Run the command line, and return its exit code."""
    logger, handler = logging.getLogger("lmviz"), Warnings(logging.WARNING)
    logger.addHandler(handler)
    try:
        with _silence(arguments):
            return _run(arguments)
    finally:
        logger.removeHandler(handler)


@contextlib.contextmanager
def _silence(arguments):
    """Let no other package print anything but its errors, and draw bars when asked."""
    names = {"TRANSFORMERS_VERBOSITY": "error"}
    if {"-q", "--quiet"}.intersection(arguments):
        names["TQDM_DISABLE"] = "1"
    added = {name: value for name, value in names.items() if name not in os.environ}
    os.environ.update(added)
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:
                warnings.simplefilter("ignore")
            yield
    finally:
        for name in added:
            os.environ.pop(name)


def _run(arguments):
    if instruction := os.environ.get(COMPLETE):
        return shell_complete(cli, {}, "lmviz", COMPLETE, instruction)
    try:
        # Not by `cli.main`: it has its own exit codes for a closed pipe and Ctrl-C.
        with cli.make_context("lmviz", arguments) as context:
            cli.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        _add_hint(error)
        error.show()
        return error.exit_code
    except Exception as error:
        return _after(error)
    return _OK


def _add_hint(error):
    """Say what to do about the two common mistakes with a text."""
    if isinstance(error, click.NoSuchOption):
        error.message += " A text that begins with a dash goes after -- at the end."
    elif "unexpected extra argument" in error.message:
        error.message += ". Put the text in quotes."


def _after(error):
    """Print one sentence about an error; one that is a bug shows its traceback."""
    if isinstance(error, BrokenPipeError):  # as by head: it has read enough
        discard_output()
        return _OK
    sentence = _sentence(error)
    if sentence is None:
        raise error
    if getattr(error, "errno", None) == errno.ENOSPC:
        with contextlib.suppress(OSError, ValueError):
            discard_output()  # or else Python complains when it ends
    complain(sentence)
    return _ERROR


def _sentence(error):
    from ..models.errors import ModelError

    if isinstance(error, OSError):
        about = f"{error.filename}: " if error.filename else ""
        return f"{about}{error.strerror or error}"
    if isinstance(error, MemoryError):
        return "there is not enough memory; shorten the text, or choose a smaller model"
    known = ModelError, ValueError, TypeError, ImportError, click.ClickException
    if not isinstance(error, known):
        return None
    said = " ".join(str(error).split())
    if isinstance(error, ImportError) and _INSTALL not in said:
        return f"{said}; lmviz doctor checks the installation"
    return said
