"""
What heads do
=============

A head is a few matrices, and nobody told it what to do. Still, in trained models, some
have a job that can be named and measured: look at the token before, rest on the first
token, or find what followed the last time. Which heads of this model do which?
"""

# %%
# The test is a text without any meaning: random tokens, and then the same ones once
# more. Nothing in it can be guessed from the language. But soon after the second half
# begins all can be known, by whoever finds the earlier copy and looks at what came
# after it. A head that does so is an **induction head**.
import torch

import lmviz

lm = lmviz.load()
n = 20
generator = torch.Generator().manual_seed(0)
half = torch.randperm(lm.tokenizer.get_vocab_size(), generator=generator)[:n]
ids = torch.cat([half, half])
trace = lm.trace(ids)
print("tokens:", trace.tokens[:6], "…")

# %%
# Does the model make use of the repetition? Compare how surprised it is in the first
# half, where nothing can be known, and in the second. (Surprisal is minus the
# log-probability, in nats, the unit of natural logarithms; see chapter 5.)
from lmviz import attention, prediction

surprisal = prediction.surprisal(trace.logits, ids)
print(f"first time:  {surprisal[: n - 1].mean():5.2f} nats per token")
print(f"second time: {surprisal[n:].mean():5.2f} nats per token")

# %%
# Four scores for each head. Each is the share of its weight that it spends on one kind
# of key, on average over the queries: the token before; the first token of the text;
# earlier copies of the query's token; and the token after the earlier copy.
weights = trace.attentions
scores = {
    "previous token": attention.previous_token_score(weights),
    "first token": attention.first_token_score(weights),
    "duplicate token": attention.duplicate_token_score(weights, ids),
    "induction": attention.induction_score(weights, ids),
}
strongest = {}
for name, score in scores.items():
    [(layer, head, _)] = attention.strongest(score, 1)
    strongest[name] = layer, head
    best = f"layer {layer}, head {head}"
    many = f"{int((score > 0.5).sum())} of {score.numel()} heads have more than a half"
    print(f"{name:15} strongest: {best}, {score.max():.2f}; {many}")

# %%
# All heads at once. A row is a layer, a column a head, and the strongest is marked.
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 4, figsize=(7.68, 4.2), sharey=True, layout="constrained")
for ax, (name, score) in zip(axes, scores.items(), strict=True):
    plots.heatmap(score, title=name, vmin=0, vmax=1, colorbar=False, ax=ax)
    layer, head = strongest[name]
    ax.plot(head + 0.5, layer + 0.5, "o", mfc="none", mec=plots.COLORS["minus"], ms=10)
    ax.set(xlabel="head", ylabel="layer" if ax is axes[0] else "")
plots.shared_colorbar(axes, "score")
many = {name: int((score > 0.5).sum()) for name, score in scores.items()}
plots.caption(
    "Attention to the first token is common, the other patterns are rare. Each panel "
    "scores every head from 0 to 1; the ring marks the strongest. Heads above 0.5, of "
    f"{score.numel()}: " + ", ".join(f"{name} {n}" for name, n in many.items()) + ".",
    alt="Four heatmaps of scores with a row per layer and a column per head. The one "
    "for the first token is strong in most layers; the others have a few strong cells, "
    f"the strongest for induction in layer {layer}, head {head}.",
)
plt.show()

# %%
# The strongest of each kind. A diagonal just below the main one is the token before; a
# strong left edge, the first token; a diagonal that begins halfway down, the earlier
# copy or the token after it.
_, axes = plt.subplots(1, 4, figsize=(7.68, 2.5), sharey=True, layout="constrained")
later = torch.ones(2 * n, 2 * n).triu(1).bool()  # the causal mask, left blank
for ax, (name, (layer, head)) in zip(axes, strongest.items(), strict=True):
    seen = weights[layer, head].masked_fill(later, torch.nan)
    title = f"{name}\nlayer {layer}, head {head}"
    plots.heatmap(seen, title=title, vmin=0, vmax=1, square=True, colorbar=False, ax=ax)
    ax.set(xlabel="key", ylabel="query" if ax is axes[0] else "")
plots.shared_colorbar(axes, "weight")
plots.caption(
    "Each pattern is a line in the attention map. A previous-token head draws the "
    "diagonal below the main one, a first-token head the left edge. The tokens repeat "
    f"after {n}: from there, a duplicate-token head attends {n} positions back, an "
    "induction head one position later.",
    alt=f"Four lower triangles of attention weights over {2 * n} tokens: a diagonal; a "
    "left edge; and twice a left edge that changes, halfway down, to a diagonal.",
)
plt.show()

# %%
# Every head on these tokens, to play with. Choose the strongest at induction, and
# tokens well inside the second half: the key that they look at most is named. If the
# head has the job, it is the one after the earlier copy, n - 1 = 19 places back. Then
# choose from the first half: where does the head look with nothing to find?
from lmviz import views

views.attention(weights, trace.tokens, title="Heads on repeated tokens")

# %%
# Two mistakes: to take the first-token score for importance (nothing is important about
# the first of random tokens), and to look for induction where nothing is repeated. On
# an ordinary sentence, the induction head may do nothing but rest on the first token:
layer, head = strongest["induction"]
plain = lm.trace("The dog chased the ball because it was excited.").attentions
rests = attention.first_token_score(plain[layer, head])
print(f"layer {layer}, head {head}, on a sentence: {rests:.2f} on the first token")

# %%
# What is a high score? Compare a head that spreads its weight evenly. Its **entropy**,
# the mean surprisal of a key drawn by its weights, is the highest there is: the
# logarithm of the number of keys. That of a head that looks at one key alone is 0.
even = torch.tril(torch.ones(2 * n, 2 * n))
even = even / even.sum(-1, keepdim=True)
for name, each in (("even", even), ("strongest at induction", weights[layer, head])):
    entropy = attention.entropy(each[n:]).mean()
    print(
        f"{name:22} {attention.induction_score(each, ids):.3f}, "
        f"entropy {entropy:.2f} nats"
    )

# %%
# The check: the score by hand, the mean of a diagonal, n - 1 places back. Is it the
# luck of these tokens? Others should name the same head, if it has the job.
by_hand = weights[layer, head].diagonal(1 - n)[1:].mean()
difference = float(abs(by_hand - scores["induction"].max()))
print(f"by hand: {by_hand:.3f}, largest absolute difference: {difference:.1e}")
assert difference < 1e-4

again = torch.randperm(lm.tokenizer.get_vocab_size(), generator=generator)[:n].repeat(2)
score = attention.induction_score(lm.trace(again).attentions, again)
best = "layer {}, head {}".format(*attention.strongest(score, 1)[0])
print(f"other tokens: {score[layer, head]:.2f}, strongest: {best}")

# %%
# **Takeaway.** In trained models some heads have a job, and a text made for the purpose
# shows which; what an even head would score says how much is chance.
#
# **Try it.** Repeat the tokens backwards, ``torch.cat([half, half.flip(0)])``, without
# the check by hand (its diagonal is another one). Predict which scores survive.
#
# **Sources.** Elhage et al., *A Mathematical Framework for Transformer Circuits*
# (2021). Olsson et al., *In-context Learning and Induction Heads* (2022), section 2.
# Wang et al., *Interpretability in the Wild* (ICLR 2023), on duplicate-token heads.
