"""
Surprise, token by token
========================

A model can be asked not only what comes next, but how much it expected what did come.
That number, the **surprisal**, is what training makes small, and **perplexity**, the
score of language models, is made of it. What surprises a model, and what does its
perplexity depend on besides the model?
"""

# %%
# Surprisal is minus the logarithm of the probability that the model gave to the token
# that came: 0 for what was certain, log V for a guess among V tokens that are all
# alike. Natural logarithms, so its unit is the nat. The first token has none: nothing
# stands before it.
import math

import lmviz
from lmviz import prediction

lm = lmviz.load()
text = "The capital of France is Paris. The capital of France is Berlin."
trace = lm.trace(text)
surprisal = prediction.surprisal(trace.logits, trace.ids)
ranks = prediction.ranks(trace.logits, trace.ids)
print(f"a guess among all: {math.log(lm.card.vocabulary):.2f} nats")
for token, nats, rank in zip(trace.tokens[1:], surprisal, ranks, strict=True):
    print(f"{token:9} {nats:6.2f} nats, rank {int(rank):,}")

# %%
# Every token with its surprisal. A trained model is surprised by what nothing announced
# and by what is wrong; what it has read once mostly surprises it less the second time.
# Beyond the dotted line it did worse than a guess among all.
import matplotlib.pyplot as plt

from lmviz import plots

places = range(1, len(trace.tokens))
size = (3.4, 1.1 + 0.22 * len(places))
_, ax = plt.subplots(figsize=size, layout="constrained")
ax.barh(places, surprisal.tolist(), color=plots.PALETTE[0])
ax.axvline(math.log(lm.card.vocabulary), color="0.5", ls=":", label="uniform guess")
ax.set_yticks(places, trace.tokens[1:])
ax.invert_yaxis()
ax.tick_params(axis="y", length=0)
ax.set(title="Surprisal of each token", xlabel="nats", ylabel="token")
ax.legend(loc="upper right", bbox_to_anchor=(1, -0.12))
plots.make_legible(ax)
top = int(surprisal.argmax())
plots.caption(
    f"The model is most surprised by “{trace.tokens[1 + top]}”, at "
    f"{surprisal[top]:.1f} nats. Tokens of the repeated sentence cost less the second "
    "time, until its ending changes. The dotted line is a uniform guess over the "
    "vocabulary.",
    alt=f"{len(surprisal)} bars, one per token after the first. The first bar reaches "
    f"beyond the dotted line at {math.log(lm.card.vocabulary):.1f} nats and the last "
    "but one nearly so far; the others are below 3.",
)
plt.show()

# %%
# The same text, with the tokens that the model expected at each position. Those at
# ``␣Berlin`` include ``␣Paris``, which it has just read.
from lmviz import views

views.surprisal(
    trace.logits,
    trace.ids,
    trace.tokens,
    vocabulary=lm.tokens,
    title="Surprisal, token by token",
)

# %%
# **Perplexity**, worked: the probabilities of all n tokens after the first, multiplied,
# give that of the text after its first token; the n-th root is the probability of a
# typical token; one over that is the perplexity. With logarithms it is the exponential
# of the mean surprisal. Read it as: on average the model was as lost as among so many
# tokens that are all alike.
probability = math.prod((-surprisal).exp().tolist())
by_hand = (1 / probability) ** (1 / len(surprisal))
print(f"probability of the text: {probability:.1e}")
print(f"perplexity by hand {by_hand:.2f}, ", end="")
print(f"from the mean {prediction.perplexity(surprisal):.2f}")

# %%
# The classic mistake is to compare perplexities of models with different tokenizers.
# The surprise at a text is one number, but it is shared among tokens, and how many
# there are is the tokenizer's doing. Here is the same surprise, of the same model,
# shared among tokens, words and bytes. Per byte it can be compared, whatever the
# tokens.
rest = text[len(lm.tokenizer.decode(trace.ids[:1].tolist())) :]
counts = {
    "tokens": len(surprisal),
    "words": len(rest.split()),
    "bytes": len(rest.encode()),
}
for name, n in counts.items():
    print(f"among {n:3} {name:7} perplexity {math.exp(surprisal.sum() / n):8.2f}")
print(f"bits per byte: {prediction.bits_per_byte(surprisal, rest):.2f}")

# %%
# Does the way of spelling matter to the model itself? A text can be written in many
# token sequences; a tokenizer always takes the same one, and the model has hardly seen
# any other. Spell the text letter by letter: not a character has changed, and it has
# become far less likely.
import torch

spelled = torch.tensor(
    [i for c in text for i in lm.tokenizer.encode(c, add_special_tokens=False).ids]
)
slow = prediction.surprisal(lm.trace(spelled).logits, spelled)
print("the same text:", lm.tokenizer.decode(spelled.tolist()) == text)
for nats in (surprisal, slow):
    print(
        f"{len(nats) + 1:3} tokens: {nats.sum():6.1f} nats, {nats.mean():.2f} per token"
    )

# %%
# The check: training makes the mean surprisal small, under the name of cross-entropy
# loss. ``transformers`` computes it when it is given the tokens as labels.
loss = lm.module(input_ids=trace.ids[None], labels=trace.ids[None]).loss
difference = float(abs(loss - surprisal.mean()))
print(f"mean surprisal {surprisal.mean():.4f}, loss {loss:.4f}, ", end="")
print(f"largest absolute difference: {difference:.1e}")
assert difference < 1e-4
assert abs(by_hand / prediction.perplexity(surprisal) - 1) < 1e-3

# %%
# **Takeaway.** Surprisal says what a model knew, token by token; perplexity is the
# exponential of its mean, and can be compared only over the same tokens.
#
# **Try it.** Put the two sentences in the other order. Predict what Berlin and Paris
# cost then, and which tokens cannot have changed.
#
# **Sources.** Shannon, *A Mathematical Theory of Communication* (1948), section 6.
# Jelinek, Mercer, Bahl and Baker, *Perplexity* (1977). Mielke, *Can You Compare
# Perplexity Across Different Segmentations?* (2019).
