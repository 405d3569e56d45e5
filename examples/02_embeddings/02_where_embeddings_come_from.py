"""
Where embeddings come from: the distributional hypothesis and skip-gram
=======================================================================

How can a table of numbers learn from text alone that *red* is like *blue*? By the
end you can turn counts of neighbouring words into vectors, do a step of learning by
hand, train word vectors in seconds, and say what they share with those of a language
model.
"""

# %%
# The distributional hypothesis
# -----------------------------
# Words that occur in similar contexts have similar meanings. This is the
# **distributional hypothesis** (Harris, 1954); Firth (1957) put it as “You shall know a
# word by the company it keeps”. We begin by counting that company. Our corpus has eight
# sentences of three words; for each middle word we count the words beside it.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

corpus = ["new red ball"] * 2 + ["new blue ball"] * 2 + ["new dog barks"] * 4
words, contexts = ["red", "blue", "dog"], ["ball", "new", "barks"]
counts = torch.zeros(3, 3)
for left, word, right in map(str.split, corpus):
    for context in (left, right):
        counts[words.index(word), contexts.index(context)] += 1
print(contexts, counts, sep="\n")

# %%
# The rows of *red* and *blue*, the first two, are equal, since the two words occur in
# the same contexts. But *new* precedes every word, so even *red* and *dog* share half
# of their counts.
#
# Pointwise mutual information
# ----------------------------
# A frequent context such as *new* says little. We correct for this by asking how much
# *more* often a word and a context occur together than they would by chance.
# **Pointwise mutual information** (PMI; Church and Hanks, 1990) is the logarithm of
# this ratio. With :math:`\#` for a count and :math:`N` for the sum of all counts,
#
# .. math::
#    \text{PMI}(w, c) = \ln \frac{p(w, c)}{p(w)\, p(c)}
#    = \ln \frac{\#(w, c) \; N}{\#(w) \; \#(c)} .
#
# For *red* and *ball* it is :math:`\ln (2 \cdot 16 / (4 \cdot 4)) = \ln 2`; for *red*
# and *new* it is :math:`\ln (2 \cdot 16 / (4 \cdot 8)) = 0`.
from lmviz import embeddings, transformer

pmi = (counts * counts.sum() / (counts.sum(1, keepdim=True) * counts.sum(0))).log()
print(pmi)
for name, rows in (("counts", counts), ("positive PMI", pmi.clamp_min(0))):
    cosines = embeddings.cosine(rows, rows)
    print(f"{name:12}  red, blue {cosines[0, 1]:.2f}  red, dog {cosines[0, 2]:.2f}")

# %%
# A pair that never occurs has a PMI of :math:`-\infty`. *Positive PMI* replaces
# negative values by zero. The common context *new* now has no effect: the cosine of
# *red* and *dog* falls from 0.50 to 0.00. But each row still contains one number per
# context.
#
# One step of learning, by hand
# -----------------------------
# Short vectors can be learned by prediction. Each word gets a vector :math:`v`, and
# each context a separate vector :math:`u_c`, since a word is rarely its own context. A
# :doc:`softmax </book/terms>` over their dot products predicts the context. Training
# moves :math:`v` along the gradient of :math:`\ln p_t`, if context :math:`t` occurred:
#
# .. math::
#    p_c = \frac{\exp(v \cdot u_c)}{\sum_{c'} \exp(v \cdot u_{c'})}, \qquad
#    \frac{\partial \ln p_t}{\partial v} = u_t - \sum_c p_c\, u_c .
#
# In words: add the vector of the context that occurred, and subtract the average of all
# context vectors, weighted by their predicted probabilities. We do one step of size 0.5
# with contexts 0, 1 and 2, of which context 1 occurred.
v = torch.tensor([1.0, 0.0])
u = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
for _ in range(2):
    p = (u @ v).softmax(0)
    print(f"v = {v.numpy().round(3)}, p = {p.numpy().round(3)}, loss {-p[1].log():.3f}")
    v = v + 0.5 * (u[1] - p @ u)

