"""
Cosine similarity and the anisotropy of an embedding table
==========================================================

Two embeddings that point in similar directions belong to tokens that are used alike.
How similar is similar? At the end of this lesson you can compute a cosine, compare it
with the right baseline, and find the tokens whose embeddings were hardly trained.
"""

# %%
# The angle between two vectors
# -----------------------------
# Describe a food by two numbers, how sweet it is and how crunchy: honey (9, 0), apple
# (6, 8), carrot (3, 4), cracker (0, 7). The **cosine similarity** of two vectors is the
# cosine of the angle between them. For vectors :math:`a` and :math:`b` of width
# :math:`d` with Euclidean norms :math:`\|a\|` and :math:`\|b\|`,
#
# .. math::
#
#    \cos(a, b) = \frac{a \cdot b}{\|a\| \, \|b\|}
#      = \frac{\sum_{i=1}^{d} a_i b_i}
#             {\sqrt{\sum_{i=1}^{d} a_i^2} \, \sqrt{\sum_{i=1}^{d} b_i^2}} .
import torch

foods = {"honey": [9, 0], "apple": [6, 8], "carrot": [3, 4], "cracker": [0, 7]}
food = torch.tensor(list(foods.values())).float()


def cosine(a, b):
    """Return the cosine of each row of a and each row of b."""
    unit_a = a / a.norm(dim=1, keepdim=True)
    unit_b = b / b.norm(dim=1, keepdim=True)
    return unit_a @ unit_b.T


for name, row in zip(foods, cosine(food, food), strict=True):
    print(f"{name:8}", *(f"  {value:.2f}" for value in row))

# %%
# Each vector is divided by its norm, then we take dot products. The carrot's vector is
# half as long as the apple's, and has the same direction: 1.00. Honey and cracker share
# nothing: 0.00. Opposite directions have −1. Libraries compute the same numbers.
from sklearn.metrics.pairwise import cosine_similarity

from lmviz import embeddings

ours = cosine(food, food)
for name, theirs in {
    "PyTorch's": torch.cosine_similarity(food[:, None], food, dim=-1),
    "scikit-learn's": torch.from_numpy(cosine_similarity(food.numpy())),
    "lmviz's": embeddings.cosine(food, food),
}.items():
    difference = float((ours - theirs).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-6

# %%
# A common component makes everything similar
# -------------------------------------------
# Four arrows point to the east, west, north and south. Their mean cosine is −1/3, since
# each has one opposite and two arrows at right angles. Now add the vector (3, 3) to all
# four, then subtract the mean row again, which is called **centring**.
arrows = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])


def mean_cosine(rows):
    different = ~torch.eye(len(rows), dtype=torch.bool)
    return float(cosine(rows, rows)[different].mean())


shifted = arrows + 3
print(f"four arrows    mean cosine {mean_cosine(arrows):5.2f}")
print(f"plus (3, 3)    mean cosine {mean_cosine(shifted):5.2f}")
print(f"centred again  mean cosine {mean_cosine(shifted - shifted.mean(0)):5.2f}")

# %%
# The shift raises the mean cosine from −0.33 to 0.96, although the differences between
# the arrows stay what they were. Vectors that share a large common component are called
# **anisotropic**. Gao et al. (2019) found this for embedding tables of language models,
# Ethayarajh (2019) for hidden states.
#
# How anisotropic is SmolLM2's table?
# -----------------------------------
# We draw 10,000 random pairs of tokens. Mu and Viswanath (2018) centre a table and
# remove its first principal components, too (:doc:`/lessons/02_embeddings/30_pca`); we
# remove one. A fair baseline for words is words: of the first 5,000 ids, those of
# frequent tokens, we take the tokens of a space and at least three letters.
import lmviz
from lmviz import transformer

lm = lmviz.load()
table = transformer.token_table(lm).detach()
centred = table - table.mean(0)
first = torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -1:]  # (d, 1)
tables = {"as it is": table, "centred": centred}
tables["cleaned"] = centred - centred @ first @ first.T
early = enumerate(lm.tokens(range(min(5000, len(table)))))
common = [i for i, t in early if t[0] == "␣" and t[1:].isalpha() and len(t) > 3]
hills = {}
for kind, rows in tables.items():
    for name, ids in {"any tokens": slice(None), "common words": common}.items():
        values = embeddings.random_pair_cosines(rows[ids], n=10_000)
        hills[name, kind] = values
        print(f"{kind:8}  {name:12}  mean {values.mean():4.2f}  sd {values.std():.2f}")
