"""The numbers that a lesson's prose states, and whether its own output has them."""

import ast
import re

# Parts of the prose whose numbers are no results.
NOT_CLAIMED = re.compile(
    r"^\.\. math::\n(?:\n|[ ]+\S.*\n)+"  # equations
    r"|^\.\. code-block::.*\n(?:\n|[ ]+\S.*\n)+"
    r"|:math:`[^`]*`|``[^`]*``|:\w+:`[^`]*`"
    r"|^.+\n[-=]{3,}$"  # headings
    r"|“[^”]*”"  # quoted text
    r"|\b(?:section|chapter|lesson|table|figure|equation|appendix)s? \d[\d.]*"
    r"|\bGPT-\d|\bLlama[ -]\d(?:\.\d)?|\bPython 3\.\d+|\barXiv:[\d.]+"
    r"|\b(?:19|20)\d\d\b",  # years; a quantity has a comma
    re.MULTILINE,
)
CITED = re.compile(r"^Further reading\n-{3,}$", re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.,+])[-−]?\d+(?:,\d{3})*(?:\.\d+)?(?: ?%)?(?![\w]|\.\d)")


def prose(text):
    """Return the prose of a lesson: its lead and its comments, without its sources."""
    lead = ast.get_docstring(ast.parse(text))
    blocks = re.findall(r"^# %%.*\n((?:#.*\n?)+)", text, re.MULTILINE)
    found = "\n".join([lead, *(re.sub("^# ?", "", b, flags=re.M) for b in blocks)])
    return CITED.split(found)[0]


def normalise(number):
    return number.replace(",", "").replace("−", "-").replace(" ", "")


def claims(text):
    """Return the numbers of a lesson's prose, in their order."""
    return numbers(prose(text))


def numbers(text):
    """Return the numbers that a text states, in their order."""
    found = NUMBER.findall(NOT_CLAIMED.sub(" ", text))
    # A definition says 0 or 1 more often than a result does.
    return [normalise(n) for n in found if n not in ("0", "1")]


def backing(text, printed):
    """Return the numbers that back claims: what a lesson prints, and its constants."""
    constants = {
        repr(node.value)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    }
    numbers = re.findall(r"-?\d+(?:,\d{3})*(?:\.\d+)?%?", printed.replace("−", "-"))
    return constants | {normalise(n) for n in numbers}


def unbacked(text, printed):
    """Return the claims of a lesson that neither its output nor its code has."""
    known = backing(text, printed)
    # "−0.3" may be printed as a loss of 0.3, and "62 %" as 62%.
    return [n for n in claims(text) if not {n, n.lstrip("-")} & known]
