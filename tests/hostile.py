"""Texts that try to become markup or code, to hide, or to disturb what is around them.

One list, for all the tests that write texts into figures, views and pages.
"""

# Those at fixed places come first; browser tests know them by these.
TOKENS = (
    "</script><img src=x onerror=alert(1)>",
    "-->",
    "${x}",
    "\u2028",
    "\u0301",
    "שלום",
    "\0",
)
# Those as a text for views, with an ordinary word.
TEXT = [*TOKENS, "<!--<script>", " the"]
# These would run, or close the element around them, if they were markup.
INJECTIONS = (
    *TOKENS[:3],
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<!--<script>",
    "]]>",
    "{{7*7}}",
    "${7*7}",
    "{% raw %}",
    "javascript:alert(1)",
    '\'" onfocus=alert(1) autofocus x="',
    "`whoami`",
    "|x|_ :ref:`x` [x](javascript:alert(1))",
    "&lt;b&gt;",
    "%s {0} \\n",
)
# Invisible characters, and those that reorder their neighbours.
INVISIBLE = (
    "\0",
    "\x07",
    "\x1b[31mred",
    "\x7f",
    "\x85",
    "\r",
    "a\tb",
    "a\nb",
    "\u00ad",
    "\u200b",
    "\u2028",
    "\u2029",
    "\u202etxet",
    "\u2066x\u2069",
    "\ufeff",
    "\U000e0041",
    "\ufffe",
)
# Text that a font, a formula or a legend would change.
ODD = (
    "",
    " ",
    "\u0301",
    "שלום",
    "السلام",
    "猫",
    "👩‍👩‍👧‍👦",
    "\ue000",
    "\U0010ffff",
    "$",
    "$\\frac{1}{0}$",
    "\\$x$",
    "_hidden",
    "_nolegend_",
    "<|endoftext|>",
    "[UNK]",
    "x" * 300,
)
# A lone surrogate, which cannot be encoded.
HALVES = ("\ud800", "a\udc00b", "<|endoftext|>\udfff")
SHORT = tuple(dict.fromkeys((*INJECTIONS, *INVISIBLE, *ODD)))
LONG = ("x" * 100_000, "the dog " * 12_500, "\u0301" * 100_000, "\n" * 100_000)


def vocabulary(size):
    """Return the names of a vocabulary that begins with the hostile text."""
    return [*TEXT, *(f" w{i}" for i in range(size - len(TEXT)))]
