"""Every public function that takes arrays, and valid arrays to call it with."""

from functools import cache
from types import SimpleNamespace

import torch
from array_cases import Case

import lmviz
from lmviz import attention, corpus, prediction, tokenization, transformer
from lmviz.corpus._map_reduce import Batches
from lmviz.tokenization import BasicTokenizer, readable_tokens
from lmviz.transformer import components

_AXES = {"title": "title", "xlabel": "x", "ylabel": "y"}
_PAIRS = {"wide": ("T", 1000)}  # a matrix of all pairs of tokens is not wider


@cache
def toy():
    return lmviz.load("toy")


@cache
def model():
    return transformer.extract(toy())


@cache
def byte_pairs():
    return tokenization.ByteLevelBPE.train("low lower lowest", n_merges=3)


def text(name, call, *, labels=None, size=78):
    """Make the case of a function that takes the ids of a text, such as the toy's."""
    wide = ("T", 10_000)
    return Case(name, {"ids": "ids: T"}, call, labels or {}, vocabulary=size, wide=wide)


def stream(function, call, **more):
    """Make the case of a function that takes the toy's residual stream."""
    return Case(f"transformer.{function}", {"x": "T d"}, call, sizes={"d": 96}, **more)


def _block():
    return model().blocks[0]


def _experts():
    router = components.Linear(torch.eye(96)[:, :5])
    return components.Experts(components.NoNorm(), router, (), n_active=2)


def _norm(weight, bias, x):
    return components.Norm(weight, bias, eps=1e-5, centred=True)(x)


def _lens(hidden_states):
    norm, unembedding = model().final_norm, model().unembedding
    return prediction.logit_lens(hidden_states, norm, unembedding)


def _model_view(lens, ids, attentions, tokens, vocabulary):
    trace = SimpleNamespace(ids=ids, attentions=attentions, tokens=tokens)
    return lmviz.views.model(trace=trace, lens=lens, vocabulary=vocabulary)


def _patched(states):
    with transformer.patch_stream(toy(), states, layer=1, positions=[0, 2]):
        return toy().trace("Anna has a red").logits


def _ablated(replacement):
    with attention.ablate_heads(toy(), [(0, 1)], replacement=replacement):
        return toy().trace("Anna has a red ball").logits


def _effects(ids, replacement):
    return attention.head_effects(toy(), ids, 5, replacement=replacement)


def _outcomes(probs):
    return [True] * (probs.numel() if hasattr(probs, "numel") else 3)