norms = table.mean(0).norm(), table.norm(dim=1).mean()
print("norm of the mean row {:.2f}, of a row {:.2f}".format(*norms))

# %%
# Two tokens of SmolLM2 have a mean cosine of 0.44, since the mean row has a norm of
# 2.18 where a row has 3.20. Centring takes it to 0.00. The common words share less of
# this component (0.18), but centring leaves them similar to each other (0.17), as a
# group of their own. Without the first component their mean is 0.02, with a standard
# deviation of 0.05. Which pairs of words are above this baseline?


def row(word):
    return int(lm.encode(f" {word}")[-1])


print("pair           ", "".join(f"  {kind:>8}" for kind in tables))
for pair in ("king queen", "dog cat", "red blue", "Monday Friday", "king banana"):
    a, b = map(row, pair.split())
    values = [float(cosine(t[[a]], t[[b]])) for t in tables.values()]
    print(f"{pair:15}", "".join(f"  {value:8.2f}" for value in values))

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 3, figsize=(7.68, 2.6), sharey=True, layout="constrained")
for ax, kind in zip(axes, tables, strict=True):
    for name, colour in (("any tokens", "0.5"), ("common words", plots.PALETTE[0])):
        style = {"density": True, "alpha": 0.55, "color": colour, "label": name}
        ax.hist(hills[name, kind], 80, range=(-0.6, 1), **style)
    ax.set(title=f"The table {kind}", xlabel="cosine of a random pair")
axes[0].set_ylabel("density")
axes[0].legend()
plots.caption(
    "Without the mean row and the first component, random cosines are near zero. Left, "
    "the table as it is; in the middle, centred; right, cleaned of both.",
    alt="Three panels of two histograms. Any tokens peak near 0.5, then 0, then 0; "
    "common words near 0.15, then 0.35 with a long tail below 0, then in a peak at 0.",
)
plt.show()

# %%
# In the cleaned table king and queen have 0.58, king and banana 0.06, and random words
# 0.02. As it is, the unrelated pair has 0.22: half of what two random tokens have.
#
# Nearest neighbours and a map of cities
# --------------------------------------
# The **nearest neighbours** of a token are the rows with the largest cosines.
for word in ("king", "dog", "run"):
    ids = cosine(table[[row(word)]], table)[0].argsort(descending=True)[1:9]
    assert torch.equal(ids, embeddings.nearest_neighbors(table, row(word), k=8)[0])
    shown = lm.tokens(ids)
    forms = [t.strip("␣").lower().removesuffix("s") for t in shown].count(word)
    print(f"{word}:  {', '.join(shown)}  ({forms} of 8: same word)")

# %%
# At least half are the same word: capitalised, in the plural, or without its space.
# Then come queen, emperor, prince and cat. Are similar cities close on the globe?
cities = """London 51.5 -0.1, Paris 48.9 2.4, Berlin 52.5 13.4, Madrid 40.4 -3.7,
Rome 41.9 12.5, Moscow 55.8 37.6, Oslo 59.9 10.8, Stockholm 59.3 18.1, Tokyo 35.7 139.7,
Beijing 39.9 116.4, Delhi 28.6 77.2, Mumbai 19.1 72.9, Sydney -33.9 151.2,
Melbourne -37.8 145, Boston 42.4 -71.1, Chicago 41.9 -87.6"""
names, *degrees = zip(*(city.split() for city in cities.split(",")), strict=True)
north, east = torch.tensor([list(map(float, x)) for x in degrees]).deg2rad()
globe = [north.cos() * east.cos(), north.cos() * east.sin(), north.sin()]
km = 6371 * (torch.stack(globe, 1) @ torch.stack(globe)).clamp(-1, 1).arccos()
vectors = tables["cleaned"][[row(name) for name in names]]
closest = cosine(vectors, vectors).fill_diagonal_(-1).argmax(1)
to_closest = km[range(len(km)), closest]
print(f"two cities: {km[km > 1].mean():.0f} km on average; a city and its nearest")
print(f"neighbour: {to_closest.mean():.0f} km, Moscow and {names[closest[5]]} included")

