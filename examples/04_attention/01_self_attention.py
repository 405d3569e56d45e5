"""
Attention is a weighted average
===============================

Before the first block every token is alone with its vector. Attention is where they
meet: each token collects from the others what it needs. It takes three roles, one
formula and no magic. How are the weights of the average found?
"""

# %%
# Three tokens, each with three vectors of width two, small enough to follow by hand. A
# **query** says what a token looks for, a **key** what it can be found by, and a
# **value** what it gives if it is found.
import torch

query = torch.tensor([[1.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
key = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
value = torch.tensor([[10.0, 0.0], [0.0, 10.0], [0.0, 0.0]])

# %%
# How well does a key fit a query? The dot product says it: large where both point the
# same way. Row i, column j holds the fit of query i and key j, divided by the root of
# the width.
from lmviz import attention

print(query @ key.T)
print(attention.scores(query, key))

# %%
# A language model writes from left to right, so a token must not look at what comes
# after it. The **causal mask** says where it may look: at itself and to the left.
mask = attention.causal_mask(3)
print(mask.int())

# %%
# A **softmax** turns each row of scores into weights: the exponential of each score,
# divided by the sum of them all. So no weight is negative, each row sums to one, and
# the hidden places get exactly zero. The first token can only look at itself, so its
# weight is 1, whatever its score.
weights = attention.attention_weights(query, key, mask=mask)
print(weights)
print("sum of each row:", weights.sum(-1).tolist())

# %%
# **Interactive version.** Step from the scores of all pairs to the masked ones and to
# the weights, and point at a square to see how its number is computed.
from lmviz import views

views.attention(
    weights[None, None],
    ["first", "second", "third"],
    scores=attention.scores(query, key)[None, None],
    title="From scores to weights",
)

# %%
# The output is the average of the values with these weights. The last row, by hand:
output = attention.attend(query, key, value, mask=mask)
by_hand = sum(weights[2, j] * value[j] for j in range(3))
print(output)
print("last row by hand:", by_hand.tolist())

# %%
# Why the root of the width? It looks like a detail, and leaving it out is the classic
# mistake. The dot product of two random vectors of width d, with independent entries of
# mean zero and variance one, has a standard deviation of the root of d. So with wide
# vectors the scores are large, the softmax gives nearly everything to one key, and
# little is left to learn from: its slope is nearly zero.
import matplotlib.pyplot as plt

torch.manual_seed(0)
widths = [4, 16, 64, 256, 1024]
largest = {"divided by the root of d": [], "not divided": []}
for width in widths:
    q, k = torch.randn(200, 1, width), torch.randn(200, 16, width)
    scaled = attention.scores(q, k)
    raw = scaled * width**0.5
    print(
        f"d = {width:4}: sd of the scores {raw.std():6.2f}, divided {scaled.std():.2f}"
    )
    for name, fits in zip(largest, (scaled, raw), strict=True):
        largest[name].append(fits.softmax(-1).max(-1).values.mean().item())

# %%
# Sixteen random keys: none is meant to fit better than the others. With the scale the
# largest weight stays the same for every width; without it the attention of a wide head
# is on a single token before anything was learned.
from lmviz import plots

_, ax = plt.subplots(figsize=(6.08, 3.4), layout="constrained")
for (name, line), colour in zip(largest.items(), plots.PALETTE[:2], strict=True):
    ax.plot(widths, line, marker="o", color=colour)
    ax.annotate(name, (256, line[-2]), (0, -16), textcoords="offset points")
ax.axhline(1 / 16, color="0.5", ls=":")
ax.annotate("uniform weights", (4, 1 / 16), (0, 4), textcoords="offset points")
ax.set_xscale("log", base=2)
ax.set_xticks(widths, widths)
ax.set(
    title="Without scaling, wide heads attend to a single key",
    xlabel="width of query and key (logarithmic)",
    ylabel="largest of sixteen weights",
    ylim=(0, 1.05),
)
raw = largest["not divided"]
plots.caption(
    "Without scaling, a wide head attends to a single key. The largest of 16 weights "
    f"for random queries and keys: with unscaled scores it rises from {raw[0]:.2f} at "
    f"width 4 to {raw[-1]:.2f} at width 1024; divided by the root of d, it stays the "
    "same.",
    alt="Two curves over the width, from 4 to 1024. One rises to "
    f"{raw[-1]:.2f}, the other is flat, near 0.25. A dotted line marks uniform "
    "weights, 0.06.",
)
plt.show()

# %%
# The check: PyTorch has attention built in, and it must give the same, here with four
# heads, seven tokens and random numbers.
q, k, v = torch.randn(3, 4, 7, 32)
ours = attention.attend(q, k, v, mask=attention.causal_mask(7))
theirs = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
difference = float((ours - theirs).abs().max())
print(f"largest absolute difference from PyTorch's: {difference:.1e}")
assert difference < 1e-4

# %%
# **Takeaway.** Attention is an average of values; the weights come from how well each
# key fits the query.
#
# **Try it.** Multiply ``query`` by ten. Predict what happens to each row of the
# weights, and which row cannot change.
#
# **Sources.** Vaswani et al., *Attention Is All You Need* (2017), section 3.2.1 and its
# footnote 4 on the scale. Bahdanau, Cho and Bengio, *Neural Machine Translation by
# Jointly Learning to Align and Translate* (2014), where the idea comes from.
