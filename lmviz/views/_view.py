"""Collect, render, show: what every view has in common.

A view is a custom element with its data inside. Collecting gives a plain dict of
strings, numbers and arrays; rendering turns it into HTML; showing is an object that a
notebook or a gallery page displays by itself.
"""

import base64
import html
import json
import os
import re
import unicodedata
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .._text import visible

STATIC = Path(__file__).parent / "static"
# Set by a site that serves the scripts itself, so that no page carries its own copy.
LINKED = "LMVIZ_VIEWS_LINKED"


@dataclass(frozen=True)
class View:
    """A figure to play with.

    Parameters
    ----------
    name : str
        Of the script in the assets, and of the element: ``lmviz-<name>``.
    title : str
        Invisible characters in it are written as code points.
    data : dict
        What the element shows: strings, numbers, lists, dicts and arrays.
    instead : str
        A static figure as HTML, for where scripts are off.

    Examples
    --------
    >>> import tempfile
    >>> from lmviz import views
    >>> view = views.tokens({"words": ["the", "dog"]}, title="Two words")
    >>> view.name, view.title, view.data["rows"][0]["tokens"]
    ('tokens', 'Two words', ['the', 'dog'])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     view.save(Path(folder, "words.html"))
    """

    name: str
    title: str
    data: dict
    instead: str

    def _repr_html_(self):
        """Return the element, with its script unless the site serves it."""
        scripts = "" if os.environ.get(LINKED) else script_tag(self.name)
        return render(self.name, self.title, self.data, self.instead) + scripts

    def save(self, path):
        """Write one HTML file that needs nothing else.

        Parameters
        ----------
        path : path-like
        """
        element = render(self.name, self.title, self.data, self.instead)
        page = _PAGE.format(
            title=html.escape(visible(self.title)),
            element=element,
            script=script_tag(self.name),
        )
        Path(path).write_bytes(page.encode())


def render(name, title, data, instead):
    """Write an element and its data as HTML.

    Parameters
    ----------
    name, title, data, instead
        As for `View`.

    Returns
    -------
    str
    """
    return (
        f'<lmviz-{name} data-title="{html.escape(visible(title))}">'
        f'<script type="application/json">{to_json(data)}</script>'
        f'<div class="lmviz-instead">{instead}<p>With scripts, this figure can be '
        f"played with.</p></div></lmviz-{name}>"
    )


def to_json(data):
    """Write data as JSON that cannot end the script element it stands in.

    Arrays become the deflated bytes of their numbers, in base64, with type and shape.
    """
    text = json.dumps(data, default=_pack, allow_nan=False)
    return text.translate({ord(c): f"\\u{ord(c):04x}" for c in "<>&"})


def as_html(text):
    """Return a token as HTML: visible, isolated and escaped, as core.js does.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> as_html("<b>")
    '\u2068&lt;b&gt;\u2069'
    """
    shown = visible(text)
    if unicodedata.category(shown[:1] or " ").startswith("M"):
        shown = f"◌{shown}"  # a combining character needs a base
    return html.escape(f"\u2068{shown}\u2069")


def script_tag(name):
    """Return the scripts of a view as one element."""
    return f'<script type="module">{bundle(name)}</script>'


@cache
def bundle(*names):
    """Put the scripts of some views together, each in its own scope.

    What they import stands before them, once; only what it exports is seen by others.

    Parameters
    ----------
    *names : str

    Returns
    -------
    str
        One ES module without imports.
    """
    shared = dict.fromkeys(needed for name in names for needed in _imports(name))
    parts = [_module(name) for name in shared]
    parts += [f"{{\n{_source(name)}}}\n" for name in names if name not in shared]
    return "".join(parts)


def _imports(name):
    """List what a script imports, each after what it imports itself."""
    direct = re.findall(r'^import .* from "\./(\w+)\.js";$', _text(name), re.MULTILINE)
    for other in direct:
        yield from (*_imports(other), other)


def _module(name):
    exports = re.findall(r"^export \w+ (\w+)", _text(name), re.MULTILINE)
    seen = f"{{ {', '.join(exports)} }}"
    return f"const {seen} = (() => {{\n{_source(name)}return {seen};\n}})();\n"


def _source(name):
    text = re.sub(r"^import .*;\n", "", _text(name), flags=re.MULTILINE)
    return re.sub(r"^export ", "", text, flags=re.MULTILINE)


def _text(name):
    return (STATIC / f"{name}.js").read_text(encoding="utf-8")


def _pack(value):
    if hasattr(value, "detach"):  # a tensor, without importing torch
        value = value.detach().cpu()
    array = np.ascontiguousarray(value)
    array = array.astype(array.dtype.newbyteorder("<"))
    # Numbers seldom repeat in runs: a tenth smaller, and four times as fast.
    deflate = zlib.compressobj(4, strategy=zlib.Z_FILTERED)
    raw = deflate.compress(array.tobytes()) + deflate.flush()
    packed = base64.b64encode(raw).decode("ascii")
    return {"array": packed, "type": array.dtype.name, "shape": array.shape}


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>body {{ font-family: system-ui, sans-serif; margin: 1rem auto;
max-width: 70rem; padding: 0 1rem }}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{element}
</main>
{script}
</body>
</html>
"""