_HEADS = {"L": 3, "H": 4, "u": 24}
_QUERY_KEY = {"query": "T d", "key": "T d"}
_MASK = {"mask": "mask: T T"}
_CHAPTERS = [
    Case("attention.scores", {"query": "S d", "key": "T d"}),
    Case("attention.attention_weights", {**_QUERY_KEY, **_MASK, "bias": "T T"}),
    Case(
        "attention.attention_weights",
        {"query": "H S d", "key": "H T d", "sinks": "H"},
        options={"scale": 0.5},
    ),
    Case("attention.attend", {**_QUERY_KEY, "value": "T u", **_MASK}),
    Case("attention.split_heads", {"x": "T d"}, options={"n_heads": 2}),
    Case("attention.join_heads", {"x": "H T d"}),
    Case("attention.qk_circuit", {"query": "d u", "key": "d u"}, wide=("u", 10_000)),
    Case("attention.ov_circuit", {"value": "d u", "output": "u d"}, wide=("u", 10_000)),
    Case("attention.copying_score", {"left": "d u", "right": "u d"}),
    Case(
        "attention.composition_score",
        {"a": "S u", "b": "u d", "c": "d L", "e": "L T"},
        lambda a, b, c, e: attention.composition_score((a, b), (c, e)),
    ),
    Case("attention.share_heads", {"x": "H T d"}, options={"n_heads": 4}),
    Case("embeddings.lookup", {"table": "V d", "ids": "ids: T"}, vocabulary=9),
    Case("embeddings.cosine", {"a": "S d", "b": "T d"}),
    Case("embeddings.nearest_neighbors", {"table": "V d"}, options={"id": 1, "k": 3}),
    Case(
        "embeddings.analogy",
        {"table": "V d", "a": "ids: T", "b": "ids: T", "c": "ids: T"},
        options={"k": 2},
        vocabulary=9,
    ),
    Case("embeddings.random_pair_cosines", {"table": "V d"}, options={"n": 20}),
    Case("embeddings.pca", {"x": "T d"}),
    Case(
        "positions.rotary", {"x": "T d", "inverse_frequencies": "n"}, wide=("T", 10_000)
    ),
    Case("positions.alibi", {"slopes": "d"}, options={"n_tokens": 4}),
    Case(
        "prediction.reliability",
        {"probs": "chances: n"},
        lambda probs: prediction.reliability(probs, _outcomes(probs)),
        wide=("n", 10_000),
    ),
    Case(
        "prediction.expected_calibration_error",
        {"probs": "chances: n"},
        lambda probs: prediction.expected_calibration_error(probs, _outcomes(probs)),
        wide=("n", 10_000),
    ),
    Case("prediction.probabilities", {"logits": "d"}),
    Case("prediction.top_k_filter", {"logits": "d"}, options={"k": 2}),
    Case("prediction.top_p_filter", {"logits": "d"}, options={"p": 0.5}),
    Case("prediction.min_p_filter", {"logits": "d"}, options={"p": 0.5}),
    Case("prediction.typical_filter", {"logits": "d"}, options={"p": 0.5}),
    Case(
        "prediction.repetition_penalty",
        {"logits": "d", "ids": "ids: T"},
        options={"penalty": 1.2},
        vocabulary=6,
    ),
    Case("prediction.greedy", {"logits": "d"}),
    Case(
        "prediction.sampler",
        {"logits": "d"},
        lambda logits: prediction.sampler(top_k=3, top_p=0.9)(logits),
    ),
    text("prediction.generate", lambda ids: prediction.generate(toy(), ids)),
    text(
        "prediction.generate_steps",
        lambda ids: [*prediction.generate_steps(toy(), ids)],
    ),
    text("prediction.beam_search", lambda ids: prediction.beam_search(toy(), ids)),
    text(
        "prediction.text_surprisal",
        lambda ids: prediction.text_surprisal(toy(), ids),
    ),
    text(
        "prediction.text_logit_lens",
        lambda ids: prediction.text_logit_lens(toy(), ids),
    ),
    Case("prediction.surprisal", {"logits": "T d", "ids": "ids: T"}, vocabulary=6),
    Case("prediction.ranks", {"logits": "T d", "ids": "ids: T"}, vocabulary=6),
    Case("prediction.perplexity", {"surprisals": "d"}),
    Case("prediction.bits_per_byte", {"surprisals": "d"}, options={"text": "dogs"}),
    Case(
        "prediction.logit_lens",
        {"hidden_states": "L T d"},
        _lens,
        sizes={"d": 96},
        **_PAIRS,
    ),
]

_WEIGHTS = {"weights": "shares: T T"}
_HEAD_MEASURES = [
    Case("attention.previous_token_score", _WEIGHTS, **_PAIRS),
    Case("attention.first_token_score", _WEIGHTS, **_PAIRS),
    Case("attention.duplicate_token_score", {**_WEIGHTS, "ids": "ids: T"}, **_PAIRS),
    Case("attention.induction_score", {**_WEIGHTS, "ids": "ids: T"}, **_PAIRS),
    Case("attention.entropy", {"weights": "shares: S T"}, **_PAIRS),
    Case("attention.rollout", {"attentions": "shares: L H T T"}, **_PAIRS),
    Case("attention.strongest", {"scores": "T d"}, options={"k": 3}),
    Case(
        "attention.ablate_heads",
        {"replacement": "L H u"},
        _ablated,
        sizes=_HEADS,
        wide=("u", 10_000),
    ),
    text(
        "attention.mean_head_outputs",
        lambda ids: attention.mean_head_outputs(toy(), ids),
    ),
    Case(
        "attention.head_effects",
        {"ids": "ids: T", "replacement": "L H u"},
        _effects,
        sizes=_HEADS,
        vocabulary=78,
        wide=("T", 10_000),
    ),
]

