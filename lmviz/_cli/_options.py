"""The arguments that verbs share: a text, a model, and how the result is printed."""

import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from ._terminal import complain, is_quiet, progress, set_quiet

_BUILT_IN = ("auto", "smollm2", "gpt2", "toy")


class Text(click.ParamType):
    """A text in UTF-8; a single dash reads it from stdin."""

    name = "text"

    def convert(self, value, param, ctx):
        """Return the text; one newline at the end of the input is left out."""
        if ctx is not None and ctx.resilient_parsing:  # for a completion
            return value
        if value != "-":
            escaped = _is_escaped(value)
            return _decoded(os.fsencode(value), "the text") if escaped else value
        if sys.stdin is None:
            raise ValueError("there is no standard input; pass the text as an argument")
        stream = sys.stdin.buffer
        if stream.isatty() and not is_quiet():
            complain("type the text and end it with Ctrl-D (Windows: Ctrl-Z, Enter)")
        text = _decoded(stream.read(), "standard input")
        return text.removesuffix("\n").removesuffix("\r")


def _is_escaped(text):
    """Return whether Python could not decode an argument, as in the C locale."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _decoded(raw, what):
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{what} must be in UTF-8, got byte 0x{raw[error.start]:02x} at position "
            f"{error.start}; convert it first"
        ) from None


class Model(click.ParamType):
    """A model's name, folder or hub id, which the shell completes."""

    name = "name"

    def shell_complete(self, ctx, param, incomplete):
        """Return the built-in models, those in the caches, or else folders."""
        from click.shell_completion import CompletionItem

        from ..models._inventory import cached_repos

        names = [*_BUILT_IN, *cached_repos()]
        found = [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return found or [CompletionItem(incomplete, type="dir")]


def text_argument(function):
    """Add the argument TEXT."""
    return click.argument("text", type=Text())(function)


def model_option(function):
    """Add the option ``--model``."""
    said = (
        "A built-in model (smollm2, gpt2, toy), a folder or a hub id. [default: the "
        "environment variable LMVIZ_MODEL, else the first available built-in model]"
    )
    return click.option("-m", "--model", type=Model(), metavar="NAME", help=said)(
        function
    )


@dataclass(frozen=True)
class Source:
    """Which model runs, where, and what happens to a text that is too long for it."""

    model: str | None
    device: str
    dtype: str
    truncate: bool

    def load(self, text):
        """Return the model and the ids of a text."""
        with progress(f"loading {self.model or 'the model'}"):
            import lmviz

            lm = lmviz.load(self.model, device=self.device, dtype=self.dtype)
        if self.truncate:
            return lm, lm.encode(text, truncate=True)
        n_tokens = sum(map(len, lm.pieces(text)))
        if lm.context is not None and n_tokens > lm.context:
            raise ValueError(
                f"the text has {n_tokens:,} tokens, but {lm.card.name} takes at most "
                f"{lm.context:,}; shorten it, or use --truncate"
            )
        return lm, lm.ids(text)


def run_options(function):
    """Add the options of verbs that run a model, which get them as a `Source`."""

    @functools.wraps(function)
    def with_source(model, device, dtype, truncate, **others):
        return function(source=Source(model, device, dtype, truncate), **others)

    options = (
        model_option,
        click.option(
            "--device",
            default="cpu",
            metavar="DEVICE",
            help="Where the model runs: cpu, cuda, cuda:1, mps. [default: cpu]",
        ),
        click.option(
            "--dtype",
            type=click.Choice(["float32", "bfloat16", "float16"]),
            default="float32",
            metavar="TYPE",
            help="Type of the weights: float32, bfloat16, float16. [default: float32]",
        ),
        click.option(
            "--truncate", is_flag=True, help="Truncate a text that exceeds the context."
        ),
    )
    return functools.reduce(lambda f, option: option(f), reversed(options), with_source)


def output_options(function):
    """Add ``--json`` and ``--quiet``."""
    function = click.option(
        "-q",
        "--quiet",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=set_quiet,
        help="Print no warnings and no progress.",
    )(function)
    return click.option(
        "--json", "json_", is_flag=True, help="Print the result as JSON."
    )(function)


def check_writable(path):
    """Raise an error before anything is computed if a file cannot be written."""
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise ValueError(f"{path} cannot be written: there is no folder {folder}")
    if Path(path).is_dir():
        raise ValueError(f"{path} is a folder; name a file in it")
    target = path if Path(path).exists() else folder
    if not os.access(target, os.W_OK):
        raise ValueError(f"{path} cannot be written to; choose another file")
