"""The toy's language: stories, and the exact probability of every word in them.

Nothing is estimated. The grammar yields the chances of each word before it is
chosen; to know what may follow a beginning, it is told that beginning.
"""

import hashlib
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .grammar import START, story


@dataclass(frozen=True)
class Story:
    """A story and what is true of it.

    Parameters
    ----------
    words : tuple of str
        The first and the last are ``"<story>"``.
    chances : tuple of dict
        For each word after the first, all that could have stood there.
    kinds : tuple of (str or None)
        For each word after the first, which question it answers, if any.

    Examples
    --------
    >>> told = write(random.Random(1))
    >>> told.words[1], len(told.chances[0])
    ('Anna', 6)
    """

    words: tuple[str, ...]
    chances: tuple[dict[str, float], ...]
    kinds: tuple[str | None, ...]


def write(generator: random.Random, *, grammar: Callable = story):
    """Write one story.

    Parameters
    ----------
    generator : random.Random
        Decides; the same seed writes the same stories everywhere.
    grammar : callable, default `lmviz.toy.grammar.story`
        Takes the list of words so far and yields choices.

    Returns
    -------
    Story

    Examples
    --------
    >>> " ".join(write(random.Random(1)).words[:7])
    '<story> Anna has a blue cup .'
    """
    said = [START]
    choices = []
    telling = grammar(said)
    choice = next(telling)
    while choice is not None:
        choices.append(choice)
        words, chances = zip(*choice.chances.items(), strict=True)
        [word] = generator.choices(words, chances)
        choice = _tell(telling, said, word)
    return Story(
        words=tuple(said),
        chances=tuple(choice.chances for choice in choices),
        kinds=tuple(choice.kind for choice in choices),
    )


def read(words: Sequence[str], *, grammar: Callable = story):
    """Follow a beginning of a story through the grammar.

    Parameters
    ----------
    words : sequence of str
        The first is ``"<story>"``.
    grammar : callable, default `lmviz.toy.grammar.story`

    Returns
    -------
    list of Choice
        What could stand at each place after the first, and after the last word
        unless the story is over.

    Raises
    ------
    ValueError
        If a word could not have come where it stands.

    Examples
    --------
    >>> choices = read("<story> Anna has a".split())
    >>> len(choices), list(choices[-1].chances)
    (4, ['red', 'blue', 'green', 'white', 'black', 'brown'])
    >>> read("<story> Anna sings".split())
    Traceback (most recent call last):
        ...
    ValueError: word 2 is 'sings'; wanted has
    """
    if not words or words[0] != START:
        raise ValueError(f"a story begins with {START!r}, got {list(words[:1])!s:.60}")
    said = [START]
    telling = grammar(said)
    choices = [next(telling)]
    for place, word in enumerate(words[1:], 1):
        if choices[-1] is None or word not in choices[-1].chances:
            wanted = "nothing: the story is over"
            if choices[-1] is not None:
                wanted = ", ".join(choices[-1].chances)
            raise ValueError(f"word {place} is {word!r:.60}; wanted {wanted}")
        choices.append(_tell(telling, said, word))
    return [choice for choice in choices if choice is not None]


def next_token(prefix: Sequence[str]):
    """Say what comes next, exactly.

    Parameters
    ----------
    prefix : sequence of str
        The beginning of a story, from ``"<story>"`` on.

    Returns
    -------
    dict of str to float
        Each word that may come, and its probability; empty where the story is over.

    Raises
    ------
    ValueError
        If the prefix is not the beginning of a story.

    Examples
    --------
    >>> next_token("<story> Anna has a".split())["red"] == 1 / 6
    True
    >>> facts = "<story> Anna has a red ball . Tom has a blue kite ."
    >>> next_token(f"{facts} the kite Tom has is".split())
    {'blue': 1.0}
    """
    choices = read(prefix)
    return choices[-1].chances if len(choices) == len(prefix) else {}


def entropy(chances):
    """Return how uncertain a choice is, in nats.

    Examples
    --------
    >>> entropy({"red": 0.5, "blue": 0.5}) == math.log(2)
    True
    """
    return -sum(p * math.log(p) for p in chances.values())


def kept_out(words: Sequence[str]):
    """Say whether a story is kept out of training, by who has what in it.

    One in ten combinations of two names, colours and things is; a model that was
    trained has met each of the six words, but never all of them together.

    Parameters
    ----------
    words : sequence of str
        A story; its two facts decide.

    Returns
    -------
    bool

    Examples
    --------
    >>> kept_out("<story> Anna has a red ball . Tom has a blue kite .".split())
    False
    """
    facts = " ".join(words[:13])
    return hashlib.sha256(facts.encode()).digest()[0] < 26


def stories(seed, *, unseen=False):
    """Write stories without end.

    Parameters
    ----------
    seed : int or str
    unseen : bool, default False
        Only those that are kept out of training, instead of only the others.

    Yields
    ------
    Story

    Examples
    --------
    >>> told = next(stories(0, unseen=True))
    >>> kept_out(told.words)
    True
    """
    generator = random.Random(seed)
    while True:
        told = write(generator)
        if kept_out(told.words) == unseen:
            yield told


def _tell(telling, said, word):
    said.append(word)
    try:
        return telling.send(word)
    except StopIteration:
        return None
