r"""
The KV cache: prefill, decode, and memory
=========================================

To generate a token, a model needs the keys and values of all tokens before it. Why can
it store them instead of computing them again, and how much memory does that take?
After this lesson you can generate text with a cache and compute its size for any model.
"""

# %%
# One step later
# --------------
# An attention head of width 2 reads three tokens, whose vectors :math:`x` are (1, 0),
# (0, 1) and (1, 1). Here a query is :math:`x` with its first entry doubled, a key is
# :math:`x` itself, and a value is :math:`x` with its entries swapped. Then a fourth
# token, (2, 1), is added. The tables show each query's attention weights and output.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

w_query, w_key = torch.diag(torch.tensor([2.0, 1.0])), torch.eye(2)
w_value = torch.tensor([[0.0, 1.0], [1.0, 0.0]])


def attend(x, causal=True):
    """Return the weights (T, T) and the outputs (T, 2) of the head."""
    query, key, value = x @ w_query, x @ w_key, x @ w_value
    scores = query @ key.T / 2**0.5
    if causal:
        scores += torch.full_like(scores, -torch.inf).triu(1)
    weights = scores.softmax(-1)
    return weights, weights @ value


x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
for n in (3, 4):
    print("query  " + "".join(f"key {i + 1}  " for i in range(n)) + "output")
    for i, (row, out) in enumerate(zip(*attend(x[:n]), strict=True)):
        cells = (f"{i + 1:<5}", *(f"{w:.3f}" for w in row))
        print(*cells, "({:.3f}, {:.3f})".format(*out), sep="  ")
    print()
for causal in (True, False):
    change = (attend(x, causal)[1][:3] - attend(x[:3], causal)[1]).abs().max()
    print(f"causal: {causal}; largest change of an earlier output: {change:.3f}")


# %%
# The second table repeats the rows of the first, with a weight of zero for the new key.
# Its last row needs *one* query, and of the keys and values only one of each is new.
#
# The reason is the causal mask (:doc:`lesson 4.2
# </lessons/04_attention/02_causal_mask>`). No earlier query attends to the new token,
# so no earlier output changes. These outputs are the inputs of the next layer, whose
# keys and values at earlier positions don't change either, and so on to the last layer.
# Without the mask, earlier outputs change by up to 0.802. An encoder, which has no
# mask, would have to compute all positions again for each added token.
#
# Attention with a cache
# ----------------------
# The **key/value cache** (KV cache) keeps the keys and values of all positions in every
# layer. A new token at position :math:`t` adds its own, and needs one row of scores:
#
# .. math::
#    \begin{split}
#    K_t &= \begin{pmatrix} K_{t-1} \\ x_t W_K \end{pmatrix}, \qquad
#    V_t = \begin{pmatrix} V_{t-1} \\ x_t W_V \end{pmatrix}, \\
#    o_t &= \mathrm{softmax}\!\left(\frac{x_t W_Q K_t^\top}{\sqrt{d_\text{head}}}\right)
#    V_t .
#    \end{split}
#
# No mask is needed: the cache has no position after :math:`t`. Queries are not cached,
# since no later position uses them. In code, the cache is two growing arrays.
def decode(new, cache):
    """Return the output for one new vector (2,), and the extended cache."""
    keys = torch.cat([cache[0], (new @ w_key)[None]])
    values = torch.cat([cache[1], (new @ w_value)[None]])
    scores = (new @ w_query) @ keys.T / 2**0.5
    return scores.softmax(-1) @ values, (keys, values)


cache, outputs = (torch.empty(0, 2), torch.empty(0, 2)), []
for vector in x:
    output, cache = decode(vector, cache)
    outputs.append(output)
difference = float((torch.stack(outputs) - attend(x)[1]).abs().max())
print(f"largest absolute difference from recomputation: {difference:.1e}")
assert difference < 1e-6

# %%
# Prefill and decode
# ------------------
# Generation has two phases. **Prefill** processes the whole prompt in one pass, all
# positions in parallel, and fills the cache. **Decode** then processes one token per
# step. In ``transformers``, the output of a pass includes the cache, which the next
# pass takes as an argument of the same name. We generate 20 tokens with SmolLM2,
# greedily, with and without the cache.
import inspect

import lmviz

lm = lmviz.load("smollm2")
prompt = lm.encode("The old man opened the door and")
arguments = inspect.signature(lm.module.forward).parameters
name = "cache" if "cache" in arguments else "past_key_values"  # the older name


def generate(ids, n_tokens, use_cache):
    """Return all ids, the logits of each step, and the number of positions computed."""
    cache, new, logits, computed = None, ids, [], 0
    for _ in range(n_tokens):
        output = lm.module(new[None], use_cache=use_cache, **{name: cache})
        cache, computed = getattr(output, name), computed + len(new)
        logits.append(output.logits[0, -1])
        ids = torch.cat([ids, logits[-1].argmax()[None]])
        new = ids[-1:] if use_cache else ids
    return ids, torch.stack(logits), computed


