"""``lmviz next``: the most likely next tokens."""

import dataclasses

import click

from ._options import output_options, run_options, text_argument
from ._terminal import show_json, table

EXAMPLES = """\b
Examples:
  lmviz next "The capital of France is"
  lmviz next "The capital of France is" --top 3 --temperature 0.5
  lmviz next "The capital of France is" --top-p 0.9 --json

Keys of --json: model (its card), text, temperature, top_k, top_p, min_p, and next, a
list with id, token, probability and logit of each, the most likely first. The logits
are the model's own; temperature and filters change only the probabilities."""


@click.command("next", short_help="Print the most likely next tokens.", epilog=EXAMPLES)
@text_argument
@click.option(
    "-n",
    "--top",
    type=click.IntRange(min=1),
    default=10,
    metavar="N",
    help="How many tokens to print. [default: 10]",
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    metavar="T",
    help="Divide the logits by T. [default: 1]",
)
@click.option(
    "--top-k",
    type=click.IntRange(min=1),
    metavar="K",
    help="Keep the K most likely tokens.",
)
@click.option(
    "--top-p",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Keep the fewest tokens whose probabilities add up to at least P.",
)
@click.option(
    "--min-p",
    type=click.FloatRange(0, 1),
    metavar="P",
    help="Keep tokens with at least P times the highest probability.",
)
@run_options
@output_options
def next_(text, top, temperature, top_k, top_p, min_p, source, json_):
    """Print the most likely tokens after TEXT."""
    filters = {"top_k": top_k, "top_p": top_p, "min_p": min_p}
    lm, ids = source.load(text)
    logits = lm.trace(ids, keep="logits").logits[-1]
    result = {
        "model": dataclasses.asdict(lm.card),
        "text": text,
        "temperature": temperature,
        **filters,
        "next": most_likely(lm, logits, top, temperature=temperature, **filters),
    }
    if json_:
        show_json(result)
        return
    show_next(result["next"])


def show_next(tokens):
    """Print a list of `most_likely` tokens as a table."""
    rows = (
        [
            f"{token['probability']:.2%}",
            f"{token['logit']:.2f}",
            str(token["id"]),
            token["token"],
        ]
        for token in tokens
    )
    table(("probability", "logit", "id", "token"), rows, ">>><")


def most_likely(lm, logits, n, *, temperature=1.0, top_k=None, top_p=None, min_p=None):
    """Return the n most likely tokens, filtered in the order of `lmviz.prediction`.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    logits : torch.Tensor, shape (V,)
    n : int
        Fewer are returned if the filters leave fewer.
    temperature, top_k, top_p, min_p
        As for `lmviz.prediction.sampler`.

    Returns
    -------
    list of dict

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> logits = lm.trace("Anna has a red").logits[-1]
    >>> [token["token"] for token in most_likely(lm, logits, 5, top_k=2)]
    ['boat', 'bag']
    """
    from .. import prediction

    kept = prediction.probabilities(logits, temperature=temperature).log()
    for keep, setting in (
        (prediction.top_k_filter, top_k),
        (prediction.top_p_filter, top_p),
        (prediction.min_p_filter, min_p),
    ):
        if setting is not None:
            kept = keep(kept, setting)
    probs = prediction.probabilities(kept)
    top = probs.topk(min(n, int((probs > 0).sum())))
    return [
        {
            "id": i,
            "token": token,
            "probability": probability,
            "logit": float(logits[i]),
        }
        for i, token, probability in zip(
            top.indices.tolist(),
            lm.tokens(top.indices),
            top.values.tolist(),
            strict=True,
        )
    ]
