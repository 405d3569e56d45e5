"""The defaults that the reference states are those that are used.

Each is given explicitly, which must change nothing; another value must change
something, or else the call would not show which one is used.
"""

import pytest
import torch

from lmviz import embeddings, positions, prediction, tokenization, transformer

LONG = ["a" * 100, "a" * 101]
BYTES = dict.fromkeys(["a", *(f"<0x{byte:02X}>" for byte in range(256))], -1.0)
NOISE = torch.Generator().manual_seed(0)
TABLE = torch.randn(60, 4, generator=NOISE)
LOGITS = torch.randn(9, 20, generator=NOISE)
PROBS, HITS = torch.rand(50, generator=NOISE), torch.rand(50, generator=NOISE) < 0.5


def choices(**options):
    """Return what a sampler chooses, in turn."""
    choose = prediction.sampler(**options)
    return [choose(row) for row in LOGITS for _ in range(30)]


def long_words(**options):
    return [tokenization.encode_wordpiece(w, {"a", "##a"}, **options) for w in LONG]


def attribution(lm, **options):
    model = transformer.extract(lm)
    return transformer.logit_attribution(model, lm.encode("Anna has a"), 5, **options)


def steps(lm, **options):
    found = prediction.generate(lm, "Anna has a red ball .", eos=[], **options)
    return [(step.id, step.alternatives.tolist()) for step in found]


# A call with options, its documented defaults, and other values.
CASES = {
    "rotary": (
        lambda lm, **o: positions.rotary(torch.ones(9, 8), **o),
        {"base": 10_000.0},
        {"base": 10_100.0},
    ),
    "sinusoidal": (
        lambda lm, **o: positions.sinusoidal(9, 8, **o),
        {"base": 10_000.0},
        {"base": 10_100.0},
    ),
    "shift_matrix": (
        lambda lm, **o: positions.shift_matrix(3, 8, **o),
        {"base": 10_000.0},
        {"base": 10_100.0},
    ),
    "scaled_frequencies": (
        lambda lm, **o: positions.scaled_frequencies(8, "ntk", factor=2, **o),
        {"base": 10_000.0},
        {"base": 10_001.0},
    ),
    "nearest_neighbors": (
        lambda lm, **o: embeddings.nearest_neighbors(TABLE, 3, **o),
        {"k": 10},
        {"k": 11},
    ),
    "analogy": (
        lambda lm, **o: embeddings.analogy(TABLE, 3, 4, 5, **o),
        {"k": 5},
        {"k": 6},
    ),
    "random_pair_cosines": (
        lambda lm, **o: embeddings.random_pair_cosines(TABLE, **o),
        {"n": 10_000, "seed": 0},
        {"n": 10_001, "seed": 1},
    ),
    "pca": (
        lambda lm, **o: embeddings.pca(TABLE, **o),
        {"n_components": 2},
        {"n_components": 3},
    ),
    "probabilities": (
        lambda lm, **o: prediction.probabilities(LOGITS, **o),
        {"temperature": 1.0},
        {"temperature": 2.0},
    ),
    "sampler": (
        lambda lm, **o: choices(**o),
        {"temperature": 1.0, "seed": 0},
        {"temperature": 2.0, "seed": 1},
    ),
    "reliability": (
        lambda lm, **o: prediction.reliability(PROBS, HITS, **o).counts,
        {"n_bins": 10},
        {"n_bins": 11},
    ),
    "expected_calibration_error": (
        lambda lm, **o: prediction.expected_calibration_error(PROBS, HITS, **o),
        {"n_bins": 10},
        {"n_bins": 11},
    ),
    "cache_bytes": (
        lambda lm, **o: prediction.cache_bytes(lm, 7, **o),
        {"bytes_per_number": 2, "batch": 1},
        {"bytes_per_number": 3, "batch": 2},
    ),
    "generate": (
        steps,
        {"n_tokens": 20, "k": 5, "repetition_penalty": 1.0},
        {"n_tokens": 21, "k": 6, "repetition_penalty": 2.0},
    ),
    "generate_steps": (
        lambda lm, **o: [s.id for s in prediction.generate_steps(lm, "Mia", **o)],
        {"n_tokens": 20, "repetition_penalty": 1.0},
        {"n_tokens": 21, "repetition_penalty": 2.0},
    ),
    "beam_search": (
        lambda lm, **o: prediction.beam_search(lm, "Anna has a", eos=[8], **o),
        {"n_tokens": 20, "n_beams": 4, "length_penalty": 1.0},
        {"n_tokens": 21, "n_beams": 5, "length_penalty": 2.0},
    ),
    "encode_wordpiece": (
        lambda lm, **o: long_words(**o),
        {"max_length": 100, "unknown": "[UNK]"},
        {"max_length": 101, "unknown": "?"},
    ),
    "encode_unigram": (
        lambda lm, **o: tokenization.encode_unigram("aé", BYTES, **o),
        {"byte_fallback": False},
        {"byte_fallback": True},
    ),
    "logit_attribution": (
        attribution,
        {"position": -1},
        {"position": -2},
    ),
}


def written(answer):
    """Return an answer in a form in which two are equal or not."""
    if isinstance(answer, torch.Tensor):
        return answer.tolist()
    if isinstance(answer, tuple):
        return [written(part) for part in answer]
    return answer


@pytest.mark.parametrize("name", CASES)
def test_the_documented_defaults_are_used(toy, name):
    call, defaults, others = CASES[name]
    plain = written(call(toy))
    assert written(call(toy, **defaults)) == plain
    for option, other in others.items():
        assert written(call(toy, **{option: other})) != plain, option
