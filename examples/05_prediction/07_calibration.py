"""
Against the truth
=================

A model's surprise on a text has two causes: what nobody could have known, and what the
model does not know. On real text they cannot be told apart. Here they can, for there is
a language whose every probability is known.
"""

# %%
# The **toy** is a small GPT-2 trained on stories that a grammar writes (the page "A
# model we can check" shows it). The grammar knows how likely each word is at each
# place. Here is what it says after a beginning, and what the model says.
import lmviz
from lmviz import prediction
from lmviz.toy import evaluate, language

toy = lmviz.load("toy")
start = "Anna has a red ball . Tom has a blue kite ."
true = language.next_word_probs(["<story>", *start.split()])
chances = prediction.probabilities(toy.trace(start).logits[-1])
words = sorted(true, key=true.get, reverse=True)
model = [chances[evaluate.IDS[word]].item() for word in words]
print(f"all other words, which cannot come: {1 - sum(model):.4f}")

# %%
# Both, word by word.
import matplotlib.pyplot as plt

from lmviz import plots

rows = range(len(words))
_, ax = plt.subplots(figsize=(3.4, 3.4), layout="constrained")
ax.barh([i - 0.2 for i in rows], [true[word] for word in words], 0.4, label="truth")
ax.barh([i + 0.2 for i in rows], model, 0.4, label="model", color=plots.PALETTE[1])
ax.set_yticks(rows, words)
ax.invert_yaxis()
ax.tick_params(axis="y", length=0)
ax.set(title="What follows the two facts", xlabel="probability", ylabel="next word")
ax.legend()
plots.caption(
    "The model has learned the probabilities, not only which words are possible. True "
    "probability of each possible next word, and the model's.",
    alt=f"A pair of bars for each of {len(words)} words; in every pair both are almost "
    "equally long.",
)
plt.show()

# %%
# How far is one from the other? Three numbers, in nats:
#
# - the **entropy** of the truth, how surprising the next word is to one who knows all;
# - the **cross-entropy**, how surprising it is to the model, on average over the truth;
# - their difference, the **Kullback-Leibler divergence**: the model's own part.
#
# It is never negative: on average nobody is less surprised than one who knows the
# truth. Here it is for 300 stories that the training never saw, at every word.
import itertools

import torch

told = list(itertools.islice(language.stories("lesson", held_out=True), 300))
ids, there = evaluate.pad([story.words for story in told])
truth = evaluate.true_probs(told)[there]  # (words, V)
with torch.no_grad():
    logits = toy.module(ids).logits[:, :-1][there]
logs = logits.log_softmax(-1)
entropy = -torch.xlogy(truth, truth).sum(-1)
cross = -(truth * logs).sum(-1)
divergence = cross - entropy
print(f"words:         {len(truth)}")
print(f"entropy:       {entropy.mean():.4f} nats per word")
print(f"cross-entropy: {cross.mean():.4f}")
print(f"divergence:    {divergence.mean():.4f}")

# %%
# The loss that a training shows is an estimate of the cross-entropy: the mean surprisal
# of the words that came. It can't go to zero, and it does not say how low it could go.
came = ids[:, 1:][there][:, None]
loss = -logs.gather(1, came).mean()
knowing_all = -truth.gather(1, came).log().mean()
print(f"surprisal of these words to the model: {loss:.4f} nats per word")
print(f"and to one who knows the truth:        {knowing_all:.4f}")

# %%
# One story, word by word. A long bar on the left is no mistake: which name, colour or
# thing comes next is not determined. On the right is the model's own part, on a scale
# of its own.
n = len(told[0].probs)
size = (3.4, 0.8 + 0.16 * n)
_, axes = plt.subplots(1, 2, figsize=size, sharey=True, layout="constrained")
parts = {"Entropy\nof the truth": entropy, "Divergence\nof the model": divergence}
for ax, (title, values) in zip(axes, parts.items(), strict=True):
    ax.barh(range(n), values[:n].clamp(min=0).tolist())
    ax.set(title=title, xlabel="nats")
    ax.tick_params(axis="y", length=0)
    ax.margins(y=0.01)
axes[0].set_yticks(range(n), told[0].words[1:])
axes[0].invert_yaxis()
axes[0].set_ylabel("next word")
plots.caption(
    "The uncertainty is in the story; the model adds almost none. Left, the entropy of "
    "the true distribution at each word: names, colours and things are not "
    "predictable. Right, on a much finer scale, the model's divergence from it.",
    alt=f"Two columns of {n} bars, one per word of a story. Left, most bars are zero "
    "and the others are between about 1 and 2 nats; right, they are at the same words, "
    "and none reaches a hundredth of a nat.",
)
plt.show()

# %%
# Right answers are not the whole of it. A **temperature** below one makes a model surer
# of itself, above one less so, and never changes which word is the likeliest. So where
# only one word is right, the share of right answers stays; the divergence does not.
temperatures = (0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
certain = entropy == 0
found = []
for temperature in temperatures:
    colder = (logits / temperature).log_softmax(-1)
    found.append((-truth * colder).sum(-1).mean().item() - entropy.mean().item())
    hits = (colder.argmax(-1) == truth.argmax(-1))[certain].double().mean()
    print(f"T = {temperature:4}: divergence {found[-1]:.4f}, right {hits:.2%}")

# %%
# The divergence again, on a logarithmic axis.
_, ax = plt.subplots(figsize=(3.4, 2.9), layout="constrained")
ax.plot(temperatures, found, marker="o")
ax.axvline(1, color="0.7", lw=0.8)
ax.set(
    title="Divergence from the truth\nat each temperature",
    xlabel="temperature",
    ylabel="nats per word (logarithmic)",
    yscale="log",
)
plots.caption(
    "Temperature 1 is closest to the truth. Divergence of the model from the true "
    "distribution at nine temperatures, on a logarithmic axis. The most likely word is "
    "the same at all of them.",
    alt="A V-shaped curve with its lowest point at temperature 1, marked by a vertical "
    f"line; it rises to {found[0]:.3f} nats at 0.5 and to {found[-1]:.3f} at 2.",
)
plt.show()

# %%
# So "T = 1" is not one setting among others: the model was trained at it. (One that has
# learned its texts by heart may be too sure even there.) Colder, likely words come too
# often.
#
# The check: PyTorch's own divergence.
theirs = torch.nn.functional.kl_div(logs, truth, reduction="none").sum(-1)
difference = float((divergence - theirs).abs().max())
print(f"largest absolute difference from PyTorch's divergence: {difference:.1e}")
assert difference < 1e-4
assert found[temperatures.index(1.0)] < min(found[0], found[-1])

# %%
# **Takeaway.** Expected loss is entropy plus divergence: what the language leaves open,
# and what the model has not learned.
#
# **Try it.** Take stories of the training, ``held_out=False``. Predict whether the
# divergence is smaller there.
#
# **Sources.** Kullback and Leibler, *On Information and Sufficiency* (1951). Shannon,
# *A Mathematical Theory of Communication* (1948), section 6. Guo et al., *On
# Calibration of Modern Neural Networks* (ICML 2017), on temperature.
