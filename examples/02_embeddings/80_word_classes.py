"""
Word classes, found by nobody
=============================

Nobody tells a language model that *red* and *blue* are colours. It is only told which
word comes next. Do words of one kind come to lie together all the same? On a model
whose language has known classes, that can be counted.
"""

# %%
# The book has a small GPT-2 of its own, the **toy**, trained on little stories out of a
# few dozen words. Their grammar has classes, such as names, colours and animals: words
# of one class can stand in each other's place. The model was never shown the classes.
import lmviz
from lmviz import transformer
from lmviz.toy.evaluate import IDS
from lmviz.toy.grammar import CLASSES

toy = lmviz.load("toy")
table = transformer.token_table(toy)
words = [word for members in CLASSES.values() for word in members]
classes = [name for name, members in CLASSES.items() for _ in members]
rows = table[[IDS[word] for word in words]]
print(len(words), "words in", len(CLASSES), "classes, width", table.shape[1])
print({name: members[:3] for name, members in list(CLASSES.items())[:4]})

# %%
# A map of their rows in the embedding table, by their first two principal components.
from lmviz import embeddings

coordinates, kept = embeddings.pca(rows)

# %%
# As always, the map says how much it shows.
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(7.68, 4.6), layout="constrained")
for i, name in enumerate(CLASSES):
    where = [j for j, other in enumerate(classes) if other == name]
    marker = "os^Dv*"[i // 2]
    colour = plots.PALETTE[i % 6]
    label = f"{name}: {', '.join(CLASSES[name][:2])} …"
    ax.scatter(*coordinates[where].T, marker=marker, color=colour, s=45, label=label)
ax.set(
    title=f"The toy's word embeddings, {kept.sum():.0%} of the variance",
    xlabel="first principal component",
    ylabel="second principal component",
)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plots.caption(
    "Two dimensions separate only some of the word classes. The map holds "
    f"{kept.sum():.0%} of the variance of the toy's word embeddings. Several classes "
    "form groups; others overlap, although in all dimensions a word's nearest "
    "neighbour is of its own class.",
    alt=f"{len(words)} points, with a marker for each of {len(CLASSES)} classes. Some "
    "classes form groups of their own, most of the others overlap below the middle.",
)
plt.show()

# %%
# Two dimensions are few for twelve classes, and to judge by the map would be a mistake.
# Count in the whole space instead: for each word, is its nearest neighbour of the same
# class? The share is called **purity**. The yardstick is chance, and a table that has
# not been trained.
import torch


def purity(rows):
    similarity = embeddings.cosine(rows, rows).fill_diagonal_(-1)
    nearest = similarity.argmax(1).tolist()
    same = [classes[i] == classes[j] for i, j in enumerate(nearest)]
    return sum(same) / len(same)


by_chance = sum(classes.count(name) - 1 for name in classes) / len(classes)
torch.manual_seed(0)
print(f"purity in all {table.shape[1]} dimensions: {purity(rows):.0%}")
print(f"purity on the map:             {purity(coordinates - coordinates.mean(0)):.0%}")
print(f"purity before training:        {purity(torch.randn_like(rows)):.0%}")
print(f"by chance:                     {by_chance / (len(words) - 1):.0%}")
assert purity(rows) > 2 * by_chance / (len(words) - 1)

# %%
# Which words have strangers for neighbours? The grammar may tell why: where two classes
# can stand in the same places, nothing but habit keeps them apart.
similarity = embeddings.cosine(rows, rows).fill_diagonal_(-1)
for i, j in enumerate(similarity.argmax(1).tolist()):
    if classes[i] != classes[j]:
        print(f"{words[i]} ({classes[i]}) is closest to {words[j]} ({classes[j]})")

# %%
# **Takeaway.** Words that are used alike come to lie together, although nobody asked
# for it: to predict what follows, the model must treat them alike.
#
# **Try it.** Take the unembedding instead of the table. Predict whether it is another
# one, then print ``toy.module.config.tie_word_embeddings``.
#
# **Sources.** Harris, *Distributional Structure* (Word, 1954). Elman, *Finding
# Structure in Time* (Cognitive Science, 1990), where classes of words come out of
# prediction.