_REBUILT = [
    Case(
        "transformer.components.Norm", {"weight": "d", "bias": "d", "x": "T d"}, _norm
    ),
    Case(
        "transformer.components.Linear",
        {"weight": "d u", "bias": "u", "x": "T d"},
        lambda weight, bias, x: components.Linear(weight, bias)(x),
    ),
    Case(
        "transformer.components.Unembedding",
        {"weight": "d V", "bias": "V", "x": "T d"},
        lambda weight, bias, x: components.Unembedding(weight, bias, 30.0)(x),
    ),
    stream("heads", lambda x: transformer.heads(_block().attention, x), **_PAIRS),
    stream("attend", lambda x: transformer.attend(_block().attention, x), **_PAIRS),
    Case(
        "transformer.patch_stream",
        {"states": "T d"},
        _patched,
        sizes={"d": 96},
        wide=("T", 10_000),
    ),
    stream(
        "head_contributions",
        lambda x: transformer.head_contributions(_block().attention, x),
        **_PAIRS,
    ),
    stream(
        "feed_forward",
        lambda x: transformer.feed_forward(_block().mlp, x),
        wide=("T", 10_000),
    ),
    stream(
        "expert_weights",
        lambda x: transformer.expert_weights(_experts(), x),
        wide=("T", 10_000),
    ),
    stream("block", lambda x: transformer.block(_block(), x), **_PAIRS),
    text("transformer.embed", lambda ids: transformer.embed(model(), ids)),
    text("transformer.stream", lambda ids: [*transformer.stream(model(), ids)]),
    text("transformer.logits", lambda ids: transformer.logits(model(), ids)),
    text(
        "transformer.stream_contributions",
        lambda ids: [*transformer.stream_contributions(model(), ids).values()],
    ),
    text(
        "transformer.logit_attribution",
        lambda ids: list(transformer.logit_attribution(model(), ids, 5).values()),
    ),
]

_TEXTS = [
    text("models.LanguageModel.ids", lambda ids: toy().ids(ids)),
    text("models.LanguageModel.trace", lambda ids: toy().trace(ids)),
    text(
        "models.LanguageModel.map_attentions",
        lambda ids: toy().map_attentions(ids, lambda weights: weights.clone()),
    ),
    text("models.LanguageModel.pieces", lambda ids: toy().pieces(ids)),
    text("models.LanguageModel.generate", lambda ids: toy().generate(ids)),
    text("models.LanguageModel.tokens", lambda ids: toy().tokens(ids)),
    text(
        "tokenization.readable_tokens",
        lambda ids: readable_tokens(toy().tokenizer, ids),
    ),
    text(
        "tokenization.BasicTokenizer.decode",
        lambda ids: BasicTokenizer("abc").decode(ids),
        size=4,
    ),
    text(
        "tokenization.ByteLevelBPE.decode",
        lambda ids: byte_pairs().decode(ids),
        size=259,
    ),
    text("corpus.Batches", lambda ids: [*Batches(toy(), [ids], 8).ids]),
    text(
        "corpus.head_scores",
        lambda ids: corpus.head_scores(toy(), [ids, ids], progress=False),
    ),
    text(
        "corpus.surprisals",
        lambda ids: corpus.surprisals(toy(), [ids, ids], progress=False),
    ),
]

_FIGURES = [
    Case(
        "plots.attention_map",
        {"weights": "shares: S T"},
        labels={"tokens": "T"},
        **_PAIRS,
    ),
    Case("plots.head_mosaic", {"weights": "shares: L H S T"}, **_PAIRS),
    Case("plots.heatmap", {"matrix": "T d"}, options={**_AXES, "label": "value"}),
    Case(
        "plots.labelled_scatter",
        {"coordinates": "T n"},
        labels={"labels": "T"},
        options=_AXES,
        sizes={"n": 2},
        wide=("T", 10_000),
    ),
    Case(
        "plots.token_bars",
        {"probabilities": "chances: d"},
        labels={"tokens": "d"},
        options={"title": "Next"},
    ),
    Case(
        "views.attention",
        {"weights": "shares: L H S T"},
        labels={"tokens": "T"},
        **_PAIRS,
    ),
    Case(
        "views.continuations",
        {"probs": "chances: d"},
        lambda probs, words: lmviz.views.continuations("A", {(): (words, probs)}),
        labels={"words": "d"},
        wide=("d", 10),
    ),
    Case("views.embeddings", {"vectors": "L T d"}, labels={"labels": "T"}),
    Case(
        "views.prediction",
        {"logits": "T d"},
        labels={"tokens": "T", "vocabulary": "d"},
    ),
    Case(
        "views.lens",
        {"logits": "L T d", "ids": "ids: T"},
        labels={"tokens": "T", "vocabulary": "d"},
        vocabulary=6,
    ),
    Case(
        "views.surprisal",
        {"logits": "T d", "ids": "ids: T"},
        labels={"tokens": "T", "vocabulary": "d"},
        vocabulary=6,
    ),
    Case(
        "views.model",
        {"lens": "S T d", "ids": "ids: T", "attentions": "shares: L H T T"},
        _model_view,
        labels={"tokens": "T", "vocabulary": "d"},
        vocabulary=6,
        **_PAIRS,
    ),
    text(
        "views.tokens",
        lambda ids, words: lmviz.views.tokens({"A": words}, ids={"A": ids}),
        labels={"words": "T"},
        size=None,
    ),
]

CASES = [*_CHAPTERS, *_HEAD_MEASURES, *_REBUILT, *_TEXTS, *_FIGURES]
