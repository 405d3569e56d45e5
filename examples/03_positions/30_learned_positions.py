"""
Learned positions: a table that finds its order
===============================================

GPT-2 has no formula for positions. It has a table with one row for each place, as
it has one for each token, and leaves it to training to fill it in. A new table is
noise. What does training make of it?
"""

# %%
# The size of GPT-2's table: 1,024 places of width 768. Fresh from the library it holds
# random numbers, and the similarity of two places shows it: each is like itself and
# like nothing else.
import torch

from lmviz import embeddings, positions

torch.manual_seed(0)
untrained = positions.LearnedPositionalEmbedding(1024, 768)
rows = untrained(1024).detach()
similarity = embeddings.cosine(rows, rows)
print("table:", tuple(rows.shape))
print(f"cosine of neighbours:      {similarity.diagonal(1).mean():.3f}")
print(f"cosine of places 100 apart: {similarity.diagonal(100).mean():.3f}")

# %%
# This is where many notebooks stop. They plot such a table and call it "learned
# positional embeddings". Nothing has been learned: the table does not even know that
# place 5 comes after place 4.
#
# To see one learn, the book has a small GPT-2 of its own, the **toy**. It was trained
# on little stories with a table of 64 places, and the table was kept at several steps
# of the training. Nobody told it which places are close. (Its page, "A model we can
# check", comes after the lessons.)
from lmviz.toy import history

tables = history.position_tables()
steps = list(tables)
print("kept at steps:", steps)
print("each table:", tuple(tables[steps[-1]].shape))


# %%
# All rows of a trained table share something, so the mean row is taken away before they
# are compared.
def alike(rows):
    centred = rows - rows.mean(0)
    return embeddings.cosine(centred, centred)


# %%
# Before, during and after. (Only the places that every story reaches.)
import matplotlib.pyplot as plt

from lmviz import plots

middle = steps[len(steps) // 2]
_, axes = plt.subplots(1, 3, figsize=(7.68, 2.8), sharey=True, layout="constrained")
for ax, step in zip(axes, (steps[0], middle, steps[-1]), strict=True):
    plots.heatmap(
        alike(tables[step][:44]),
        title=f"step {step:,}",
        vmin=-1,
        vmax=1,
        square=True,
        colorbar=False,
        ax=ax,
    )
    ax.set(xlabel="position", ylabel="position" if ax is axes[0] else "")
plots.shared_colorbar(axes, "cosine")
plots.caption(
    "Training puts the order of positions into the table. Cosine of every two rows of "
    "the position table before, during and after training: at first only the diagonal "
    "stands out; in the end neighbouring rows are similar, and distant ones differ.",
    alt="Three heatmaps of 44 by 44 cosines. The first is pale except for its "
    "diagonal; the last has violet blocks along the diagonal and orange blocks away "
    "from it.",
)
plt.show()

# %%
# By distance, after the two facts: how alike are two places that are so many words
# apart? The order was nowhere in the table, and training has put some of it there: on
# the whole near places are more alike. The teeth show that it is no clean law.
_, ax = plt.subplots(figsize=(6.08, 3.4), layout="constrained")
for step, style in ((steps[0], ":"), (middle, "--"), (steps[-1], "-")):
    similarity = alike(tables[step][13:44])
    by_distance = [float(similarity.diagonal(d).mean()) for d in range(1, 25)]
    ax.plot(range(1, 25), by_distance, style, label=f"step {step:,}")
ax.axhline(0, color="0.8", lw=0.8)
ax.set(
    title="Similarity of two positions, by distance",
    xlabel="distance",
    ylabel="cosine (mean)",
)
ax.legend()
plots.caption(
    "Nearby positions become more similar than distant ones. Mean cosine of two "
    "positions by their distance: flat before training, falling after it. The zigzag "
    "shows that similarity does not depend on the distance alone.",
    alt="Three curves over the distance. At step 0 it stays near 0; at the last step "
    "it zigzags downwards from positive to negative values.",
)
plt.show()

# %%
# The check: after training, places up to four apart are more alike than places 16 to 20
# apart; before, distance made no difference.
for step in (steps[0], steps[-1]):
    similarity = alike(tables[step][13:44])
    near = sum(float(similarity.diagonal(d).mean()) for d in range(1, 5)) / 4
    far = sum(float(similarity.diagonal(d).mean()) for d in range(16, 21)) / 5
    print(f"step {step:6,}: up to four apart {near:5.2f}, 16 to 20 apart {far:5.2f}")
assert near - far > 0.2

# %%
# A table has an end, and a second one that is easily forgotten: the places that no text
# of the training has reached. Their rows are the old noise, a little smaller (training
# shrinks all rows somewhat); and a longer text than any of the training meets it.
moved = (tables[steps[-1]] - tables[steps[0]]).norm(dim=-1)
print(f"moved by training, place 20: {moved[20]:.2f}, the last place: {moved[-1]:.2f}")

# %%
# Has the model at hand such a table? Models with **rotary** positions have none. They
# use the clock hands of the lesson before in another way: inside attention, each pair
# of dimensions of a query or key is turned like a hand, by the angle of its position,
# so that their dot product knows the distance.
import lmviz
from lmviz import transformer

lm = lmviz.load()
if lm.card.positions != "learned":
    print(f"{lm.card.name} has {lm.card.positions} positions, and no table of them")
else:
    similarity = alike(transformer.extract(lm).position_table)
    print(f"neighbours {similarity.diagonal(1).mean():.2f}, ", end="")
    print(f"the first and the last {similarity[0, -1]:.2f}")

# %%
# Where there is a table, here is its similarity.
if lm.card.positions == "learned":
    title = f"Similarity of positions in the table of {lm.card.name}"
    labels = {"xlabel": "position", "ylabel": "position", "label": "cosine"}
    plots.heatmap(similarity, title=title, vmin=-1, vmax=1, **labels)
plt.show()

# %%
# **Takeaway.** A learned table starts as noise and ends with the order in it, as far as
# the task needed the order.
#
# **Try it.** Compare places 1 to 12 with each other, where every story tells its two
# facts of six words. Predict which of them are alike. (Hardly the neighbours.)
#
# **Sources.** Radford et al., *Improving Language Understanding by Generative
# Pre-Training* (2018), section 4.1. Wang and Chen, *What Do Position Embeddings Learn?*
# (EMNLP 2020).
