"""What every view returns: a custom element with its data.

Each view has three steps: `_validate` checks its arguments, `_encode` turns them into a
plain dict of strings, numbers and arrays, and `_fallback` draws a static figure for
pages without scripts.
"""

import html
import os
from dataclasses import dataclass
from pathlib import Path

from .._text import visible
from ._bundle import script_tag
from ._payload import to_json

# Set by a site that serves the scripts itself, so that no page carries its own copy.
LINKED = "LMVIZ_VIEWS_LINKED"


@dataclass(frozen=True)
class View:
    """An interactive figure, which notebooks and gallery pages display automatically.

    Parameters
    ----------
    name : str
        Name of its script in ``static`` and of its element ``lmviz-<name>``.
    title : str
        Invisible characters in it are displayed as code points.
    data : dict
        What the element shows: strings, numbers, lists, dicts and arrays.
    fallback : str
        A static figure as HTML, for pages without scripts.

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
    fallback: str

    def _repr_html_(self):
        """Return the element, with its script unless the site serves that."""
        return self._element() + ("" if os.environ.get(LINKED) else self._script())

    def save(self, path) -> None:
        """Write a self-contained HTML file.

        Parameters
        ----------
        path : path-like
        """
        page = _PAGE.format(
            title=html.escape(visible(self.title)),
            element=self._element(),
            script=self._script(),
        )
        Path(path).write_bytes(page.encode())

    def _element(self):
        return (
            f'<lmviz-{self.name} data-title="{html.escape(visible(self.title))}">'
            f'<script type="application/json">{to_json(self.data)}</script>'
            f'<div class="lmviz-fallback">{self.fallback}<p>This figure is interactive '
            f"if scripts are enabled.</p></div></lmviz-{self.name}>"
        )

    def _script(self):
        return script_tag(self.name)


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
