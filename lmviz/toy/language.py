"""The toy's language: stories, and the exact probability of every word in them.

Nothing is estimated. The grammar yields the probabilities of each word before it is
chosen, so sending it a prefix gives the exact distribution after this prefix.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from .grammar import START, Choice, Grammar, story


@dataclass(frozen=True)
class Story:
    """A story with the true distribution at every position.

    Parameters
    ----------
    words : tuple of str
        The first and the last are ``"<story>"``.
    probs : tuple of dict of str to float
        For each word after the first, the possible words and their probabilities.
    kinds : tuple of (str or None)
        For each word after the first, the kind of question that it answers, if any.

    Examples
    --------
    >>> story = sample_story(random.Random(1))
    >>> story.words[1], len(story.probs[0])
    ('Anna', 6)
    """

    words: tuple[str, ...]
    probs: tuple[dict[str, float], ...]
    kinds: tuple[str | None, ...]


def sample_story(
    generator: random.Random, *, grammar: Callable[[list[str]], Grammar] = story
) -> Story:
    """Sample one story.

    Parameters
    ----------
    generator : random.Random
        The same seed gives the same stories on every machine.
    grammar : callable, default `lmviz.toy.grammar.story`
        Takes the list of words so far and yields choices.

    Returns
    -------
    Story

    Examples
    --------
    >>> " ".join(sample_story(random.Random(1)).words[:7])
    '<story> Anna has a blue cup .'
    """
    prefix = [START]
    choices = []
    rules = grammar(prefix)
    choice = next(rules)
    while choice is not None:
        choices.append(choice)
        words, probs = zip(*choice.probs.items(), strict=True)
        [word] = generator.choices(words, probs)
        choice = _advance(rules, prefix, word)
    return Story(
        words=tuple(prefix),
        probs=tuple(choice.probs for choice in choices),
        kinds=tuple(choice.kind for choice in choices),
    )


def parse(
    words: Sequence[str], *, grammar: Callable[[list[str]], Grammar] = story
) -> list[Choice]:
    """Return the choices that the grammar offers along a prefix of a story.

    Parameters
    ----------
    words : sequence of str
        The first is ``"<story>"``.
    grammar : callable, default `lmviz.toy.grammar.story`

    Returns
    -------
    list of Choice
        One for each word after the first, and one for the word after the last unless
        the story is over.

    Examples
    --------
    >>> choices = parse("<story> Anna has a".split())
    >>> len(choices), list(choices[-1].probs)
    (4, ['red', 'blue', 'green', 'white', 'black', 'brown'])
    >>> parse("<story> Anna sings".split())
    Traceback (most recent call last):
        ...
    ValueError: word 2 of the story must be has, got 'sings'
    """
    if not words or words[0] != START:
        raise ValueError(
            f"a story must begin with {START!r}, got {list(words[:1])!s:.60}"
        )
    prefix = [START]
    rules = grammar(prefix)
    choices = [next(rules)]
    for position, word in enumerate(words[1:], 1):
        if choices[-1] is None:
            raise ValueError(
                f"word {position} is {word!r:.60}, but the story is over before it"
            )
        if word not in choices[-1].probs:
            possible = " or ".join(choices[-1].probs)
            raise ValueError(
                f"word {position} of the story must be {possible}, got {word!r:.60}"
            )
        choices.append(_advance(rules, prefix, word))
    return [choice for choice in choices if choice is not None]


def next_word_probs(prefix: Sequence[str]) -> dict[str, float]:
    """Return the exact distribution of the next word.

    Parameters
    ----------
    prefix : sequence of str
        The beginning of a story, starting with ``"<story>"``.

    Returns
    -------
    dict of str to float
        Each possible word and its probability; empty if the story is over.

    Examples
    --------
    >>> next_word_probs("<story> Anna has a".split())["red"] == 1 / 6
    True
    >>> facts = "<story> Anna has a red ball . Tom has a blue kite ."
    >>> next_word_probs(f"{facts} the kite Tom has is".split())
    {'blue': 1.0}
    """
    choices = parse(prefix)
    return choices[-1].probs if len(choices) == len(prefix) else {}


def entropy(probs: dict[str, float]) -> float:
    r"""Return the entropy of a distribution, in nats.

    .. math:: H(p) = -\sum_w p(w) \ln p(w)

    Parameters
    ----------
    probs : dict of str to float

    Returns
    -------
    float

    Examples
    --------
    >>> entropy({"red": 0.5, "blue": 0.5}) == math.log(2)
    True
    """
    return -sum(p * math.log(p) for p in probs.values())


def is_held_out(words: Sequence[str]) -> bool:
    """Return whether a story is held out from training, judging by its two facts.

    About one in ten combinations of two names, colours and things is held out. In
    training, the model sees each of the six words, but never this combination.

    Parameters
    ----------
    words : sequence of str

    Returns
    -------
    bool

    Examples
    --------
    >>> is_held_out("<story> Anna has a red ball . Tom has a blue kite .".split())
    False
    """
    facts = " ".join(words[:13])
    return hashlib.sha256(facts.encode()).digest()[0] < 26


def stories(seed: int | str, *, held_out: bool = False) -> Iterator[Story]:
    """Sample an endless sequence of stories.

    Parameters
    ----------
    seed : int or str
    held_out : bool, default False
        Yield only stories that are held out from training, instead of only the others.

    Yields
    ------
    Story

    Examples
    --------
    >>> story = next(stories(0, held_out=True))
    >>> is_held_out(story.words)
    True
    """
    generator = random.Random(seed)
    while True:
        story = sample_story(generator)
        if is_held_out(story.words) == held_out:
            yield story


def _advance(rules, prefix, word):
    """Send a word to the grammar; return its next choice, or None after the last."""
    prefix.append(word)
    try:
        return rules.send(word)
    except StopIteration:
        return None
