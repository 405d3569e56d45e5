"""Figures: arrays and strings in, matplotlib Axes out.

Every function draws into `ax`, or into a new figure where none is given. Tokens
are written as they are: a dollar sign in a text does not start mathematics, and a
character that no font of the machine has becomes a stand-in (see `lmviz.plots`). A
name of more than 40 characters ends in ``…``.
"""

import unicodedata

import numpy as np

from .._extras import needs
from .._validation import array, check_finite, choice, float_array
from ._fonts import make_legible, write

#: Okabe and Ito's colours, told apart by readers of every kind of colour vision.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
# More of them take minutes, and make a figure that no program opens.
_LABELS = 256
_STRIP = ("#CFE3F1", "#FBE3B4", "#C5E8DC", "#F1DCE8")
_LONGEST = 40
_SCALES = {
    "linear": (lambda weights: weights, "weight"),
    "log1p": (np.log1p, "log(1 + weight)"),
}


def attention_map(
    weights,
    tokens,
    *,
    scale="linear",
    cmap="viridis",
    vmin=None,
    vmax=None,
    title="Attention weights",
    ax=None,
):
    """Draw the attention weights of one head: a row is what one query looks at.

    Parameters
    ----------
    weights : array-like, shape (T_q, T_k)
    tokens : sequence of str
        Labels of the T keys; the last T_q of them label the queries.
    scale : {"linear", "log1p"}, default "linear"
        What the colour shows: the weight, or ``log(1 + weight)``, which lifts
        small weights a little. The colour bar says which.
    cmap : str, default "viridis"
    vmin, vmax : float, optional
        Ends of the colour bar, in units of the scale. Default: 0 and the largest
        value.
    title : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If the weights are no finite numbers, the shapes do not fit, there are more
        tokens than can be read, or the scale has no such name.

    Examples
    --------
    >>> ax = attention_map([[1, 0], [0.25, 0.75]], ["the", "␣dog"], title="One head")
    >>> ax.get_title(), [label.get_text() for label in ax.get_xticklabels()]
    ('One head', ['the', '␣dog'])
    """
    with needs("plots", "figures"):
        import seaborn

    weights = float_array(weights, "weights", ("T_q", "T_k"))
    if weights.shape[1] != len(tokens) or len(weights) > len(tokens):
        raise ValueError(
            f"`tokens` must have one label a key, got {len(tokens)} for weights of "
            f"shape {weights.shape}"
        )
    colour, label = _scale(scale)
    _check_labels(tokens, "use head_mosaic, which has no labels")
    tokens = _names(tokens)
    # A letter is about 0.08 inches wide.
    side = 2.2 + 0.36 * len(tokens) + 0.08 * max(0, max(map(len, tokens)) - 15)
    ax = ax or _axes(side + 0.8, side)
    seaborn.heatmap(
        colour(weights),
        ax=ax,
        cmap=cmap,
        vmin=0 if vmin is None else vmin,
        vmax=vmax,
        square=True,
        xticklabels=True,
        yticklabels=True,
        cbar_kws={"label": label, "shrink": 0.8},
    )
    ax.set_xticklabels(tokens, rotation=90)
    queries = tokens[len(tokens) - len(weights) :]
    ax.set_yticklabels(queries, rotation=0)
    ax.set(xlabel="key: the token looked at", ylabel="query: the token that looks")
    ax.set_title(title)
    return make_legible(ax)


