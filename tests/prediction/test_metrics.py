import math

import pytest
import tiny_families
import torch

from lmviz import prediction, transformer
from lmviz.models import LanguageModel
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


def test_smollm2_predicts_a_sentence_better_than_its_shuffled_words(smollm2):
    def perplexity(text):
        trace = smollm2.trace(text)
        return prediction.perplexity(prediction.surprisal(trace.logits, trace.ids))

    assert perplexity(TEXT) < perplexity("watched cat the and excited was it because")


def test_the_surprisal_of_the_toy_is_near_the_true_one(toy):
    story = next(language.stories("surprise", held_out=True))
    trace = toy.trace(" ".join(story.words[1:]))
    ours = prediction.surprisal(trace.logits, trace.ids)
    pairs = zip(story.words[1:], story.probs, strict=True)
    known = torch.tensor([-math.log(probs[word]) for word, probs in pairs])
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


def sliding_window_loss(module, ids, window, stride):
    """The mean loss of a long text, as transformers' guide to perplexity computes it.

    https://huggingface.co/docs/transformers/perplexity, but for the average, which
    there counts a token of each window that has no loss.
    """
    total, n_tokens, done = 0.0, 0, 0
    for start in range(0, len(ids), stride):
        end = min(start + window, len(ids))
        labels = ids[start:end].clone()
        labels[: len(labels) - (end - done)] = -100
        loss = module(ids[None, start:end], labels=labels[None]).loss
        n_scored = int((labels[1:] != -100).sum())
        total, n_tokens, done = total + float(loss) * n_scored, n_tokens + n_scored, end
        if end == len(ids):
            break
    assert n_tokens == len(ids) - 1
    return total / n_tokens


@pytest.mark.parametrize("n", [2, 16, 17, 64, 150])
@pytest.mark.parametrize(("window", "stride"), [(64, 32), (16, 1), (16, 7), (16, 15)])
def test_text_surprisal_equals_that_of_the_transformers_guide(toy, n, window, stride):
    ids = torch.randint(78, (n,), generator=torch.Generator().manual_seed(n))
    nats = prediction.text_surprisal(toy, ids, window=window, stride=stride)
    assert nats.shape == (n - 1,)
    expected = sliding_window_loss(toy.module, ids, window, stride)
    assert nats.mean().item() == pytest.approx(expected, rel=1e-5)


# huggingface/transformers#34138: windows differ in their numbers of scored tokens
def test_perplexity_averages_over_tokens_and_not_over_windows(toy):
    ids = torch.randint(78, (40,), generator=torch.Generator().manual_seed(3))
    nats = prediction.text_surprisal(toy, ids, window=16, stride=7)
    loss = sliding_window_loss(toy.module, ids, 16, 7)
    assert prediction.perplexity(nats) == pytest.approx(math.exp(loss), rel=1e-4)
    windows = [nats[:15], nats[15:22], nats[22:29], nats[29:36], nats[36:]]
    assert sum(map(len, windows)) == 39
    of_windows = math.exp(sum(float(each.mean()) for each in windows) / 5)
    assert prediction.perplexity(nats) != pytest.approx(of_windows, rel=1e-2)


# EleutherAI/lm-evaluation-harness#369: its rolling windows overlap by one token
@pytest.mark.parametrize("n", [16, 17, 31, 32, 46, 47, 61])
def test_windows_that_overlap_by_one_token_score_each_token_once(toy, n):
    ids = torch.randint(78, (n,), generator=torch.Generator().manual_seed(n))
    nats = prediction.text_surprisal(toy, ids, window=16, stride=15)
    expected = []
    for start in range(0, n - 1, 15):
        part = ids[start : start + 16]
        expected.append(prediction.surprisal(toy.trace(part).logits, part))
    assert torch.allclose(nats, torch.cat(expected), atol=1e-5)


