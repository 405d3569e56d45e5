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
# So let us train one, small enough for this page. The task: a signal drifts slowly,
# noise is laid over it, and attention must recover the signal. All it may look at is
# positions. It has to discover that places close by are worth asking, and no one tells
# it which places are close.
#
# **Training** is a loop: measure the error (the **loss**), let PyTorch compute for
# every number in the tables in which direction the error falls, move each a little that
# way.
from lmviz import attention

n_places, width = 64, 32
table = positions.LearnedPositionalEmbedding(n_places, width)
torch.nn.init.normal_(table.table.weight, std=0.02)  # as transformers starts a GPT-2
query, key = (torch.nn.Linear(width, width, bias=False) for _ in range(2))
parameters = [*table.parameters(), *query.parameters(), *key.parameters()]
optimizer = torch.optim.Adam(parameters, lr=0.01)

snapshots = {0: table(n_places).detach().clone()}
for step in range(1, 601):
    signal = torch.randn(64, n_places, 1).cumsum(1)
    signal = signal - signal.mean(1, keepdim=True)
    noisy = signal + 4 * torch.randn_like(signal)
    x = table(n_places)
    guess = attention.weights(query(x), key(x)) @ noisy
    loss = (guess - signal).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step in (1, 100, 600):
        print(f"step {step}: squared error {loss.item():.2f} (doing nothing: 16)")
    if step in (60, 600):
        snapshots[step] = x.detach().clone()

# %%
# Before, during and after. First the two halves come apart, then the places. The order
# of the places was nowhere in the table, and training has put it there: near places
# have become alike, because to be alike was useful.
import matplotlib.pyplot as plt

from lmviz import plots


def show(rows, title, ax=None):
    cosines = embeddings.cosine(rows, rows)
    labels = {"xlabel": "place", "ylabel": "place", "label": "cosine"}
    plots.heatmap(cosines, title=title, vmin=-1, vmax=1, ax=ax, **labels)


_, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
for ax, (step, rows) in zip(axes, snapshots.items(), strict=True):
    show(rows, f"Two places, step {step}", ax)
plt.show()

# %%
# The check: after training, neighbours are far more alike than places 32 apart; before,
# distance made no difference.
for step, rows in snapshots.items():
    similarity = embeddings.cosine(rows, rows)
    near, far = similarity.diagonal(1).mean(), similarity.diagonal(32).mean()
    print(f"step {step}: neighbours {near:.2f}, 32 apart {far:.2f}")
assert near - far > 0.5

# %%
# Has the model at hand such a table? Models with **rotary** positions have none. They
# use the clock hands of the lesson before in another way: inside attention, each pair
# of dimensions of a query or key is turned like a hand, by the angle of its position,
# so that their dot product knows the distance. Where there is a table, here is its
# similarity.
import lmviz
from lmviz import weights

lm = lmviz.load()
if lm.card.positions != "learned":
    print(f"{lm.card.name} has {lm.card.positions} positions, and no table of them")
else:
    own = weights.position_table(lm.module)
    show(own, f"Two places in the table of {lm.card.name}")
    similarity = embeddings.cosine(own, own)
    print(f"neighbours {similarity.diagonal(1).mean():.2f}, ", end="")
    print(f"100 apart {similarity.diagonal(100).mean():.2f}")
plt.show()

# %%
# **Takeaway.** A learned table starts as noise and ends with the order in it, as far as
# the task needed the order.
#
# **Try it.** Let the task be to copy the place before: ``noisy = torch.randn(64,
# n_places, 8)`` and ``signal = noisy.roll(1, dims=1)``. Predict whether neighbours
# still become alike, and take out the ``assert``.
#
# **Sources.** Radford et al., *Improving Language Understanding by Generative
# Pre-Training* (2018), section 4.1. Wang and Chen, *What Do Position Embeddings Learn?*
# (EMNLP 2020).