# %%
# The vector moves towards :math:`u_1 = (0, 1)`, and the loss :math:`-\ln p_1` falls
# from 1.551 to 1.115 nats. Words that occur in the same contexts are moved by the same
# context vectors, and thus become similar.
#
# Skip-gram with negative sampling
# --------------------------------
# A softmax over a whole vocabulary is expensive. The **skip-gram** model of word2vec
# (Mikolov et al., 2013) avoids it by **negative sampling**: it learns to distinguish a
# context :math:`c` of the word :math:`w` from :math:`k` contexts :math:`n_j` that are
# drawn at random. It uses :math:`\sigma(v_w \cdot u_c)`, a number from 0 to 1, as the
# probability that the pair comes from the text. The loss of a pair, with
# :math:`\sigma(x) = 1/(1+e^{-x})`, is
#
# .. math::
#    -\ln \sigma(v_w \cdot u_c) - \sum_{j=1}^{k} \ln \sigma(-v_w \cdot u_{n_j}) .
#
# Our text is 1,000 stories in the language of :doc:`the toy </book/toy>`, the book's
# second model. The grammar of this language chooses each word from a class, such as
# colours or animals, so we know which words belong together. Training uses only the
# stories.
import itertools
import textwrap

import lmviz
from lmviz.toy.grammar import CLASSES, WORDS
from lmviz.toy.language import stories

class_of = {word: name for name, members in CLASSES.items() for word in members}
texts = [story.words[1:] for story in itertools.islice(stories("skip-gram"), 1000)]
print(textwrap.fill(" ".join(texts[2][:-1]), 80))
print("class  two of its words")
print(*(f"{name}  {m[0]}, {m[1]}" for name, m in CLASSES.items()), sep="\n")


def pairs_of(texts, vocabulary, window):
    """Return the ids of all words and contexts at most `window` words apart, (n, 2)."""
    ids, distances = {w: i for i, w in enumerate(vocabulary)}, range(1, window + 1)
    known = [torch.tensor([ids[w] for w in text if w in ids]) for text in texts]
    right = [torch.stack([k[:-d], k[d:]], 1) for k in known for d in distances]
    return torch.cat([*right, *(pairs.flip(1) for pairs in right)])


def skip_gram(pairs, *, width=16, k=5, steps=1000, batch=1000, seed=0):
    """Return the vectors of words and of contexts, each of shape (V, width)."""
    torch.manual_seed(seed)
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


# %%
# The share of words whose nearest neighbour is of the same class is called **purity**
# in this book (leave-one-out accuracy of the nearest neighbour, not the purity of
# clusters). The controls are untrained vectors and training on shuffled text.
def confusions(rows):
    ids = [i for i, word in enumerate(WORDS) if word in class_of]
    nearest = embeddings.cosine(rows[ids], rows[ids]).fill_diagonal_(-2).argmax(1)
    found = [(WORDS[i], WORDS[ids[j]]) for i, j in zip(ids, nearest, strict=True)]
    return [f"{a}-{b}" for a, b in found if class_of[a] != class_of[b]]


narrow = [skip_gram(pairs_of(texts, WORDS, window=2), seed=i)[0] for i in (0, 1)]
wide = [v, skip_gram(pairs, seed=1)[0]]
flat = list(itertools.chain(*texts))
flat = [flat[i] for i in torch.randperm(len(flat))]  # in random order
control, control_u = skip_gram(pairs_of([flat], WORDS, window=4))
tables = {"window 4": wide, "window 2": narrow, "shuffled": [control]}
tables["untrained"] = [torch.randn(v.shape)]
tables["the toy's"] = [transformer.token_table(lmviz.load("toy"))]
print("vectors  purity, for one or two seeds")
for name, found in tables.items():
    shares = [1 - len(confusions(rows)) / len(class_of) for rows in found]
    print(name, " ".join(f"{share:.0%}" for share in shares), sep="  ")
print("window 2:", *confusions(narrow[0]))

