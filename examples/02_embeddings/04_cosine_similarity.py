"""
Cosine similarity and the anisotropy of an embedding table
==========================================================

Two embeddings that point in similar directions belong to tokens used in similar ways.
How similar is similar? At the end of this lesson you can compute a cosine, compare it
with the right baseline, and find the tokens whose embeddings were hardly trained.
"""

# %%
# The angle between two vectors
# -----------------------------
# Describe a food by two numbers, how sweet it is and how crunchy: honey (9, 0), apple
# (6, 8), carrot (3, 4), cracker (0, 7). The **cosine similarity** of two vectors is the
# cosine of the angle between them. For vectors :math:`a` and :math:`b` of width
# :math:`d` with lengths (Euclidean norms) :math:`\|a\|` and :math:`\|b\|`,
#
# .. math::
#
#    \cos(a, b) = \frac{a \cdot b}{\|a\| \, \|b\|}
#      = \frac{\sum_{i=1}^{d} a_i b_i}
#             {\sqrt{\sum_{i=1}^{d} a_i^2} \, \sqrt{\sum_{i=1}^{d} b_i^2}} .

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
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
# The function divides each vector by its length and then takes dot products. The
# carrot's vector is half as long as the apple's but has the same direction, so their
# cosine is 1.00. Honey and cracker share nothing, so theirs is 0.00. Opposite
# directions give −1. Libraries compute the same numbers.
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
# Four arrows point east, west, north and south. Their mean cosine is −1/3, since each
# is opposite to one of the others and at right angles to two. Now add the vector (3, 3)
# to all four, then subtract the mean row again, which is called **centring**.
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
# the arrows are the same as before. Vectors that prefer some directions are called
# **anisotropic**; a common component is the simplest case. Gao et al. (2019) found this
# for embedding tables of language models, Ethayarajh (2019) for hidden states.
#
# How anisotropic is SmolLM2's table?
# -----------------------------------
# We draw 10,000 random pairs of tokens and compute their cosines, for three versions of
# the table. The second one is centred. Mu and Viswanath (2018) also remove the first
# principal components (:doc:`lesson 2.3 </lessons/02_embeddings/03_pca>`); our third
# version, which we call cleaned, is centred and lacks the first component.
#
# Whether a cosine of two words is high depends on a **baseline**, the value for words
# chosen at random. So we also draw pairs of common words: the first 5,000 tokens are
# frequent, and we keep those that consist of a space and at least three letters.
import lmviz
from lmviz import transformer

lm = lmviz.load()
table = transformer.token_table(lm).detach()
centred = table - table.mean(0)
# Eigenvector of the largest eigenvalue: the first right singular vector of lesson 2.3.
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
print("length of the mean row {:.2f}, mean length of a row {:.2f}".format(*norms))

# %%
# The mean cosine of two tokens of SmolLM2 is 0.44 (sd is the standard deviation). They
# share a large component, the mean row, whose length is 2.18; the rows themselves have
# a mean length of 3.20. Centring reduces the mean cosine to 0.00.
#
# For two common words the baseline is lower, 0.18. Centring does not change it (0.17),
# since the mean of all tokens is not the mean of the common words: these still share
# the first component, which distinguishes them from rare tokens. In the cleaned table
# the baseline is 0.02, with a standard deviation of 0.05. Which pairs of words are
# above this baseline?


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
# The first four pairs are far above the baseline; king and banana are not. In the
# cleaned table the cosine of king and banana is 0.06, against 0.02 ± 0.05 for random
# words and 0.58 for king and queen. Without cleaning it is 0.22, which is also average
# for words (0.18 ± 0.15). Centring alone is misleading: it raises dog and cat from 0.58
# to 0.72, because both are frequent, and the first component then counts for more.
#
# Nearest neighbours and a map of cities
# --------------------------------------
# The **nearest neighbours** of a token are the rows with the largest cosines. We search
# the cleaned table.
cleaned = tables["cleaned"]
for word in ("king", "dog", "run"):
    ids = cosine(cleaned[[row(word)]], cleaned)[0].argsort(descending=True)[1:9]
    assert torch.equal(ids, embeddings.nearest_neighbors(cleaned, row(word), k=8)[0])
    print(f"{word + ':':6}", ", ".join(lm.tokens(ids)))

