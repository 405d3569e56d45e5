"""
Word classes in the embedding table: purity and its controls
============================================================

A language model is never told that *red* and *blue* are colours. Do words of one class
have similar rows nonetheless? By the end you can measure this by the purity of
neighbours, choose the controls, and explain why some classes are packed more tightly.
"""

# %%
# Purity on paper
# ---------------
# Let :math:`c_i` be the class of word :math:`i`, and :math:`\nu(i)` its nearest
# neighbour among the other :math:`n - 1` words. The **purity** is the share of words
# whose nearest neighbour is of their own class,
#
# .. math::
#    \text{purity} = \frac{1}{n} \sum_{i=1}^{n} [\, c_{\nu(i)} = c_i \,], \qquad
#    \nu(i) = \underset{j \ne i}{\mathrm{argmax}}\; \cos(x_i, x_j) ,
#
# where the bracket is 1 if the equation holds, and 0 otherwise. (This is the
# leave-one-out accuracy of a nearest-neighbour classifier. The purity of clusters is
# another measure.) Here are two colours and two animals in the plane. We compute their
# purity by cosine, and then that of their first coordinates, by distance, as on a map
# of one dimension.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

from lmviz import embeddings


def by_cosine(rows):
    return embeddings.cosine(rows, rows)


def by_distance(rows):
    return -torch.cdist(rows, rows)


def purity(rows, classes, similarity=by_cosine):
    """Return the share of rows whose nearest neighbour is of the same class."""
    nearest = similarity(rows).fill_diagonal_(-torch.inf).argmax(1).tolist()
    return sum(classes[i] == classes[j] for i, j in enumerate(nearest)) / len(rows)


paper = torch.tensor([[2.0, 1.0], [3.0, 1.0], [2.0, -1.0], [3.0, -1.0]])
kinds = ["colour", "colour", "animal", "animal"]
print(by_cosine(paper))
print(f"in the plane: {purity(paper, kinds):.0%}")
print(f"first coordinate alone: {purity(paper[:, :1], kinds, by_distance):.0%}")

# %%
# In the plane, each nearest neighbour is of the word's own class, so the purity is
# 100%. On the first coordinate, a colour and an animal coincide, and the purity is 0%.
# A projection can hide classes that are there, so we measure purity in all dimensions
# and judge no class by a map.
#
# The toy and its classes
# -----------------------
# For real words, there is no single agreed list of classes. :doc:`The toy </book/toy>`
# has one. It is a small GPT-2, trained to predict the next word of stories from a
# grammar that chooses each word from a class; :doc:`lesson 2.2
# </lessons/02_embeddings/02_where_embeddings_come_from>` printed a sample story. The
# model saw only the stories. Its embedding table is also its output matrix
# (:doc:`weight tying </book/terms>`).
import lmviz
from lmviz import transformer
from lmviz.toy.grammar import CLASSES, WORDS
from lmviz.toy.train import new_model

toy = lmviz.load("toy")
words = [word for members in CLASSES.values() for word in members]
classes = [name for name, members in CLASSES.items() for _ in members]
ids = [WORDS.index(word) for word in words]
rows = transformer.token_table(toy).detach()[ids]
untrained = new_model().get_input_embeddings().weight.detach()[ids]
plane, kept = embeddings.pca(rows)
for name, members in CLASSES.items():
    print(f"{name:10}  {', '.join(members)}")
