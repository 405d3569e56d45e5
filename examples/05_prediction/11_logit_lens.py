"""
The guess forms layer by layer
==============================

The answer is read off after the last block. But the residual stream has the same
width everywhere, so one can read it off earlier, as if the remaining blocks were not
there: the **logit lens**. When does the model know, and what does it think before?
"""

# %%
# The lens is the end of the model, put behind each block: final norm, unembedding,
# softmax. It needs nothing that we have not met.
import lmviz
from lmviz import prediction, transformer

lm = lmviz.load()
text = "The capital of France is"
trace = lm.trace(text)
model = transformer.extract(lm)
final_norm, unembed = model.final_norm, model.unembedding
logits = prediction.logit_lens(trace.hidden_states, final_norm, unembed)
chances = prediction.probabilities(logits)
print("lens:", tuple(logits.shape), "= (L + 1, T, V)")

# %%
# What each layer would say after the whole text, if it were the last. Early guesses are
# often no guesses at all: the stream does not speak the language of the unembedding
# yet.
answer = int(logits[-1, -1].argmax())
best = chances[:, -1].max(-1)
for layer in range(0, lm.card.n_layers + 1, max(1, lm.card.n_layers // 10)):
    token = lm.tokens([best.indices[layer]])[0]
    print(f"layer {layer:2}: {token:15} {best.values[layer]:.3f}")

# %%
# All positions at once, at some of the layers: in each cell the likeliest token, its
# colour says how likely. A row is a layer, the last at the top. Read a column from
# below: where does the guess settle?
import matplotlib.pyplot as plt
import numpy as np

from lmviz import plots

rows = np.unique(np.linspace(0, lm.card.n_layers, 13).round().astype(int))[::-1]
shown = chances[rows.tolist()].max(-1)
_, ax = plt.subplots(figsize=(7.68, 4.4), layout="constrained")
title = "Logit lens: the most likely next token at each layer"
labels = {"xlabel": "token read", "ylabel": "layer", "label": "probability"}
names = {"xticklabels": trace.tokens, "yticklabels": rows}
tops = [[token[:12] for token in lm.tokens(ids)] for ids in shown.indices]
ends = {"vmin": 0, "vmax": 1}
plots.heatmap(shown.values, title=title, annot=tops, ax=ax, **ends, **names, **labels)
plots.caption(
    "The answer appears only at the last layer. Each cell is the top token of the "
    "logit lens at one layer and position; stronger colour is a higher probability. In "
    "the column of the last token, the middle layers predict a space or a full stop.",
    alt="A heatmap with a column per token and a row for every few layers, the last at "
    "the top. In the bottom row most cells repeat their own token; "
    f"“{tops[0][-1]}” is only in the top cell of the last column.",
)
plt.show()

# %%
# Interactive version. Which rank does the final prediction have at each layer?
from lmviz import views

views.lens(logits, trace.ids, trace.tokens, vocabulary=lm.tokens)

# %%
# Look at the bottom row. Where a model uses one table for embedding and unembedding,
# the lens on layer 0 compares each token's embedding with all the embeddings, and
# should find the token itself: what it **is**, not what comes next. Does it?
tied = lm.module.get_output_embeddings().weight is model.token_table
own = int((logits[0].argmax(-1) == trace.ids).sum())
print(f"one table for both: {tied}; layer 0 names the token itself: {own} of ", end="")
print(len(trace.ids))

# %%
# The probability of an answer says little as long as it is small. Its **rank** says
# more: how many tokens does the lens place before it?
rank = (logits[:, -1] > logits[:, -1, answer, None]).sum(-1) + 1
first = int((rank == 1).int().argmax())
print(f"rank {int(rank[0]):,} before the first block; first at rank 1 in layer {first}")

# %%
# Its way through the layers, with rank 1 at the top.
_, ax = plt.subplots(figsize=(3.4, 2.9), layout="constrained")
ax.plot(rank, marker="o", ms=4, color=plots.PALETTE[0])
ax.set_yscale("log")
ax.invert_yaxis()
ax.set(
    title=f"Rank of the final answer,\n{lm.tokens([answer])[0]}, at each layer",
    xlabel="layer",
    ylabel="rank (logarithmic)",
)
plots.make_legible(ax)
plots.caption(
    f"The answer reaches rank 1 only at layer {first}. Its rank among all tokens by "
    f"the logit lens: {int(rank[0]):,} before the first block, hardly better through "
    "most of the model, and near the top only in the last layers.",
    alt="A curve over the layers, on a logarithmic axis with rank 1 at the top. It is "
    "flat near the bottom for most layers, then climbs steeply to the top.",
)
plt.show()

# %%
# The lens has a trap at its end. The last of the hidden states has been through the
# final norm; all the others have not. Treat them alike, and the last layer may seem to
# forget what it knew.
twice = prediction.probabilities(unembed(final_norm(trace.hidden_states[-1, -1])))
print(
    f"the answer in the last layer: normed once {chances[-1, -1, answer]:.3f}, ", end=""
)
print(f"twice {twice[answer]:.3f}")

# %%
# And it has a limit: the norm and the unembedding were trained for the last layer. What
# they make of an early one is a reading with a foreign dictionary. What shows may be
# the dictionary's doing, and what does not may be there in another form.
#
# The check: in the last layer the lens is the model. With our own copy of the stream,
# whose end has not been normed, it must give the model's logits too.
*_, end = transformer.stream(model, trace.ids)
for ours in (logits[-1], unembed(final_norm(end))):
    difference = float((ours - trace.logits).abs().max())
    print(f"largest absolute difference from the model's logits: {difference:.1e}")
    assert difference < 1e-3

# %%
# **Takeaway.** Normed once, the lens shows at what depth the answer comes forward,
# which may be late and sudden.
#
# **Try it.** Ask for something that is in the text itself: "The key is red, the door is
# blue. The key is". Predict whether the answer comes forward earlier or later.
#
# **Sources.** nostalgebraist, *interpreting GPT: the logit lens* (2020). Belrose et
# al., *Eliciting Latent Predictions from Transformers with the Tuned Lens* (2023), on
# what the lens misses.
