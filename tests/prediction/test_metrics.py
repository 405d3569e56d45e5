import math

import pytest
import torch

from lmviz import prediction, transformer
from lmviz.toy import language

TEXT = "The dog chased the ball because it was excited, and the cat watched."


@pytest.fixture
def logits():
    return torch.randn(12, 50, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def ids():
    return torch.randint(50, (12,), generator=torch.Generator().manual_seed(1))


def test_surprisal_equals_the_cross_entropy_of_torch(logits, ids):
    theirs = torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="none")
    assert torch.allclose(prediction.surprisal(logits, ids), theirs, atol=1e-5)


def test_perplexity_is_the_exponential_of_the_models_own_loss(family):
    trace = family.trace(TEXT)
    loss = family.module(trace.ids[None], labels=trace.ids[None]).loss
    surprisal = prediction.surprisal(trace.logits, trace.ids)
    assert surprisal.mean().item() == pytest.approx(loss.item(), rel=1e-5)
    expected = math.exp(loss.item())
    assert prediction.perplexity(surprisal) == pytest.approx(expected, rel=1e-4)


def test_perplexity_of_equal_probabilities_is_their_number():
    surprisals = torch.tensor([2.0, 8.0]).log()
    assert prediction.perplexity(surprisals) == pytest.approx(4), "the geometric mean"


def test_ranks_equal_the_positions_in_a_sort(logits, ids):
    order = logits[:-1].sort(-1, descending=True).indices
    expected = [
        row.tolist().index(i) + 1 for row, i in zip(order, ids[1:], strict=True)
    ]
    assert prediction.ranks(logits, ids).tolist() == expected


def test_equally_likely_tokens_share_a_rank():
    ids = torch.tensor([0, 3])
    logits = torch.tensor([[2.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    assert prediction.ranks(logits, ids).tolist() == [2]


def test_smollm2_predicts_a_sentence_better_than_its_shuffle(smollm2):
    def perplexity(text):
        trace = smollm2.trace(text)
        return prediction.perplexity(prediction.surprisal(trace.logits, trace.ids))

    assert perplexity(TEXT) < perplexity("watched cat the and excited was it because")


def test_the_surprisal_of_the_toy_is_near_the_true_one(toy):
    story = next(language.stories("surprise", held_out=True))
    trace = toy.trace(" ".join(story.words[1:]))
    ours = prediction.surprisal(trace.logits, trace.ids)
    pairs = zip(story.words[1:], story.probs, strict=True)
    known = torch.tensor([-math.log(chances[word]) for word, chances in pairs])
    assert torch.allclose(ours, known, atol=0.25)
    mean = prediction.perplexity(known)
    assert prediction.perplexity(ours) == pytest.approx(mean, rel=0.03)


@pytest.mark.parametrize("text", ["abcd", "éé", "🦜"])
def test_random_bytes_have_eight_bits_per_byte(text):
    surprisals = torch.full((4,), math.log(256))
    assert len(text.encode()) == 4
    assert prediction.bits_per_byte(surprisals, text) == pytest.approx(8)


def test_bits_per_byte_do_not_depend_on_the_tokenization():
    pieces, whole = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([6.0])
    for surprisals in (pieces, whole):
        bits = prediction.bits_per_byte(surprisals, "abc")
        assert bits == pytest.approx(2 / math.log(2))


def test_the_last_row_of_the_lens_equals_the_models_logits(family):
    trace = family.trace(TEXT)
    model = transformer.extract(family)
    lens = prediction.logit_lens(
        trace.hidden_states, model.final_norm, model.unembedding
    )
    assert lens.shape == (3, *trace.logits.shape)
    assert torch.allclose(lens[-1], trace.logits, atol=1e-5)


def test_the_lens_applies_the_norm_to_all_but_the_last_state(tiny):
    trace = tiny.trace(TEXT)
    model = transformer.extract(tiny)
    lens = prediction.logit_lens(
        trace.hidden_states, model.final_norm, model.unembedding
    )
    is_gpt2 = tiny.module.config.model_type == "gpt2"
    norm = tiny.module.transformer.ln_f if is_gpt2 else tiny.module.model.norm
    for layer in (0, 1):
        theirs = tiny.module.lm_head(norm(trace.hidden_states[layer]))
        assert torch.allclose(lens[layer], theirs, atol=1e-5)


@pytest.mark.parametrize("function", [prediction.surprisal, prediction.ranks])
@pytest.mark.parametrize(("n_rows", "n_ids"), [(3, 4), (4, 3), (1, 1)])
def test_ids_that_do_not_fit_the_logits_are_refused(function, n_rows, n_ids):
    with pytest.raises(ValueError, match=rf"got \({n_rows}, 5\) and \({n_ids},\)"):
        function(torch.zeros(n_rows, 5), torch.zeros(n_ids, dtype=torch.long))


def test_perplexity_of_no_tokens_is_refused():
    with pytest.raises(ValueError, match="`surprisals` must not be empty"):
        prediction.perplexity(torch.tensor([]))


def test_bits_per_byte_of_an_empty_text_are_refused():
    with pytest.raises(ValueError, match="`text` must .* got an empty one"):
        prediction.bits_per_byte(torch.tensor([1.0]), "")
