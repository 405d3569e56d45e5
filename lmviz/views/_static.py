"""What a view shows where no script runs: as HTML, as plain text and as a picture.

A table, a drawing and some lines of text each know all three forms. Strings in them are
raw: what comes from a text is escaped here.
"""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .._text import visible
from . import _picture
from ._payload import as_html, as_table

# Rows of a table in plain text, and in a picture.
_TOLD, _DRAWN = 8, 40


@dataclass(frozen=True)
class Table:
    """Labels with a number each, which the picture shows as bars.

    Parameters
    ----------
    summary : str
        What the view has, and how much of it.
    caption : str
        Its ``{}`` is replaced by `about`.
    about : str
    heads : tuple of str
    rows : sequence of tuple
        Each has a label or several, str or int, and a number.
    digits : int, default 3
        Decimals of the number.

    Examples
    --------
    >>> table = Table("1 position", "After “{}”", "a", ("token", "p"), [("b", 0.5)])
    >>> print(table.text())
    After “a”:
      b  0.500
    """

    summary: str
    caption: str
    about: str
    heads: tuple
    rows: Sequence
    digits: int = 3

    def html(self, image=None) -> str:
        """Return a table, which needs no picture."""
        rows = [
            (*map(_cell, labels), self._number(value)) for *labels, value in self.rows
        ]
        return as_table(self.caption.format(as_html(self.about)), self.heads, rows)

    @property
    def note(self) -> str:
        """The caption with the end of what it is about."""
        about = visible(self.about)
        return self.caption.format(about if len(about) <= 80 else f"…{about[-79:]}")

    def text(self) -> str:
        """Return the caption and the first rows."""
        rows = [(*labels, self._number(value)) for *labels, value in self.rows[:_TOLD]]
        rows = [[visible(str(cell)) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        more = len(self.rows) - len(rows)
        lines += [f"… and {more} more"] if more > 0 else []
        return "\n  ".join([f"{self.note}:", *lines])

    def draw(self, ax) -> None:
        """Draw a bar for each of the first rows."""
        rows = self.rows[:_DRAWN]
        names = ["  ".join(map(str, labels)) for *labels, _ in rows]
        values = [value for *_, value in rows]
        across = self.heads[-1]
        if len(rows) < len(self.rows):
            across += f" (the first {len(rows)} of {len(self.rows)})"
        _picture.bars(ax, names, values, [*map(self._number, values)], across)

    def _number(self, value):
        return f"{value:.{self.digits}f}"


@dataclass(frozen=True)
class Drawing:
    """A drawing in SVG with a note, and the same drawn by matplotlib.

    Parameters
    ----------
    summary : str
    svg : str
    note : str
    paint : callable
        Draws into the Axes that it is given.
    """

    summary: str
    svg: str
    note: str
    paint: Callable

    def html(self, image=None) -> str:
        """Return the SVG, or the picture if the page may not have any SVG."""
        drawn = image(self.svg) if image else self.svg
        return f'<div style="overflow-x:auto">{drawn}</div><p>{self.note}</p>'

    def text(self) -> str:
        """Return the note."""
        return self.note

    def draw(self, ax) -> None:
        """Draw the picture."""
        self.paint(ax)


@dataclass(frozen=True)
class Lines:
    """Lines of text.

    Parameters
    ----------
    summary : str
    lines : sequence of sequence
        Of the parts of each line: a str, or a pair of the name of an HTML element,
        which may be empty, and a text that is isolated from what is around it.

    Examples
    --------
    >>> Lines("1 word", [["a word: ", ("code", "<b>")]]).text()
    'a word: <b>'
    """

    summary: str
    lines: Sequence
    note = ""

    def html(self, image=None) -> str:
        """Return paragraphs, which need no picture."""
        return "".join(f"<p>{''.join(map(_element, line))}</p>" for line in self.lines)

    def text(self) -> str:
        """Return the lines, each cut if it is long."""
        return "\n".join(map(_shortened, self._plain()))

    def draw(self, ax) -> None:
        """Write the lines."""
        _picture.write(ax, self._plain())

    def _plain(self):
        return [
            "".join(
                part if isinstance(part, str) else visible(part[1]) for part in line
            )
            for line in self.lines
        ]


def _element(part):
    if isinstance(part, str):
        return html.escape(part)
    tag, text = part
    return f"<{tag}>{as_html(text)}</{tag}>" if tag else as_html(text)


def _cell(label):
    return as_html(label) if isinstance(label, str) else str(label)


def _shortened(line, most=300):
    return line if len(line) <= most else f"{line[: most - 1]}…"


def count(n, noun):
    """Return a number with its noun.

    Examples
    --------
    >>> count(1, "token"), count(12_000, "key")
    ('1 token', '12,000 keys')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
