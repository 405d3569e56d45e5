"""
Where embeddings come from: the distributional hypothesis and skip-gram
=======================================================================

How can a table of numbers learn from text alone that *red* is like *blue*? Afterwards
you can turn counts of neighbouring words into vectors, do a step of learning by hand,
train word vectors in seconds, and say what they share with those of a language model.
"""

# %%
# The distributional hypothesis
# -----------------------------
# Words that occur in similar contexts have similar meanings. This is the
# **distributional hypothesis** (Harris, 1954); Firth (1957) put it as “You shall know a
# word by the company it keeps”. To use it, we count the company. Our corpus has eight
# sentences of three words; for each middle word we count the words beside it.
import torch

corpus = ["new red ball"] * 2 + ["new blue ball"] * 2 + ["new dog barks"] * 4
words, contexts = ["red", "blue", "dog"], ["ball", "new", "barks"]
counts = torch.zeros(3, 3)
for left, word, right in map(str.split, corpus):
    for context in (left, right):
        counts[words.index(word), contexts.index(context)] += 1
print(contexts, counts, sep="\n")

# %%
# The rows of *red* and *blue*, the first two, are equal: the counts say that they are
# alike. But *new* precedes every word, and makes *red* and *dog* look similar, too.
#
# Pointwise mutual information
# ----------------------------
# A frequent context occurs with everything, so we ask how much *more* often a word and
# a context occur together than they would by chance. With :math:`N` counts in all,
# **pointwise mutual information** (PMI) is the logarithm of that ratio,
#
# .. math::
#    \text{PMI}(w, c) = \log_2 \frac{p(w, c)}{p(w)\, p(c)}
#    = \log_2 \frac{\#(w, c) \; N}{\#(w) \; \#(c)} .
#
# For *red* and *ball* it is :math:`\log_2 (2 \cdot 16 / (4 \cdot 4)) = 1` bit, for
# *red* and *new* :math:`\log_2 (2 \cdot 16 / (4 \cdot 8)) = 0`.
from lmviz import embeddings, transformer

pmi = (counts * counts.sum() / (counts.sum(1, keepdim=True) * counts.sum(0))).log2()
print(pmi)
for name, rows in (("counts", counts), ("positive PMI", pmi.clamp_min(0))):
    cosines = embeddings.cosine(rows, rows)
    print(f"{name:12}  red, blue {cosines[0, 1]:.2f}  red, dog {cosines[0, 2]:.2f}")

# %%
# A pair that never occurs has the PMI :math:`-\infty`; usually, negative values are
# replaced by zero (positive PMI). The common context *new* now has no effect: the
# cosine of *red* and *dog* falls from 0.50 to 0.00. But the rows are long.
#
# One step of learning, by hand
# -----------------------------
# Short vectors can be learned. Each word gets a vector :math:`v` and each context a
# vector :math:`u_c`, and a softmax over their dot products predicts the context:
#
# .. math::
#    p_c = \frac{\exp(v \cdot u_c)}{\sum_{c'} \exp(v \cdot u_{c'})}, \qquad
#    -\frac{\partial (-\ln p_t)}{\partial v} = u_t - \sum_c p_c\, u_c .
#
# The negative gradient is the vector of the context :math:`t` that occurred, minus the
# average of what was expected. We do one step of size 0.5 with three contexts, of which
# the second one occurred.
v = torch.tensor([1.0, 0.0])
u = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
for _ in range(2):
    p = (u @ v).softmax(0)
    print(f"v = {v.numpy().round(3)}, p = {p.numpy().round(3)}, loss {-p[1].log():.3f}")
    v = v + 0.5 * (u[1] - p @ u)

# %%
# The vector moves towards :math:`u_1 = (0, 1)` and away from what it had predicted. The
# loss falls from 1.551 to 1.115 nats. Two words that occur in the same contexts are
# moved by the same context vectors, and so come to lie together.
#
# Skip-gram with negative sampling
# --------------------------------
# A softmax over a whole vocabulary is expensive. The **skip-gram** model of word2vec
# (Mikolov et al., 2013) avoids it by **negative sampling**: it learns to tell a context
# :math:`c` that occurred from :math:`k` contexts :math:`n_j` drawn at random. With the
# logistic function :math:`\sigma(x) = 1 / (1 + e^{-x})`, the loss of a pair is
#
# .. math::
#    -\ln \sigma(v_w \cdot u_c) - \sum_{j=1}^{k} \ln \sigma(-v_w \cdot u_{n_j}) .
#
# Our text is 1,000 stories in the language of :doc:`the toy </book/toy>`, whose grammar
# has classes of words, such as colours and animals. The training is not shown them.
import itertools

