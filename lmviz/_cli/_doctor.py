"""``lmviz doctor``: what is installed, whether it works, and how to get the rest."""

import click

from ._checks import CHECKS, Result
from ._options import output_options
from ._terminal import progress, show, show_json, table

EXAMPLES = """\b
Examples:
  lmviz doctor
  lmviz doctor --json > report.json
  lmviz doctor --quiet > report.txt && echo "lmviz works"

The exit code is 1 if lmviz does not work, and 0 if only optional parts are missing.

Keys of --json: ok, and checks, a list with name, status (ok, missing or error), value
and fix (the command or the advice that fixes it, or null)."""


@click.command(
    short_help="Check what is installed and whether it works.", epilog=EXAMPLES
)
@output_options
@click.pass_context
def doctor(context, json_):
    """Check the installation, the cache, the memory, the models and the extras.

    The toy is run once, which reveals a broken installation of torch.
    """
    with progress("checking"):
        results = [result for check in CHECKS for result in _checked(check)]
    ok = all(result.status != "error" for result in results)
    if json_:
        show_json({"ok": ok, "checks": [vars(result) for result in results]})
    else:
        _show(results, ok)
    context.exit(0 if ok else 1)


def _checked(check):
    """Return a check's results; one that fails is a result, too."""
    try:
        return list(check())
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        name = check.__name__.strip("_").replace("_", " ")
        return [Result(name, "error", f"{type(error).__name__}: {lines[0]}")]


def _show(results, ok):
    rows = [[each.status, each.name, each.value] for each in results]
    table(("status", "what", "found"), rows, "<<<")
    show()
    show("lmviz works here." if ok else "lmviz does not work here.")
    for status, said in (("error", "Required"), ("missing", "Optional")):
        fixes = [
            [f"  {e.name}", e.fix] for e in results if e.status == status and e.fix
        ]
        if fixes:
            show(f"{said}:")
            table(("  what", "how to fix it"), fixes, "<<")
