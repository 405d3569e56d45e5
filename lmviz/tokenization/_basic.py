"""Chapter 1: the basic tokenizer, one token per word.

The first rung of the ladder. It shows what every tokenizer does (text to tokens,
tokens to ids, and back) and where the simplest one fails: a word outside its
vocabulary becomes ``[UNK]``. The next rung, `lmviz.tokenization.naive_train_bpe`,
learns subwords instead. Everything is plain Python: no module of this chapter imports
torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .._text import checked_text
from ._ids import id_list

if TYPE_CHECKING:
    from .._types import Ids

#: The token for every word outside the vocabulary of a `BasicTokenizer`.
UNKNOWN = "[UNK]"


def basic_tokenize(text: str) -> list[str]:
    r"""Split a text into lowercase words and single punctuation characters.

    Each run of word characters (``\w+``: letters, digits, underscores) is a token;
    every other character that is not whitespace is a token of its own.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> basic_tokenize("The dog wasn't there!")
    ['the', 'dog', 'wasn', "'", 't', 'there', '!']
    """
    return re.findall(r"\w+|[^\w\s]", checked_text(text).lower())


class BasicTokenizer:
    """A tokenizer with a fixed vocabulary of whole words.

    Parameters
    ----------
    vocabulary : iterable of str
        The known words, without ``[UNK]``, which gets id 0.

    Examples
    --------
    >>> tokenizer = BasicTokenizer.train(["The dog chased the ball."])
    >>> tokenizer.encode("The cat chased the ball.")
    [5, 0, 3, 5, 2, 1]
    >>> tokenizer.decode([5, 0, 3, 5, 2, 1])
    'the [UNK] chased the ball .'
    """

    def __init__(self, vocabulary: Iterable[str]):
        self.words = [UNKNOWN, *vocabulary]
        self.ids = {word: i for i, word in enumerate(self.words)}

    @classmethod
    def train(cls, texts: Iterable[str]) -> BasicTokenizer:
        """Build a vocabulary from all the words of some texts, in alphabetical order.

        Parameters
        ----------
        texts : iterable of str

        Returns
        -------
        BasicTokenizer
        """
        return cls(sorted({word for text in texts for word in basic_tokenize(text)}))

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, one per token; unknown words get id 0.

        Parameters
        ----------
        text : str

        Returns
        -------
        list of int
        """
        return [self.ids.get(word, 0) for word in basic_tokenize(text)]

    def decode(self, ids: Ids) -> str:
        """Return the words of some ids, joined with spaces.

        Capitals and the original spacing are lost: the ids don't record them.

        Parameters
        ----------
        ids : iterable of int

        Returns
        -------
        str
        """
        for i in (ids := id_list(ids)):
            if i not in range(len(self.words)):
                raise ValueError(
                    f"`ids` must be from 0 to {len(self.words) - 1}, got {i}: the "
                    f"vocabulary has {len(self.words)} words"
                )
        return " ".join(self.words[i] for i in ids)
