import weakref

import pytest
import torch

from lmviz import attention, corpus, prediction


@pytest.fixture
def texts():
    """Twenty texts of 2 to 20 tokens, with many repetitions; as ids."""
    generator = torch.Generator().manual_seed(0)
    lengths = [2, 20, *torch.randint(2, 20, (18,), generator=generator).tolist()]
    return [torch.randint(0, 9, (n,), generator=generator) for n in lengths]


def from_full_traces(lm, texts):
    """The same means, computed from complete traces."""
    sums, queries = {}, {}
    for ids in texts:
        attentions = lm.trace(ids).attentions.double()
        repeats = len(set(ids.tolist())) < len(ids)
        result = {
            "previous token": (
                attention.previous_token_score(attentions),
                len(ids) - 1,
            ),
            "first token": (attention.first_token_score(attentions), len(ids) - 1),
            "entropy": (attention.entropy(attentions)[..., 1:].mean(-1), len(ids) - 1),
        }
        if repeats:
            n = len(ids) - len(set(ids.tolist()))
            result["duplicate token"] = (
                attention.duplicate_token_score(attentions, ids),
                n,
            )
            result["induction"] = attention.induction_score(attentions, ids), n
        for name, (mean, n) in result.items():
            sums[name] = sums.get(name, 0) + mean * n
            queries[name] = queries.get(name, 0) + n
    return {name: sums[name] / queries[name] for name in sums}


def test_head_scores_equal_those_of_full_traces(family, texts):
    expected = from_full_traces(family, texts)
    result = corpus.head_scores(family, texts, batch_tokens=64, progress=False)
    assert result.keys() == expected.keys()
    for name, mean in expected.items():
        assert torch.allclose(result[name].double(), mean, atol=1e-6), name


def test_surprisals_equal_those_of_full_traces_in_order(family, texts):
    result = corpus.surprisals(family, texts, batch_tokens=64, progress=False)
    assert len(result) == len(texts)
    for ours, ids in zip(result, texts, strict=True):
        expected = prediction.surprisal(family.trace(ids).logits, ids)
        assert torch.allclose(ours, expected, atol=1e-5)


def test_texts_may_be_strings_or_ids(tiny):
    text = "The dog chased the dog"
    (of_text,) = corpus.surprisals(tiny, [text], progress=False)
    for ids in (tiny.encode(text), tiny.encode(text).tolist()):
        (of_ids,) = corpus.surprisals(tiny, [ids], progress=False)
        assert torch.equal(of_text, of_ids)


@pytest.mark.parametrize("function", [corpus.head_scores, corpus.surprisals])
def test_a_module_in_place_of_a_language_model_is_refused(tiny, texts, function):
    with pytest.raises(TypeError, match="`lm` must be an lmviz.LanguageModel"):
        function(tiny.module, texts, progress=False)


def test_a_score_without_queries_is_nan(tiny):
    scores = corpus.head_scores(tiny, [torch.arange(5)], progress=False)
    assert scores["induction"].isnan().all()
    assert scores["previous token"].isfinite().all()


def test_the_weights_of_only_one_layer_are_held(tiny, texts, monkeypatch):
    seen = []

    def entropy(weights):
        assert not [old for old in seen if old() is not None]
        seen.append(weakref.ref(weights))
        return torch.special.entr(weights).sum(-1)

    monkeypatch.setattr("lmviz.corpus._statistics.entropy", entropy)
    corpus.head_scores(tiny, texts, progress=False)
    assert len(seen) >= tiny.card.n_layers


def test_no_hooks_remain(tiny, texts):
    def hooks():  # some are transformers' own, from an earlier trace
        return [[*module._forward_hooks] for module in tiny.module.modules()]

    before = hooks()
    corpus.head_scores(tiny, texts, progress=False)
    assert hooks() == before


def own(ids):
    """Score the weight that each query but the first gives to itself."""
    queries = torch.ones(len(ids), dtype=torch.bool)
    queries[0] = False
    return torch.eye(len(ids), dtype=torch.bool), queries


def test_a_pattern_of_ones_own_equals_the_mean_of_full_traces(tiny, texts):
    result = corpus.head_scores(tiny, texts, patterns={"own": own}, progress=False)
    traces = [tiny.trace(ids).attentions.double() for ids in texts]
    diagonals = [x.diagonal(dim1=-2, dim2=-1)[..., 1:] for x in traces]
    expected = torch.cat(diagonals, -1).mean(-1)
    assert list(result) == ["own", "entropy"]
    assert torch.allclose(result["own"].double(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ({}, "must be a dict of functions by name"),
        ([own], "must be a dict of functions by name"),
        ({"entropy": own}, "strings other than 'entropy'"),
        ({"own": 3}, "must be a function, got 3"),
        ({"own": lambda ids: (own(ids)[0], own(ids)[0])}, r"shapes \(T, T\) and"),
        ({"own": lambda ids: tuple(x.float() for x in own(ids))}, "bool tensors"),
    ],
)
def test_wrong_patterns_are_refused(tiny, texts, patterns, message):
    with pytest.raises((TypeError, ValueError), match=message):
        corpus.head_scores(tiny, texts, patterns=patterns, progress=False)


def test_a_checkpoint_of_another_pattern_is_refused(tiny, texts, tmp_path):
    def other(ids):
        return ~own(ids)[0].triu(), own(ids)[1]

    options = {"file": tmp_path / "scores.safetensors", "progress": False}
    corpus.head_scores(tiny, texts, patterns={"own": own}, **options)
    corpus.head_scores(tiny, texts, patterns={"own": own}, **options)
    with pytest.raises(ValueError, match="patterns or model"):
        corpus.head_scores(tiny, texts, patterns={"own": other}, **options)
