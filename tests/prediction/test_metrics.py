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


def test_surprisal_is_the_cross_entropy_of_torch(logits, ids):
    theirs = torch.nn.functional.cross_entropy(logits[:-1], ids[1:], reduction="none")
    assert torch.allclose(prediction.surprisal(logits, ids), theirs, atol=1e-5)


def test_perplexity_is_the_exponential_of_the_models_own_loss(family):
    trace = family.trace(TEXT)
    loss = family.module(trace.ids[None], labels=trace.ids[None]).loss
    surprisal = prediction.surprisal(trace.logits, trace.ids)
    assert surprisal.mean().item() == pytest.approx(loss.item(), rel=1e-5)
    expected = math.exp(loss.item())
    assert prediction.perplexity(surprisal) == pytest.approx(expected, rel=1e-4)


def test_perplexity_of_equal_chances_is_their_number():
    surprisals = torch.tensor([2.0, 8.0]).log()
    assert prediction.perplexity(surprisals) == pytest.approx(4), "the geometric mean"


def test_ranks_are_the_places_in_a_sort(logits, ids):
    order = logits[:-1].sort(-1, descending=True).indices
    expected = [
        row.tolist().index(i) + 1 for row, i in zip(order, ids[1:], strict=True)
    ]
    assert prediction.ranks(logits, ids).tolist() == expected


def test_tokens_as_likely_as_each_other_share_a_rank():
    ids = torch.tensor([0, 3])
    logits = torch.tensor([[2.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    assert prediction.ranks(logits, ids).tolist() == [2]


def test_smollm2_is_less_surprised_by_sense(smollm2):
    def perplexity(text):
        trace = smollm2.trace(text)
        return prediction.perplexity(prediction.surprisal(trace.logits, trace.ids))

    assert perplexity(TEXT) < perplexity("watched cat the and excited was it because")


def test_the_toy_is_as_surprised_as_one_who_knows_the_grammar(toy):
    story = next(language.stories("surprise", held_out=True))
    trace = toy.trace(" ".join(story.words[1:]))
    ours = prediction.surprisal(trace.logits, trace.ids)
    pairs = zip(story.words[1:], story.probs, strict=True)
    known = torch.tensor([-math.log(chances[word]) for word, chances in pairs])
    assert torch.allclose(ours, known, atol=0.25)
    mean = prediction.perplexity(known)
    assert prediction.perplexity(ours) == pytest.approx(mean, rel=0.03)


@pytest.mark.parametrize("text", ["abcd", "éé", "🦜"])
def test_bits_per_byte_of_bytes_that_could_be_any_are_eight(text):
    surprisals = torch.full((4,), math.log(256))
    assert len(text.encode()) == 4
    assert prediction.bits_per_byte(surprisals, text) == pytest.approx(8)


def test_bits_per_byte_do_not_ask_how_the_text_was_cut():
    pieces, whole = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([6.0])
    for surprisals in (pieces, whole):
        bits = prediction.bits_per_byte(surprisals, "abc")
        assert bits == pytest.approx(2 / math.log(2))


def test_the_lens_ends_with_the_models_logits(family):
    trace = family.trace(TEXT)
    final_norm = transformer.extract(family).final_norm
    unembedding = transformer.extract(family).unembedding
    lens = prediction.logit_lens(trace.hidden_states, final_norm, unembedding)
    assert lens.shape == (3, *trace.logits.shape)
    assert torch.allclose(lens[-1], trace.logits, atol=1e-5)


def test_the_lens_norms_what_is_not_normed_yet(tiny):
    trace = tiny.trace(TEXT)
    lens = prediction.logit_lens(
        trace.hidden_states,
        transformer.extract(tiny).final_norm,
        transformer.extract(tiny).unembedding,
    )
    is_gpt2 = tiny.module.config.model_type == "gpt2"
    norm = tiny.module.transformer.ln_f if is_gpt2 else tiny.module.model.norm
    for layer in (0, 1):
        theirs = tiny.module.lm_head(norm(trace.hidden_states[layer]))
        assert torch.allclose(lens[layer], theirs, atol=1e-5)


@pytest.mark.parametrize("function", [prediction.surprisal, prediction.ranks])
@pytest.mark.parametrize(("n_rows", "n_ids"), [(3, 4), (4, 3), (1, 1)])
def test_ids_that_do_not_fit_and_too_few_are_refused(function, n_rows, n_ids):
    with pytest.raises(ValueError, match=rf"\({n_rows}, 5\) and {n_ids} ids: wanted"):
        function(torch.zeros(n_rows, 5), torch.zeros(n_ids, dtype=torch.long))


def test_no_surprise_has_no_perplexity():
    with pytest.raises(ValueError, match="`surprisals` must not be empty"):
        prediction.perplexity(torch.tensor([]))


def test_an_empty_text_has_no_bits():
    with pytest.raises(ValueError, match="an empty text"):
        prediction.bits_per_byte(torch.tensor([1.0]), "")
