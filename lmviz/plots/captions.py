"""The words that belong to a figure: its caption, and its text for screen readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._extras import needs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Name of the attribute of a figure that keeps its words.
_WORDS = "_lmviz_words"


def caption(text: str, *, alt: str = "", figure: Figure | None = None) -> None:
    """Give a figure a caption and a text alternative; the book's pages show both.

    Parameters
    ----------
    text : str
        What to see in the figure. Its first sentence states the finding.
    alt : str, default ""
        What is in the picture, for readers who cannot see it. Default: the page makes
        one of the titles, the labels of axes and what is drawn.
    figure : matplotlib.figure.Figure, optional
        Default: the current figure.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> ax = plt.figure().subplots()
    >>> caption("The loss falls.", alt="A curve that falls from 3.1 to 0.4 nats.")
    >>> words_of(ax.figure)
    ('The loss falls.', 'A curve that falls from 3.1 to 0.4 nats.')
    >>> plt.close()
    """
    for name, value in (("text", text), ("alt", alt)):
        if not isinstance(value, str):
            raise TypeError(f"`{name}` must be a str, got {type(value).__name__}")
    if not text.strip():
        raise ValueError("`text` must not be blank")
    if figure is None:
        with needs("plots", "figures"):
            import matplotlib.pyplot as plt

        figure = plt.gcf()
    setattr(figure, _WORDS, (text, alt))


def words_of(figure):
    """Return a figure's caption and text alternative, or two empty strings."""
    return getattr(figure, _WORDS, ("", ""))
