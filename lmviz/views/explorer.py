"""The explorer: the toy runs in the page, from the words of a story to the next word.

The weights, the vocabulary and the lists of the grammar are sent to the page; the model
and the language run there (``static/gpt2.js``, ``static/language.js``).
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import numpy as np

from ..toy import WEIGHTS, grammar, language
from ._payload import check_texts
from ._static import Lines, Table
from ._tour import TOUR
from ._view import LINKED, View

if TYPE_CHECKING:
    from collections.abc import Mapping

_FACTS = "Anna has a red ball . Tom has a blue kite ."
STORIES = {
    "A question": f"{_FACTS} the ball Anna has is",
    "A thing and its owner": f"{_FACTS} the kite",
    "A reminder": f"{_FACTS} Tom still has his",
    "A journey": f"{_FACTS} Anna went to the park with her ball because",
    "A chase": f"{_FACTS} the dog saw the cup because it was new . the new one was the",
    "A song": f"{_FACTS} Tom sings do la mi , do",
    "The time of day": f"{_FACTS} now it is",
}
_PARTS = {
    "story": ("The story", "Press a word to choose its position."),
    "vectors": (
        "Embeddings",
        "The embedding of the word and that of its position; their sum enters the "
        "first layer. Violet is positive, orange negative. Each strip has its own "
        "scale; the norm of its vector is on the right.",
    ),
    "attention": (
        "Attention",
        "Each map shows the attention weights of one head; each row of maps is a "
        "layer. In a map, rows are queries and columns are keys; stronger colour is a "
        "larger weight. Press a map to enlarge it. The switch below it ablates the "
        "head.",
    ),
    "stream": (
        "Residual stream",
        "The vector at this position before the first layer and after each one.",
    ),
    "lens": (
        "Logit lens",
        "The most likely next word if each layer were the last; stronger colour is a "
        "higher probability. Press a word to choose its position.",
    ),
    "next": ("Next word", "Press a word to append it."),
}
_LISTS = (
    *("START", "WOMEN", "MEN", "COLOURS", "THINGS", "ANIMALS", "PLACES", "DEEDS"),
    *("MOODS", "OF_ANIMALS", "OF_THINGS", "NOTES", "TIMES"),
    *("DAWN", "WATCH", "LAST_BEGINNING", "MIXED"),
)
SITE = "_static/toy/model.safetensors"


def explorer(
    stories: Mapping[str, str] | None = None,
    *,
    embed: bool | None = None,
    weights_url: str = SITE,
    title: str = "Explorer",
) -> View:
    """Show every step of the toy's computation, with the model running in the page.

    Parameters
    ----------
    stories : mapping of str to str, optional
        The stories to choose from: the name of each and its words, separated by
        spaces. Default: one for each kind of question. Only these have a tour.
    embed : bool, optional
        Whether the page includes the weights, about 0.9 MB. Default: unless the site
        serves the scripts.
    weights_url : str, default ``"_static/toy/model.safetensors"``
        The URL from which they are fetched otherwise, relative to the page, or to the
        root of the site on a page that Sphinx has built.
    title : str, default "Explorer"

    Returns
    -------
    View

    Examples
    --------
    >>> view = explorer({"Mine": "Mia has a green hat ."}, embed=False)
    >>> view.data["weights_url"]
    '_static/toy/model.safetensors'
    """
    stories, tour = _validate(stories)
    data = _encode(stories, tour, embed, weights_url)
    return View("explorer", title, data, _fallback(next(iter(stories.values()))))


def _encode(stories, tour, embed, weights_url):
    """Gather what the page needs to run the toy and compute the true distribution.

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
    file = WEIGHTS / "model.safetensors"
    return {
        "language": language_data(),
        "words": list(grammar.WORDS),
        "config": {k: config[k] for k in ("n_layer", "n_head", "layer_norm_epsilon")},
        "weights": np.frombuffer(file.read_bytes(), np.uint8) if embed else None,
        "weights_url": weights_url,
        "stories": stories,
        "parts": _PARTS,
        "tour": tour,
    }


def language_data():
    """Return the lists of the grammar that the page needs."""
    return {name: getattr(grammar, name) for name in _LISTS}


def _validate(stories):
    """Return stories that the toy can read, and the steps of their tour."""
    if stories is None:
        return STORIES, [{"story": next(iter(STORIES)), **step} for step in TOUR]
    check_texts(stories, "stories")
    for name, text in stories.items():
        words = text.split()
        unknown = [word for word in words if word not in grammar.WORDS]
        if unknown:
            raise ValueError(
                f"story {name!r:.60}: {unknown[0]!r:.60} is not in the toy's "
                f"vocabulary of {len(grammar.WORDS)} words"
            )
        if len(words) >= grammar.CONTEXT:
            raise ValueError(
                f"story {name!r:.60} must have at most {grammar.CONTEXT - 1} words, "
                f"got {len(words)}"
            )
    return dict(stories), []


def _fallback(text):
    """Tabulate the true distribution of the word after a story."""
    summary = f"the toy, {len(grammar.WORDS)} words"
    try:
        probs = language.next_word_probs([grammar.START, *text.split()])
    except ValueError:
        return Lines(summary, [["The toy reads: ", ("q", text)]])
    return Table(
        summary,
        "The true distribution of the word after “{}”",
        text,
        ("word", "true probability"),
        sorted(probs.items(), key=lambda pair: -pair[1]),
    )
