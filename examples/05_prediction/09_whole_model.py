"""
The whole model, from our own parts
===================================

Nearly every part has been opened: the rows that ids pick, the positions, the heads, the
last step to the logits. Put together they must be the model. Is anything missing, and
do the numbers agree to the end?
"""

# %%
# These are the model's own weights, sorted by what they do. There is an embedding
# table, a stack of blocks built alike, a norm and an unembedding; where positions are
# learned, also a table of those.
import lmviz
from lmviz import transformer

lm = lmviz.load()
model = transformer.extract(lm)
block = model.blocks[0]
print("embedding table:", tuple(model.token_table.shape))
print("position table: ", model.position_table is not None)
print(
    "blocks:         ", len(model.blocks), "with", block.attention.n_heads, "heads each"
)
print("unembedding:    ", tuple(model.unembedding.weight.shape))

# %%
# A block has two parts. Attention is the only place where tokens meet. The second, the
# **MLP** or feed-forward network, works on each token alone: it widens the normed
# vector, bends it with a function that is no straight line, and narrows it again. (With
# a **gate**, two widened vectors are multiplied.) Both parts **add** what they find to
# the residual stream. This is the code that does it, without its docstrings.
# (``attend`` is chapter 4: norm, heads, fourth matrix. What is called ``_after`` or
# ``parallel`` is for other families of models.)
import inspect


def show(*functions):
    for function in functions:
        head, _, body = inspect.getsource(function).split('"""')
        print(head.rstrip() + body)


show(transformer.block, transformer.feed_forward)
width, inner = block.mlp.up.weight.shape
print(f"here: {width} -> {inner} -> {width}, {block.mlp.activation}, ", end="")
print("with a gate" if block.mlp.gate else "without a gate")

# %%
# And this is the model: embed, run the blocks, norm once more, unembed.
show(transformer.stream, transformer.logits)

# %%
# The check: ids in, logits out, ours against the model's own. Each block rounds a
# little differently from the code of ``transformers``, so the last digits may differ;
# the answers may not.
import torch

text = "The dog chased the ball because it was excited. The old man opened the door and"
trace = lm.trace(text)
ours = transformer.logits(model, trace.ids)
difference = float((ours - trace.logits).abs().max())
agree = int((ours.argmax(-1) == trace.logits.argmax(-1)).sum())
print(f"logits from {trace.logits.min():.1f} to {trace.logits.max():.1f}")
print(f"largest absolute difference from the model's: {difference:.1e}")
print(f"the same likeliest token at {agree} of {len(trace.ids)} positions")
assert difference < 1e-3

# %%
# Where does the difference arise? Follow both streams from block to block, and look at
# the token that is furthest off.
states = list(transformer.stream(model, trace.ids))
states[-1] = model.final_norm(states[-1])
off = (torch.stack(states) - trace.hidden_states).norm(dim=-1)
lost = (off / trace.hidden_states.norm(dim=-1)).max(1).values

# %%
# A computer keeps about seven digits of a number here; the dotted line is one step in
# the last of them. A mistake in a part would be a jump to the top.
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 2.9), layout="constrained")
smallest = torch.finfo(torch.float32).eps
ax.plot(lost.clamp(smallest / 2), marker="o", ms=4, color=plots.PALETTE[0])
ax.axhline(smallest, color="0.5", ls=":", label="float32 machine epsilon")
ax.set(
    title="Our residual stream\nagainst the model's",
    xlabel="layer",
    ylabel="norm of the difference / norm",
    yscale="log",
    ylim=(smallest / 4, 1e-3),
)
ax.legend()
plots.caption(
    "The rebuilt model differs from the original only by rounding. Largest relative "
    "difference of a vector after each layer, at most "
    f"{float(lost.max()):.0e}; the dotted line is the machine epsilon of float32.",
    alt="A curve over the layers, on a logarithmic axis. It starts below the dotted "
    "line, then stays about a power of ten above it, far below 0.001.",
)
plt.show()

# %%
# A mistake, to see what one looks like. Let the MLP read what attention read, instead
# of what attention has written (or the other way round, where a model is built that
# way). Every shape is right, nothing fails, and a text comes out.
from dataclasses import replace

from lmviz import prediction

ids = lm.encode("The capital of France is")
turned = [replace(block, parallel=not block.parallel) for block in model.blocks]
for name, m in (("ours", model), ("wrong", replace(model, blocks=tuple(turned)))):
    written = ids
    for _ in range(6):
        best = prediction.greedy(transformer.logits(m, written)[-1])
        written = torch.cat([written, torch.tensor([best])])
    print(f"{name:6}", repr(lm.tokenizer.decode(written.tolist())))
# The model's own next six, by the lesson on writing:
steps = prediction.generate(lm, ids, n_tokens=6)
theirs = [*ids.tolist(), *(step.id for step in steps)]
print("theirs", repr(lm.tokenizer.decode(theirs)))

# %%
# **Takeaway.** A language model is a table, a stack of blocks that add to a stream, and
# a table again; written out it takes a few pages.
#
# **Try it.** Take the mask away: ``from lmviz import attention``, then
# ``attention.causal_mask = lambda n, window=None: torch.ones(n, n, dtype=torch.bool)``.
# Predict whether the logits of the last position change, which saw every token before.
#
# **Sources.** Vaswani et al., *Attention Is All You Need* (2017), section 3. Radford et
# al., *Language Models are Unsupervised Multitask Learners* (2019), section 2.3.
# Touvron et al., *LLaMA: Open and Efficient Foundation Language Models* (2023), section
# 2.2. Shazeer, *GLU Variants Improve Transformer* (2020), on the gate.
