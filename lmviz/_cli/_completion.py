"""``lmviz completion``: the completion script of a shell."""

import click
from click.shell_completion import get_completion_class

EXAMPLES = """\b
Examples:
  lmviz completion bash >> ~/.bashrc
  lmviz completion zsh >> ~/.zshrc
  lmviz completion fish > ~/.config/fish/completions/lmviz.fish

Then start a new shell. Tab completes commands, options and, after --model, the built-in
models, the hub ids in the cache, and folders."""


@click.command(short_help="Print the completion script of a shell.", epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell):
    """Print the script that lets SHELL complete command lines of lmviz."""
    root = click.get_current_context().find_root().command
    made = get_completion_class(shell)(root, {}, "lmviz", "_LMVIZ_COMPLETE")
    print(made.source())
