"""
The road through the layers
===========================

A token's vector passes through every block of the model, and each block adds something
to what is there: so it is called the **residual stream**. How long does the vector
get, where does it turn, and how much does each block write?
"""

# %%
# We follow a sentence with our own copy of the model, put together from its weights,
# because libraries hand out the last state only after the final norm, and we want to
# see it before. (How the copy works is the matter of chapter 5.)
import torch

import lmviz
from lmviz import transformer

lm = lmviz.load()
trace = lm.trace("The dog chased the ball because it was excited.")
model = transformer.extract(lm)
road = torch.stack(list(transformer.stream(model, trace.ids)))
print("road:", tuple(road.shape), "= (L + 1, T, d)")

# %%
# How long is each token's vector, before and after every block?
lengths = road.norm(dim=-1)
others = lengths[:, 1:].median(1).values
factor = lengths[:, 0] / others
print(f"the others (median): {others[0]:.1f} before the first block, ", end="")
print(f"{others[-1]:.1f} after the last")
print(f"the first token: up to {factor.max():.0f} times the others, ", end="")
print(f"in layer {factor.argmax()}")

# %%
# The lengths on a logarithmic axis. In many trained models one line rises far above the
# others: the first token's. One or two blocks blow it up, the last ones take some of it
# back, and many heads use it as an attention sink (chapter 4). The others grow
# more evenly, for each block adds its part.
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(6.08, 3.8), layout="constrained")
ax.plot(lengths[:, 1:], color=plots.PALETTE[0], alpha=0.5)
ax.plot(lengths[:, 0], "--", color=plots.PALETTE[1])
ax.plot([], [], "--", color=plots.PALETTE[1], label="the first token")
ax.plot([], [], color=plots.PALETTE[0], label="each of the others")
ax.set_yscale("log")
ax.set(
    title="Norm of the residual stream",
    xlabel="layer (0: before the first block)",
    ylabel="norm (logarithmic)",
)
ax.legend()
plots.caption(
    f"The first token's vector becomes up to {factor.max():.0f} times as long as the "
    "others. Norm of each token's vector in the residual stream, on a logarithmic "
    "axis. The other tokens grow more gradually from layer to layer.",
    alt="Curves over the layers. That of the first token rises, falls back to the "
    f"others, jumps to {lengths[:, 0].max():,.0f}, stays there and falls at the end. "
    f"The others rise together to about {others[-1]:.0f}.",
)
plt.show()

# %%
# Where does such a length come from? Perhaps not from everywhere. Look at how much of
# the squared length lies in the three largest of the d dimensions, beside what it would
# be if all were equally long. If the others' share is high too, the model keeps a few
# dimensions large for every token.
squares = road[int(factor.argmax())].square()
top = squares.topk(3, dim=-1).values.sum(-1) / squares.sum(-1)
print(f"of the first token's, in three dimensions: {top[0]:.1%}")
print(f"of the others', on average:                {top[1:].mean():.1%}")
print(f"were all dimensions equally long:          {3 / road.shape[-1]:.1%}")

# %%
# Length is one thing, direction another. Each vector but the first token's is compared
# with what it was before the first block (what the token **is**), and with what it will
# be after the last (what **comes next**). And how much does each block write, compared
# with what is there already? A block that writes many times as much replaces nothing,
# and still drowns what was there: the sum points elsewhere.
cosine = torch.nn.functional.cosine_similarity
with_start = cosine(road, road[:1], dim=-1)[:, 1:].mean(1)
with_end = cosine(road, road[-1:], dim=-1)[:, 1:].mean(1)
written = (road[1:] - road[:-1]).norm(dim=-1) / lengths[:-1]
share = written[:, 1:].mean(1).tolist()
print(f"written by the first block: {share[0]:.2f} of the length that was there")
print(f"by one in the middle:       {share[len(share) // 2]:.2f}")

# %%
# How soon does the stream leave its start, how late does it reach its end? On the left
# the two directions, on the right how much each block writes.
_, axes = plt.subplots(1, 2, figsize=(7.68, 3.6), layout="constrained")
axes[0].plot(with_start, "-", label="with the start")
axes[0].plot(with_end, "--", label="with the end")
axes[0].set(title="Direction of the stream", xlabel="layer", ylabel="cosine (mean)")
axes[0].legend()
axes[1].bar(range(len(share)), share, color=plots.PALETTE[0])
axes[1].set(
    title="Norm of each block's update",
    xlabel="block (0: from layer 0 to layer 1)",
    ylabel="norm of update / of stream (log)",
    yscale="log",
)
plots.caption(
    "The stream leaves its initial direction at once and reaches its final one late. "
    "Left, mean cosine of each state with the first and with the last. Right, the norm "
    f"of each block's update relative to the stream before it: {share[0]:.0f} for "
    f"block 0, {share[len(share) // 2]:.2f} in the middle.",
    alt="Left, two curves over the layers: the cosine with the start falls from 1 to "
    "about 0 after one layer, that with the end rises to 1 in the last third. Right, a "
    "bar per block on a logarithmic axis; the first is by far the longest.",
)
plt.show()

# %%
# The mistake: to draw the first picture from the states that a library hands out, and
# to wonder what the last block does to all the lengths. It is not the block. The last
# of the states is what comes out of the final norm, which brings every vector to a
# standard size.
theirs = trace.hidden_states
print(f"after the last block:    {lengths[-1, 1:].mean():6.1f} (mean length)")
print(f"after the final norm:    {theirs[-1, 1:].norm(dim=-1).mean():6.1f}")

# %%
# The check: our road is the model's, state by state, and the last one is too once the
# final norm has been applied. (As a share of the largest number in each state: where
# vectors are thousands long, the last digit that a computer keeps is no longer small.)
ours = torch.cat([road[:-1], model.final_norm(road[-1:])])
size = theirs.abs().amax((1, 2))
difference = float(((ours - theirs).abs().amax((1, 2)) / size).max())
print(f"largest absolute difference, as a share of the largest entry: {difference:.1e}")
assert difference < 1e-4

# %%
# **Takeaway.** Each block adds to the stream; a token's vector sets out as what the
# token is and arrives as what comes next.
#
# **Try it.** Put a second sentence behind the first. Predict whether its first token
# becomes long as well, or whether only the first place of a text is special.
#
# **Sources.** Elhage et al., *A Mathematical Framework for Transformer Circuits*
# (2021), on the residual stream. Sun, Chen, Kolter and Liu, *Massive Activations in
# Large Language Models* (2024), on the first token.
