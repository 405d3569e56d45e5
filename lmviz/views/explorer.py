"""The whole way through the toy, from the words to the next one, run in the page.

The weights, the words and the lists of the grammar go into the page; the model and
the language are run there (``static/model.js``, ``static/language.js``).
"""

import html
import json
import os
from collections.abc import Mapping

import numpy as np

from ..toy import WEIGHTS, grammar, language
from ._tour import TOUR
from ._view import LINKED, View

_FACTS = "Anna has a red ball . Tom has a blue kite ."
STORIES = {
    "A question": f"{_FACTS} the ball Anna has is",
    "A thing, and whose it is": f"{_FACTS} the kite",
    "A reminder": f"{_FACTS} Tom still has his",
    "A journey": f"{_FACTS} Anna went to the park with her ball because",
    "A chase": f"{_FACTS} the dog saw the cup because it was new . the new one was the",
    "A song": f"{_FACTS} Tom sings do la mi , do",
    "The time of day": f"{_FACTS} now it is",
}
PARTS = {
    "story": ("The story", "Press a word to look at its place."),
    "vectors": (
        "Its vectors",
        "The vector of the word and that of its place; their sum enters the first "
        "layer. Dark is below zero, bright above, each strip on its own scale; its "
        "length stands beside.",
    ),
    "attention": (
        "Its attention",
        "A small square is a head, a row a layer. In each, rows are the words that "
        "look (queries), columns the words looked at (keys); dark is 0, bright is 1. "
        "Press a square to see it large, or switch its head off.",
    ),
    "stream": (
        "The residual stream",
        "The vector at this place after each layer, as strips again.",
    ),
    "lens": (
        "The lens",
        "What would be said if each layer were the last: the likeliest word, the "
        "brighter the surer. Press one to look at its place.",
    ),
    "next": ("The next word", "Press a word to go on with it."),
}
_LISTS = (
    *("START", "WOMEN", "MEN", "COLOURS", "THINGS", "ANIMALS", "PLACES", "DEEDS"),
    *("MOODS", "OF_ANIMALS", "OF_THINGS", "NOTES", "TIMES"),
    *("DAWN", "WATCH", "LAST_BEGINNING", "MIXED"),
)
SITE = "_static/toy/model.safetensors"


def explorer(stories=None, *, embed=None, weights_url=SITE):
    """Show the whole way through the toy, with a model that runs in the page.

    Parameters
    ----------
    stories : mapping of str to str, optional
        What each story to pick is called, and its words with spaces between.
        Default: one for each kind of question. A tour is offered with these only.
    embed : bool, optional
        Whether the page carries the weights, some 0.9 MB. Default: unless the site
        serves the scripts.
    weights_url : str, default ``"_static/toy/model.safetensors"``
        Where they are fetched from otherwise, seen from the page.

    Returns
    -------
    View

    Raises
    ------
    TypeError
        If `stories` is not a mapping of strings.
    ValueError
        If there is none, or one that the toy cannot read.

    Examples
    --------
    >>> view = explorer({"Mine": "Mia has a green hat ."}, embed=False)
    >>> view.data["weights_url"]
    '_static/toy/model.safetensors'
    """
    data = collect(stories, embed=embed, weights_url=weights_url)
    first = next(iter(data["stories"].values()))
    return View("explorer", "The whole way", data, _instead(first))


def collect(stories=None, *, embed=None, weights_url=SITE):
    """Gather what the page needs to run the toy and to know the truth.

    Parameters
    ----------
    stories, embed, weights_url
        As for `explorer`.

    Returns
    -------
    dict
        ``language``: the lists of the grammar; ``words``: (V,) in the order of their
        ids; ``config``: sizes; ``weights``: array of uint8, the safetensors file, or
        None; ``weights_url``; ``stories``; ``parts``; ``tour``.
    """
    if embed is None:
        embed = not os.environ.get(LINKED)
    config = json.loads((WEIGHTS / "config.json").read_text("utf-8"))
    chosen = _checked(STORIES if stories is None else stories)
    file = WEIGHTS / "model.safetensors"
    return {
        "language": {name: getattr(grammar, name) for name in _LISTS},
        "words": list(grammar.WORDS),
        "config": {k: config[k] for k in ("n_layer", "n_head", "layer_norm_epsilon")},
        "weights": np.frombuffer(file.read_bytes(), np.uint8) if embed else None,
        "weights_url": weights_url,
        "stories": chosen,
        "parts": PARTS,
        "tour": [] if stories else [{"story": next(iter(STORIES)), **s} for s in TOUR],
    }


def _checked(stories):
    if not isinstance(stories, Mapping):
        raise TypeError(f"stories is {type(stories).__name__}, wanted names to texts")
    if not stories:
        raise ValueError("no stories: wanted one or more")
    for name, text in stories.items():
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(
                f"story {name!r:.60} is {text!r:.60}, wanted a str for a str"
            )
        words = text.split()
        unknown = [word for word in words if word not in grammar.WORDS]
        if unknown:
            raise ValueError(
                f"story {name!r:.60}: the toy knows {len(grammar.WORDS)} words, and "
                f"{unknown[0]!r:.60} is none"
            )
        if len(words) >= grammar.CONTEXT:
            raise ValueError(
                f"story {name!r:.60} has {len(words)} words, wanted at most "
                f"{grammar.CONTEXT - 1}"
            )
    return dict(stories)


def _instead(text):
    """Say what truly follows a story, as a table."""
    shown = html.escape(text)
    try:
        chances = language.next_word_probs([grammar.START, *text.split()])
    except ValueError:
        return f"<p>The toy reads: <q>{shown}</q></p>"
    rows = "".join(
        f"<tr><td>{html.escape(word)}</td><td>{p:.3f}</td></tr>"
        for word, p in sorted(chances.items(), key=lambda pair: -pair[1])
    )
    return (
        f"<p>The toy reads: <q>{shown}</q> In its language, this may come next:</p>"
        "<table><thead><tr><th>word</th><th>true probability</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