# huggingface/transformers#40524: without BOS, later windows have a high perplexity
def test_each_window_may_begin_with_a_bos_token(toy):
    stories = [" ".join(next(language.stories(s)).words[1:]) for s in ("a", "b", "c")]
    ids = toy.encode(stories[0])
    ids = torch.cat([ids, *(toy.encode(story)[1:] for story in stories[1:])])
    nats = prediction.text_surprisal(toy, ids, window=20, stride=10, bos=0)
    for t in range(1, len(ids)):
        start = max(0, -(-(t + 1 - 20) // 10)) * 10
        context = ids[start:t].clone()
        context[0] = 0  # <story>, with which the text begins, too
        expected = -toy.trace(context).logits[-1].log_softmax(-1)[ids[t]]
        assert nats[t - 1].item() == pytest.approx(expected.item(), abs=1e-4)
    without = prediction.text_surprisal(toy, ids, window=20, stride=10)
    assert torch.equal(nats[:19], without[:19])
    assert not torch.allclose(nats[19:], without[19:], atol=0.1)


def test_text_surprisal_of_a_short_text_equals_surprisal(family):
    trace = family.trace(TEXT)
    expected = prediction.surprisal(trace.logits, trace.ids)
    for text in (TEXT, trace.ids, trace.ids.tolist()):
        nats = prediction.text_surprisal(family, text)
        assert torch.allclose(nats, expected, atol=1e-5)


def test_each_token_but_the_first_window_has_the_overlap_as_context(toy):
    ids = torch.randint(78, (20,), generator=torch.Generator().manual_seed(0))
    nats = prediction.text_surprisal(toy, ids, window=8, stride=7)
    logits = toy.trace(ids[7:15], keep="logits").logits
    expected = prediction.surprisal(logits, ids[7:15])
    assert torch.allclose(nats[7:14], expected, atol=1e-5)


def test_each_surprisal_is_that_in_its_window(toy):
    """Token by token, each from a pass of its own."""
    window, stride, n = 12, 5, 41
    ids = torch.randint(78, (n,), generator=torch.Generator().manual_seed(1))
    nats = prediction.text_surprisal(toy, ids, window=window, stride=stride)
    for t in range(1, n):
        # The first window that holds token t.
        start = max(0, -(-(t + 1 - window) // stride)) * stride
        logits = toy.trace(ids[start:t], keep="logits").logits[-1]
        expected = -logits.log_softmax(-1)[ids[t]]
        assert nats[t - 1].item() == pytest.approx(expected.item(), abs=1e-4)


def test_one_window_for_the_whole_text_gives_its_surprisal(toy):
    ids = torch.randint(78, (30,), generator=torch.Generator().manual_seed(2))
    expected = prediction.surprisal(toy.trace(ids).logits, ids)
    nats = prediction.text_surprisal(toy, ids, window=30, stride=1)
    assert torch.allclose(nats, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 65}, "`window` must be from 2 to 64, got 65"),
        ({"window": 1}, "`window` must be from 2 to 64, got 1"),
        ({"window": 16, "stride": 16}, "`stride` must be from 1 to 15, got 16"),
        ({"stride": 0}, "`stride` must be from 1 to 63, got 0"),
        ({"bos": 78}, "`bos` must be from 0 to 77, got 78"),
    ],
)
def test_windows_that_do_not_fit_are_refused(toy, options, message):
    with pytest.raises(ValueError, match=message):
        prediction.text_surprisal(toy, [1, 2, 3], **options)


@pytest.mark.parametrize("function", [prediction.text_surprisal, prediction.generate])
def test_a_module_in_place_of_a_language_model_is_refused(toy, function):
    with pytest.raises(TypeError, match="`lm` must be an lmviz.LanguageModel .* GPT2"):
        function(toy.module, [1, 2, 3])


@pytest.mark.parametrize("function", [prediction.surprisal, prediction.ranks])
@pytest.mark.parametrize(("n_rows", "n_ids"), [(3, 4), (4, 3), (1, 1)])
def test_ids_that_do_not_fit_the_logits_are_refused(function, n_rows, n_ids):
    with pytest.raises(ValueError, match=rf"got \({n_rows}, 5\) and \({n_ids},\)"):
        function(torch.zeros(n_rows, 5), torch.zeros(n_ids, dtype=torch.long))


def test_perplexity_of_zero_tokens_is_refused():
    with pytest.raises(ValueError, match="`surprisals` must not be empty"):
        prediction.perplexity(torch.tensor([]))


def test_bits_per_byte_of_an_empty_text_are_refused():
    with pytest.raises(ValueError, match="`text` must .* got an empty string"):
        prediction.bits_per_byte(torch.tensor([1.0]), "")


def test_a_text_of_one_token_has_no_surprisal(toy):
    with pytest.raises(ValueError, match="`text` must have at least two tokens, got 1"):
        prediction.text_surprisal(toy, [0])


@pytest.mark.parametrize("family", ["cohere", "granite", "granitemoe"])
def test_surprisal_has_the_scale_of_the_logits(family):
    """unslothai/unsloth#11277: a loss without it, of Cohere and Granite."""
    module = tiny_families.build(tiny_families.config(family)).eval()
    ids = torch.tensor([3, 5, 7, 9, 11])
    with torch.no_grad():
        loss = module(ids[None], labels=ids[None]).loss
    surprisal = prediction.text_surprisal(LanguageModel.from_module(module), ids)
    assert surprisal.mean().item() == pytest.approx(loss.item(), rel=1e-5)
