"""
Writing text, one token at a time
=================================

A model gives probabilities for one next token. To write, somebody has to choose one,
append it to the text and ask again. Who chooses, what happens to the words that
were not chosen, and does the model really read everything anew each time?
"""

# %%
# The simplest rule is **greedy**: always the likeliest token. For each step we keep
# what was chosen, how likely it was, and what else could have come.
import lmviz
from lmviz import prediction

lm = lmviz.load()
start = "The old man opened the door and"
ids = lm.encode(start)


def write(ids=ids, n_tokens=20, **options):
    steps = prediction.generate(lm, ids, n_tokens=n_tokens, **options)
    return steps, lm.tokenizer.decode([*ids.tolist(), *(step.id for step in steps)])


greedy, text = write()
print(text)

# %%
# The other rule is to **sample**: draw a token with the probability that the model
# gives it. Another seed gives another text, and each is a fair draw.
sampled, text = write(choose=prediction.sampler(seed=0))
print(text)
print(write(choose=prediction.sampler(seed=1))[1])

# %%
# Where did the probability go? At each step it is one in all: the part of the token
# that was chosen, of the others among the five likeliest, and of the long tail. Greedy
# takes the likeliest single token each time (a light bar may be longer than the dark
# one: it is several tokens together); sampling takes others too, as often as the
# probabilities say.
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 2, figsize=(7.68, 5.6), layout="constrained")
for ax, (name, steps) in zip(
    axes, {"Greedy": greedy, "Sampled": sampled}.items(), strict=True
):
    chosen = [step.probability for step in steps]
    others = [
        float(step.alternative_probs[step.alternatives != step.id].sum())
        for step in steps
    ]
    rows = range(len(steps))
    ax.barh(rows, chosen, color=plots.PALETTE[0], label="chosen")
    light = plots.PALETTE[0], 0.35
    ax.barh(rows, others, left=chosen, color=light, label="likely others")
    ends = [a + b for a, b in zip(chosen, others, strict=True)]
    ax.barh(rows, [1 - end for end in ends], left=ends, color="0.85", label="the tail")
    ax.set_yticks(rows, lm.tokens([step.id for step in steps]))
    ax.invert_yaxis()
    ax.set(title=name, xlabel="probability", ylabel="token written", xlim=(0, 1))
    ax.tick_params(axis="y", length=0)
    plots.make_legible(ax)
axes[0].legend(loc="upper center", bbox_to_anchor=(1.0, -0.1), ncols=3)
plots.caption(
    "Greedy decoding always takes the most likely token, sampling often takes another. "
    "Each bar is one step and sums to 1: the probability of the chosen token, of the "
    "others among the five most likely, and of all remaining tokens, the tail.",
    alt="Two panels of stacked bars, one bar per token written. On the left the dark "
    "share is often long; on the right several dark shares are close to zero.",
)
plt.show()

# %%
# It sounds reasonable that the likeliest token at each step gives the likeliest text.
# It need not: a first token that is a little less likely may open a way on which all
# the others are more so. Take each of the five best first tokens, go on greedily, and
# compare the probability of all eight tokens together.
import math

import torch

for first, p in zip(greedy[0].alternatives, greedy[0].alternative_probs, strict=True):
    steps, text = write(torch.cat([ids, first[None]]), n_tokens=7)
    total = math.log(p) + sum(math.log(step.probability) for step in steps)
    print(f"first {p:.3f}, all eight {total:6.2f} nats:{text[len(start) :]!r}")

# %%
# Does the model read everything anew for each token? It need not. Keys and values of
# earlier tokens do not change when one more is added, for nobody looks to the right.
# They are kept in the **key/value cache**, and each step computes one position only.
import time

runs, seconds = {}, {}
for use_cache in (True, False):
    began = time.perf_counter()
    runs[use_cache], _ = write(use_cache=use_cache)
    seconds[use_cache] = time.perf_counter() - began
without = sum(len(ids) + i for i in range(20))
print(f"positions computed: {len(ids) + 19} with the cache, {without} without")
print(f"time, measured: {seconds[False] / seconds[True]:.1f} times as long without")

# %%
# Time does not follow the positions: each step reads all the weights of the model from
# memory, whether for one position or for two dozen, and keeping a cache costs time too.
# On a text this short it may win little; the longer the text, the more it wins. The
# page "Computational cost" has the figure.
#
# The check: the cache must not change anything, and our greedy text must be the one
# that ``generate`` of the library ``transformers`` writes.
same = [step.id for step in runs[True]] == [step.id for step in runs[False]]
difference = max(
    abs(a.probability - b.probability)
    for a, b in zip(runs[True], runs[False], strict=True)
)
print("the same tokens with and without cache:", same)
print(f"largest absolute difference of a probability: {difference:.1e}")
theirs = lm.module.generate(
    ids[None], max_new_tokens=20, do_sample=False, eos_token_id=None, pad_token_id=0
)[0, len(ids) :]
print("the same as transformers writes:", theirs.tolist() == [s.id for s in greedy])
assert difference < 1e-4

# %%
# Last, choose each token yourself. The model computes the three most likely tokens of
# each step, five steps deep, for every choice that you could make. Let greedy write
# first and note its nats. Then undo it, and see whether another first token leads to a
# text with fewer nats, which is a higher probability.
from lmviz import views

tree, level = {}, {(): ids}
for _ in range(5):
    with torch.inference_mode():
        batch = torch.stack([*level.values()])
        logits = lm.module(batch, use_cache=False, logits_to_keep=1).logits[:, -1]
    probs, best = prediction.probabilities(logits).topk(3)
    tree |= {path: (lm.tokens(best[i]), probs[i]) for i, path in enumerate(level)}
    level = {
        (*path, j): torch.cat([so_far, best[i, j, None]])
        for i, (path, so_far) in enumerate(level.items())
        for j in range(3)
    }
views.continuations(start, tree, title="Choose each token yourself")

# %%
# **Takeaway.** A model only ever answers "what next?"; the text comes from the rule
# that chooses, and the cache spares it from reading twice.
#
# **Try it.** Sample with ``prediction.sampler(temperature=0.1)``, with a few seeds.
# Predict which of the texts they resemble, and where they can still part from it.
#
# **Sources.** Holtzman, Buys, Du, Forbes and Choi, *The Curious Case of Neural Text
# Degeneration* (ICLR 2020), on why likely text is not good text. Pope et al.,
# *Efficiently Scaling Transformer Inference* (2022), on the cache.