def head_mosaic(
    attentions, *, scale="linear", cmap="viridis", title="Every head", ax=None
):
    """Draw the attention maps of all heads as one image.

    Parameters
    ----------
    attentions : array-like, shape (L, H, T_q, T_k)
    scale : {"linear", "log1p"}, default "linear"
    cmap : str, default "viridis"
    title : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        A row a layer, a column a head; in each tile queries run down and keys
        run right.

    Raises
    ------
    TypeError, ValueError
        If `attentions` is no such array, or the scale has no such name.

    Examples
    --------
    >>> ax = head_mosaic(np.full((2, 3, 4, 4), 0.25))
    >>> ax.get_xlabel(), len(ax.get_xticks()), ax.get_ylabel(), len(ax.get_yticks())
    ('head', 3, 'layer', 2)
    """
    attentions = array(attentions, "attentions", ("L", "H", "T_q", "T_k"))
    check_finite(attentions, "attentions")
    n_layers, n_heads, n_queries, n_keys = attentions.shape
    colour, label = _scale(scale)
    gap = max(1, n_keys // 10)
    tiles = np.pad(
        colour(attentions.astype(float, copy=False)),
        [(0, 0), (0, 0), (0, gap), (0, gap)],
        constant_values=np.nan,
    )
    height, width = n_queries + gap, n_keys + gap
    image = tiles.transpose(0, 2, 1, 3).reshape(n_layers * height, n_heads * width)
    tile = min(0.6, 7.5 / n_heads, 8.0 / n_layers)  # a screen, at most
    ax = ax or _axes(n_heads * tile + 2.0, n_layers * tile + 1.4)
    drawn = ax.imshow(image, cmap=cmap, vmin=0, interpolation="nearest")
    ax.set_xticks(np.arange(n_heads) * width + (n_keys - 1) / 2, range(n_heads))
    ax.set_yticks(np.arange(n_layers) * height + (n_queries - 1) / 2, range(n_layers))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="head", ylabel="layer", title=title)
    ax.figure.colorbar(drawn, ax=ax, label=label, shrink=0.5)
    return make_legible(ax)


def heatmap(
    matrix,
    *,
    title,
    xlabel,
    ylabel,
    label,
    cmap="viridis",
    vmin=None,
    vmax=None,
    ax=None,
):
    """Draw a matrix as colours, row 0 at the top.

    Parameters
    ----------
    matrix : array-like, shape (rows, columns)
        NaN is left blank.
    title, xlabel, ylabel : str
    label : str
        What the colour shows.
    cmap : str, default "viridis"
    vmin, vmax : float, optional
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If `matrix` is no such array, or has infinity.

    Examples
    --------
    >>> names = {"title": "Ones", "xlabel": "column", "ylabel": "row", "label": "value"}
    >>> ax = heatmap([[1, 0], [0, 1]], **names)
    >>> ax.get_title(), ax.images[0].get_array().tolist()
    ('Ones', [[1, 0], [0, 1]])
    """
    matrix = array(matrix, "matrix", ("rows", "columns"))
    check_finite(matrix, "matrix", allowed="nan")
    ax = ax or _axes(7.0, 4.8)
    drawn = ax.imshow(
        matrix,
        aspect="auto",
        cmap=cmap,
        vmin=vmin,
        vmax=vmax,
    )
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    for axis in (ax.xaxis, ax.yaxis):  # there is no half row
        axis.get_major_locator().set_params(integer=True)
    ax.figure.colorbar(drawn, ax=ax, label=label)
    return make_legible(ax)


