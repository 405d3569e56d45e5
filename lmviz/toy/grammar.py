"""The grammar of the toy's language: its words, and how they make stories.

A story is told one word at a time, and every choice in it **is** a word. For each
place the grammar yields the words that may stand there, with their probabilities,
and is told which one was taken. So what writes the stories is also their exact
language model (see `lmviz.toy.language`).

Read it from the bottom: a `story` is two facts, then events until it is long enough.
"""

from collections.abc import Generator
from dataclasses import dataclass

#: The token ``"<story>"``, which opens every story and closes it.
START = "<story>"
WOMEN = ("Anna", "Mia", "Lea")
MEN = ("Tom", "Ben", "Max")
COLOURS = ("red", "blue", "green", "white", "black", "brown")
THINGS = ("ball", "kite", "drum", "cup", "book", "hat", "bag", "boat")
ANIMALS = ("dog", "cat", "fox", "goat", "bird", "horse")
PLACES = ("park", "lake", "town", "wood", "farm")
DEEDS = ("chased", "found", "pushed", "saw")
MOODS = ("happy", "sad", "tired", "late")
# What an animal can be, and what a thing can be: no word is in both.
OF_ANIMALS = ("hungry", "excited", "angry", "scared")
OF_THINGS = ("round", "heavy", "broken", "new")
NOTES = ("do", "re", "mi", "fa", "so", "la")
# The time of day goes by the place of the word in the text: places 16 to 23 are
# morning, the next eight noon, and so on. (Before 16 there are only facts.)
TIMES = ("morning", "noon", "evening", "night")
DAWN, WATCH = 16, 8
# How much likelier the second one told of is of the other kind than of the same.
MIXED = 4
# From this place on no new sentence begins; the longest has 17 words.
LAST_BEGINNING = 44
#: How many tokens the toy takes at most.
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
_GLUE = (
    ". , a because has he her his is it now one she sings still the to was went with"
)
_CONTENT = [word for words in CLASSES.values() for word in words]
#: The whole vocabulary; the index is the id.
#:
#: :meta hide-value:
WORDS = (START, *_GLUE.split(" "), *_CONTENT)

#: The kinds of questions that a story asks and answers.
KINDS = ("agreement", "reference", "recall", "owner", "position", "song")


@dataclass(frozen=True)
class Choice:
    """What may stand at one place of a story.

    Parameters
    ----------
    chances : dict of str to float
        Each word that may come, and its probability; they sum to one.
    kind : str, optional
        One of `KINDS`, where the word is the answer to a question that the story
        has decided.

    Examples
    --------
    >>> Choice({"her": 1.0}, "agreement")
    Choice(chances={'her': 1.0}, kind='agreement')
    """

    chances: dict[str, float]
    kind: str | None = None


Grammar = Generator[Choice, str, None]


def one_of(words, kind=None):
    """Each of some words, equally likely.

    Examples
    --------
    >>> one_of(["morning", "noon"])
    Choice(chances={'morning': 0.5, 'noon': 0.5}, kind=None)
    """
    words = tuple(words)
    return Choice(dict.fromkeys(words, 1 / len(words)), kind)


def phrase(text) -> Grammar:
    """Say fixed words, each of them certain.

    Examples
    --------
    >>> [choice.chances for choice in phrase("has a")]
    [{'has': 1.0}, {'a': 1.0}]
    """
    for word in text.split():
        yield one_of([word])


def fact(people) -> Grammar:
    """Say who has what: "Anna has a red ball". Nobody and nothing comes twice.

    A woman and a man are told of more often than two of a kind. Then *her* and *his*
    alone say whose a thing is, which is soon learned, and what a model builds for it
    also serves where only the name can tell.

    Examples
    --------
    >>> import random
    >>> from lmviz.toy.language import write
    >>> people = {}
    >>> told = write(random.Random(1), grammar=lambda said: fact(people))
    >>> " ".join(told.words), people
    ('<story> Anna has a blue cup .', {'Anna': ('blue', 'cup')})
    """
    taken = {word for person in people.items() for word in (person[0], *person[1])}
    names = [word for word in (*WOMEN, *MEN) if word not in taken]
    alike = {word for kind in (WOMEN, MEN) if taken & {*kind} for word in kind}
    weights = {word: 1 if word in alike else MIXED for word in names}
    name = yield Choice({w: x / sum(weights.values()) for w, x in weights.items()})
    yield from phrase("has a")
    colour = yield one_of(word for word in COLOURS if word not in taken)
    thing = yield one_of(word for word in THINGS if word not in taken)
    people[name] = (colour, thing)
    yield from phrase(".")


