"""Figures of tokens: as boxes in rows, aligned with their text, or by probability."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .._extras import needs
from .._text import checked_text, visible
from .._validation import float_array
from ..tokenization._coverage import encode_whole
from ._axes import LONGEST, check_labels, new_axes, shortened
from ._colors import COLORS
from ._fonts import fit, make_legible

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from matplotlib.axes import Axes
    from tokenizers import Tokenizer

    from .._types import ArrayLike

_COLORS = [(COLORS[role], 0.18) for role in ("weight", "key", "plus", "minus")]
_GREY = "0.85"
_WIDEST = 120  # characters that can be read in one line


def token_strips(
    rows: Mapping[str, Sequence[str]],
    *,
    title: str = "Tokens",
    faded: Collection[str] = (),
    width: float = 7.68,
    ax: Axes | None = None,
) -> Axes:
    """Draw token sequences one below the other, with a coloured box per token.

    Parameters
    ----------
    rows : mapping of str to sequence of str
        The name of each row and its tokens; a token may have several lines.
    title : str, default "Tokens"
    faded : collection of str, optional
        Tokens to draw in grey.
    width : float, default 7.68
        Width of a new figure, in inches.
    ax : matplotlib.axes.Axes, optional
        Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Its x axis counts characters.

    Examples
    --------
    >>> ax = token_strips({"words": ["the", "dog"], "letters": [*"dog"]}, title="Cut")
    >>> ax.get_title(), [text.get_text() for text in ax.texts]
    ('Cut', ['the', 'dog', 'd', 'o', 'g'])
    """
    everything = [token for tokens in rows.values() for token in tokens]
    check_labels(everything, "draw some of the tokens", most=2000)
    _, families = fit(everything, _monospace())
    boxes = {}
    for name, tokens in rows.items():
        shown, _ = fit(tokens, _monospace(), longest=LONGEST)
        boxes[name], left = [], 0
        for token, text in zip(tokens, shown, strict=True):
            size = max(map(_columns, text.split("\n"))) + 1
            boxes[name].append((left, size - 0.15, text, token in faded))
            left += size
    lines = 1 + max(text.count("\n") for row in boxes.values() for _, _, text, _ in row)
    ax = ax or new_axes(width, 0.4 + (0.25 + 0.2 * lines) * len(rows))
    return _draw_rows(ax, boxes, families, width, title)


def tokenizations(
    text: str,
    tokenizers: Sequence[str] | Mapping[str, Tokenizer],
    *,
    title: str = "The same text, split by each tokenizer",
    width: float = 7.68,
    ax: Axes | None = None,
) -> Axes:
    r"""Draw how several tokenizers split one text, aligned character by character.

    Tokens that are bytes of the same character share its width.

    Parameters
    ----------
    text : str
        At most 120 characters wide.
    tokenizers : sequence of str, or mapping of str to tokenizers.Tokenizer
        Names that `lmviz.load_tokenizer` accepts, or tokenizers by name.
    title : str, default "The same text, split by each tokenizer"
    width : float, default 7.68
        Width of a new figure, in inches.
    ax : matplotlib.axes.Axes, optional
        Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Its x axis counts characters.

    Examples
    --------
    >>> ax = tokenizations("Tokenizers differ", ["gpt2", "smollm2"])
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['gpt2\n3 tokens', 'smollm2\n3 tokens']
    """
    checked_text(text)
    if isinstance(tokenizers, str):
        raise TypeError("`tokenizers` must be a sequence of names, got one str")
    if not isinstance(tokenizers, Mapping):
        from lmviz import load_tokenizer

        tokenizers = {str(name): load_tokenizer(name) for name in tokenizers}
    if not tokenizers:
        raise ValueError("`tokenizers` must have at least one tokenizer, got none")
    encodings = {name: encode_whole(each, text) for name, each in tokenizers.items()}
    letters, families = fit([visible(c, spaces=True) for c in text], _monospace())
    places = [0]
    for letter in letters:
        places.append(places[-1] + _columns(letter))
    if places[-1] > _WIDEST:
        raise ValueError(
            f"`text` must be at most {_WIDEST} characters wide, got {places[-1]}; "
            "draw a part of it"
        )
    spans = {name: _spans(each) for name, each in encodings.items()}
    boxes = {name: _aligned(each, letters, places) for name, each in spans.items()}
    ax = ax or new_axes(width, 0.4 + 0.45 * len(boxes))
    _draw_rows(ax, boxes, families, width, title)
    style = {"ha": "center", "va": "center", "family": families, "parse_math": False}
    for row, each in enumerate(spans.values()):
        for i, n in _sharing(each).items():
            if n > 1:  # the character is written across its tokens
                size = ax.texts[0].get_size()
                ax.text(_place(i, 0.5, places), row, letters[i], size=size, **style)
    return ax


def _sharing(spans):
    """Count how many tokens each character belongs to."""
    return Counter(i for start, stop in spans for i in range(start, stop))


def _spans(encoding):
    """Return the span of characters, (start, stop), of each token that has any."""
    spans, end = [], 0
    for token, (start, stop) in zip(encoding.tokens, encoding.offsets, strict=True):
        if token[:1] in ("Ġ", "▁") and start > end:
            start = end  # some tokenizers leave out the space before a word
        if stop > start:  # a special token has no characters
            spans.append((start, stop))
            end = stop
    return spans


def _aligned(spans, letters, places):
    """Return a box per token; tokens that share a character divide its width."""
    sharing, seen, boxes = _sharing(spans), Counter(), []
    for start, stop in spans:
        owned = "".join(letters[i] for i in range(start, stop) if sharing[i] == 1)
        first, last = start, stop - 1
        left = _place(first, seen[first] / sharing[first], places)
        seen.update(range(start, stop))
        width = _place(last, seen[last] / sharing[last], places) - left
        boxes.append((left, width - min(0.15, width / 5), owned, False))
    return boxes


def _place(i, fraction, places):
    """Return the x coordinate at a fraction of the width of a character."""
    return places[i] + fraction * (places[i + 1] - places[i])


def _draw_rows(ax, rows, families, width, title):
    """Draw rows of boxes, each given as (left, width, text, whether it is faded)."""
    longest = max(left + size for row in rows.values() for left, size, _, _ in row)
    # A monospaced character is about 0.6 as wide as it is high.
    points = min(9.4, 0.82 * width * 72 / (0.6 * (longest + 0.15)))
    style = {"ha": "center", "va": "center", "family": families, "size": points}
    for i, boxes in enumerate(rows.values()):
        for j, (left, size, text, is_faded) in enumerate(boxes):
            colour = _GREY if is_faded else _COLORS[j % len(_COLORS)]
            ax.barh(i, size, left=left, height=0.8, align="center", color=colour)
            ink = "0.45" if is_faded else COLORS["ink"]
            ax.text(left + size / 2, i, text, color=ink, parse_math=False, **style)
    names = [
        f"{name}\n{len(boxes)} token{'' if len(boxes) == 1 else 's'}"
        for name, boxes in zip(shortened(rows), rows.values(), strict=True)
    ]
    ax.set_yticks(range(len(rows)), names)
    ax.set(xlim=(0, longest), ylim=(len(rows) - 0.5, -0.5), xticks=[], title=title)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return make_legible(ax)


def token_bars(
    tokens: Sequence[str],
    probabilities: ArrayLike,
    *,
    title: str = "Next token",
    ax: Axes | None = None,
) -> Axes:
    """Draw the most likely tokens as bars, and all others as one.

    Parameters
    ----------
    tokens : sequence of k str
        The most likely first.
    probabilities : array-like, shape (k,)
        Of these tokens; the remaining probability is shown as "all others".
    title : str, default "Next token"
    ax : matplotlib.axes.Axes, optional
        Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = token_bars(["␣Paris", "␣a"], [0.75, 0.125])
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['␣Paris', '␣a', 'all others']
    >>> [text.get_text() for text in ax.texts]
    ['0.750', '0.125', '0.125']
    """
    probabilities = float_array(probabilities, "probabilities", ("k",))
    if len(probabilities) != len(tokens):
        raise ValueError(
            f"`tokens` must have one entry per probability, got {len(tokens)} for "
            f"{len(probabilities)} probabilities"
        )
    total = float(probabilities.sum())
    if probabilities.min() < 0 or total > 1 + 1e-3:
        raise ValueError(
            "`probabilities` must be from 0 to 1 and sum to at most 1 (see "
            f"prediction.probabilities), got {probabilities.min():.3g} to "
            f"{probabilities.max():.3g} with the sum {total:.3g}"
        )
    check_labels(tokens, "draw the most likely")
    values = [*probabilities, max(0.0, 1.0 - probabilities.sum())]
    names = [*shortened(tokens), "all others"]
    rows = range(len(names))
    ax = ax or new_axes(6.08, max(1.9, 0.6 + 0.27 * len(names)))
    bars = ax.barh(rows, values, color=[COLORS["weight"]] * len(tokens) + ["0.7"])
    ax.bar_label(bars, [f"{value:.3f}" for value in values], padding=3)
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    # Each bar has its number.
    ax.set(xlabel="probability", ylabel="next token", title=title, xticks=[])
    ax.margins(x=0.15)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    return make_legible(ax)


def _monospace():
    with needs("plots", "figures"):
        from matplotlib.font_manager import FontProperties

    return FontProperties(family=["monospace"])


def _columns(text):
    """Return the width of a text in monospaced characters."""
    return sum(1 + (unicodedata.east_asian_width(c) in "FW") for c in text)
