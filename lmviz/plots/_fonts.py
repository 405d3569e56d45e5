"""Text in figures: in a font of this machine that has its characters.

Matplotlib draws a character with the first of a text's font families that has it; if
none has it, it warns and draws a box. Here the families of the machine are looked
through, and a character that no font has, or that is invisible, becomes its code point.
"""

import unicodedata
from functools import cache

from .._extras import needs
from .._text import code_point, is_invisible

# A figure with texts of more lines has no room for anything else.
_LINES = 5
# Draws a box with the name of a script for every character there is.
_BOXES = "Last Resort High-Efficiency"


def make_legible(ax):
    """Write every text of an Axes as it is, in fonts that have its characters.

    In the title, the names of the axes, of their ticks and of the colour bar, the
    legend and the texts inside, a dollar sign doesn't start mathematics; characters
    that no font has become code points like ``⟨U+732B⟩``, and long texts end in ``…``.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With all its texts; those added later are left as they are.

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
    # Where lines are broken, matplotlib looks for mathematics all the same.
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
    """Return what can be drawn of some texts, and the font families that it takes.

    Parameters
    ----------
    texts : iterable of str
    font : matplotlib.font_manager.FontProperties, optional
        Whose families come first. Default: that of all figures.
    longest : int, default 300
        In characters, in at most 5 lines; what is longer ends in ``…``.

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
    """Return the first family of this machine that has a character, or None."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager

    regular = [
        entry
        for entry in fontManager.ttflist
        if (entry.style, entry.weight, entry.stretch) == ("normal", 400, "normal")
        and entry.name != _BOXES
    ]
    # Sans serif before others, as the book is; in the same order each time.
    regular.sort(key=lambda entry: ("Sans" not in entry.name, entry.fname))
    return next(
        (
            entry.name
            for entry in regular
            if _draws(entry.fname, character)
            # Of several files with this name, matplotlib may take another one.
            and _draws(findfont(FontProperties(family=[entry.name])), character)
        ),
        None,
    )


def _draws(file, character):
    """Whether a font has a character, and not an empty glyph in its place."""
    from matplotlib.font_manager import get_font

    if ord(character) not in _characters(file):
        return False
    # Fonts of coloured pictures have empty glyphs.
    box = get_font(file).load_char(ord(character)).bbox
    return box != (0, 0, 0, 0) or unicodedata.category(character)[0] in "CMZ"


@cache
def _characters(file):
    from matplotlib.font_manager import get_font

    return frozenset(get_font(file).get_charmap())


def _shortened(text, table, longest):
    """Write a text with its code points, none of them cut in two."""
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
