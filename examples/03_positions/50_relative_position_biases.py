"""
ALiBi: distance as a price
==========================

There is a plainer way to tell attention what is near: leave all vectors alone, and
take from each score a little for every step between query and key. No table, no
rotation, nothing to learn. How far does a head still see then, and how would one know
it again in the code of a real model?
"""

# %%
# Each head has its own price for a step, its **slope**. The slopes are fixed before
# training: each is the same fraction of the one before it, and with eight heads they
# run from a half to 1/256.
from lmviz import positions

slopes = positions.alibi_slopes(8)
print("slopes:", [f"1/{1 / slope:.0f}" for slope in slopes.tolist()])
print("added to the scores of head 0:")
print(positions.alibi(slopes, 5)[0])

# %%
# What comes above the diagonal does not matter: there the causal mask hides the future.
# Now let every key fit equally well, so that the weights show nothing but the price.
import torch

from lmviz import attention

same = torch.zeros(100, 64)
mask = attention.causal_mask(100)
weights = attention.attention_weights(
    same.expand(8, -1, -1),
    same.expand(8, -1, -1),
    mask=mask,
    bias=positions.alibi(slopes, 100),
)

# %%
# The steepest head sees only its neighbours, the flattest nearly everything.
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(6.08, 3.8), layout="constrained")
chosen = {0: "-", 2: "--", 4: "-.", 7: ":"}
for (head, style), colour in zip(chosen.items(), plots.PALETTE, strict=False):
    label = f"head {head}, slope 1/{1 / slopes[head]:.0f}"
    ax.plot(weights[head, -1].flip(0), style, color=colour, label=label)
ax.set(
    title="ALiBi: weights of the last of 100 tokens, equal scores",
    xlabel="distance of the key",
    ylabel="weight (logarithmic)",
    yscale="log",
    ylim=(1e-6, 1),
)
ax.legend()
plots.caption(
    "A head with a steep slope attends to its neighbours, one with a flat slope to all "
    "tokens. Weights of the last of 100 tokens by the distance of the key, with equal "
    "scores before the penalty: on a logarithmic axis each head is a straight line.",
    alt="Four straight lines that fall with the distance. That of head 0 leaves the "
    "figure at a distance of about 26; that of head 7 falls by less than a third.",
)
plt.show()

# %%
# Like rotary positions, it knows the distance and nothing else: move the whole text
# along, and every score is what it was. The last token of a text of 50 or of 100 spends
# the same on its neighbours in a steep head; not in a flat one, for which the rest
# still counts.
for head in (0, 7):
    short, long = weights[head, 49, 45:50], weights[head, 99, 95:100]
    print(f"head {head}: of 50 tokens, the last five get {short.sum():.2f}; ", end="")
    print(f"of 100, the last five get {long.sum():.2f}")

# %%
# Now a surprise for whoever reads the code of BLOOM, a large model that has ALiBi: it
# adds no distance at all. It adds the slope times the **place of the key**, the same
# for every query, and nearer keys get more, not farther ones less. It looks like a bug.
# But the two differ by one number for each row, and a softmax, which makes weights of a
# row of scores (chapter 4), does not see what is added to the whole row.
place_of_key = slopes[:, None, None] * torch.arange(100).expand(100, -1)
query, key = torch.randn(2, 8, 100, 64, generator=torch.Generator().manual_seed(0))
by_distance = attention.attention_weights(
    query, key, mask=mask, bias=positions.alibi(slopes, 100)
)
by_place = attention.attention_weights(query, key, mask=mask, bias=place_of_key)
rows = (place_of_key - positions.alibi(slopes, 100))[0, :4, 0].tolist()
print("what is added to each row besides:", rows, "…")
difference = float((by_distance - by_place).abs().max())
print(f"weights by distance or by place, largest absolute difference: {difference:.1e}")
assert difference < 1e-4

# %%
# The check: a small BLOOM, made here with random weights, and our own heads, which take
# the distance.
from transformers import BloomConfig, BloomForCausalLM

import lmviz
from lmviz import transformer

config = BloomConfig(
    vocab_size=50, hidden_size=32, n_layer=1, n_head=4, attn_implementation="eager"
)
module = BloomForCausalLM(config).eval().requires_grad_(False)
for weight in module.parameters():
    torch.nn.init.normal_(weight, std=0.3)
bloom = lmviz.LanguageModel.from_module(module, name="bloom")
run = bloom.trace(torch.arange(12))
block = transformer.extract(bloom).blocks[0]
ours = transformer.heads(block.attention, run.hidden_states[0])
difference = float((ours.weights - run.attentions[0]).abs().max())
print(f"BLOOM's attention, largest absolute difference: {difference:.1e}")
assert difference < 1e-4

# %%
# And the model of this book?
lm = lmviz.load()
print(f"{lm.card.name} has {lm.card.positions} positions")

# %%
# **Takeaway.** ALiBi makes every step cost something; each head has its own price, and
# so its own range.
#
# **Try it.** Predict how the slopes of twelve heads are chosen, twelve being no power
# of two. Then print ``positions.alibi_slopes(12)``, and read its code.
#
# **Sources.** Press, Smith and Lewis, *Train Short, Test Long: Attention with Linear
# Biases Enables Input Length Extrapolation* (ICLR 2022), section 3.
