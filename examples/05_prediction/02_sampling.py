"""
Temperature, top-k, top-p and min-p
===================================

A model returns a distribution over the next token. Most programs change this
distribution before they draw a token from it. What do temperature, top-k, top-p and
min-p do to it? By the end of this lesson you can write each method in a few lines, and
say how many tokens it keeps and why the order of the methods matters.
"""

# %%
# Temperature: odds to the power 1/T
# ----------------------------------
# Let five tokens have the odds 8 : 4 : 2 : 1 : 1, that is, probabilities in this ratio.
# The logits :math:`z` are divided by the **temperature** :math:`T` before the softmax.
# Since :math:`e^{z/T} = (e^z)^{1/T}`, this raises the odds to the power :math:`1/T`:
#
# .. math:: p_i(T) = \frac{e^{z_i/T}}{\sum_j e^{z_j/T}}
#    = \frac{p_i^{1/T}}{\sum_j p_j^{1/T}} .

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

odds = torch.tensor([8.0, 4.0, 2.0, 1.0, 1.0], dtype=torch.double)
logits = odds.log()
print("T     probabilities")
for t in (0.1, 0.5, 1.0, 2.0, 100.0):
    print(f"{t:<5g}", *(f"{p:.3f}" for p in (logits / t).softmax(-1)))

# %%
# At :math:`T = 1/2` the odds are squared, :math:`64 : 16 : 4 : 1 : 1`, and the
# probability of the first token rises from 0.500 to 0.744. At :math:`T = 2` the square
# roots are taken, and it falls to 0.343. The order of the tokens never changes, and
# :math:`T = 1` has no effect. As :math:`T \to \infty`, all tokens become equally
# likely. As :math:`T \to 0`, the most likely token gets all the probability: this is
# *greedy* decoding. :math:`T = 0` would divide by zero, so our package refuses it.
from lmviz import prediction

try:
    prediction.probabilities(logits, temperature=0)
except ValueError as error:
    print(error)

# %%
# Three ways to cut the tail
# --------------------------
# The other methods remove unlikely tokens. They set the logits of these tokens to minus
# infinity. The softmax then gives them a probability of zero and rescales the others,
# so that they sum to one. The methods differ in the set :math:`S` of tokens that they
# keep. Here :math:`p_i` is a probability, and :math:`p` without an index is a setting:
#
# .. math::
#    \begin{split}
#    \text{top-}k &: \text{the } k \text{ most likely tokens}; \\
#    \text{top-}p &: \text{the smallest set of most likely tokens with }
#    \textstyle\sum_{i \in S} p_i \ge p; \\
#    \text{min-}p &: \{\, i : p_i \ge p \cdot \textstyle\max_j p_j \,\} .
#    \end{split}
#
# **Top-k** (Fan et al., 2018) fixes the number of tokens. **Top-p**, or nucleus
# sampling (Holtzman et al., 2020), fixes their total probability: it adds tokens, the
# most likely first, until the sum reaches :math:`p`. **Min-p** (Nguyen et al., 2025)
# sets a minimum relative to the highest probability.


def top_k(logits, k):
    return logits.masked_fill(logits < logits.topk(k).values[-1], -torch.inf)


def top_p(logits, p):
    order = logits.argsort(descending=True)
    probs = logits.softmax(-1)[order]
    before = probs.cumsum(-1) - probs  # 0, 0.42, 0.65 for 0.42, 0.23, 0.15
    return logits.index_fill(-1, order[before >= p], -torch.inf)


def min_p(logits, p):
    probs = logits.softmax(-1)
    return logits.masked_fill(probs < p * probs.max(), -torch.inf)


probs = torch.tensor([0.42, 0.23, 0.15, 0.10, 0.06, 0.04], dtype=torch.double)
rows = {"probability": probs, "cumulative sum": probs.cumsum(0)}
rows["top-k, k = 2"] = top_k(probs.log(), 2).softmax(-1)
rows["top-p, p = 0.75"] = top_p(probs.log(), 0.75).softmax(-1)
rows["min-p, p = 0.2"] = min_p(probs.log(), 0.2).softmax(-1)
rows["surprisal"] = -probs.log()  # used in an exercise
print("method           A      B      C      D      E      F")
for name, row in rows.items():
    print(f"{name:15}", *(f"{value:.3f}" for value in row), sep="  ")
print(f"min-p threshold {0.2 * probs.max():.3f}, entropy {-probs @ probs.log():.3f}")

