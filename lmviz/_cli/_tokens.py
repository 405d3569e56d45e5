"""``lmviz tokens``: how a text is split."""

import click

from .._text import bytes_of, checked_text
from ._options import model_option, output_options, text_argument
from ._terminal import progress, show_json, table

EXAMPLES = """\b
Examples:
  lmviz tokens "unbelievable tokenization"
  lmviz tokens "unbelievable tokenization" --model gpt2
  lmviz tokens - --json < poem.txt

Keys of --json: model, text, and tokens, a list with position, id, token (a space is
shown as U+2423) and bytes (in hexadecimal) of each."""


@click.command(
    short_help="Print the tokens of a text with ids and bytes.", epilog=EXAMPLES
)
@text_argument
@model_option
@output_options
def tokens(text, model, json_):
    """Print the tokens of TEXT with their ids and bytes.

    Only the tokenizer of the model is read, not its weights.
    """
    result = compute(text, model)
    if json_:
        show_json(result)
        return
    rows = (
        [str(token["position"]), str(token["id"]), token["token"], token["bytes"]]
        for token in result["tokens"]
    )
    table(("position", "id", "token", "bytes"), rows, ">><<")


def compute(text, model):
    """Return what ``--json`` prints."""
    from .. import load_tokenizer, tokenization
    from ..models._resolve import resolve
    from ..tokenization._coverage import encode_whole

    checked_text(text)
    with progress("reading the tokenizer"):
        if model is None:  # so that the result names the model that is used
            model = resolve().make_local(weights=False).spec
        tokenizer = load_tokenizer(model)
    ids = encode_whole(tokenizer, text).ids
    shown = tokenization.readable_tokens(tokenizer, ids)
    return {
        "model": model,
        "text": text,
        "tokens": [
            {
                "position": position,
                "id": i,
                "token": token,
                "bytes": bytes_of(token).hex(" ").upper(),
            }
            for position, (i, token) in enumerate(zip(ids, shown, strict=True))
        ],
    }
