"""
One word, two meanings: static or contextual
============================================

The embedding table has one row for ``␣bank``, whether money or a river is meant. Yet a
language model must tell the two apart to go on sensibly. Where do they part, and how
much of what parts them is meaning?
"""

# %%
# Four sentences with the same last word. A model that reads from left to right knows at
# that word what came before it, and no more. We take the vector of the last token after
# every layer; layer 0 is what enters the first block.
import lmviz

lm = lmviz.load()
texts = {
    "river 1": "We sat in the grass by the river and fished from the bank",
    "river 2": "The boat drifted slowly across the water towards the bank",
    "money 1": "She took a loan and opened a savings account at the bank",
    "money 2": "He paid the cheque into his account with money from the bank",
}
traces = {name: lm.trace(text) for name, text in texts.items()}
print({name: trace.tokens[-1] for name, trace in traces.items()})

# %%
# How alike are two of these vectors, layer by layer? One number does not say. Vectors
# of a deep layer are often alike whatever they stand for, so there has to be a
# baseline: the last word against all other tokens of the other sentences (but for the
# first token, which is a case of its own).
import torch

from lmviz import embeddings

last = {name: trace.hidden_states[:, -1] for name, trace in traces.items()}


def by_layer(a, b):
    return torch.nn.functional.cosine_similarity(a, b, dim=-1)


def mean(curves):
    return torch.stack(list(curves)).mean(0).tolist()


curves = {
    "same meaning": mean(
        by_layer(last[f"{kind} 1"], last[f"{kind} 2"]) for kind in ("river", "money")
    ),
    "other meaning": mean(
        by_layer(last[f"river {i}"], last[f"money {j}"]) for i in (1, 2) for j in (1, 2)
    ),
    "other word": mean(
        by_layer(last[one], trace.hidden_states[:, i])
        for one in last
        for other, trace in traces.items()
        if one != other
        for i in range(1, len(trace.tokens) - 1)
    ),
}
for name, curve in curves.items():
    print(f"{name:14} layer 0: {curve[0]:.2f}, middle {curve[len(curve) // 2]:.2f}")

# %%
# The upper two lines begin together: the same row of the table (where the model adds
# positions, nearly). Other words before it make even the first one fall; only the gap
# between the two is meaning. And look at the third before you call any cosine high.
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(6.08, 3.6), layout="constrained")
for (name, curve), colour, style in zip(
    curves.items(), plots.PALETTE, ("-", "--", ":"), strict=False
):
    ax.plot(curve, style, color=colour, marker="o", ms=4, label=name)
ax.set(
    title="“bank” in two sentences, layer by layer",
    xlabel="layer (0: before the first block)",
    ylabel="cosine (mean)",
)
ax.legend()
same, other, _ = (curve[len(curve) // 2] for curve in curves.values())
plots.caption(
    "The two meanings of “bank” separate in the first third of the layers. Mean cosine "
    f"of two “bank” with the same meaning ({same:.2f} in the middle layer) and with "
    f"different meanings ({other:.2f}). The third curve, between “bank” and other "
    "words, is the baseline.",
    alt="Three curves over the layers. Two start together at 1 and then part, with the "
    "same meaning above the other meaning. The third rises from near 0 towards them. "
    "All three drop at the last layer.",
)
plt.show()

# %%
# Do the vectors tell the meanings apart? For each sentence, ask which of the other
# three has the most similar ``bank``. By chance it is the right one a third of the
# time, and all four are right once in 15. (In layer 0 all may be equal; then the count
# is an accident.)
right = []
for layer in range(lm.card.n_layers + 1):
    x = torch.stack([states[layer] for states in last.values()])
    similarity = embeddings.cosine(x, x).fill_diagonal_(-1)
    closest = similarity.argmax(1)
    right.append(int((closest == torch.tensor([1, 0, 3, 2])).sum()))
print("right of four, layer by layer:", right)

# %%
# Now a trap, set by examples that were made for another kind of model. Put the word
# first, and what settles its meaning after it. A model that reads both ways can use
# that; one that writes from left to right cannot look ahead. At the word, both texts
# are still the same, in every layer.
pair = [
    lm.trace("The bank was steep and muddy, close to the river"),
    lm.trace("The bank had closed my account and kept the money"),
]
word = pair[0].tokens.index("␣bank")
ahead = [trace.hidden_states[:, word] for trace in pair]
print("token:", [trace.tokens[word] for trace in pair])

# %%
# The check: the two vectors must be equal in all layers, but for rounding, while those
# of the last tokens, which have read different words, must not.
difference = float((ahead[0] - ahead[1]).abs().max() / ahead[0].abs().max())
print(f"largest absolute difference, as a share of the largest entry: {difference:.1e}")
ends = [trace.hidden_states[:, -1] for trace in pair]
print(f"the last tokens differ by up to {float((ends[0] - ends[1]).abs().max()):.1f}")
assert difference < 1e-4

# %%
# **Takeaway.** The table gives one vector for a word; the layers turn it into one for
# this word in this place, out of what stands before it.
#
# **Try it.** Move the hint away from the word: begin the first sentence with "By the
# river" and let ten other words follow before the bank. Predict in which layers the
# meanings still part.
#
# **Sources.** Peters et al., *Deep Contextualized Word Representations* (NAACL 2018).
# Ethayarajh, *How Contextual are Contextualized Word Representations?* (EMNLP 2019), on
# the baseline.