# %%
# With :math:`p = 0.75`, top-p keeps three tokens: the sum is 0.650 after the second and
# 0.800 after the third. Min-p keeps the four tokens above the threshold
# :math:`0.2 \cdot 0.42 = 0.084`.
#
# Comparison with transformers on SmolLM2
# ---------------------------------------
# We compare our functions and the package's with the classes of the library
# ``transformers``, on SmolLM2's logits in double precision.
import lmviz
import transformers

lm = lmviz.load()
text = "My favourite thing to eat for breakfast is"
trace = lm.trace(text)
logits = trace.logits[-1].double()
methods = {
    "TopK": (50, top_k, prediction.top_k_filter),
    "TopP": (0.9, top_p, prediction.top_p_filter),
    "MinP": (0.1, min_p, prediction.min_p_filter),
    "Temperature": (0.7, torch.div, torch.div),
}
difference = 0.0
for name, (setting, function, package) in methods.items():
    ours = function(logits, setting)
    assert torch.equal(ours, package(logits, setting))
    real = getattr(transformers, f"{name}LogitsWarper")(setting)(None, logits[None])[0]
    kept = real.isfinite()
    assert torch.equal(ours.isfinite(), kept)
    difference = max(difference, float((ours[kept] - real[kept]).abs().max()))
    assert difference < 1e-4
    print(f"{name}: {kept.sum():,} tokens kept")
print(f"largest absolute difference from transformers, all methods: {difference:.1e}")

# %%
# All three implementations keep the same tokens. The figure shows the eight most likely
# tokens under each method, and the tail, which is the total probability of all others.
top = logits.softmax(-1).topk(8).indices
panels = {
    "unchanged": logits,
    "T = 0.5": logits / 0.5,
    "T = 2": logits / 2,
    "top-k, k = 3": top_k(logits, 3),
    "top-p, p = 0.5": top_p(logits, 0.5),
    "min-p, p = 0.3": min_p(logits, 0.3),
}
for name, changed in panels.items():
    p = changed.softmax(-1)
    print(f"{name:14}  most likely {p.max():.3f}, tail {1 - p[top].sum():.3f}")

# %%
import matplotlib.pyplot as plt
from lmviz import plots

_, axes = plt.subplots(2, 3, figsize=(7.68, 5), sharey=True, layout="constrained")
for ax, (name, changed) in zip(axes.flat, panels.items(), strict=True):
    p = changed.softmax(-1)[top]
    plots.token_bars(lm.tokens(top), p, title=name, ax=ax)
    ax.set(ylabel="", xlabel="", xlim=(0, 1.2))
    ax.yaxis.set_inverted(True)
plots.caption(
    "Temperature changes every probability; the other methods cut the tail. At T = 0.5 "
    "the most likely tokens gain; at T = 2 the tail gets nearly all the probability. "
    "Top-k and min-p divide all of it among a few tokens.",
    alt="Six panels of bars for the same eight tokens and all others. The bar of all "
    "others is long in the unchanged distribution, longest at T = 2, shorter at "
    "T = 0.5 and with top-p, and zero or nearly so with top-k and min-p.",
)
plt.show()

# %%
# The probability of the tail is 0.594 without changes, 0.112 at :math:`T = 0.5`, and
# 0.953 at :math:`T = 2`. A flat distribution over 49,152 tokens is nearly all tail.
#
# In the interactive version, you can set temperature, top-k and top-p at any position.
from lmviz import views

views.prediction(trace.logits, trace.tokens, vocabulary=lm.tokens, title="Sampling")

# %%
# How many tokens remain
# ----------------------
# After some texts one token is nearly certain; after others hundreds are plausible. The
# table shows how many tokens top-p and min-p keep after six texts, and how much
# probability is removed by top-k with :math:`k = 50`, the default of ``transformers``.
texts = ["The capital of France is", "Once upon a time there was a", text]
texts += [
    "Monday, Tuesday, Wednesday,",
    "Water boils at a temperature of",
    "She said that",
]
following = {t: lm.trace(t, keep="logits").logits[-1].double() for t in texts}
print("top-p 0.9  min-p 0.1  removed by top-k  text")
for t, z in following.items():
    counts = (filtered.isfinite().sum() for filtered in (top_p(z, 0.9), min_p(z, 0.1)))
    removed = z.softmax(-1)[top_k(z, 50).isinf()].sum()
    print(*(f"{count:<9}" for count in counts), f"{removed:<16.3f}", t, sep="  ")

