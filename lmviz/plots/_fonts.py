"""Text in figures: letters that a font of this machine has, or a legible stand-in.

Matplotlib draws a box where its font lacks a character, and warns. Here the other fonts
of the machine are asked, and where none has it, its number in Unicode is written.
"""

import itertools
import unicodedata

from .._extras import needs
from .._text import code_point, is_invisible

# A figure with texts of more lines has no room for anything else.
_LINES = 5
# Draws a box with the name of a script for every character there is.
_BOXES = "Last Resort High-Efficiency"
# The family that has each character, of those looked for so far; None if none has it.
_found = {}


def write(texts, font=None, *, longest=300):
    """Return what can be drawn of some texts, and the font families it takes.

    Parameters
    ----------
    texts : sequence of str
    font : matplotlib.font_manager.FontProperties, optional
        The font that is asked first. Default: that of all figures.
    longest : int, default 300
        In characters; and there are at most 5 lines.

    Returns
    -------
    texts : list of str
        The same, with a stand-in like ``⟨U+732B⟩`` for each character that no font has
        or that nobody sees, such as U+200B, and ``…`` in place of what is too long.
    families : list of str
        Those of `font`, and those that have the other characters.

    Examples
    --------
    >>> write(["naïve ␣café"])
    (['naïve ␣café'], ['sans-serif'])
    >>> write(["gnu" * 100], longest=7)[0]
    ['gnugnu…']
    """
    with needs("plots", "figures"):
        from matplotlib.font_manager import FontProperties

    font = font or FontProperties()
    families = font.get_family()
    faces = [_face(font, family) for family in families]
    missing = {
        character
        for character in {*"".join(texts), *"⟨⟩"} - {"\n"}
        if is_invisible(character) or not any(_draws(face, character) for face in faces)
    }
    _search(missing - _found.keys())
    others = {character: _found[character] for character in sorted(missing)}
    table = str.maketrans(
        {c: code_point(c) for c, other in others.items() if not other}
    )
    more = dict.fromkeys(other for other in others.values() if other)
    return [_cut(text, table, longest) for text in texts], [*families, *more]


def make_legible(ax):
    """Write every text of an axes as it is, in letters that the machine has.

    The title, the names of the axes, of their ticks and of the colour bar, the legend
    and what is written inside: a dollar sign does not start mathematics, and what no
    font has, nobody sees or is too long becomes what `write` makes of it.

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
    from matplotlib.ticker import FixedLocator, FuncFormatter

    legend = ax.get_legend().get_texts() if ax.get_legend() else []
    bars = [
        drawn.colorbar.ax for drawn in (*ax.images, *ax.collections) if drawn.colorbar
    ]
    axes = [ax, *bars]
    texts = [ax.title, *ax.texts, *legend]
    texts += [axis.label for each in axes for axis in (each.xaxis, each.yaxis)]
    named = [
        axis
        for axis in (ax.xaxis, ax.yaxis)
        if isinstance(axis.get_major_formatter(), FuncFormatter)
        and isinstance(axis.get_major_locator(), FixedLocator)
    ]
    names = [
        [
            str(name)
            for name in axis.get_major_formatter().format_ticks(axis.get_ticklocs())
        ]
        for axis in named
    ]
    # One look through the fonts finds what all of them need.
    write([*(text.get_text() for text in texts), *itertools.chain(*names)])
    for text in texts:
        (written,), families = write([text.get_text()], text.get_fontproperties())
        text.set(text=written, parse_math=False)
        if families != text.get_family():
            # Few fonts have all weights.
            text.set(family=families, weight="normal")
    # Where lines are broken, matplotlib looks for mathematics all the same.
    ax.title.set_wrap("$" not in ax.title.get_text())
    for axis, labels in zip(named, names, strict=True):
        labels, families = write(labels)
        axis.set_ticklabels(labels, family=families, parse_math=False)
    return ax


def _search(left):
    """Look through the fonts of the machine once, for all these characters."""
    with needs("plots", "figures"):
        from matplotlib.font_manager import FontProperties, fontManager, get_font

    shown = {c for c in left if not is_invisible(c)}
    _found.update(dict.fromkeys(left - shown))
    left = shown
    entries = [
        entry
        for entry in fontManager.ttflist
        if (entry.style, entry.weight, entry.stretch) == ("normal", 400, "normal")
        and entry.name != _BOXES
    ]
    # Sans serif before others, as the book is; the same one each time.
    entries.sort(key=lambda entry: ("Sans" not in entry.name, entry.fname))
    for entry in entries if left else ():
        # Its file is open sooner than the family is found.
        face = get_font(entry.fname)
        if has := {character for character in left if _draws(face, character)}:
            face = _face(FontProperties(), entry.name)
            has = {character for character in has if _draws(face, character)}
            _found.update(dict.fromkeys(has, entry.name))
            left = left - has
    _found.update(dict.fromkeys(left))


def _cut(text, table, longest):
    """Write a text with its stand-ins, none of them in part."""
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


def _face(font, family):
    """Return the face that matplotlib takes for one family of a font."""
    from matplotlib.font_manager import findfont, get_font

    font = font.copy()
    font.set_family([family])
    return get_font(findfont(font))


def _draws(face, character):
    """Whether a face has a character."""
    if not face.get_char_index(ord(character)):
        return False
    # Fonts of coloured pictures have empty glyphs in their place.
    is_drawn = face.load_char(ord(character)).bbox != (0, 0, 0, 0)
    return is_drawn or unicodedata.category(character)[0] in "CMZ"