def token_strips(rows, *, title, faded=(), width=9.0, ax=None):
    """Draw token sequences under each other, a coloured box a token.

    Parameters
    ----------
    rows : mapping of str to sequence of str
        The name of each row and its tokens; a token may have several lines.
    title : str
    faded : collection of str, optional
        Tokens to draw in gray.
    width : float, default 9.0
        Of a new figure, in inches.
    ax : matplotlib.axes.Axes, optional

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
    with needs("plots", "figures"):
        from matplotlib.font_manager import FontProperties

    everything = [token for tokens in rows.values() for token in tokens]
    _check_labels(everything, "draw some of the tokens", most=2000)
    font = FontProperties(family=["monospace"])
    _, families = write(everything, font)
    shown = {
        name: write(tokens, font, longest=_LONGEST)[0] for name, tokens in rows.items()
    }
    sizes = {
        name: [max(map(_columns, token.split("\n"))) + 1 for token in tokens]
        for name, tokens in shown.items()
    }
    lines = max(token.count("\n") + 1 for tokens in shown.values() for token in tokens)
    longest = max(map(sum, sizes.values()))
    ax = ax or _axes(width, 0.7 + (0.3 + 0.25 * lines) * len(rows))
    # A monospaced character is about 0.6 as wide as it is high.
    points = min(12.0, 0.82 * width * 72 / (0.6 * longest))
    style = {"ha": "center", "va": "center", "family": families, "size": points}
    style["parse_math"] = False
    for row, (name, tokens) in enumerate(rows.items()):
        left = 0
        boxes = zip(tokens, shown[name], sizes[name], strict=True)
        for i, (token, text, size) in enumerate(boxes):
            colour = "0.85" if token in faded else _STRIP[i % len(_STRIP)]
            ink = "0.45" if token in faded else "black"
            ax.barh(
                row, size - 0.15, left=left, height=0.8, align="center", color=colour
            )
            ax.text(left + (size - 0.15) / 2, row, text, color=ink, **style)
            left += size
    counts = [len(tokens) for tokens in rows.values()]
    names = [
        f"{name}\n{n} tokens" for name, n in zip(_names(rows), counts, strict=True)
    ]
    ax.set_yticks(range(len(rows)), names)
    ax.set(xlim=(0, longest), ylim=(len(rows) - 0.5, -0.5), xticks=[], title=title)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return make_legible(ax)


def labelled_scatter(coordinates, labels, *, title, xlabel, ylabel, ax=None):
    """Draw points with their names beside them.

    Parameters
    ----------
    coordinates : array-like, shape (T, 2)
    labels : sequence of str
    title, xlabel, ylabel : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If `coordinates` is no such array, or there are more labels than can be read.

    Examples
    --------
    >>> names = {"title": "Two words", "xlabel": "first", "ylabel": "second"}
    >>> ax = labelled_scatter([[0, 1], [2, 3]], ["cat", "dog"], **names)
    >>> [text.get_text() for text in ax.texts]
    ['cat', 'dog']
    """
    with needs("plots", "figures"):
        from adjustText import adjust_text

    coordinates = float_array(coordinates, "coordinates", ("T", 2))
    if coordinates.shape != (len(labels), 2):
        raise ValueError(
            f"`labels` must have one entry a point, got {len(labels)} for "
            f"{len(coordinates)} points"
        )
    _check_labels(labels, "draw some of the points")
    ax = ax or _axes(6.0, 5.0)
    ax.scatter(*coordinates.T, color=PALETTE[0], s=28, zorder=2)
    names = [
        ax.text(x, y, name)
        for (x, y), name in zip(coordinates, _names(labels), strict=True)
    ]
    ax.axhline(0, color="0.8", lw=0.8, zorder=1)
    ax.axvline(0, color="0.8", lw=0.8, zorder=1)
    ax.margins(0.18)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    make_legible(ax)
    ax.figure.draw_without_rendering()  # labels are moved where the layout puts them
    adjust_text(names, ax=ax, arrowprops={"arrowstyle": "-", "color": "0.6"})
    return ax


def token_bars(tokens, probabilities, *, title, ax=None):
    """Draw the likeliest tokens as bars, and all the others as one.

    Parameters
    ----------
    tokens : sequence of str
        The likeliest first.
    probabilities : array-like, shape (k,)
        Of these tokens; what is missing to one is shown as "all others".
    title : str
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError, ValueError
        If `probabilities` is no such array, or there are not as many tokens, or more
        than can be read.

    Examples
    --------
    >>> ax = token_bars(["␣Paris", "␣a"], [0.75, 0.125], title="Next")
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['␣Paris', '␣a', 'all others']
    >>> [text.get_text() for text in ax.texts]
    ['0.750', '0.125', '0.125']
    """
    probabilities = float_array(probabilities, "probabilities", ("k",))
    if len(probabilities) != len(tokens):
        raise ValueError(
            f"`tokens` must have one entry a probability, got {len(tokens)} for "
            f"{len(probabilities)} probabilities"
        )
    _check_labels(tokens, "draw the likeliest")
    values = [*probabilities, max(0.0, 1.0 - probabilities.sum())]
    names = [*_names(tokens), "all others"]
    rows = range(len(names))
    ax = ax or _axes(6.5, 1.0 + 0.32 * len(names))
    bars = ax.barh(rows, values, color=[PALETTE[0]] * len(tokens) + ["0.6"])
    ax.bar_label(bars, [f"{value:.3f}" for value in values], padding=3)
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.set(xlabel="probability", ylabel="next token", title=title)
    ax.margins(x=0.12)
    ax.spines[["top", "right"]].set_visible(False)
    return make_legible(ax)


def _check_labels(labels, instead, most=_LABELS):
    if len(labels) > most:
        raise ValueError(
            f"a figure has room for at most {most} labels, got {len(labels)}; {instead}"
        )


def _scale(name):
    return _SCALES[choice(name, "scale", _SCALES)]


def _names(texts):
    """Write tokens, or names, so that they leave room for the rest of the figure."""
    return write(list(texts), longest=_LONGEST)[0]


def _columns(text):
    """Count how many monospaced characters a text is wide."""
    return sum(1 + (unicodedata.east_asian_width(c) in "FW") for c in text)


def _axes(width, height):
    with needs("plots", "figures"):
        import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]
