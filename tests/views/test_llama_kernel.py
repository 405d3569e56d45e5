"""The kernel that runs SmolLM2 in a page computes what the model in torch computes."""

import gguf
import numpy as np
import pytest
import torch
from build_kernel import KERNEL, SOURCE, source_section
from llama_kernel import PARTS, Kernel, Layers, Model

from lmviz.attention import ablate_heads
from lmviz.models._gguf import config_of, read_gguf
from lmviz.models._wheels import smollm2_gguf

Q4_1, Q8_0 = gguf.GGMLQuantizationType.Q4_1, gguf.GGMLQuantizationType.Q8_0
TEXTS = (
    "Paris",
    "Hello world",
    "The capital of",
    "The capital of France is",
    "In 2026, a café in 東京: def f(x): return x**2 and so on, once upon a time there",
)


@pytest.fixture(scope="session")
def model():
    fields, tensors = read_gguf(smollm2_gguf())
    return Model(config_of(fields), tensors)


@pytest.fixture(scope="session")
def kernel():
    kernel = Kernel()
    assert kernel.configure(64, 96, 2, 1, 32, 1e-5, 8)
    return kernel


def near(ours, theirs, tolerance):
    return np.abs(ours - np.asarray(theirs)).max() < tolerance


def test_the_kernel_was_compiled_from_this_source():
    assert KERNEL.read_bytes().endswith(source_section(SOURCE)), "run nox -s kernel"


def test_another_source_has_another_section(tmp_path):
    other = tmp_path / "llama.c"
    other.write_text(SOURCE.read_text("utf-8") + "\n", "utf-8")
    assert source_section(other) != source_section(SOURCE)


def test_only_what_the_page_calls_is_exported(kernel):
    names = {"memory", "alloc", "configure", "norm", "layer", "linear", "largest"}
    assert set(kernel.exports) == {*names, "embedding", "transposed"}


@pytest.mark.parametrize("text", TEXTS)
def test_logits_states_and_attentions_equal_those_of_torch(model, smollm2, text):
    trace = smollm2.trace(text)
    n = len(trace.ids)
    assert near(model.run(trace.ids), trace.logits, 2e-4)
    assert near(model.attentions(n), trace.attentions, 1e-5)
    for layer in range(30):  # the last one has not passed the norm
        theirs = trace.hidden_states[layer].numpy()
        size = np.abs(theirs).max()
        assert near(model.state(layer, n) / size, theirs / size, 1e-5), layer


@pytest.mark.parametrize("new", [1, 2, 3])
def test_new_rows_with_the_cache_equal_the_whole_pass(model, smollm2, new):
    ids = smollm2.ids(TEXTS[-1])
    whole = model.run(ids)
    maps = model.attentions(len(ids))
    model.run([*ids[:-new], *[0] * new])
    assert near(model.run(ids, start=len(ids) - new), whole, 1e-4)
    assert near(model.attentions(len(ids)), maps, 5e-6)


def test_ablated_heads_equal_those_of_ablate_heads(model, smollm2):
    heads = {(0, 8), (3, 4), (17, 0), (29, 5)}
    ids = smollm2.ids(TEXTS[3])
    with ablate_heads(smollm2, heads):
        trace = smollm2.trace(TEXTS[3])
    assert near(model.run(ids, ablated=heads), trace.logits, 2e-4)
    assert near(model.attentions(len(ids)), trace.attentions, 1e-5)
    assert not near(model.run(ids), trace.logits, 0.1)


def largest(kernel, words, x, k, word):
    """Return ids and logits of the best, the log-sum-exp, and the rank of a word."""
    n = len(x)
    found = [kernel.room(*shape) for shape in ((n, k), (n, k), (n,), (n,))]
    kernel.largest(words, kernel.put(x), n, k, word, *found)
    ids = kernel.get(found[0], n, k, dtype=np.int32)
    logits, sums = kernel.get(found[1], n, k), kernel.get(found[2], n)
    above = kernel.get(found[3], n, dtype=np.int32)
    return ids, logits, logits[:, 0] + np.log(sums), above + 1