# %%
# Top-p adapts to the distribution: it keeps 3 tokens after the weekdays and 660 after
# “She said that”. Min-p adapts less: it keeps between 1 and 18 tokens. A fixed
# :math:`k` doesn't adapt: 50 tokens are too many after the weekdays, and leave out
# 0.337 of the probability after “Once upon a time there was a”.
#
# The order matters
# -----------------
# If a temperature above 1 is applied before top-p, the distribution is already flatter,
# so more tokens are needed to reach :math:`p`. If it is applied after top-p, the set is
# already chosen. In the table, “top-p → T” means that the temperature comes last. For a
# fair comparison with min-p, we also choose a *matched* :math:`p` for each text, with
# which top-p keeps the same tokens as min-p at :math:`T = 1`.
small = odds.log()
late, early = top_p(small, 0.7) / 2, top_p(small / 2, 0.7)
print(f"on paper: {early.isfinite().sum()} with T first, {late.isfinite().sum()} last")
print("top-p → T  T → top-p  min-p → T  T → min-p  T → matched top-p  text")
for t, z in following.items():
    kept = min_p(z, 0.1)
    matched = z.softmax(-1)[kept.isfinite()].sum() - 1e-9  # a little less: rounding
    assert top_p(z, matched).isfinite().equal(kept.isfinite())
    found = top_p(z, 0.9), top_p(z / 2, 0.9), kept, min_p(z / 2, 0.1)
    cells = (f"{filtered.isfinite().sum():<9}" for filtered in found)
    print(*cells, f"{top_p(z / 2, matched).isfinite().sum():<17}", t, sep="  ")

# %%
# On paper, top-p keeps three of the five tokens if the temperature comes first, and two
# if it comes last. After the text about breakfast, it keeps 13,146 and 275,
# respectively. So the same settings mean different things in different programs.
# ``transformers`` applies temperature, top-k, top-p and min-p in this order, and so
# does our ``prediction.sampler``; llama.cpp applies the temperature last by default.
#
# Min-p is less sensitive to the order. After the same text, its 13 tokens become 87,
# while the 13 tokens of the matched top-p become 1,160; the other texts show the same
# pattern. The reason is that min-p depends only on ratios: at :math:`T = 2`, a setting
# of 0.1 acts like :math:`0.1^2` at :math:`T = 1`, however heavy the tail is.
#
# Testing a sampler
# -----------------
# A sampler can be tested by drawing many tokens. The relative frequency of a token in
# :math:`n` draws has the standard error :math:`\sqrt{p_i (1-p_i)/n}`. We draw 10,000
# tokens from the odds of the first section, with :math:`T = 2` and :math:`p = 0.7`.
choose = prediction.sampler(temperature=2.0, top_p=0.7, seed=0)
draws = torch.tensor([choose(small) for _ in range(10_000)])
expected = early.softmax(-1)
frequencies = draws.bincount(minlength=5) / len(draws)
error = (expected * (1 - expected) / len(draws)).sqrt()
print("token  probability  frequency")
for token, p, frequency in zip("ABCDE", expected, frequencies, strict=True):
    print(f"{token:5}  {p:<11.3f}  {frequency:.2f}")
assert ((frequencies - expected).abs() <= 5 * error).all()

# %%
# Each frequency is within five standard errors of its probability. Token C is drawn, so
# the sampler applies the temperature before top-p.
#
# Summary
# -------
# - Temperature raises odds to the power :math:`1/T`. Greedy decoding is its limit at 0.
# - Top-k fixes the number of tokens that remain, top-p their total probability, and
#   min-p the lowest probability relative to the highest.
# - The order of temperature and top-p matters, and libraries differ.
#
# Exercises
# ---------
# 1. Which min-p keeps the same tokens before :math:`T = 2` as 0.1 keeps after it?
# 2. **Typical sampling** (Meister et al., 2023) sorts the tokens by the distance of
#    their surprisal :math:`-\ln p_i` from the mean surprisal, the entropy, and keeps
#    the nearest ones until their probabilities add up to :math:`p`. The idea is that
#    people choose words of about average surprisal. Which of the tokens A to F does it
#    keep with :math:`p = 0.3`?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    1. At :math:`T = 2`, the ratio of two probabilities becomes its square root, so the
#       answer is :math:`0.1^2 = 0.01`.
#    2. The entropy is 1.515 nats. B is nearest (1.470), then C (1.897). B alone has a
#       probability below 0.3, so B and C remain. A, the most likely token, is removed:
#       its surprisal is too low. ``prediction.typical_filter`` does the same.
#
# Further reading
# ---------------
# - Fan, Lewis and Dauphin, *Hierarchical Neural Story Generation* (ACL 2018), section
#   5.4, on top-k.
# - Holtzman, Buys, Du, Forbes and Choi, *The Curious Case of Neural Text Degeneration*
#   (ICLR 2020), on top-p.
# - Meister, Pimentel, Wiher and Cotterell, *Locally Typical Sampling* (TACL 2023).
# - Nguyen et al., *Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM
#   Outputs* (ICLR 2025).
