"""``lmviz trace``: one forward pass, summarized and saved."""

import dataclasses

import click

from ._next import most_likely, show_next
from ._options import check_writable, output_options, run_options, text_argument
from ._save import ENDINGS, check_ending, save
from ._terminal import complain, cut, is_quiet, progress, show, show_json, table

EXAMPLES = """\b
Examples:
  lmviz trace "The dog chased the ball because it was excited."
  lmviz trace "The dog chased the ball" --save heads.html
  lmviz trace "The dog chased the ball" --save head.svg --head 11 7
  lmviz trace "The dog chased the ball" --save everything.npz --quiet

Keys of --json: model (its card), text, ids, tokens, shapes (of each array), next (the
five most likely tokens, as lmviz next has them), strongest (for each token from the
third: position, key, layer, head and weight of its strongest attention to an earlier
token that is not the first), and saved (the file)."""
_ROWS = 24
_AXES = {
    "embeddings": "tokens, width",
    "hidden_states": "layers + 1, tokens, width",
    "attentions": "layers, heads, tokens, tokens",
    "logits": "tokens, vocabulary",
}


@click.command(
    short_help="Run a model once; print and save what it computed.", epilog=EXAMPLES
)
@text_argument
@click.option(
    "-o",
    "--save",
    "path",
    type=click.Path(),
    metavar="FILE",
    help=f"Save the attention weights, in the format of the extension: {ENDINGS}.",
)
@click.option(
    "--head",
    type=int,
    nargs=2,
    metavar="LAYER HEAD",
    help="The head that .svg, .png and .pdf show. [default: the one with the strongest "
    "attention in the table]",
)
@run_options
@output_options
def trace(text, path, head, source, json_):
    """Run a model once on TEXT, and print what it computed.

    The output is the tokens, the shapes of all activations, the token to which each
    token attends most strongly (not counting itself and the first token, which most
    models use as an attention sink), and the most likely next tokens.
    """
    if path is not None:
        check_ending(path)
        check_writable(path)
    lm, ids = source.load(text)
    traced = _run(lm, ids)
    result = summarize(lm, traced, text)
    if path is not None:
        with progress(f"saving {path}"):
            save(path, traced, result, head)
        result["saved"] = path
    if json_:
        show_json(result)
    else:
        _show(result)
        if path is not None and not is_quiet():
            complain(f"saved {path}")


def _run(lm, ids):
    from ..models._memory import TooLargeError

    try:
        with progress("running the model"):
            return lm.trace(ids)
    except TooLargeError as error:
        raise ValueError(
            f"{error.fact}; shorten the text, or use lmviz next or lmviz lens, "
            "which do not keep the attention weights"
        ) from None


def summarize(lm, traced, text):
    """Return what ``--json`` prints."""
    names = [name for name in _AXES if getattr(traced, name) is not None]
    return {
        "model": dataclasses.asdict(lm.card),
        "text": text,
        "ids": traced.ids.tolist(),
        "tokens": list(traced.tokens),
        "shapes": {name: list(getattr(traced, name).shape) for name in names},
        "next": most_likely(lm, traced.logits[-1], 5),
        "strongest": strongest(traced),
        "saved": None,
    }


def strongest(traced):
    """Return the strongest attention of each token to one between the first and it.

    Parameters
    ----------
    traced : lmviz.Trace

    Returns
    -------
    list of dict
        For each position from 2 on; none if the model has no attention.

    Examples
    --------
    >>> import lmviz
    >>> found = strongest(lmviz.load("toy").trace("Anna has a red ball"))
    >>> [(each["position"], each["key"]) for each in found]
    [(2, 1), (3, 2), (4, 2), (5, 1)]
    """
    if traced.attentions is None:
        return []
    found = []
    for position in range(2, len(traced.tokens)):
        weights = traced.attentions[:, :, position, 1:position]
        layer, head, key = (int(i) for i in _unravel(weights.argmax(), weights.shape))
        found.append(
            {
                "position": position,
                "key": key + 1,
                "layer": traced.attention_layers[layer],
                "head": head,
                "weight": float(weights[layer, head, key]),
            }
        )
    return found


def _unravel(index, shape):
    import torch

    return torch.unravel_index(index, shape)


def _show(result):
    card = result["model"]
    show(
        f"{card['name']}: {card['n_layers']} layers, {card['n_heads']} heads, width "
        f"{card['d_model']}, {card['parameters'] / 1e6:.3g}M parameters"
    )
    show()
    shapes = result["shapes"].items()
    rows = [[n, " x ".join(map(str, shape)), _AXES[n]] for n, shape in shapes]
    table(("array", "shape", "axes"), rows, "<<<")
    show()
    _show_tokens(result)
    show()
    show_next(result["next"])


def _show_tokens(result):
    tokens = result["tokens"]
    by_position = {each["position"]: each for each in result["strongest"]}
    rows = []
    for position, (i, token) in enumerate(zip(result["ids"], tokens, strict=True)):
        row = [str(position), str(i), cut(token, 20)]
        if each := by_position.get(position):
            key = f"{each['key']} {cut(tokens[each['key']], 16)}"
            place = f"layer {each['layer']}, head {each['head']}"
            rows.append([*row, key, f"{each['weight']:.2f}", place])
        else:
            rows.append([*row, "", "", ""])
    headings = ("position", "id", "token", "attends to", "weight", "in")
    sides = ">><<><"
    if not by_position:
        headings, sides, rows = headings[:3], sides[:3], [row[:3] for row in rows]
    table(headings, rows[-_ROWS:], sides)
    if len(rows) > _ROWS:
        show(f"The last {_ROWS} of {len(rows)} tokens; --json prints all.")
