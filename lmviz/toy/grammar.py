"""The grammar of the toy's language: its words, and how they form stories.

A story is generated one word at a time, and every decision in it **is** a word. At each
position, the grammar (a Python generator) yields the words that are possible there with
their probabilities, and is sent the word that was chosen. The code that generates the
stories is therefore also their exact language model (see `lmviz.toy.language`).

Start reading at the bottom: a `story` is two facts, then events until it is long
enough. `people`, which the functions share, maps each name to its colour and thing.
``views/static/language.js`` is the same grammar for the page, with these word lists.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The token ``"<story>"``, which begins and ends every story.
START = "<story>"
WOMEN = ("Anna", "Mia", "Lea")
MEN = ("Tom", "Ben", "Max")
COLOURS = ("red", "blue", "green", "white", "black", "brown")
THINGS = ("ball", "kite", "drum", "cup", "book", "hat", "bag", "boat")
ANIMALS = ("dog", "cat", "fox", "goat", "bird", "horse")
PLACES = ("park", "lake", "town", "wood", "farm")
DEEDS = ("chased", "found", "pushed", "saw")
MOODS = ("happy", "sad", "tired", "late")
# Adjectives for animals and adjectives for things; no word is in both.
OF_ANIMALS = ("hungry", "excited", "angry", "scared")
OF_THINGS = ("round", "heavy", "broken", "new")
NOTES = ("do", "re", "mi", "fa", "so", "la")
# The time of day depends on the position of the word alone: positions 16 to 23 are
# morning, the next eight noon, and so on. (Before 16 there are only facts.)
TIMES = ("morning", "noon", "evening", "night")
DAWN, WATCH = 16, 8
# How many times as likely the second person is of the other sex as of the same.
MIXED = 4
# No event begins at this position or later; the longest has 17 words.
LAST_BEGINNING = 44
#: The context of the toy, in tokens.
CONTEXT = 64

#: The words of each class, such as ``"colours"``.
#:
#: :meta hide-value:
CLASSES = {
    "women": WOMEN,
    "men": MEN,
    "colours": COLOURS,
    "things": THINGS,
    "animals": ANIMALS,
    "places": PLACES,
    "deeds": DEEDS,
    "moods": MOODS,
    "of animals": OF_ANIMALS,
    "of things": OF_THINGS,
    "notes": NOTES,
    "times": TIMES,
}
_FUNCTION_WORDS = (
    ". , a because has he her his is it now one she sings still the to was went with"
)
_CONTENT_WORDS = [word for words in CLASSES.values() for word in words]
#: The whole vocabulary; the index is the id.
#:
#: :meta hide-value:
WORDS = (START, *_FUNCTION_WORDS.split(" "), *_CONTENT_WORDS)

#: The kinds of questions that a story asks and answers.
KINDS = ("agreement", "reference", "recall", "owner", "position", "song")


@dataclass(frozen=True)
class Choice:
    """The words that are possible at one position of a story.

    Parameters
    ----------
    probs : dict of str to float
        Each possible word and its probability; they sum to one.
    kind : str, optional
        One of `KINDS` if the word answers a question, and is therefore determined by
        the words before it.

    Examples
    --------
    >>> Choice({"her": 1.0}, "agreement")
    Choice(probs={'her': 1.0}, kind='agreement')
    """

    probs: dict[str, float]
    kind: str | None = None


Grammar = Generator[Choice, str, None]
People = dict[str, tuple[str, str]]


def one_of(words: Iterable[str], kind: str | None = None) -> Choice:
    """Return a choice between equally likely words.

    Parameters
    ----------
    words : iterable of str
    kind : str, optional
        As in `Choice`.

    Returns
    -------
    Choice

    Examples
    --------
    >>> one_of(["morning", "noon"])
    Choice(probs={'morning': 0.5, 'noon': 0.5}, kind=None)
    """
    words = tuple(words)
    return Choice(dict.fromkeys(words, 1 / len(words)), kind)


def phrase(text: str) -> Grammar:
    """Generate fixed words, each with probability one.

    Parameters
    ----------
    text : str
        The words, separated by spaces.

    Yields
    ------
    Choice

    Examples
    --------
    >>> [choice.probs for choice in phrase("has a")]
    [{'has': 1.0}, {'a': 1.0}]
    """
    for word in text.split():
        yield one_of([word])


def fact(people: People) -> Grammar:
    """Generate a fact, such as "Anna has a red ball", and add it to `people`.

    No name, colour or thing occurs twice. A woman and a man are more likely than two
    people of the same sex: then *her* or *his* alone determines the owner, which is
    learned early, and this circuit also helps where only the name determines the owner.

    Examples
    --------
    >>> import random
    >>> from lmviz.toy.language import sample_story
    >>> people = {}
    >>> story = sample_story(random.Random(1), grammar=lambda prefix: fact(people))
    >>> " ".join(story.words), people
    ('<story> Anna has a blue cup .', {'Anna': ('blue', 'cup')})
    """
    used = {word for person in people.items() for word in (person[0], *person[1])}
    names = [word for word in (*WOMEN, *MEN) if word not in used]
    same_sex = {word for sex in (WOMEN, MEN) if used & {*sex} for word in sex}
    weights = {word: 1 if word in same_sex else MIXED for word in names}
    name = yield Choice({w: x / sum(weights.values()) for w, x in weights.items()})
    yield from phrase("has a")
    colour = yield one_of(word for word in COLOURS if word not in used)
    thing = yield one_of(word for word in THINGS if word not in used)
    people[name] = (colour, thing)
    yield from phrase(".")


def pronouns(name: str) -> tuple[str, str]:
    """Return the pronouns of a name: "her" and "she", or "his" and "he".

    Parameters
    ----------
    name : str

    Returns
    -------
    tuple of (str, str)
        The possessive and the subject pronoun.

    Examples
    --------
    >>> pronouns("Anna"), pronouns("Tom")
    (('her', 'she'), ('his', 'he'))
    """
    return ("her", "she") if name in WOMEN else ("his", "he")


def journey(name: str, people: People) -> Grammar:
    """Generate agreement at a distance: "with *her* ball because *she* was sad".

    It follows the name and "went"; the thing belongs to the person.

    Examples
    --------
    >>> import random
    >>> from lmviz.toy.language import sample_story
    >>> people = {"Anna": ("red", "ball")}
    >>> story = sample_story(
    ...     random.Random(1), grammar=lambda prefix: journey("Anna", people)
    ... )
    >>> " ".join(story.words)
    '<story> to the wood with her ball because she was happy .'
    """
    possessive, pronoun = pronouns(name)
    yield from phrase("to the")
    yield one_of(PLACES)
    yield from phrase("with")
    yield one_of([possessive], "agreement")
    yield one_of([people[name][1]], "recall")
    yield from phrase("because")
    yield one_of([pronoun], "agreement")
    yield from phrase("was")
    yield one_of(MOODS)
    yield from phrase(".")


def song() -> Grammar:
    """Generate a repetition of arbitrary notes: "do la mi , do la mi".

    It follows "sings". There are two to four notes, so that the distance to the first
    occurrence varies.

    Examples
    --------
    >>> import random
    >>> from lmviz.toy.language import sample_story
    >>> story = sample_story(random.Random(1), grammar=lambda prefix: song())
    >>> " ".join(story.words)
    '<story> do la fa , do la fa .'
    >>> story.kinds[3:6]
    (None, 'song', 'song')
    """
    notes = [(yield one_of(NOTES)), (yield one_of(NOTES))]
    while len(notes) < 4:
        note = yield Choice({",": 0.5, **dict.fromkeys(NOTES, 0.5 / len(NOTES))})
        if note == ",":
            break
        notes.append(note)
    else:
        yield from phrase(",")
    for note in notes:
        yield one_of([note], "song")
    yield from phrase(".")


def reminder(name: str, people: People) -> Grammar:
    """Generate a fact again, after "Tom still": "has his blue kite".

    Examples
    --------
    >>> choices = reminder("Tom", {"Tom": ("blue", "kite")})
    >>> [list(choice.probs) for choice in choices]
    [['has'], ['his'], ['blue'], ['kite'], ['.']]
    """
    yield from phrase("has")
    yield one_of([pronouns(name)[0]], "agreement")
    for word in people[name]:
        yield one_of([word], "recall")
    yield from phrase(".")


def chase(animal: str) -> Grammar:
    """Generate a pronoun that a later word resolves: "… because it was new".

    It follows "the dog". Only a thing can be new and only an animal hungry, so the
    adjective determines whether "it" is the animal or the thing.

    Examples
    --------
    >>> import random
    >>> from lmviz.toy.language import sample_story
    >>> story = sample_story(random.Random(1), grammar=lambda prefix: chase("dog"))
    >>> " ".join(story.words)
    '<story> chased the bag because it was heavy . the heavy one was the bag .'
    """
    yield one_of(DEEDS)
    yield from phrase("the")
    thing = yield one_of(THINGS)
    yield from phrase("because it was")
    state = yield one_of((*OF_ANIMALS, *OF_THINGS))
    yield from phrase(". the")
    yield one_of([state])
    yield from phrase("one was the")
    yield one_of([animal if state in OF_ANIMALS else thing], "reference")
    yield from phrase(".")


def question(thing: str, people: People) -> Grammar:
    """Generate the recall of a fact, after "the kite": "Tom has is blue".

    Examples
    --------
    >>> choices = question("kite", {"Tom": ("blue", "kite")})
    >>> [list(choice.probs) for choice in choices]
    [['Tom'], ['has'], ['is'], ['blue'], ['.']]
    """
    [(owner, colour)] = [(name, c) for name, (c, t) in people.items() if t == thing]
    yield one_of([owner], "owner")
    yield from phrase("has is")
    yield one_of([colour], "recall")
    yield from phrase(".")


def event(prefix: list[str], people: People) -> Grammar:
    """Generate one or two sentences, whose first words determine the kind of event.

    Examples
    --------
    >>> people = {"Anna": ("red", "ball"), "Tom": ("blue", "kite")}
    >>> next(event([START], people)).probs
    {'Anna': 0.2, 'Tom': 0.2, 'the': 0.5, 'now': 0.1}
    """
    first = yield Choice({**dict.fromkeys(people, 0.2), "the": 0.5, "now": 0.1})
    if first == "now":
        yield from phrase("it is")
        yield one_of([TIMES[(len(prefix) - DAWN) // WATCH]], "position")
        yield from phrase(".")
    elif first == "the":
        of_animals = dict.fromkeys(ANIMALS, 0.4 / len(ANIMALS))
        things = [thing for _, thing in people.values()]
        noun = yield Choice({**of_animals, **dict.fromkeys(things, 0.3)})
        yield from chase(noun) if noun in ANIMALS else question(noun, people)
    else:
        verb = yield Choice({"went": 0.4, "sings": 0.3, "still": 0.3})
        if verb == "sings":
            yield from song()
        else:
            yield from (journey if verb == "went" else reminder)(first, people)


def story(prefix: list[str]) -> Grammar:
    """Generate a story; `prefix`, the list of words so far, is updated by the caller.

    Examples
    --------
    >>> import random
    >>> from lmviz.toy.language import sample_story
    >>> words = sample_story(random.Random(1), grammar=story).words
    >>> words[0], words[-1], len(words) <= CONTEXT
    ('<story>', '<story>', True)
    """
    people: People = {}
    for _ in range(2):
        yield from fact(people)
    while len(prefix) < LAST_BEGINNING:
        yield from event(prefix, people)
    yield one_of([START])