# %%
coordinates, explained = embeddings.pca(vectors)
plots.labelled_scatter(coordinates, names, title="Embeddings of 16 cities (PCA)")
plots.caption(
    "Cities that are close on the globe often have similar embeddings. First two "
    f"principal components, with {explained.sum():.0%} of the variance.",
    alt="16 labelled points, such as Paris next to Rome and Oslo next to Stockholm.",
)
plt.show()

# %%
# A city's nearest neighbour is 1643 km away on average, and two cities are 7221 km
# apart. Training on text is enough, since cities of one region are mentioned in similar
# contexts. The table is no atlas: the nearest neighbour of Moscow is Beijing.
#
# Under-trained tokens
# --------------------
# A token that hardly ever occurs in training is an **under-trained token**, or *glitch
# token*. Land and Bartolo (2024) find such tokens by comparing all rows with those of
# tokens that are known to be unused. In SmolLM2, nine special tokens have nearly the
# same row. We take the 12 ordinary tokens most similar to it, and as controls the
# tokens two ids later, which the tokenizer met as often. Can the model repeat them?
book = lmviz.load("smollm2")
rows = transformer.token_table(book).detach()
rows = rows - rows.mean(0)
unused = rows[8:17]  # <issue_start> to <empty_output>
similarity = cosine(rows, unused.mean(0)[None])[:, 0]
groups = {"candidates": similarity[17:].topk(12).indices + 17}
groups["controls"] = groups["candidates"] + 2
print(f"the unused rows differ by at most {(unused - unused[0]).abs().max():.3f}")
start, end = map(book.encode, ("The string is:", ". Once more, the string is:"))
for name, ids in groups.items():
    print(f"{len(ids)} {name}:", *book.tokens(ids[4:8]), "…")
    texts = torch.stack([torch.cat([start, i[None], end]) for i in ids])
    with torch.no_grad():
        logits = book.module(input_ids=texts, logits_to_keep=1).logits[:, 0]
    own = logits.softmax(-1).gather(1, ids[:, None])
    rank = (logits > logits.gather(1, ids[:, None])).sum(1) + 1
    print(f"  p {own.mean():.2f}, rank 1: {(rank == 1).sum()} of {len(ids)}", end=", ")
    print(f"rank up to 1000: {(rank <= 1000).sum()} of {len(ids)}")
print(f"similarity of <|im_start|>: {similarity[1]:.2f}")

# %%
# The controls have a mean probability of 0.09, and 7 of 12 are the first guess. The
# candidates have 0.00, and none is among the first 1000. Most are names from program
# code, more frequent, it seems, where the tokenizer was trained than where the model
# was. A row is no proof: ``<|im_start|>``, which opens turns of a chat, has 0.97.
#
# Summary
# -------
# - A cosine is the dot product of two vectors, divided by both norms.
# - SmolLM2's table is anisotropic: random tokens have a mean cosine of 0.44. Without
#   the mean row and the first component they have 0.00, and common words have 0.02.
# - The nearest neighbours are forms of the word first, and related words after them.
# - Under-trained tokens have nearly equal rows, and the model cannot repeat them.
#
# Exercises
# ---------
# Remove six components: ``eigenvectors[:, -6:]``. What changes for common words?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Hardly anything. The common component is in the mean row and the first component.
#
# Further reading
# ---------------
# Gao, He, Tan, Qin, Wang and Liu, *Representation Degeneration Problem in Training
# Natural Language Generation Models* (ICLR 2019). Ethayarajh, *How Contextual are
# Contextualized Word Representations?* (EMNLP 2019). Mu and Viswanath,
# *All-but-the-Top: Simple and Effective Postprocessing for Word Representations* (ICLR
# 2018). Land and Bartolo, *Fishing for Magikarp: Automatically Detecting Under-trained
# Tokens in Large Language Models* (EMNLP 2024).
