"""
Temperature, top-k, top-p: three dials on one distribution
==========================================================

The model answers with a number for every token. How daring the text becomes is
decided afterwards, by a few lines of arithmetic that anyone can set. What does each
dial do to the same answer, and which setting does nothing?
"""

# %%
# One question, one set of logits. All that follows works on these numbers and needs no
# model.
import lmviz
from lmviz import prediction

lm = lmviz.load()
text = "My favourite thing to eat for breakfast is"
trace = lm.trace(text)
logits = trace.logits[-1]
chances = prediction.probabilities(logits)
top = chances.topk(8)
for token, p in zip(lm.tokens(top.indices), top.values.tolist(), strict=True):
    print(f"{token:12} {p:.3f}")

# %%
# **Temperature** divides the logits before the softmax. Below one, the differences grow
# and the likely get likelier; above one they shrink, and all get more alike. At exactly
# one nothing happens, whatever has been written about "a bit of creativity". The order
# of the tokens never changes.
import torch

for t in (0.1, 0.5, 1.0, 1.5, 3.0):
    p = prediction.probabilities(logits, temperature=t)
    entropy = torch.special.entr(p).sum()
    print(f"T = {t}: the likeliest {p.max():.3f}, entropy {entropy:5.2f} nats")
same = torch.equal(prediction.probabilities(logits, temperature=1.0), chances)
print("T = 1 changes nothing:", same)
assert same

# %%
# **Top-k** keeps the k likeliest tokens and rules out all others. **Top-p** keeps as
# many as it takes to hold the share p. Both work on the logits, by setting what is
# ruled out to minus infinity, so that the softmax shares its probability among the
# rest.
dials = {
    "as it is": logits,
    "T = 0.5": logits / 0.5,
    "T = 2": logits / 2,
    "top-k, k = 3": prediction.top_k_filter(logits, 3),
    "top-p, p = 0.5": prediction.top_p_filter(logits, 0.5),
}

# %%
# The same eight tokens under each dial, and the tail: all the others together.
import matplotlib.pyplot as plt
from lmviz import plots

_, axes = plt.subplots(2, 3, figsize=(7.68, 5), sharey=True, layout="constrained")
axes = axes.flat
axes[5].remove()
for ax, (name, changed) in zip(axes, dials.items(), strict=False):
    p = prediction.probabilities(changed)[top.indices]
    plots.token_bars(lm.tokens(top.indices), p, title=name, ax=ax)
    ax.set(ylabel="", xlabel="", xlim=(0, 1.2))
plots.caption(
    "Temperature changes every probability; top-k and top-p cut off the tail. At "
    "T = 0.5 the most likely tokens gain; at T = 2 the tail gets nearly everything. "
    "With k = 3, three tokens share all the probability.",
    alt="Five panels of bars for the same eight tokens and all others. The bar of all "
    "others is long in the unchanged distribution, longest at T = 2, short at T = 0.5 "
    "and with top-p, and zero with top-k.",
)
plt.show()

# %%
# Why two ways to cut? Because distributions differ. Where the model is sure, k tokens
# are too many, and where anything may come, they are too few. Top-p follows the
# distribution: here is how many tokens it keeps after different texts.
for text in (
    "The capital of France is",
    "Once upon a time there was a",
    "My favourite thing to eat for breakfast is",
    "Monday, Tuesday, Wednesday,",
):
    kept = prediction.top_p_filter(lm.trace(text).logits[-1], 0.9).isfinite().sum()
    print(f"p = 0.9 keeps {int(kept):5} tokens after {text!r}")

# %%
# Interactive version, at any token of the text. Draw a hundred tokens: the upright
# lines, which count them, approach the ends of the bars.
from lmviz import views

title = "Temperature, top-k and top-p"
views.prediction(trace.logits, trace.tokens, vocabulary=lm.tokens, title=title)

# %%
# A mistake that changes texts without anybody noticing: to turn the dials in another
# order. A temperature above one, put before top-p, flattens the distribution first, so
# that more tokens are needed to hold the share; after it, the choice is made already.
# Libraries differ in this, and the same settings then mean different things.
hot = prediction.top_p_filter(logits / 2, 0.9).isfinite().sum()
cold = (prediction.top_p_filter(logits, 0.9) / 2).isfinite().sum()
print(f"T = 2, then p = 0.9: {int(hot):6} tokens can be drawn")
print(f"p = 0.9, then T = 2: {int(cold):6} tokens can be drawn")

# %%
# The check: ``transformers`` has a class for each dial. Ours must give the same logits,
# all but the infinite ones to the last digit.
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

pairs = {
    "T = 0.7": (logits / 0.7, TemperatureLogitsWarper(0.7)),
    "k = 50": (prediction.top_k_filter(logits, 50), TopKLogitsWarper(50)),
    "p = 0.9": (prediction.top_p_filter(logits, 0.9), TopPLogitsWarper(0.9)),
}
for name, (ours, warper) in pairs.items():
    theirs = warper(None, logits[None])[0]
    same = torch.equal(ours.isfinite(), theirs.isfinite())
    kept = ours.isfinite()
    difference = float((ours[kept] - theirs[kept]).abs().max())
    print(f"{name}: the same tokens kept: {same}, ", end="")
    print(f"largest absolute difference: {difference:.1e}")
    assert same
    assert difference < 1e-4

# %%
# **Takeaway.** Temperature reshapes the whole distribution, top-k and top-p cut its
# tail; none of them adds anything that the model did not say.
#
# **Try it.** Set the temperature to 0.01. Predict how many tokens still have a chance,
# and which.
#
# **Sources.** Fan, Lewis and Dauphin, *Hierarchical Neural Story Generation* (ACL
# 2018), section 5.4, for top-k. Holtzman, Buys, Du, Forbes and Choi, *The Curious Case
# of Neural Text Degeneration* (ICLR 2020), section 3.1, for top-p.
