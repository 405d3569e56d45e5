"""The words of the views in other languages than English: a table of messages each.

A table has the translation of each message; what is missing is shown in English. Values
have names in braces: ``{"layer {n}": "capa {n}"}``.
"""

import json
from functools import cache

from ._bundle import STATIC

ENGLISH = "en"


def languages():
    """Return the codes of the languages that views can speak, English first."""
    return [ENGLISH, *sorted(path.stem[6:] for path in STATIC.glob("words_*.json"))]


@cache
def table(language):
    """Return the translations of a language by their English messages."""
    if language == ENGLISH:
        return {}
    path = STATIC / f"words_{language}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def translate(message, language):
    """Return a message without values in a language, or else in English."""
    return table(language).get(message, message)


def script(messages):
    """Return the script that gives the views of a page these translations."""
    code = (STATIC / "words.js").read_text(encoding="utf-8").rstrip()
    # Inside an element of a page, no message may end it.
    data = json.dumps(messages, ensure_ascii=False).replace("<", "\\u003c")
    return f"{code}({data});\n"
