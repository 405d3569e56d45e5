"""What every view returns: a custom element with its data.

Each view has three steps: `_validate` checks its arguments, `_encode` turns them into a
plain dict of strings, numbers and arrays, and `_fallback` returns what is shown where
no script runs.

A notebook stores a view in three forms, and each front end shows the first one it can:
HTML with the script and, in it, what is shown without; a picture, for PDF; plain text.
"""

from __future__ import annotations

import html
import os
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from .._files import write_whole
from .._text import visible
from .._validation import choice
from . import _picture, _words
from ._bundle import script_tag
from ._payload import to_json
from ._static import Drawing, Lines, Table

if TYPE_CHECKING:
    from .._types import PathLike

# Set by a site that serves the scripts itself, so that no page carries its own copy.
LINKED = "LMVIZ_VIEWS_LINKED"


@dataclass(frozen=True, repr=False)
class View:
    """An interactive figure, which notebooks and gallery pages display automatically.

    Printed, it says in a few lines what it shows.

    Parameters
    ----------
    name : str
        Name of its script in ``static`` and of its element ``lmviz-<name>``.
    title : str
        Invisible characters in it are displayed as code points.
    data : dict
        What the element shows: strings, numbers, lists, dicts and arrays.
    static : Table, Drawing or Lines
        What is shown where no script runs.
    language : str, default "en"
        Of its words; see `translated`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from lmviz import views
    >>> view = views.tokens({"words": ["the", "dog"]}, title="Two words")
    >>> view.name, view.title, view.data["rows"][0]["tokens"]
    ('tokens', 'Two words', ['the', 'dog'])
    >>> print(view)
    lmviz.views.tokens “Two words”: 1 row of tokens
    words, 2 tokens: the dog
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     view.save(Path(folder, "words.html"))
    """

    name: str
    title: str
    data: dict
    static: Table | Drawing | Lines
    language: str = _words.ENGLISH

    def translated(self, language: str) -> View:
        """Return the view with its words in another language.

        What has no translation stays in English, and so does the static figure. On the
        pages of a site that serves the scripts itself, the words are those of the page.

        Parameters
        ----------
        language : {"en", "es"}

        Returns
        -------
        View

        Examples
        --------
        >>> from lmviz import views
        >>> views.tokens({"words": ["the", "dog"]}).translated("es").language
        'es'
        """
        choice(language, "language", tuple(_words.languages()))
        return replace(self, language=language)

    @property
    def fallback(self) -> str:
        """What is shown where no script runs, as HTML.

        Examples
        --------
        >>> from lmviz import views
        >>> views.merges({"low": 5}, [("l", "o")]).fallback[:13]
        '<p>The words:'
        """
        return self.static.html()

    def __repr__(self):
        told = f"lmviz.views.{self.name} “{visible(self.title)}”: {self.static.summary}"
        return f"{told}\n{self.static.text()}"

    def _repr_html_(self):
        """Return the element, with its script unless the site serves that."""
        if os.environ.get(LINKED):
            return self._element(self.fallback)
        return self._element(self.static.html(self._image)) + self._script()

    def _repr_png_(self):
        """Return a picture and its description; nothing on a site, which has HTML."""
        if os.environ.get(LINKED) or self._png is None:
            return None
        return self._png, {"alt": repr(self)}

    @cached_property
    def _png(self):
        return _picture.png(
            self.static.draw, visible(self.title), self.static.note, repr(self)
        )

    def _image(self, svg):
        return _picture.image(self._png, svg, repr(self))

    def save(self, path: PathLike) -> None:
        """Write a self-contained HTML file, whole or not at all.

        Parameters
        ----------
        path : path-like
        """
        page = _PAGE.format(
            language=self.language,
            title=html.escape(visible(self.title)),
            element=self._element(self.fallback),
            script=self._script(),
        )
        write_whole(path, page.encode())

    def _element(self, fallback):
        return (
            f'<lmviz-{self.name} data-title="{html.escape(visible(self.title))}">'
            f'<script type="application/json">{to_json(self.data)}</script>'
            f'<div class="lmviz-fallback">{fallback}<p>{self._note()}</p></div>'
            f"</lmviz-{self.name}>"
        )

    def _note(self):
        return html.escape(_words.translate(_NOTE, self.language))

    def _script(self):
        messages = _words.table(self.language)
        words = f"<script>{_words.script(messages)}</script>" if messages else ""
        return words + script_tag(self.name)


_NOTE = "This figure is interactive if scripts are enabled."


_PAGE = """<!DOCTYPE html>
<html lang="{language}">
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