@pytest.mark.parametrize("n", [1, 5])
def test_the_largest_logits_equal_those_of_topk(model, smollm2, n):
    logits = torch.tensor(model.run(smollm2.ids(TEXTS[3])[:n]))
    normed = model.get(model.normed, n, model.width)
    word = int(logits[-1].topk(3).indices[2])
    ids, best, log_sums, ranks = largest(model, model.embeddings, normed, 10, word)
    assert np.array_equal(ids, logits.topk(10).indices)
    assert near(best, logits.topk(10).values, 1e-6)
    assert near(log_sums, logits.logsumexp(1), 1e-5)
    assert np.array_equal(ranks, (logits > logits[:, [word]]).sum(1) + 1)


@pytest.mark.parametrize("n", [1, 2])
def test_the_rank_of_a_word_is_its_place_among_the_best(model, smollm2, n):
    # Its logit must be rounded as it is in the list.
    model.run(smollm2.ids(TEXTS[3])[:n])
    normed = model.get(model.normed, n, model.width)
    ids = largest(model, model.embeddings, normed, 10, 0)[0]
    for place, word in enumerate(ids[-1], 1):
        assert largest(model, model.embeddings, normed, 1, int(word))[3][-1] == place


def quantized(kind, rows, columns, scale=1.0, seed=0):
    """Return random rows as they are stored, and their exact values."""
    random = np.random.default_rng(seed)
    plain = (scale * random.normal(size=(rows, columns))).astype(np.float32)
    data = gguf.quants.quantize(plain, kind)
    return data, gguf.quants.dequantize(data, kind).astype(float)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", [Q4_1, Q8_0])
def test_products_equal_those_with_the_dequantized_matrix(kernel, kind, n):
    data, plain = quantized(kind, 12, 64)
    x = np.random.default_rng(n).normal(size=(n, 64)).astype(np.float32)
    guard = np.full(n * 12 + 4, 7, np.float32)
    y = kernel.put(guard)
    kernel.linear(kernel.matrix(kind, data, 64), kernel.put(x), n, y)
    found = kernel.get(y, n * 12 + 4)
    assert near(found[:-4].reshape(n, 12), x @ plain.T, 1e-5)
    assert (found[-4:] == 7).all()


@pytest.mark.parametrize("kind", [Q4_1, Q8_0])
def test_rows_and_the_transposed_matrix_equal_the_dequantized_matrix(kernel, kind):
    data, plain = quantized(kind, 12, 64)
    matrix, y = kernel.matrix(kind, data, 64), kernel.room(64)
    for row in range(12):
        kernel.embedding(matrix, row, y)
        assert np.array_equal(kernel.get(y, 64), plain[row].astype(np.float32))
    x = np.random.default_rng(1).normal(size=12).astype(np.float32)
    kernel.transposed(matrix, kernel.put(x), y)
    assert near(kernel.get(y, 64), x @ plain, 1e-5)


def test_every_float16_scale_is_read_exactly(kernel):
    bits = np.arange(2**16, dtype=np.uint16)
    scales = bits.view(np.float16)[np.isfinite(bits.view(np.float16))]
    data = np.zeros((len(scales), 34), np.uint8)
    data[:, :2] = scales[:, None].view(np.uint8)
    data[:, 2] = 1
    matrix = kernel.matrix(Q8_0, data, 32)
    x, y = kernel.put(np.eye(1, 32, dtype=np.float32)), kernel.room(len(data))
    kernel.linear(matrix, x, 1, y)
    assert np.array_equal(kernel.get(y, len(data)), scales.astype(np.float32))


def test_rms_norm_equals_that_of_torch(kernel):
    random = np.random.default_rng(0)
    x = (random.normal(size=(3, 64)) * [[1e-4], [1], [1e4]]).astype(np.float32)
    weight = random.normal(size=64).astype(np.float32)
    theirs = torch.nn.functional.rms_norm(
        torch.tensor(x), (64,), torch.tensor(weight), 1e-5
    )
    y = kernel.room(3, 64)
    kernel.norm(kernel.put(x), kernel.put(weight), 3, y)
    assert near(kernel.get(y, 3, 64), theirs, 2e-6)


@pytest.mark.parametrize("below", [0, 1e-6, 0.3, 1, 20, 87, 88, 104, 1e4, 1e30])
def test_exp_is_accurate_at_extremes(kernel, below):
    # Logits 0, -below, -below, -below: the sum of their exp, relative to the largest.
    data = np.zeros((4, 34), np.uint8)
    data[:, :2] = np.array([[1]], np.float16).view(np.uint8)
    data[1:, 2] = 255  # -1
    x = below * np.eye(1, 32, dtype=np.float32)
    log_sum = largest(kernel, kernel.matrix(Q8_0, data, 32), x, 1, 0)[2]
    assert near(log_sum, np.log1p(3 * np.exp(-below)), 3e-7)