print(f"{len(words)} words in {len(CLASSES)} classes, width {rows.shape[1]}")
print(f"two principal components keep {kept.sum():.0%} of the variance")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(7.68, 4.6), layout="constrained")
for i, name in enumerate(CLASSES):
    where = [j for j, other in enumerate(classes) if other == name]
    marker = "os^Dv*"[i // 2]
    colour = plots.PALETTE[i % 6]
    label = f"{name}: {', '.join(CLASSES[name][:2])} …"
    ax.scatter(*plane[where].T, marker=marker, color=colour, s=45, label=label)
ax.set(
    title=f"The toy's word embeddings, {kept.sum():.0%} of the variance",
    xlabel="first principal component",
    ylabel="second principal component",
)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plots.caption(
    "Two dimensions separate only some of the word classes. The map holds "
    f"{kept.sum():.0%} of the variance of the toy's embeddings. Animals, places, deeds "
    "and adjectives form groups; names, colours, notes, moods and times overlap.",
    alt=f"{len(words)} points, with a marker for each of {len(CLASSES)} classes. Some "
    "classes form groups of their own, most of the others overlap below the middle.",
)
plt.show()

# %%
# How pure is the table?
# ----------------------
# The first control is the toy before training, with random rows. The second one keeps
# the trained rows and shuffles the classes among the words, 200 times. The third is the
# probability that a word chosen at random is of the same class. For the map, the
# controls are maps of two random directions and a map of the untrained table.
generator = torch.Generator().manual_seed(0)
orders = [torch.randperm(len(words), generator=generator) for _ in range(200)]
shuffled = [purity(rows, [classes[i] for i in order]) for order in orders]
chance = (
    sum(classes.count(name) - 1 for name in classes) / len(words) / (len(words) - 1)
)
maps = {"PCA map": plane, "PCA map, untrained": embeddings.pca(untrained)[0]}
directions = torch.randn(200, rows.shape[1], 2, generator=generator)
on_random = [purity(rows @ axes, classes, by_distance) for axes in directions]
print("rows  purity")
print(f"trained table  {purity(rows, classes):.0%}")
print(f"untrained table  {purity(untrained, classes):.0%}")
print(f"shuffled classes  {sum(shuffled) / len(shuffled):.0%}")
print(f"chance  {chance:.0%}")
for name, points in maps.items():
    print(f"{name}  {purity(points, classes, by_distance):.0%}")
print(f"random maps  {sum(on_random) / len(on_random):.0%}")
assert purity(rows, classes) > max(shuffled)

# %%
# The purity is 100%: each of the 57 words has a nearest neighbour of its own class.
# Untrained rows reach only 9%, and shuffled classes 7%, as chance predicts. So training
# made the words of a class similar. On the PCA map, which keeps 17% of the variance,
# the purity by distance is 67%, more than on random maps (35%) and on the map of the
# untrained table (12%), but far less than in all dimensions. Skip-gram's vectors,
# trained on pairs of neighbouring words, had nearly the same purity as the toy's.
#
# Which words have neighbours of another class?
# ---------------------------------------------
# By cosine, no word has a nearest neighbour of another class. By distance, some do. We
# list them with these neighbours.


def strangers(similarity):
    """Return the words whose nearest neighbour is of another class, with it."""
    nearest = similarity(rows).fill_diagonal_(-torch.inf).argmax(1).tolist()
    wrong = [(i, j) for i, j in enumerate(nearest) if classes[i] != classes[j]]
    return [f"{words[i]}-{words[j]}" for i, j in wrong]


print("by cosine:  ", *strangers(by_cosine) or ["none"])
print("by distance:", *strangers(by_distance))
print(f"purity by distance: {purity(rows, classes, by_distance):.0%}")

# %%
# One reason is the length of the rows. For each class, we print the mean length and the
# mean cosine of two of its words.
within = {}
print("class  length  cosine")
for name, members in CLASSES.items():
    own = rows[[words.index(word) for word in members]]
    pairs = torch.combinations(torch.arange(len(own))).T
    within[name] = float(by_cosine(own)[tuple(pairs)].mean())
    print(f"{name:10}  {own.norm(dim=1).mean():.2f}  {within[name]:.2f}")

# %%
# By distance, the purity is 79%. All words listed are *things* or *times*, the two
# classes with the longest rows (2.23 and 2.69) and the smallest cosines within the
# class. A long row is far from everything, and most of the wrong neighbours have short
# rows: moods such as *happy* and *late*, or notes such as *do*. Length is not the whole
# reason. The rows of places are short, too (1.64), but are never wrong neighbours, and
# *boat* is nearest to a colour, *red*. Since distance mixes length with direction, we
# compare rows by cosine.
#
# As different as prediction requires
# -----------------------------------
# Words are similar where the choice between them has no consequence. The mean cosine of
# two places, deeds or moods is 0.99, that of two things only 0.22. To find out what the
# model has to distinguish, we count in 500 stories how often a word occurs again later
# (*again*), and how often another word of its class does (*others*, the mean over these
# words).
import itertools

from lmviz.toy.language import stories

again, other = ({name: [] for name in CLASSES} for _ in range(2))
for story in itertools.islice(stories("classes"), 500):
    for i, word in enumerate(story.words):
        for name in (name for name in CLASSES if word in CLASSES[name]):
            later = [w in story.words[i + 1 :] for w in CLASSES[name] if w != word]
            again[name].append(word in story.words[i + 1 :])
            other[name].append(sum(later) / len(later))
print("class  again  others  cosine")
for name in sorted(CLASSES, key=within.get):
    same, rest = (sum(x[name]) / len(x[name]) for x in (again, other))
    print(f"{name:10}  {same:.2f}  {rest:.2f}  {within[name]:.2f}")

# %%
# A thing is mentioned again in 0.51 of the cases; any particular other thing in only
# 0.13. To predict the rest of the story, the model must know *which* thing it was, so
# the rows of things must differ. After a deed, the same word is no more likely than
# others of its class (0.04 against 0.04), and likewise for places and moods. In these
# classes the choice has no consequence, and the rows have become almost identical.
# These numbers do not explain the order of the other classes. Times are an exception:
# 0.04 against 0.04, and yet a cosine of 0.28. In the toy's grammar, the word for the
# time depends on the position in the story: *morning* comes early, *night* late. Why do
# the rows of times differ?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The table is also the output matrix. At each position exactly one of the four times
#    is right, so their logits, and thus their rows, have to differ. Which place or mood
#    comes next is random, so their logits may be equal.
#
# The result agrees with the distributional hypothesis: a row encodes what is needed to
# predict a word's contexts from it, and the word from its contexts. It does not follow
# that the model has a concept of a class. Purity does not test that.
#
# Summary
# -------
# - The toy's rows have a purity of 100%, against 9% for untrained rows and 7% for
#   shuffled classes.
# - A map with 17% of the variance shows a purity of 67%. Judge classes in all
#   dimensions, and by cosine: by distance, long rows often have short rows of other
#   classes as neighbours (purity 79%).
# - Where nothing depends on the choice of a word, before or after it, the cosine is
#   0.99 (places, deeds, moods).
#
# Exercises
# ---------
# Scale all rows to length 1, and keep ``24`` principal components. What is the purity
# by distance now, and why?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    100%. Between vectors of length 1, :math:`|a - b|^2 = 2 - 2 \cos(a, b)`, so the
#    nearest by distance is the nearest by cosine. The ``24`` components keep ``91%`` of
#    the variance.
#
# Take the rows of the output matrix, ``toy.module.lm_head.weight``, instead. What is
# their purity?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    It is the same: ``toy.module.config.tie_word_embeddings`` is true, so the output
#    matrix is the embedding table.
#
# Further reading
# ---------------
# Harris, *Distributional Structure* (Word, 1954). Elman, *Finding Structure in Time*
# (Cognitive Science, 1990), where word classes emerge from predicting the next word.
