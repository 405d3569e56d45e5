"""The exact distribution, against counting every story of a cut-down grammar."""

import collections
import itertools
import math
import random

import pytest
from scipy import stats

from lmviz.toy import grammar, language

FACTS = "<story> Anna has a red ball . Tom has a blue kite ."


@pytest.fixture
def cut_down(monkeypatch):
    """The same sentences with so few words that every story can be listed."""
    few = {
        "WOMEN": ("Anna",),
        "MEN": ("Tom",),
        "COLOURS": ("red", "blue"),
        "THINGS": ("ball", "kite"),
        "ANIMALS": ("dog", "cat"),
        "PLACES": ("park",),
        "DEEDS": ("saw",),
        "MOODS": ("sad", "happy"),
        "OF_ANIMALS": ("hungry",),
        "OF_THINGS": ("round",),
        "NOTES": ("do", "re"),
        "LAST_BEGINNING": 14,
    }
    for name, words in few.items():
        monkeypatch.setattr(grammar, name, words)


def every_story():
    """List all stories with their probabilities, by telling each from the start."""
    unfinished = [((grammar.START,), 1.0)]
    while unfinished:
        words, p = unfinished.pop()
        said = [grammar.START]
        telling = grammar.story(said)
        choice = next(telling)
        for word in words[1:]:
            said.append(word)
            try:
                choice = telling.send(word)
            except StopIteration:
                choice = None
        if choice is None:
            yield words, p
        else:
            unfinished += [((*words, w), p * q) for w, q in choice.chances.items()]


def test_the_distribution_is_the_one_of_counting_all_stories(cut_down):
    mass = collections.Counter()
    total = 0.0
    for words, p in every_story():
        total += p
        for end in range(1, len(words) + 1):
            mass[words[:end]] += p
    assert total == pytest.approx(1)
    followers = collections.defaultdict(dict)
    for prefix, p in mass.items():
        if len(prefix) > 1:
            followers[prefix[:-1]][prefix[-1]] = p / mass[prefix[:-1]]
    assert len(followers) > 1000
    for prefix, expected in followers.items():
        assert language.next_token(prefix) == pytest.approx(expected)


def test_stories_are_drawn_from_the_distribution(cut_down):
    generator = random.Random(0)
    followed = collections.defaultdict(collections.Counter)
    for _ in range(4000):
        words = language.write(generator).words
        for end in range(1, len(words)):
            followed[words[:end]][words[end]] += 1
    p_values = []
    for prefix, seen in followed.items():
        chances = language.next_token(prefix)
        if len(chances) > 1 and seen.total() >= 100:
            expected = [p * seen.total() for p in chances.values()]
            observed = [seen[word] for word in chances]
            p_values.append(stats.chisquare(observed, expected).pvalue)
    assert len(p_values) > 20
    assert min(p_values) > 0.001 / len(p_values)


def test_every_choice_sums_to_one():
    for story in itertools.islice(language.stories(1), 200):
        for chances in story.chances:
            assert sum(chances.values()) == pytest.approx(1)
            assert set(chances) <= set(grammar.WORDS)


def test_stories_fit_the_context_and_say_what_is_true():
    for story in itertools.islice(language.stories(2), 500):
        assert len(story.words) <= grammar.CONTEXT
        assert len(story.words) - 1 == len(story.chances) == len(story.kinds)
        for word, chances, kind in zip(
            story.words[1:], story.chances, story.kinds, strict=True
        ):
            assert chances[word] > 0
            if kind is not None:
                assert chances == {word: 1.0}


@pytest.mark.parametrize(
    ("prefix", "answer"),
    [
        (f"{FACTS} Anna went to the park with", "her"),
        (f"{FACTS} Tom went to the park with", "his"),
        (f"{FACTS} Tom went to the park with his kite because", "he"),
        (f"{FACTS} the kite", "Tom"),
        (f"{FACTS} the ball Anna has is", "red"),
        (f"{FACTS} Anna still has", "her"),
        (f"{FACTS} Anna still has her", "red"),
        (
            f"{FACTS} the dog saw the cup because it was new . the new one was the",
            "cup",
        ),
        (f"{FACTS} the dog saw the cup because it was sad", None),
        (f"{FACTS} now it is", "morning"),
        (
            f"{FACTS} the ball Anna has is red . the kite Tom has is blue . now it is",
            "noon",
        ),
        (f"{FACTS} Tom sings do la mi , do", "la"),
    ],
)
def test_what_a_reader_would_say(prefix, answer):
    if answer is None:
        with pytest.raises(ValueError, match="word 21 is 'sad'; wanted hungry"):
            language.next_token(prefix.split())
    else:
        assert language.next_token(prefix.split()) == {answer: 1.0}


@pytest.mark.parametrize("words", [[], ["Anna"], ["<story>", "the"]])
def test_what_is_no_story_is_refused(words):
    with pytest.raises(ValueError, match="story begins with|word 1 is 'the'"):
        language.next_token(words)


def test_a_story_that_is_over_has_nothing_to_come():
    story = next(language.stories(3))
    assert language.next_token(story.words) == {}
    with pytest.raises(ValueError, match="the story is over"):
        language.next_token([*story.words, "the"])


def test_the_same_seed_writes_the_same_stories():
    first, again = (
        [story.words for story in itertools.islice(language.stories("x"), 20)]
        for _ in range(2)
    )
    assert first == again


def test_what_is_kept_out_never_stands_in_training():
    seen = {s.words[:13] for s in itertools.islice(language.stories(4), 2000)}
    unseen = [
        s.words[:13] for s in itertools.islice(language.stories(4, unseen=True), 200)
    ]
    assert not any(map(language.kept_out, seen))
    assert all(map(language.kept_out, unseen))


def test_entropy_is_the_one_of_the_formula():
    assert language.entropy({"a": 1.0}) == 0
    assert language.entropy(dict.fromkeys("abcd", 0.25)) == pytest.approx(math.log(4))