def pronouns(name):
    """Return what stands for a name: "her" and "she", or "his" and "he".

    Examples
    --------
    >>> pronouns("Anna"), pronouns("Tom")
    (('her', 'she'), ('his', 'he'))
    """
    return ("her", "she") if name in WOMEN else ("his", "he")


def journey(name, people) -> Grammar:
    """Agree with a name from afar: "to the park with *her* ball because *she* was sad".

    The name and "went" have been said; the thing is what the person has.

    Examples
    --------
    >>> import random
    >>> from lmviz.toy.language import write
    >>> people = {"Anna": ("red", "ball")}
    >>> told = write(random.Random(1), grammar=lambda said: journey("Anna", people))
    >>> " ".join(told.words)
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
    """Repeat what has no reason: "do la mi , do la mi". The name has been said.

    Two to four notes, so that the first time is not always as far back.

    Examples
    --------
    >>> import random
    >>> from lmviz.toy.language import write
    >>> told = write(random.Random(1), grammar=lambda said: song())
    >>> " ".join(told.words)
    '<story> do la fa , do la fa .'
    >>> told.kinds[3:6]
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


def reminder(name, people) -> Grammar:
    """Tell a fact again: "Tom still has his blue kite". "Tom still" has been said.

    Examples
    --------
    >>> telling = reminder("Tom", {"Tom": ("blue", "kite")})
    >>> [list(choice.chances) for choice in telling]
    [['has'], ['his'], ['blue'], ['kite'], ['.']]
    """
    yield from phrase("has")
    yield one_of([pronouns(name)[0]], "agreement")
    for word in people[name]:
        yield one_of([word], "recall")
    yield from phrase(".")


def chase(animal) -> Grammar:
    """Let a later word settle a pronoun: "the dog saw the cup because it was new".

    "The dog" has been said. What was new was the cup; what is hungry is the dog.

    Examples
    --------
    >>> import random
    >>> from lmviz.toy.language import write
    >>> told = write(random.Random(1), grammar=lambda said: chase("dog"))
    >>> " ".join(told.words)
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


def question(thing, people) -> Grammar:
    """Recall a fact: "the kite Tom has is blue". "The kite" has been said.

    Examples
    --------
    >>> telling = question("kite", {"Tom": ("blue", "kite")})
    >>> [list(choice.chances) for choice in telling]
    [['Tom'], ['has'], ['is'], ['blue'], ['.']]
    """
    [(owner, colour)] = [(name, c) for name, (c, t) in people.items() if t == thing]
    yield one_of([owner], "owner")
    yield from phrase("has is")
    yield one_of([colour], "recall")
    yield from phrase(".")


def event(said, people) -> Grammar:
    """Say one sentence, or two; which one, its first words decide.

    Examples
    --------
    >>> people = {"Anna": ("red", "ball"), "Tom": ("blue", "kite")}
    >>> next(event([START], people)).chances
    {'Anna': 0.2, 'Tom': 0.2, 'the': 0.5, 'now': 0.1}
    """
    first = yield Choice({**dict.fromkeys(people, 0.2), "the": 0.5, "now": 0.1})
    if first == "now":
        yield from phrase("it is")
        yield one_of([TIMES[(len(said) - DAWN) // WATCH]], "position")
        yield from phrase(".")
    elif first == "the":
        of_animals = dict.fromkeys(ANIMALS, 0.4 / len(ANIMALS))
        things = [thing for _, thing in people.values()]
        noun = yield Choice({**of_animals, **dict.fromkeys(things, 0.3)})
        yield from chase(noun) if noun in ANIMALS else question(noun, people)
    else:
        what = yield Choice({"went": 0.4, "sings": 0.3, "still": 0.3})
        if what == "sings":
            yield from song()
        else:
            yield from (journey if what == "went" else reminder)(first, people)


def story(said) -> Grammar:
    """Write a story; `said` holds the words so far, and is filled by the caller.

    Examples
    --------
    >>> import random
    >>> from lmviz.toy.language import write
    >>> told = write(random.Random(1), grammar=story)
    >>> told.words[0], told.words[-1], len(told.words) <= CONTEXT
    ('<story>', '<story>', True)
    """
    people = {}
    for _ in range(2):
        yield from fact(people)
    while len(said) < LAST_BEGINNING:
        yield from event(said, people)
    yield one_of([START])