with_cache, without = (generate(prompt, 20, use_cache) for use_cache in (True, False))
difference = float((with_cache[1] - without[1]).abs().max())
print(f"logits, largest absolute difference from recomputation: {difference:.1e}")
assert difference < 1e-3
print(f"positions: prompt {len(prompt)}; computed {with_cache[2]} and {without[2]}")

# %%
# The logits are the same up to rounding. With the cache, the model computed 26
# positions: the 7 of the prompt and one for each new token but the last. Without it,
# each step computes all positions so far, :math:`7 + 8 + \dots + 26 = 330` in total.
# The first number grows linearly with the length of the text, the second quadratically.
#
# The size of the cache
# ---------------------
# Each of the :math:`L` layers stores a key and a value, of :math:`d_\text{head}`
# numbers each, for each token in each of its :math:`H_\text{kv}` key/value heads. With
# :math:`b` bytes per number, a text of :math:`T` tokens takes
#
# .. math:: 2 \cdot L \cdot H_\text{kv} \cdot d_\text{head} \cdot T \cdot b
#    \ \text{bytes.}
#
# The number of *query* heads doesn't matter. We compute sizes in MiB (:math:`2^{20}`
# bytes) for 16-bit numbers, the usual precision. The book's own model uses 32 bits.
from lmviz import prediction


def cache_bytes(n_layers, n_kv_heads, d_head, n_tokens, each=2):
    return 2 * n_layers * n_kv_heads * d_head * n_tokens * each


weights = 2 * lm.card.parameters
print("model, 16-bit numbers            tokens   bytes per token  cache in MiB")
for label, sizes, n_tokens in (
    ("SmolLM2, 3 key/value heads", (30, 3, 64), 1024),
    ("SmolLM2 if it had 9", (30, 9, 64), 1024),
    ("SmolLM2, 3 key/value heads", (30, 3, 64), 8192),
    ("Llama 3.1 8B, 8 key/value heads", (32, 8, 128), 131_072),
):
    size = cache_bytes(*sizes, n_tokens)
    print(f"{label:31}  {n_tokens:<7,}  {size // n_tokens:<15,}  {size / 2**20:,.1f}")
print(f"weights: {weights / 2**20:.0f} and {2 * 8_030_261_248 / 2**20:,.0f} MiB")
for n in (1, 16):
    read = (weights + n * cache_bytes(30, 3, 64, 1024)) / 2**20
    print(f"decode step, batch of {n}: {read:.0f} MiB read, {read / n:.0f} per token")

layers = getattr(lm.module(prompt[None], use_cache=True), name).layers
real = sum(tensor.nbytes for layer in layers for tensor in (layer.keys, layer.values))
print(f"the model's own cache after the prompt: {real:,} bytes")
ours = prediction.cache_bytes(lm, len(prompt), bytes_per_number=4)
assert real == cache_bytes(30, 3, 64, len(prompt), each=4) == ours