import lmviz
from lmviz.toy.grammar import CLASSES, WORDS
from lmviz.toy.language import stories

class_of = {word: name for name, members in CLASSES.items() for word in members}
texts = [story.words[1:] for story in itertools.islice(stories("skip-gram"), 1000)]


def pairs_of(texts, vocabulary, window):
    """Return the ids of all words and contexts at most `window` words apart, (n, 2)."""
    ids, distances = {w: i for i, w in enumerate(vocabulary)}, range(1, window + 1)
    known = [torch.tensor([ids[w] for w in text if w in ids]) for text in texts]
    right = [torch.stack([k[:-d], k[d:]], 1) for k in known for d in distances]
    return torch.cat([*right, *(pairs.flip(1) for pairs in right)])


def skip_gram(pairs, *, width=16, k=5, steps=1000, batch=1000):
    """Return the vectors of words and of contexts, each of shape (V, width)."""
    torch.manual_seed(0)
    v, u = 0.1 * torch.randn(2, int(pairs.max()) + 1, width)
    optimizer = torch.optim.Adam([v.requires_grad_(), u.requires_grad_()], lr=0.02)
    for _ in range(steps):
        word, context = pairs[torch.randint(len(pairs), (batch,))].T
        noise = pairs[torch.randint(len(pairs), (batch, k)), 1]  # by frequency
        positive = (v[word] * u[context]).sum(-1)  # (batch,)
        negative = (v[word][:, None] * u[noise]).sum(-1)  # (batch, k)
        loss = -positive.sigmoid().log() - (-negative).sigmoid().log().sum(-1)
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
    return v.detach(), u.detach()


pairs = pairs_of(texts, WORDS, window=4)
v, u = skip_gram(pairs)
for word in ("red", "dog", "park"):
    ids, _ = embeddings.nearest_neighbors(v, WORDS.index(word), k=4)
    print(f"{word:5}", *(WORDS[i] for i in ids))


# %%
# All neighbours are of the word's own class. The share of words whose nearest neighbour
# is of the same class is called **purity**. Its controls are untrained vectors, and the
# same words in random order, which keeps their frequencies and destroys their company.
def confusions(rows):
    """Return the words whose nearest neighbour is of another class, with it."""
    ids = [i for i, word in enumerate(WORDS) if word in class_of]
    nearest = embeddings.cosine(rows[ids], rows[ids]).fill_diagonal_(-2).argmax(1)
    found = [(WORDS[i], WORDS[ids[j]]) for i, j in zip(ids, nearest, strict=True)]
    return [f"{a}-{b}" for a, b in found if class_of[a] != class_of[b]]


narrow, _ = skip_gram(pairs_of(texts, WORDS, window=2))
flat = list(itertools.chain(*texts))
shuffled = [flat[i] for i in torch.randperm(len(flat))]
control, control_u = skip_gram(pairs_of([shuffled], WORDS, window=4))
tables = {"window 4": v, "window 2": narrow, "shuffled": control}
tables["untrained"] = torch.randn(v.shape)
tables["the toy's"] = transformer.token_table(lmviz.load("toy"))
for name, rows in tables.items():
    print(f"{name:9}  {1 - len(confusions(rows)) / len(class_of):4.0%}")
print("with window 2:", *confusions(narrow))

