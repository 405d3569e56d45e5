"""Tokens that try to become markup, or to disturb the text around them."""

TOKENS = (
    "</script><img src=x onerror=alert(1)>",
    "-->",
    "${x}",
    "\u2028",
    "\u0301",
    "שלום",
    "\0",
)