# %%
# For 1,024 tokens, the cache of SmolLM2 takes 22.5 MiB; with as many key/value heads as
# query heads, it would take 67.5. At 8,192 tokens, the whole context, it takes 180.0
# MiB, compared with 257 MiB for the weights. In Llama 3.1 8B, the cache of one full
# context is larger than the weights: 16,384.0 against 15,317 MiB. The formula and
# ``prediction.cache_bytes`` give exactly the size of the tensors in SmolLM2's cache.
#
# The cache also limits speed. At 1,024 tokens, one decode step of SmolLM2 reads 279 MiB
# of weights and cache from memory to compute a single token. Decode is *memory-bound*:
# it waits for memory, not for arithmetic. If 16 texts are decoded together, they share
# the weights, and each token costs only 39 MiB. But each text has its own cache, and
# two full caches already take more memory than the weights.
#
# Fewer heads, smaller numbers
# ----------------------------
# Each of the following methods reduces one part of the formula:
#
# - :math:`H_\text{kv}`: in **multi-query attention** (MQA; Shazeer, 2019), all query
#   heads of a layer share one key head and one value head. In *grouped-query attention*
#   (GQA; Ainslie et al., 2023), each group of query heads shares one of each; SmolLM2's
#   nine query heads form three groups. Multi-head attention (MHA) shares nothing.
# - :math:`2 H_\text{kv}\, d_\text{head}`: **multi-head latent attention** (MLA;
#   DeepSeek-AI, 2024) caches one vector :math:`c = xW_C` of width :math:`d_c` per token
#   and layer. Head :math:`h` has the key :math:`cW_K^h` and the value :math:`cW_V^h`.
#   The keys need not be computed: :math:`q\,(cW_K^h)^\top = (q\,W_K^{h\top})\,c^\top`,
#   so the matrix can be applied to the query instead. A rotation of the key would
#   prevent this, so a separate *rotary key* of width :math:`d_r`, shared by all heads,
#   encodes the position. The cache has :math:`L\,(d_c + d_r)\,T` numbers. DeepSeek-V2,
#   with 128 heads, has :math:`d_c = 4 d_\text{head}` and :math:`d_r = d_\text{head}/2`.
# - :math:`T`: a *sliding window* deletes old entries.
# - :math:`b`: a *quantized* cache stores rounded numbers with fewer bits.
#
# We compute the sizes for 30 layers and heads of 64 dimensions, as in SmolLM2. The row
# for MLA, which SmolLM2 doesn't use, has the proportions of DeepSeek-V2.
curves = {"MHA, 9 heads": 2 * 9 * 64, "GQA, 3 heads": 2 * 3 * 64}
curves |= {"MLA, 256 + 32": 256 + 32, "MQA, 1 head": 2 * 1 * 64}
print("scheme         numbers per token and layer  MiB at 8,192 tokens")
for label, n in curves.items():
    print(f"{label:13}  {n:<27,}  {30 * n * 8192 * 2 / 2**20:.0f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.6), layout="constrained")
styles = zip(curves.items(), ("-", "--", "-.", ":"), strict=True)
for (label, n), style in styles:
    ax.plot([0, 8192], [0, 30 * n * 8192 * 2 / 2**20], style, label=label)
ax.axhline(weights / 2**20, color="0.5", lw=1, label="the weights")
ax.set(title="Cache of one text", xlabel="tokens", ylabel="MiB (16-bit numbers)")
ax.legend(loc="upper left")
plots.caption(
    "With nine key/value heads, the cache would outgrow the weights before the context "
    "is full. Cache size against the number of tokens, for four schemes at SmolLM2's "
    "sizes. SmolLM2 itself has three key/value heads.",
    alt="Four straight lines from zero, for MHA, GQA, MLA and MQA in descending order. "
    "Only that of MHA crosses the horizontal line of the weights, before the middle.",
)
plt.show()

# %%
# At 8,192 tokens, nine heads would take 540 MiB, more than twice the 257 MiB of the
# weights. Three take 180 MiB; MLA would take 135, and one head 60. The sizes don't show
# what each scheme costs in quality. A model must be trained with its scheme, or be
# converted and trained further, as Ainslie et al. did for a twentieth of the compute.
#
# When a cache can be reused
# --------------------------
# Two requests that begin with the same tokens, such as a system prompt, have the same
# cache up to the first difference, and *prefix caching* reuses this part. We change the
# second token of the prompt and compare the keys in both caches. The table shows the
# norm of their difference, divided by the norm of the original keys, for three layers.
other = lm.encode("The young man opened the door and")
theirs = getattr(lm.module(other[None], use_cache=True), name).layers
pairs = [(a.keys[0], b.keys[0]) for a, b in zip(layers, theirs, strict=True)]
changes = [(a - b).norm(dim=(0, 2)) / a.norm(dim=(0, 2)) for a, b in pairs]
print("token     layer 0  layer 1  layer 29")
for i, token in enumerate(lm.tokens(other)):
    print(f"{token:8}  " + "    ".join(f"{changes[n][i]:.3f}" for n in (0, 1, 29)))

# %%
# The first position is the same in all layers. After the changed token, the keys of
# layer 0 are still the same, since each depends only on its own token and position. In
# deeper layers all later keys differ, since attention has read the changed token. So
# one change invalidates the cache of all later positions. An *inserted* token
# invalidates even the later keys of layer 0, since keys are cached after their rotation
# (:doc:`lesson 3.6 </lessons/03_positions/06_rotary>`), which depends on the position.
#
# Summary
# -------
# - Earlier keys and values never change under a causal mask, so they can be cached.
# - The cache has :math:`2 L H_\text{kv} d_\text{head} T` numbers per text. GQA, MQA,
#   MLA and sliding windows reduce this number; quantization stores each in fewer bits.
#
# Exercises
# ---------
# Ten texts share a prompt of 1,024 tokens and continue with 64 tokens each. How many
# positions must be stored if the prompt's cache is shared, and how many otherwise?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    :math:`1024 + 10 \cdot 64 = 1664`, otherwise :math:`10 \cdot 1088 = 10{,}880`.
#
# Further reading
# ---------------
# - Pope et al., *Efficiently Scaling Transformer Inference* (2022; MLSys 2023).
# - Shazeer, *Fast Transformer Decoding: One Write-Head is All You Need* (2019).
# - Ainslie et al., *GQA: Training Generalized Multi-Query Transformer Models from
#   Multi-Head Checkpoints* (EMNLP 2023).
# - DeepSeek-AI, *DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts
#   Language Model* (2024), section 2.1.
