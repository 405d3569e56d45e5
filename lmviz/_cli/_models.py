"""``lmviz models``: which models are on this machine, and which fit into memory."""

import textwrap

import click

from ._options import output_options
from ._terminal import cut, show, show_json, table

EXAMPLES = """\b
Examples:
  lmviz models
  lmviz models path/to/a/model path/to/a/folder/of/models
  lmviz models --json

Keys of --json: memory (free, in bytes), and models, a list with name (for
--model), status, reason, folder, family, n_layers, n_heads, d_model, parameters,
memory (bytes as float32) and fits. The status is ready, convertible (converted on
first use), absent or refused; the reason says why, or how to get the model."""

# Commands and paths can be copied.
_UNBROKEN = {"break_on_hyphens": False, "break_long_words": False}


@click.command(short_help="Print the models on this machine.", epilog=EXAMPLES)
@click.argument("folders", nargs=-1, type=click.Path(), metavar="[FOLDER]...")
@output_options
def models(folders, json_):
    """Print the models on this machine: built-in, in the cache, in each FOLDER.

    None of them is loaded, so a model that is not causal is not recognised here.
    """
    result = compute(folders)
    if json_:
        show_json(result)
        return
    headings = ("name", "family", "layers x heads", "parameters", "float32", "fits")
    rows = [_row(model) for model in result["models"]]
    table((*headings, "status"), rows, "<<>>>" + "<<")
    show()
    show(f"Free memory: {_gigabytes(result['memory'])}.")
    for model in result["models"]:
        if model["reason"]:
            text = f"{model['name']} is {model['status']}: {model['reason']}"
            show(textwrap.fill(text, 80, subsequent_indent="  ", **_UNBROKEN))


def compute(folders):
    """Return what ``--json`` prints."""
    import psutil

    from ..models import local_models

    return {
        "memory": psutil.virtual_memory().available,
        "models": [_described(model) for model in local_models(folders)],
    }


def _described(model):
    return {
        "name": model.name,
        "status": model.status,
        "reason": model.reason,
        "folder": None if model.folder is None else str(model.folder),
        "family": model.family,
        "n_layers": model.n_layers,
        "n_heads": model.n_heads,
        "d_model": model.d_model,
        "parameters": model.parameters,
        "memory": model.memory,
        "fits": model.fits,
    }


def _row(model):
    heads = "" if model["n_heads"] is None else f" x {model['n_heads']}"
    layers = "" if model["n_layers"] is None else f"{model['n_layers']}{heads}"
    count, memory = model["parameters"], model["memory"]
    return [
        cut(model["name"], 30),
        cut(model["family"] or "", 12),
        layers,
        "" if count is None else f"{count / 1e6:.3g}M",
        "" if memory is None else _gigabytes(memory),
        {True: "yes", False: "no", None: ""}[model["fits"]],
        model["status"],
    ]


def _gigabytes(size):
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