# %%
# With a window of four words, all words have a neighbour of their own class (100%),
# against 12% for the shuffled text and 9% without training: the order of the words made
# the rows similar. With a window of two, it is 88%, and the confusions are of two
# kinds. *Anna* is with *Tom*, since within two words of a name nothing tells women from
# men: *her* or *his* comes later. *New* is with *angry*, although one is said of things
# and the other of animals. Why?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The stories say “because it was hungry . the hungry one was the dog”. The nearest
#    words are the same for all adjectives; the animal is four words away.
#
# What the dot products learn
# ---------------------------
# Where is the loss smallest? A pair :math:`(w, c)` is a positive example
# :math:`\#(w, c)` times, and a negative one about :math:`k \, \#(w) \, \#(c) / N`
# times. The best logit is the logarithm of their ratio (Levy and Goldberg, 2014):
#
# .. math::
#    v_w \cdot u_c = \ln \frac{\#(w, c)}{k \, \#(w) \, \#(c) / N}
#    = \text{PMI}(w, c) - \ln k , \qquad \text{PMI in nats.}
#
# We compare, for all pairs that occur at least 20 times.
n = len(WORDS)
counts = torch.bincount(pairs @ torch.tensor([n, 1]), minlength=n * n).reshape(n, n)
pmi = (counts * counts.sum() / (counts.sum(1, keepdim=True) * counts.sum(0))).log()
often = counts >= 20
learned, expected = (v @ u.T)[often], pmi[often]
other = (control @ control_u.T)[often]
shift = (learned - expected).mean()
print(f"mean of dot product − PMI: {shift:.2f}, −ln 5: {-torch.tensor(5).log():.2f}")
correlations = torch.corrcoef(torch.stack([expected, learned, other]))[0]
print(f"correlation with PMI: {correlations[1]:.2f}, shuffled {correlations[2]:.2f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.2), layout="constrained")
ax.scatter(expected, learned, s=6, alpha=0.4, color=plots.COLORS["weight"])
line = expected.sort().values
ax.plot(line, line - torch.tensor(5).log(), color=plots.COLORS["minus"])
ax.set(title="Skip-gram learns PMI", xlabel="PMI (nats)", ylabel="dot product")
plots.caption(
    "Learned dot products follow the pointwise mutual information. A point for each of "
    f"{len(learned):,} pairs of a word and a context; the line is PMI − ln 5.",
    alt="A scatter plot. The points form a narrow band around a rising straight line.",
)
plt.show()

# %%
# The points lie around the predicted line: the mean difference from PMI is −1.67, not
# quite −1.61, and the correlation is 0.93 (shuffled text: −0.04). GloVe (Pennington et
# al., 2014) fits logarithms of counts. In gensim: ``Word2Vec(texts, sg=1, window=4)``.
#
# From word2vec to a language model
# ---------------------------------
# A next-token model takes the step of the third section with each token: :math:`v` is
# its last vector, the :math:`u_c` are the rows of the output table, and the softmax is
# over the whole vocabulary. The difference is what :math:`v` has seen: for skip-gram
# one word, at any position of a window; for a language model the whole text so far, in
# order, through all layers. The toy's table, trained in this way, has a purity of 100%.
# Both tables are *static*: a word has the same row in all contexts. What the layers add
# is the subject of :doc:`/lessons/02_embeddings/60_contextual_embeddings`.
#
# Summary
# -------
# - Words in similar contexts get similar vectors, by counting or by gradient steps
#   towards the contexts that occur. PMI corrects for frequent contexts.
# - Skip-gram learns PMI minus :math:`\ln k` (correlation 0.93). Its window decides
#   which words are similar (purity 88% or 100%).
#
# Exercises
# ---------
# Train on English: the manual in ``pydoc_data.topics.topics`` in lower case, with the
# ``500`` most frequent words as vocabulary. What is near *left*, *two* and *true*?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Among the four nearest are *right*, *three* and *false*: opposites share contexts.
#
# Further reading
# ---------------
# Harris, *Distributional Structure* (Word, 1954). Firth, *A Synopsis of Linguistic
# Theory, 1930–1955* (Studies in Linguistic Analysis, 1957). Mikolov, Chen, Corrado and
# Dean, *Efficient Estimation of Word Representations in Vector Space* (arXiv 2013).
# Mikolov, Sutskever, Chen, Corrado and Dean, *Distributed Representations of Words and
# Phrases and their Compositionality* (NeurIPS 2013). Levy and Goldberg, *Neural Word
# Embedding as Implicit Matrix Factorization* (NeurIPS 2014). Pennington, Socher and
# Manning, *GloVe* (EMNLP 2014).