def layer_in_numpy(x, w, heads, kv_heads, d_head, angles):
    """Return a layer's output and its attention weights, in float64."""

    def norm(x, weight):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * weight

    def rotated(x):
        a, b = x[..., ::2], x[..., 1::2]
        cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
        pairs = np.stack([a * cos - b * sin, b * cos + a * sin], -1)
        return pairs.reshape(x.shape)

    n = len(x)
    normed = norm(x, w["attn_norm"])
    q = rotated((normed @ w["attn_q"].T).reshape(n, heads, d_head))
    k = rotated((normed @ w["attn_k"].T).reshape(n, kv_heads, d_head))
    v = (normed @ w["attn_v"].T).reshape(n, kv_heads, d_head)
    k, v = (np.repeat(part, heads // kv_heads, 1) for part in (k, v))
    scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(d_head)
    scores[:, *np.triu_indices(n, 1)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    x = x + np.einsum("hqk,khd->qhd", weights, v).reshape(n, -1) @ w["attn_output"].T
    normed = norm(x, w["ffn_norm"])
    gate = normed @ w["ffn_gate"].T
    inner = gate * np.exp(-np.logaddexp(0, -gate)) * (normed @ w["ffn_up"].T)
    return x + inner @ w["ffn_down"].T, weights


@pytest.mark.parametrize("scale", [0.1, 30])
@pytest.mark.parametrize("kind", [Q4_1, Q8_0])
def test_a_layer_of_other_sizes_equals_its_equations(kind, scale):
    # Heads are wider than the model; scale 30 makes gates and scores of hundreds.
    d, d_ff, heads, kv_heads, d_head, n = 32, 64, 6, 3, 32, 5
    rows = dict(zip(PARTS[1:5], (heads * d_head, 96, 96, d), strict=True))
    rows |= {"ffn_gate": d_ff, "ffn_up": d_ff, "ffn_down": d}
    columns = {"attn_output": heads * d_head, "ffn_down": d_ff}
    random = np.random.default_rng(0)
    stored, plain = {}, {}
    for part in PARTS:
        if part not in rows:
            plain[part] = 1 + random.normal(size=d) / 9
            stored[part] = 0, plain[part].astype(np.float32), d
            continue
        width = columns.get(part, d)
        by = scale if part in ("attn_q", "ffn_gate") else 0.1
        data, plain[part] = quantized(kind, rows[part], width, by, len(part))
        stored[part] = kind, data, width
    config = {
        "hidden_size": d,
        "intermediate_size": d_ff,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": d_head,
        "num_hidden_layers": 1,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_theta": 100.0},
    }
    layers = Layers(config, lambda _, part: stored[part], longest=n)
    x = random.normal(size=(n, d)).astype(np.float32)
    angles = np.arange(n)[:, None] * 100.0 ** -(np.arange(0, d_head, 2) / d_head)
    sizes = heads, kv_heads, d_head, angles
    y, weights = layer_in_numpy(x.astype(float), plain, *sizes)
    layers.exports["memory"].write(layers.store, x.tobytes(), layers.states[0])
    layers.read(0, n)
    assert near(layers.state(1, n) / np.abs(y).max(), y / np.abs(y).max(), 1e-5)
    assert near(layers.attentions(n)[0], weights, 2e-5)


@pytest.mark.parametrize("size", [2**31, 2**32 - 1])
def test_more_memory_than_there_can_be_is_refused(kernel, size):
    before = kernel.alloc(16)
    assert kernel.alloc(size - 2**32) == 0  # as JavaScript passes it
    assert kernel.alloc(16) == before + 16


def test_without_enough_memory_nothing_is_given_out():
    small = Kernel(memory=2**22)
    assert small.alloc(2**22) == 0
    assert small.configure(576, 1536, 9, 3, 64, 1e-5, 128) == 0
    assert small.configure(64, 96, 2, 1, 32, 1e-5, 8) == 1


def test_sizes_that_overflow_are_refused():
    small = Kernel(memory=2**27)  # enough for all arrays modulo 2^32
    assert small.configure(64, 2**22, 2, 1, 32, 1e-5, 2**11) == 0
