"""Find installed fonts for the characters of a figure's text.

Matplotlib draws a character with the first of a text's font families that has it; if
none has it, it warns and draws a box. Here all installed families are searched, and a
character that no font has, or that is invisible, is replaced by its code point.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from .._extras import needs
from .._text import code_point, is_invisible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Maximum number of lines of a text, to leave room for the rest of the figure.
_LINES = 5
# A font that has every character, drawn as a box with the name of its script.
_BOXES = "Last Resort High-Efficiency"


def make_legible(ax: Axes) -> Axes:
    """Draw every text of an Axes literally, in fonts that have its characters.

    In the title, the legend, the annotations and the labels of axes, ticks and colour
    bars, a dollar sign doesn't start a formula; characters that no font has are
    replaced by code points like ``⟨U+732B⟩``, and long texts end in ``…``.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With all its texts; texts that are added later are not changed.

    Returns
    -------
    matplotlib.axes.Axes
        The same.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = plt.figure().subplots()
    >>> _ = ax.set_title("between $5 and $6")
    >>> make_legible(ax).title.get_parse_math()
    False
    >>> plt.close()
    """
    with needs("plots", "figures"):
        from matplotlib.ticker import FixedLocator, FuncFormatter

    legend = ax.get_legend().get_texts() if ax.get_legend() else []
    drawn = (*ax.images, *ax.collections)
    axes = [ax, *(part.colorbar.ax for part in drawn if part.colorbar)]
    labels = [axis.label for each in axes for axis in (each.xaxis, each.yaxis)]
    for text in (ax.title, *ax.texts, *legend, *labels):
        (written,), families = fit([text.get_text()], text.get_fontproperties())
        text.set(text=written, parse_math=False)
        if families != text.get_family():
            text.set(family=families, weight="normal")  # few fonts have all weights
    # In a wrapped text, matplotlib parses formulas in spite of parse_math.
    ax.title.set_wrap("$" not in ax.title.get_text())
    for axis in (ax.xaxis, ax.yaxis):
        ticks = axis.get_major_formatter()
        if isinstance(ticks, FuncFormatter) and isinstance(
            axis.get_major_locator(), FixedLocator
        ):  # names, not numbers
            names, families = fit(map(str, ticks.format_ticks(axis.get_ticklocs())))
            axis.set_ticklabels(names, family=families, parse_math=False)
    return ax


def fit(texts, font=None, *, longest=300):
    """Return texts in a form that can be drawn, and the font families for them.

    Parameters
    ----------
    texts : iterable of str
    font : matplotlib.font_manager.FontProperties, optional
        The font whose families come first. Default: matplotlib's default font.
    longest : int, default 300
        Maximum number of characters. Longer texts, and those of more than 5 lines, end
        in ``…``.

    Returns
    -------
    texts, families : list of str

    Examples
    --------
    >>> fit(["naïve ␣café"])
    (['naïve ␣café'], ['sans-serif'])
    >>> fit(["gnu" * 100], longest=7)[0]
    ['gnugnu…']
    """
    with needs("plots", "figures"):
        from matplotlib.font_manager import FontProperties, findfont

    texts, font = list(texts), (font or FontProperties()).copy()
    families = list(font.get_family())
    files = []
    for family in families:
        font.set_family([family])
        files.append(findfont(font))
    missing = {
        character: None if is_invisible(character) else _family(character)
        for character in sorted({*"".join(texts), *"⟨⟩"} - {"\n"})
        if is_invisible(character) or not any(_draws(file, character) for file in files)
    }
    table = {ord(c): code_point(c) for c, family in missing.items() if not family}
    others = dict.fromkeys(family for family in missing.values() if family)
    return [_shortened(text, table, longest) for text in texts], [*families, *others]


@cache
def _family(character):
    """Return the first installed family that has a character, or None."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    regular = [
        entry
        for entry in fontManager.ttflist
        if (entry.style, entry.weight, entry.stretch) == ("normal", 400, "normal")
        and entry.name != _BOXES
    ]
    # Sans-serif fonts first, as in the book; sorted, to be the same each time.
    regular.sort(key=lambda entry: ("Sans" not in entry.name, entry.fname))
    return next(
        (
            entry.name
            for entry in regular
            if _draws(entry.fname, character)
            # If several files have this name, matplotlib may choose another one.
            and _draws(findfont(FontProperties(family=[entry.name])), character)
        ),
        None,
    )


def _draws(file, character):
    """Return whether a font has a character with a glyph that is not empty."""
    from matplotlib.font_manager import get_font

    if ord(character) not in _characters(file):
        return False
    # Colour emoji fonts have empty glyphs.
    box = get_font(file).load_char(ord(character)).bbox
    return box != (0, 0, 0, 0) or unicodedata.category(character)[0] in "CMZ"


@cache
def _characters(file):
    from matplotlib.font_manager import get_font

    return frozenset(get_font(file).get_charmap())


def _shortened(text, table, longest):
    """Replace characters by code points and cut the text, but none of these."""
    *lines, _ = text.split("\n", _LINES)
    if len(lines) == _LINES:
        text = "\n".join([*lines, "…"])
    if len(text) <= longest and len(whole := text.translate(table)) <= longest:
        return whole
    written, length = [], 0
    for character in text:
        written.append(character.translate(table))
        length += len(written[-1])
        if length >= longest:
            break
    return "".join([*written[:-1], "…"])
