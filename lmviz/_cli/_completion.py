"""``lmviz completion``: the script with which a shell completes verbs and names."""

import click
from click.shell_completion import get_completion_class

EXAMPLES = """\b
Examples:
  lmviz completion bash >> ~/.bashrc
  lmviz completion zsh >> ~/.zshrc
  lmviz completion fish > ~/.config/fish/completions/lmviz.fish

Then start a new shell. On Tab, it completes verbs, options, the names of built-in
models, the hub ids in the cache, and folders."""


@click.command(
    short_help="Print a script that completes names in a shell.", epilog=EXAMPLES
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell):
    """Print the script that lets SHELL complete the command line of lmviz."""
    root = click.get_current_context().find_root().command
    made = get_completion_class(shell)(root, {}, "lmviz", "_LMVIZ_COMPLETE")
    print(made.source())
