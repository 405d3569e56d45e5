from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lmviz import tokenization

# Few letters, so that pieces overlap, and # itself, which marks pieces.
words = st.text("abc#", max_size=12)
pieces = st.lists(
    st.tuples(st.sampled_from(["", "##"]), st.text("abc#", min_size=1, max_size=4)),
    max_size=25,
)


@given(pieces, words, st.integers(1, 12))
def test_encoding_equals_that_of_tokenizers(pieces, word, max_length):
    vocabulary = dict.fromkeys(["[UNK]", *map("".join, pieces)])
    theirs = models.WordPiece(
        vocab={piece: i for i, piece in enumerate(vocabulary)},
        unk_token="[UNK]",
        max_input_chars_per_word=max_length,
    )
    ours = tokenization.encode_wordpiece(word, vocabulary, max_length=max_length)
    assert ours == [token.value for token in theirs.tokenize(word)]


@given(st.text(max_size=8), st.sets(st.text(min_size=1, max_size=3), max_size=20))
def test_encoding_any_characters_equals_that_of_tokenizers(word, pieces):
    parts = {f"##{part}" for part in word}  # so that some words are known
    vocabulary = dict.fromkeys(["[UNK]", *word, *sorted(parts | pieces)])
    theirs = Tokenizer(
        models.WordPiece(
            vocab={piece: i for i, piece in enumerate(vocabulary)}, unk_token="[UNK]"
        )
    )
    ours = tokenization.encode_wordpiece(word, vocabulary)
    assert ours == theirs.encode(word).tokens


def test_one_unknown_character_makes_the_whole_word_unknown():
    vocabulary = {"sea", "se", "s", "##a", "##t"}
    assert tokenization.encode_wordpiece("seat", vocabulary) == ["sea", "##t"]
    assert tokenization.encode_wordpiece("seats", vocabulary) == ["[UNK]"]
    assert tokenization.encode_wordpiece("seats", vocabulary, unknown="?") == ["?"]
    assert tokenization.encode_wordpiece("", vocabulary) == []
    # The longest piece first, although "se" and "##at" would do.
    assert tokenization.encode_wordpiece("seat", {"sea", "se", "##at"}) == ["[UNK]"]


def test_words_longer_than_the_limit_are_unknown():
    vocabulary = {"a", "##a"}
    assert len(tokenization.encode_wordpiece("a" * 100, vocabulary)) == 100
    assert tokenization.encode_wordpiece("a" * 101, vocabulary) == ["[UNK]"]


def test_training_gives_the_scores_of_the_published_example():
    # Hugging Face's course, chapter 6, "WordPiece tokenization": the best score of the
    # first round is that of ##g and ##s, 1/20.
    counts = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}
    vocabulary, merges = tokenization.train_wordpiece(counts, n_merges=1)
    assert merges == [(("##g", "##s"), 1 / 20)]
    assert vocabulary == ["##g", "##n", "##s", "##u", "b", "h", "p", "##gs"]


def test_a_score_is_the_count_of_the_pair_over_those_of_its_parts():
    counts = {"eat": 8, "tea": 6, "sea": 4, "steam": 3, "seat": 2}
    splits = {word: [word[0], *(f"##{c}" for c in word[1:])] for word in counts}
    scores = tokenization.wordpiece_scores(splits, counts)
    assert scores[("t", "##e")] == 6 / (6 * 15)
    assert scores[("s", "##e")] == 6 / (9 * 15)
    assert scores[("e", "##a")] == 8 / (8 * 23)
    assert scores[("##a", "##t")] == 10 / (23 * 13)
    _, merges = tokenization.train_wordpiece(counts, n_merges=2)
    assert merges == [(("t", "##e"), 6 / 90), (("s", "##e"), 6 / 81)]


def test_the_trainer_of_tokenizers_merges_the_most_frequent_pair():
    # As lesson 1.5 says: its scores are those of byte pair encoding.
    counts = {"eat": 8, "tea": 6, "sea": 4, "steam": 3, "seat": 2}
    theirs = Tokenizer(models.WordPiece())
    theirs.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordPieceTrainer(vocab_size=11, show_progress=False)
    text = " ".join(word for word, n in counts.items() for _ in range(n))
    theirs.train_from_iterator([text], trainer)
    letters = {*"aemst", *("##" + letter for letter in "aemt")}
    assert theirs.get_vocab().keys() - letters == {"##ea", "ea"}
    ours, _ = tokenization.train_wordpiece(counts, n_merges=2)
    assert set(ours) - letters == {"te", "se"}  # codespell:ignore te


@given(
    st.dictionaries(
        st.text("ab#", min_size=1, max_size=8),
        st.integers(1, 4),
        min_size=1,
        max_size=8,
    )
)
def test_each_merge_has_the_highest_score(counts):
    vocabulary, merges = tokenization.train_wordpiece(counts, n_merges=8)
    splits = {word: [word[0], *(f"##{c}" for c in word[1:])] for word in counts}
    for pair, score in merges:
        found = tokenization.wordpiece_scores(splits, counts)
        assert score == found[pair] == max(found.values())
        for split in splits.values():
            i = 0
            while i < len(split) - 1:
                if tuple(split[i : i + 2]) == pair:
                    split[i : i + 2] = [pair[0] + pair[1][2:]]
                i += 1
    for word in counts:
        assert "".join([p.removeprefix("##") for p in splits[word]]) or word
    assert Counter(vocabulary).most_common(1)[0][1] == 1
    assert len(merges) == 8 or all(len(split) == 1 for split in splits.values())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda: tokenization.train_wordpiece(["a"], n_merges=1),
            "`word_counts` must map each word to its count .*, got list",
        ),
        (
            lambda: tokenization.train_wordpiece({"a": 1}, n_merges=-1),
            "`n_merges` must be at least 0, got -1",
        ),
        (
            lambda: tokenization.encode_wordpiece("a", "abc"),
            "`vocabulary` must be a set or mapping of pieces, got str",
        ),
        (lambda: tokenization.encode_wordpiece(5, {"a"}), "`text` must be a str"),
        (
            lambda: tokenization.encode_wordpiece("a", {"a"}, max_length=0),
            "`max_length` must be at least 1, got 0",
        ),
    ],
)
def test_wrong_arguments_are_an_error(function, message):
    with pytest.raises((TypeError, ValueError), match=message):
        function()
