"""Mutants of the command line, where it is interrupted or has nowhere to print."""

import signal

from ._mutant import mutant


@mutant("lmviz._cli:_terminate", "test_interrupted_commands.py -k save")
def a_command_ends_at_once_and_leaves_what_is_half_written(original):
    def terminate(number, _):
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    return terminate


@mutant("lmviz._cli:_INTERRUPTED", "test_interrupted_commands.py -k version")
def ctrl_c_is_an_error_like_others(original):
    return 1


@mutant("lmviz._cli._terminal:complain", "test_odd_input.py -k nothing_can_be_said")
def a_warning_that_cannot_be_printed_is_an_error(original):
    import click

    return lambda message: click.echo(f"lmviz: {message}", err=True)


@mutant("lmviz._cli._options:_decoded", "test_odd_input.py -k no_text")
def bytes_that_are_no_text_are_replaced(original):
    return lambda raw, what: raw.decode("utf-8-sig", "replace")
