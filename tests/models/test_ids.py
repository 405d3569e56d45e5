"""Texts and ids, as every function with a model takes them."""

import pytest
import torch

TEXT = "The dog chased the ball"


@pytest.mark.parametrize("text", ["", " \n"])
def test_blank_text_is_refused(tiny, text):
    with pytest.raises(ValueError, match="must not be blank"):
        tiny.trace(text)


@pytest.mark.parametrize("text", [None, 7, {"The"}, b"The"])
def test_text_of_another_type_is_refused(tiny, text):
    with pytest.raises(TypeError, match="`text` must be a string, a list of ids or a"):
        tiny.trace(text)


@pytest.mark.parametrize("ids", [["The", "dog"], [1.5], [None], [[1, 2], [3, 4]]])
def test_list_of_anything_but_ids_is_refused(tiny, ids):
    with pytest.raises((TypeError, ValueError), match="`ids` must h"):
        tiny.trace(ids)


def test_text_as_long_as_the_context_is_accepted_and_no_longer(tiny):
    assert len(tiny.trace(" dog" * 64).ids) == 64
    with pytest.raises(ValueError, match=r"65 tokens .* context holds 64; cut it with"):
        tiny.trace(" dog" * 65)


def test_text_can_be_cut_as_the_error_says(tiny):
    with pytest.raises(ValueError, match=r"lm.encode\(text, truncate=True\)"):
        tiny.encode(" dog" * 100)
    assert len(tiny.trace(tiny.encode(" dog" * 100, truncate=True)).tokens) == 64
    assert tiny.encode(TEXT, truncate=2).tolist() == tiny.encode(TEXT)[:2].tolist()
    assert tiny.encode(TEXT, truncate=50).tolist() == tiny.encode(TEXT).tolist()


@pytest.mark.parametrize("truncate", [0, -1, 65])
def test_text_cannot_be_cut_to_a_length_outside_the_context(tiny, truncate):
    with pytest.raises(ValueError, match="`truncate` must be from 1 to 64, got"):
        tiny.encode(TEXT, truncate=truncate)


@pytest.mark.parametrize("truncate", [1.5, "10", None])
def test_text_cannot_be_cut_to_a_length_that_is_no_integer(tiny, truncate):
    with pytest.raises(TypeError, match="`truncate` must be an integer, got"):
        tiny.encode(TEXT, truncate=truncate)


def test_text_can_be_split_as_the_error_says(tiny):
    with pytest.raises(ValueError, match=r"lm.pieces\(text\)"):
        tiny.trace(" dog" * 150)
    pieces = tiny.pieces(" dog" * 150)
    assert [len(piece) for piece in pieces] == [64, 64, 22]
    assert all(tiny.trace(piece, keep="logits") for piece in pieces)


@pytest.mark.parametrize(("length", "stride"), [(7, 7), (7, 3), (7, 1), (1, 1)])
def test_pieces_cover_the_text_without_gaps(toy, length, stride):
    for n in range(1, 30):
        pieces = toy.pieces(torch.arange(n), length=length, stride=stride)
        for i, piece in enumerate(pieces):
            end = min(n, i * stride + length)
            assert piece.tolist() == list(range(i * stride, end))
        assert pieces[-1][-1] == n - 1
        assert len(pieces) == 1 or pieces[-2][-1] < n - 1, "none is superfluous"


def test_pieces_of_a_stride_that_leaves_gaps_are_refused(tiny):
    with pytest.raises(ValueError, match="`stride` must be from 1 to 7, got 8"):
        tiny.pieces(TEXT, length=7, stride=8)
    with pytest.raises(TypeError, match="`stride` must be an integer, got 1.5"):
        tiny.pieces(TEXT, stride=1.5)
    with pytest.raises(ValueError, match="`length` must be from 1 to 64, got 65"):
        tiny.pieces(TEXT, length=65)


@pytest.mark.parametrize("ids", [[4, 2], (4, 2), torch.tensor([4, 2])])
def test_ids_may_be_a_list_a_tuple_or_a_tensor(tiny, ids):
    assert torch.equal(tiny.ids(ids), torch.tensor([4, 2]))
    assert tiny.trace(ids).tokens == tuple(tiny.tokens([4, 2]))


def test_ids_and_their_text_give_the_same_trace(tiny):
    by_text, by_ids = tiny.trace(TEXT), tiny.trace(tiny.encode(TEXT))
    assert by_ids.tokens == by_text.tokens
    assert torch.equal(by_ids.ids, by_text.ids)
    assert torch.equal(by_ids.logits, by_text.logits)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (
            torch.zeros(2, 3, dtype=torch.long),
            r"`ids` must have shape \(T,\), got a batch of 2, \(2, 3\)",
        ),
        (torch.zeros(0, dtype=torch.long), "`ids` must not be empty"),
        ([], "`ids` must not be empty"),
        (torch.zeros(3), "`ids` must hold integers, got float32"),
        (torch.tensor([0, 50257]), "`ids` must be from 0 to 50256, got 50257"),
        ([0, -1], "`ids` must be from 0 to 50256, got -1"),
        (torch.zeros(65, dtype=torch.long), "65 tokens .* context holds 64"),
    ],
)
def test_ids_that_the_model_cannot_take_are_refused(tiny, ids, message):
    with pytest.raises((TypeError, ValueError), match=message):
        tiny.trace(ids)


def test_decode_undoes_encode(tiny, smollm2):
    for lm in (tiny, smollm2):
        assert lm.decode(lm.encode(TEXT)) == TEXT
        assert lm.decode(lm.encode(TEXT).tolist()) == TEXT
        assert lm.decode([]) == ""


def test_decode_takes_a_single_id(smollm2):
    paris = smollm2.token_id(" Paris")
    assert smollm2.decode(paris) == smollm2.decode(torch.tensor(paris)) == " Paris"


@pytest.mark.parametrize("ids", ["The", [1.5], [10**9], [-1], None])
def test_decoding_what_is_not_an_id_is_refused(tiny, ids):
    with pytest.raises((TypeError, ValueError)):
        tiny.decode(ids)


def test_token_id_distinguishes_a_token_with_a_space(smollm2):
    with_space, without = smollm2.token_id(" Paris"), smollm2.token_id("Paris")
    assert smollm2.tokens([with_space, without]) == ["␣Paris", "Paris"]
    assert smollm2.token_id("␣Paris") == with_space


def test_token_id_leaves_out_special_tokens(toy):
    # The toy puts <story> before each text.
    assert toy.token_id("Anna") == toy.encode("Anna")[-1] != toy.encode("Anna")[0]
    assert toy.token_id("<story>") == 0


def test_token_id_lists_the_pieces_of_several_tokens(smollm2):
    with pytest.raises(ValueError, match="must be a single token, got 2: '␣Paris'"):
        smollm2.token_id(" Parisian")
    with pytest.raises(ValueError, match="must be a single token, got 0: nothing"):
        smollm2.token_id("")


def test_token_id_refuses_a_word_that_the_toy_does_not_know(toy):
    with pytest.raises(ValueError, match="'cow' is not in the model's vocabulary"):
        toy.token_id("cow")
    with pytest.raises(TypeError, match="`text` must be a string, got NoneType"):
        toy.token_id(None)
