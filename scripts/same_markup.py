"""Find what a translation of a message has lost: roles, links, code, formulas, numbers.

Sphinx itself warns of lost references alone. Words may have any order in a translation,
so each kind is compared as a multiset.
"""

import re
from collections import Counter

# Each is taken out before the next is searched for. The text of a link is translated,
# its target is not.
PARTS = {
    "role": re.compile(r"(?:\{([\w:-]+)\}|:([\w:-]+):)`(?:[^`<]*<([^`>]+)>|([^`]*))`"),
    "link": re.compile(r"`[^`<]*<([^`>]+)>`__?|\]\(([^)\s]+)\)|(https?://[^\s>)]+)"),
    "formula": re.compile(r"(\$\$?[^$]+\$\$?)"),
    "code": re.compile(r"(``[^`]+``|`[^`]+`)"),
    "tag": re.compile(r"(</?\w[^>]*>)"),
    "class": re.compile(r"(\{[.#][^}]*\})"),
    "value": re.compile(r"(\{\w+\}|%\(\w+\)s)"),
    "number": re.compile(r"(\d(?:[\d.,:]*\d)?)"),
}
# Roles whose text may be the translation of what they name.
TRANSLATED = {"term"}


def parts(text):
    """Return what a translation has to keep, by its kind."""
    found = {}
    for kind, pattern in PARTS.items():
        matches = pattern.findall(text)
        if matches and isinstance(matches[0], tuple):
            matches = [tuple(filter(None, match)) for match in matches]
        if kind == "role":
            matches = [m[:1] if m[0] in TRANSLATED else m for m in matches]
        found[kind] = Counter(matches)
        text = pattern.sub(" ", text)
    return found


def lost(message, translation):
    """Yield one sentence for each kind of markup that is not the same in both.

    Examples
    --------
    >>> list(lost("See {doc}`page 2 </x>`.", "Ver {doc}`la página 2 </x>`."))
    []
    >>> list(lost("It has 30 layers.", "Tiene treinta capas."))
    ['number: 30 is missing']
    """
    before, after = parts(message), parts(translation)
    for kind in PARTS:
        for problem, these in (
            ("is missing", before[kind] - after[kind]),
            ("is not in the original", after[kind] - before[kind]),
        ):
            if these:
                shown = ", ".join(
                    " ".join(part) if isinstance(part, tuple) else part
                    for part in these
                )
                yield f"{kind}: {shown} {problem}"
