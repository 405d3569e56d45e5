"""``lmviz lens``: the logit lens at one position."""

import dataclasses

import click

from ._next import most_likely
from ._options import output_options, run_options, text_argument
from ._terminal import cut, progress, show, show_json, table

EXAMPLES = """\b
Examples:
  lmviz lens "The capital of France is"
  lmviz lens "The capital of France is" --position 3 --top 3
  lmviz lens "The capital of France is" --json

Keys of --json: model (its card), text, position, token (at that position), prediction
(id and token of the model's own), and layers, a list with depth (how many layers the
state has passed through), next (id, token, probability and logit of the most likely
tokens), and probability and rank of the model's own prediction (rank 1 is the most
likely)."""
_MOST = 2  # tokens that the table has room for


@click.command(short_help="Print what each layer would predict.", epilog=EXAMPLES)
@text_argument
@click.option(
    "-p",
    "--position",
    type=int,
    default=-1,
    metavar="I",
    help="The position of the token, counted from 0, or from the end if negative. "
    "[default: -1, the last]",
)
@click.option(
    "-n",
    "--top",
    type=click.IntRange(min=1),
    default=1,
    metavar="N",
    help="How many tokens to print for each layer; the table shows at most 2. "
    "[default: 1]",
)
@run_options
@output_options
def lens(text, position, top, source, json_):
    """Print which next token each layer would predict: the logit lens.

    The model's final norm and unembedding are applied to the state after each layer.
    """
    lm, ids = source.load(text)
    with progress("running the model"):
        result = compute(lm, text, ids, position, top)
    if json_:
        show_json(result)
        return
    own = result["prediction"]["token"]
    show(f"{lm.card.name} after position {result['position']}, {result['token']}")
    show()
    top = min(top, _MOST)
    # What two tokens leave of the 80 columns of a terminal.
    probability, widest = ("probability", 20) if top == 1 else ("prob.", 12)
    table(
        (
            "layers",
            *("top token", probability) * top,
            f"rank of {cut(own, widest - 3)}",
            f"its {probability}",
        ),
        (_row(layer, top, widest) for layer in result["layers"]),
        ">" + "<>" * top + ">>",
    )


def compute(lm, text, ids, position, top):
    """Return what ``--json`` prints."""
    from .. import prediction

    states = prediction.text_logit_lens(lm, ids, positions=position)[:, 0]
    own = int(states[-1].argmax())
    token = lm.tokens([own])[0]
    position = position % len(ids)
    per_state = lm.n_layers // (len(states) - 1)  # some models return every other
    return {
        "model": dataclasses.asdict(lm.card),
        "text": text,
        "position": position,
        "token": lm.tokens(ids)[position],
        "prediction": {"id": own, "token": token},
        "layers": [
            {
                "depth": i * per_state,
                "next": most_likely(lm, logits, top),
                "probability": float(prediction.probabilities(logits)[own]),
                "rank": int((logits > logits[own]).sum()) + 1,
            }
            for i, logits in enumerate(states)
        ],
    }


def _row(layer, top, widest):
    cells = [str(layer["depth"])]
    for token in layer["next"][:top]:
        cells += [cut(token["token"], widest), f"{token['probability']:.2%}"]
    return [*cells, str(layer["rank"]), f"{layer['probability']:.2%}"]