# %%
# Most neighbours are forms of the same word: capitalised, in the plural, or without the
# space. For *run* all eight are. Then come related words, such as queen, emperor and
# prince, or cat and puppy. Are cities with similar rows close on the globe?
cities = """London 51.5 -0.1, Paris 48.9 2.4, Berlin 52.5 13.4, Madrid 40.4 -3.7,
Rome 41.9 12.5, Moscow 55.8 37.6, Oslo 59.9 10.8, Stockholm 59.3 18.1, Tokyo 35.7 139.7,
Beijing 39.9 116.4, Delhi 28.6 77.2, Mumbai 19.1 72.9, Sydney -33.9 151.2,
Melbourne -37.8 145, Boston 42.4 -71.1, Chicago 41.9 -87.6"""
names, *degrees = zip(*(city.split() for city in cities.split(",")), strict=True)
north, east = torch.tensor([list(map(float, x)) for x in degrees]).deg2rad()
globe = [north.cos() * east.cos(), north.cos() * east.sin(), north.sin()]
km = 6371 * (torch.stack(globe, 1) @ torch.stack(globe)).clamp(-1, 1).arccos()
vectors = cleaned[[row(name) for name in names]]
closest = cosine(vectors, vectors).fill_diagonal_(-1).argmax(1)
to_closest = km[range(len(km)), closest]
print(f"two cities: {km[km > 100].mean():.0f} km apart on average")
print(f"a city and its nearest neighbour in the table: {to_closest.mean():.0f} km")
possible = km.masked_fill(km < 100, torch.inf).amin(1).mean()
print(f"a city and the closest city on the globe: {possible:.0f} km")
for i in to_closest.topk(3).indices.tolist():
    print(f"  {names[i]} and {names[closest[i]]}: {to_closest[i]:.0f} km")

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
# A city's nearest neighbour in the table is 1643 km away on average, against 7462 km
# for two cities in general; the best possible value is 1020 km. Text alone teaches
# this, since cities of one region are mentioned in similar contexts. But the table is
# no atlas. The nearest neighbour of Moscow is Beijing, and that of Madrid is Oslo.
#
# Under-trained tokens
# --------------------
# A token that hardly ever occurs in training is an **under-trained token**, or *glitch
# token*. Land and Bartolo (2024) find candidates by comparing all rows with those of
# tokens that are known to be unused. In SmolLM2, nine special tokens, from
# ``<issue_start>`` to ``<empty_output>``, have nearly the same row. Training explains
# why. A token that never occurs is only ever a wrong answer, and the softmax pushes the
# rows of all such tokens away from the same vectors, since the output matrix is the
# embedding table (:doc:`weight tying </book/terms>`). Weight decay, which shrinks all
# parameters a little in each step, erases the random initialisation.
#
# Of the tokens that come from merges, we take the 12 most similar to the unused rows.
# The controls are the tokens two ids later: neighbouring ids were merged one after the
# other, so they were about equally frequent in the tokenizer's training text. Can the
# model repeat them?
book = lmviz.load("smollm2")  # by name, since these ids belong to its vocabulary
rows = transformer.token_table(book).detach()
rows = rows - rows.mean(0)
unused, merged = rows[8:17], 17 + 256  # ids 8 to 16; merges begin after the bytes
similarity = cosine(rows, unused.mean(0)[None])[:, 0]
groups = {"candidates": similarity[merged:].topk(12).indices + merged}
groups["controls"] = groups["candidates"] + 2
print(f"the unused rows differ by at most {(unused - unused[0]).abs().max():.3f}")
start, end = map(book.encode, ("The string is:", ". Once more, the string is:"))
for name, ids in groups.items():
    print(f"{len(ids)} {name}, such as", *book.tokens(ids[3:6]))
    texts = torch.stack([torch.cat([start, i[None], end]) for i in ids])
    with torch.no_grad():
        logits = book.module(input_ids=texts, logits_to_keep=1).logits[:, 0]
    own = logits.softmax(-1).gather(1, ids[:, None])
    rank = (logits > logits.gather(1, ids[:, None])).sum(1) + 1
    print(f"  mean probability {own.mean():.2f}; rank 1: {(rank == 1).sum()}", end="; ")
    print(f"rank up to 1000: {(rank <= 1000).sum()}")
print(f"similarity of <|im_start|>: {similarity[1]:.2f}")

# %%
# The model can repeat none of the candidates: their mean probability is 0.00, and none
# is among its first 1000 guesses. Of the controls, 8 are its first guess, and all 12
# are among the first 1000, with a mean probability of 0.10. Most candidates are names
# from program code, which were more frequent, it seems, in the tokenizer's training
# text than in the model's. A row alone is no proof: ``<|im_start|>``, which opens each
# turn of a chat, has a similarity of 0.97.
#
# Summary
# -------
# - A cosine is the dot product of two vectors, divided by both lengths.
# - SmolLM2's table is anisotropic: the mean cosine of random tokens is 0.44, that of
#   common words 0.18. Without the mean row and the first component, the two are 0.00
#   and 0.02. Compare a cosine with the baseline for the same kind of tokens.
# - The nearest neighbours are first forms of the same word, then related words.
# - Tokens with rows like those of unused tokens are candidates for under-trained
#   tokens. SmolLM2 could repeat none of the 12 candidates.
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
