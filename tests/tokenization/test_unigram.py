import math
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models

from lmviz import tokenization

# The example of the lesson: bits, as logarithms to the base two.
BITS = {"eat": 2, "s": 3, "t": 3, "sea": 3, "tea": 3, "e": 4, "a": 4, "m": 4, "ea": 4}
LOG_PROBS = {piece: -bits for piece, bits in BITS.items()}
CORPUS = {"eat": 8, "tea": 6, "sea": 4, "steam": 3, "seat": 2}

# Whole numbers are added exactly, so equal sums are ties in every library.
vocabularies = st.dictionaries(
    st.text("abcé", min_size=1, max_size=4),
    st.integers(-6, 0).map(float) | st.floats(-20, 0),
    min_size=1,
    max_size=15,
)
texts = st.text("abcdé猫", max_size=14)
byte_pieces = {f"<0x{byte:02X}>": -9.0 for byte in range(256)}


def all_segmentations(text):
    """Yield every way to cut a text into pieces."""
    for cuts in product([False, True], repeat=max(0, len(text) - 1)):
        ends = [0, *(i for i, cut in enumerate(cuts, 1) if cut), len(text)]
        yield [text[a:b] for a, b in pairwise(ends)]


def encoded_by_tokenizers(text, log_probs, *, byte_fallback=False):
    vocabulary = [("<unk>", 0.0), *log_probs.items()]
    model = models.Unigram(vocabulary, unk_id=0, byte_fallback=byte_fallback)
    return [vocabulary[token.id][0] for token in model.tokenize(text)]


@given(vocabularies, texts)
def test_encoding_equals_that_of_tokenizers(log_probs, text):
    ours = tokenization.encode_unigram(text, log_probs)
    assert ours == encoded_by_tokenizers(text, log_probs)


@given(vocabularies, texts, st.sets(st.integers(0, 255), max_size=2))
def test_byte_fallback_equals_that_of_tokenizers(log_probs, text, missing):
    log_probs = byte_pieces | log_probs
    for byte in missing:  # all bytes of a run must be there
        del log_probs[f"<0x{byte:02X}>"]
    ours = tokenization.encode_unigram(text, log_probs, byte_fallback=True)
    assert ours == encoded_by_tokenizers(text, log_probs, byte_fallback=True)


@given(vocabularies, st.text("abé", min_size=1, max_size=8))
def test_the_best_segmentation_is_the_best_of_all(log_probs, text):
    known = {"a": -9.0, "b": -9.5, "é": -8.25} | log_probs
    pieces, log_prob = tokenization.segment_unigram(text, known)
    scores = [
        sum(known[piece] for piece in split)
        for split in all_segmentations(text)
        if all(piece in known for piece in split)
    ]
    assert log_prob == pytest.approx(max(scores))
    assert log_prob == pytest.approx(sum(known[piece] for piece in pieces))
    assert "".join(pieces) == text


def test_the_worked_example_costs_what_it_costs_by_hand():
    assert sum(2**-bits for bits in BITS.values()) == 1
    assert tokenization.segment_unigram("seat", LOG_PROBS) == (["s", "eat"], -5)
    costs = [
        n * -tokenization.segment_unigram(word, LOG_PROBS)[1]
        for word, n in CORPUS.items()
    ]
    assert sum(costs) == 86


def test_pruning_losses_of_the_worked_example():
    losses = tokenization.pruning_losses(CORPUS, LOG_PROBS)
    assert losses == {
        **{"eat": 42, "s": math.inf, "t": 0, "sea": 16, "tea": 36},
        **{"e": 0, "a": 0, "m": math.inf, "ea": 0},
    }


@given(vocabularies, st.dictionaries(texts, st.integers(1, 4), max_size=4))
def test_a_pruning_loss_is_the_cost_without_the_piece(log_probs, counts):
    known = {"a": -9.0, "b": -9.5, "c": -7.0, "d": -8.0, "é": -8.0, "猫": -8.0}
    log_probs = known | log_probs

    def total(log_probs):
        return sum(
            n * tokenization.segment_unigram(word, log_probs)[1]
            for word, n in counts.items()
        )

    losses = tokenization.pruning_losses(counts, log_probs)
    assert losses.keys() == log_probs.keys()
    for piece in losses.keys() - known.keys():
        rest = {p: value for p, value in log_probs.items() if p != piece}
        assert losses[piece] == pytest.approx(total(log_probs) - total(rest))
        assert losses[piece] >= 0


def test_a_run_of_unknown_characters_is_one_token():
    assert tokenization.encode_unigram("s日本t", LOG_PROBS) == ["s", "<unk>", "t"]
    in_bytes = tokenization.encode_unigram(
        "sé", LOG_PROBS | byte_pieces, byte_fallback=True
    )
    assert in_bytes == ["s", "<0xC3>", "<0xA9>"]
    assert tokenization.encode_unigram("", LOG_PROBS) == []


@pytest.mark.parametrize(
    ("log_probs", "message"),
    [
        ({}, "`log_probs` must map at least one piece to its log-probability"),
        (["a"], "`log_probs` must map at least one piece to its log-probability"),
        ({"": -1.0}, "`log_probs` must not have the piece ''"),
        ({"a": 0.5}, "`log_probs` must be finite and at most 0, got 0.5 for 'a'"),
        ({"a": math.nan}, "`log_probs` must be finite and at most 0, got nan"),
        ({"a": -math.inf}, "`log_probs` must be finite and at most 0, got -inf"),
    ],
)
def test_wrong_probabilities_are_an_error(log_probs, message):
    for function in (tokenization.segment_unigram, tokenization.encode_unigram):
        with pytest.raises((TypeError, ValueError), match=message):
            function("a", log_probs)
    with pytest.raises((TypeError, ValueError), match=message):
        tokenization.pruning_losses({"a": 1}, log_probs)


def test_counts_that_are_no_mapping_are_an_error():
    with pytest.raises(TypeError, match="`word_counts` must map each word"):
        tokenization.pruning_losses(["a"], LOG_PROBS)
