"""The exact distribution, compared with counting every story of a reduced grammar."""

import collections
import itertools
import math
import random

import pytest
from scipy import stats

from lmviz.toy import grammar, language

FACTS = "<story> Anna has a red ball . Tom has a blue kite ."


@pytest.fixture
def reduced(monkeypatch):
    """The same sentences with so few words that all stories can be enumerated."""
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
    """Enumerate all stories with their probabilities, each generated from the start."""
    unfinished = [((grammar.START,), 1.0)]
    while unfinished:
        words, p = unfinished.pop()
        prefix = [grammar.START]
        rules = grammar.story(prefix)
        choice = next(rules)
        for word in words[1:]:
            prefix.append(word)
            try:
                choice = rules.send(word)
            except StopIteration:
                choice = None
        if choice is None:
            yield words, p
        else:
            unfinished += [((*words, w), p * q) for w, q in choice.probs.items()]


def test_next_word_probs_equal_counts_over_all_stories(reduced):
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
        assert language.next_word_probs(prefix) == pytest.approx(expected)


def test_sampled_stories_follow_the_distribution(reduced):
    generator = random.Random(0)
    followed = collections.defaultdict(collections.Counter)
    for _ in range(4000):
        words = language.sample_story(generator).words
        for end in range(1, len(words)):
            followed[words[:end]][words[end]] += 1
    p_values = []
    for prefix, counts in followed.items():
        probs = language.next_word_probs(prefix)
        if len(probs) > 1 and counts.total() >= 100:
            expected = [p * counts.total() for p in probs.values()]
            observed = [counts[word] for word in probs]
            p_values.append(stats.chisquare(observed, expected).pvalue)
    assert len(p_values) > 20
    assert min(p_values) > 0.001 / len(p_values)


def test_every_choice_sums_to_one():
    for story in itertools.islice(language.stories(1), 200):
        for probs in story.probs:
            assert sum(probs.values()) == pytest.approx(1)
            assert set(probs) <= set(grammar.WORDS)


def test_stories_fit_the_context_and_answers_are_certain():
    for story in itertools.islice(language.stories(2), 500):
        assert len(story.words) <= grammar.CONTEXT
        assert len(story.words) - 1 == len(story.probs) == len(story.kinds)
        for word, probs, kind in zip(
            story.words[1:], story.probs, story.kinds, strict=True
        ):
            assert probs[word] > 0
            if kind is not None:
                assert probs == {word: 1.0}


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
def test_the_next_word_is_the_one_that_a_reader_expects(prefix, answer):
    if answer is None:
        with pytest.raises(
            ValueError, match="word 21 of the story must be hungry or .*, got 'sad'"
        ):
            language.next_word_probs(prefix.split())
    else:
        assert language.next_word_probs(prefix.split()) == {answer: 1.0}


@pytest.mark.parametrize("words", [[], ["Anna"], ["<story>", "the"]])
def test_words_that_are_not_a_story_are_an_error(words):
    with pytest.raises(ValueError, match="story must begin with|word 1 .*, got 'the'"):
        language.next_word_probs(words)


def test_no_word_follows_the_end_of_a_story():
    story = next(language.stories(3))
    assert language.next_word_probs(story.words) == {}
    with pytest.raises(ValueError, match="the story is over"):
        language.next_word_probs([*story.words, "the"])


def test_stories_are_reproducible():
    first, again = (
        [story.words for story in itertools.islice(language.stories("x"), 20)]
        for _ in range(2)
    )
    assert first == again


def test_held_out_stories_are_not_in_the_training_data():
    training = {s.words[:13] for s in itertools.islice(language.stories(4), 2000)}
    held_out = [
        s.words[:13] for s in itertools.islice(language.stories(4, held_out=True), 200)
    ]
    assert not any(map(language.is_held_out, training))
    assert all(map(language.is_held_out, held_out))


def test_entropy_of_certain_and_uniform_choices():
    assert language.entropy({"a": 1.0}) == 0
    assert language.entropy(dict.fromkeys("abcd", 0.25)) == pytest.approx(math.log(4))