# %%
# With a window of four words, 98% to 100% of the words have a nearest neighbour of
# their own class, depending on the seed. The shuffled text gives 18% and untrained
# vectors 9%, so it is the order of the words that makes the rows similar. With a window
# of two, purity is 88%; the last line lists the words whose neighbour is of another
# class. *Anna* is nearest to *Tom*: no word within two positions of a name tells women
# from men. *New*, said of things, is nearest to *angry*, said of animals. Why? (Hint:
# the story above ends with such an adjective, *scared*.)
#
# .. admonition:: Answer
#    :class: dropdown
#
#    In “because it was scared . the scared one was the cat”, the words up to two
#    positions away are the same for all adjectives. The animal is four words away.
#
# What the dot products learn
# ---------------------------
# Skip-gram learns PMI, up to a constant (Levy and Goldberg, 2014). Let a pair occur
# :math:`a` times as a positive and :math:`b` times as a negative example. Its loss is
# smallest where :math:`\sigma(v \cdot u) = a/(a+b)`, or :math:`v \cdot u = \ln(a/b)`.
# Here :math:`a` is the count of the pair, and negative contexts are drawn by frequency,
# :math:`k` for each positive one. With vectors that are wide enough,
#
# .. math::
#    v_w \cdot u_c = \ln \frac{\#(w, c)}{k \, \#(w) \, \#(c) / N}
#    = \text{PMI}(w, c) - \ln k .
#
# Our vectors have only 16 dimensions. We print the difference of the dot products from
# PMI and their correlation with it (in brackets: the correlation after training on
# shuffled text).
n = len(WORDS)
counts = torch.bincount(pairs @ torch.tensor([n, 1]), minlength=n * n).reshape(n, n)
pmi = (counts * counts.sum() / (counts.sum(1, keepdim=True) * counts.sum(0))).log()
learned, other, often = v @ u.T, control @ control_u.T, counts >= 20
for name, which in (("20 or more", often), ("1 to 19", ~often & (counts > 0))):
    both = torch.stack([x[which] for x in (pmi, learned, other)])
    ours, shuffled = torch.corrcoef(both)[0, 1:]
    print(f"pairs with a count of {name}: {which.sum():,}, mean difference", end=" ")
    print(f"{(both[1] - both[0]).mean():.2f}, correlation {ours:.2f} ({shuffled:.2f})")
print(
    f"mean dot product of the pairs that never occur: {learned[counts == 0].mean():.2f}"
)

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.2), layout="constrained")
expected = pmi[often]
ax.scatter(expected, learned[often], s=6, alpha=0.4, color=plots.COLORS["weight"])
line = expected.sort().values
ax.plot(line, line - torch.tensor(5).log(), color=plots.COLORS["minus"])
ax.set(title="Skip-gram learns PMI", xlabel="PMI (nats)", ylabel="dot product")
plots.caption(
    "Learned dot products follow the pointwise mutual information. A point for each of "
    f"{len(expected):,} pairs of a word and a context; the line is PMI − ln 5.",
    alt="A scatter plot. The points form a narrow band around a rising straight line.",
)
plt.show()

# %%
# For frequent pairs, dot product and PMI differ by −1.67 on average, close to the
# predicted :math:`-\ln 5 = -1.61`, and their correlation is 0.93 (shuffled: −0.05).
# Rare pairs follow PMI less closely (0.81). Pairs that never occur average −6.00,
# not :math:`-\infty`. GloVe (Pennington et al., 2014) fits logarithms of
# counts. The original word2vec, and gensim's ``Word2Vec(texts, sg=1)``, draw negatives
# in proportion to their frequency to the power 3/4, and vary the window size.
#
# From word2vec to a language model
# ---------------------------------
# For each token, a language model takes the step that we did by hand: :math:`v` is its
# last vector, and the :math:`u_c` are the rows of the output matrix. But its :math:`v`
# is computed from the whole text so far, in order. The toy's table, trained in this
# way, also reaches a purity of 100%. Both tables are *static*: a word has the same row
# in all contexts. The layers of a model add the context (:doc:`lesson 2.6
# </lessons/02_embeddings/06_contextual_embeddings>`).
#
# Summary
# -------
# - Words in similar contexts get similar vectors, by counting (PMI) or by learning.
# - Skip-gram learns PMI minus :math:`\ln k` (correlation 0.93). Its window decides
#   which words are similar: the purity is 98% to 100% with four words, 88% with two.
#
# Exercises
# ---------
# Train on English: Python's manual, ``texts.python_manual()``, in lower case, split
# by ``re.findall("[a-z]+", text)``, with the ``500`` most frequent words as vocabulary.
# Which words are near *left*, *two* and *true*?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    *Right*, *three* and *false*: opposites and other alternatives share contexts.
#
# Further reading
# ---------------
# Church and Hanks, *Word Association Norms, Mutual Information, and Lexicography*
# (Computational Linguistics, 1990). Harris, *Distributional Structure* (Word, 1954).
# Firth, *A Synopsis of Linguistic Theory, 1930–1955* (Studies in Linguistic Analysis,
# 1957). Mikolov, Sutskever, Chen, Corrado and Dean, *Distributed Representations of
# Words and Phrases and their Compositionality* (NeurIPS 2013). Levy and Goldberg,
# *Neural Word Embedding as Implicit Matrix Factorization* (NeurIPS 2014). Pennington,
# Socher and Manning, *GloVe* (EMNLP 2014).
