"""
The embedding table: from ids to vectors
========================================

A token id is a name, not a quantity: ids cannot be added or compared. How does a model
turn a name into numbers that it can compute with? By the end you can write the lookup
as a matrix product, say which rows a text trains, and test what one dimension means.
"""

# %%
# One-hot vectors
# ---------------
# The simplest vector for an id is a **one-hot vector**: it is as long as the
# vocabulary, and all 0 except for a 1 at the id's position. Take four tokens.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

one_hot = torch.eye(4)
print("token 2:", one_hot[2])
print("cosines:", one_hot @ one_hot.T, sep="\n")  # all lengths are 1

# %%
# The **cosine** of two vectors is their dot product divided by the product of their
# lengths. It is 1 for the same direction and 0 for a right angle. The cosine of any two
# distinct one-hot vectors is 0, so they say nothing about similarity: *dog* is as
# different from *cat* as from *of*. They are also long: one number per token of the
# vocabulary.
#
# Looking up a row
# ----------------
# A model gives each token a shorter vector that it can learn, the token's
# **embedding**. The embeddings are the rows of a table :math:`E` with :math:`V` rows,
# one per token of the vocabulary, and :math:`d` columns, the **dimensions**. To
# **embed** a text is to take the row of each id. With the one-hot vector :math:`e_i` of
# id :math:`i`, the embedding is a product:
#
# .. math::
#    x = e_i E , \qquad e_i \in \{0, 1\}^V, \quad E \in \mathbb{R}^{V \times d} .
#
# All rows except row :math:`i` are multiplied by zero, so the product is row :math:`i`.
# We embed the ids 2, 0, 2 with a table of four rows and three columns.
E = torch.tensor([[1.0, 0, 2], [0, 1, 1], [1, -1, 0], [0, 2, 1]])
ids = torch.tensor([2, 0, 2])
print("rows:", E[ids], "product:", one_hot[ids] @ E, sep="\n")
print(torch.nn.Embedding.from_pretrained(E)(ids))  # the library way: the same rows

# %%
# Looking up a row is the same as multiplying by a one-hot vector. Programs do the
# lookup, which needs no multiplications; derivations use the product.
#
# The table of a language model
# -----------------------------
# SmolLM2, the book's model, has a row for each of its 49,152 tokens. The number of
# columns is called the **width** of the model, its hidden size, or ``d_model``.
# Libraries process several texts at once, as a **batch** (one of the :doc:`ten terms to
# know first </book/terms>`). The embedded texts have the shape (batch, tokens, width),
# often written ``[batch, seq, hidden]``.
import lmviz
from lmviz import embeddings, transformer

lm = lmviz.load()  # the book's model
text = "The dog chased the ball because the dog was excited."
ids = lm.encode(text)
table = transformer.token_table(lm).detach()
batch = embeddings.lookup(table, ids[None])  # a batch of one: table[ids[None]]
print("table:", tuple(table.shape), "= (V, d)")
print("batch:", tuple(batch.shape), "= (batch, seq, hidden)")

product = torch.nn.functional.one_hot(ids, len(table)).float() @ table
difference = float((product - lm.trace(text).embeddings).abs().max())
print(f"largest absolute difference from the model's own embeddings: {difference:.1e}")
assert difference < 1e-4

# %%
# With ``transformers``:
#
# .. code-block:: python
#
#    model = AutoModel.from_pretrained("HuggingFaceTB/SmolLM2-135M-Instruct")
#    table = model.get_input_embeddings().weight  # (49152, 576)
#    model(ids[None]).last_hidden_state  # (1, 11, 576): the same, after all layers

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(7.68, 3.4), layout="constrained")
plots.heatmap(
    table[ids, :64],
    title="The rows of the embedding table for a sentence",
    xlabel="dimension (first 64)",
    ylabel="token",
    label="value",
    yticklabels=lm.tokens(ids),
    ax=ax,
)
plots.caption(
    "The same token gets the same row wherever it occurs. The first 64 numbers of each "
    "token's row, violet above zero and orange below: the two rows of “dog” are equal, "
    "those of “The” and “the” are not.",
    alt=f"A heatmap of {len(ids)} rows and 64 columns in violet and orange, most of it "
    "without visible order. Both rows of “dog” have the same pattern.",
)
plt.show()

# %%
# The token ``␣dog`` occurs twice and has the same row both times: the table knows
# neither the position of a token nor the words around it. ``The`` and ``␣the`` are two
# tokens with separate rows. Only training can make such rows similar.
#
# Which rows does a text train?
# -----------------------------
# The rows are parameters, trained to reduce a :doc:`loss </book/terms>`. The simplest
# model has no layers: it reads the row :math:`x` of a token, and gives token :math:`j`
# the logit :math:`u_j \cdot x`, where :math:`u_j` is row :math:`j` of an output matrix.
# The softmax of the logits is the prediction :math:`p`; the loss is :math:`-\ln p_t`
# for the next token :math:`t`. With :math:`y_t = 1` and all other :math:`y_j = 0`,
#
# .. math::
#    \frac{\partial (-\ln p_t)}{\partial u_j} = (p_j - y_j)\, x , \qquad
#    \frac{\partial (-\ln p_t)}{\partial x} = \sum_j (p_j - y_j)\, u_j .
#
# Let token 0 follow token 2. PyTorch computes the gradient with respect to :math:`E`,
# first with a separate output matrix, and then with :math:`E` itself as the output.
E.requires_grad_()
U = torch.tensor([[0.0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 1, 0]])
print("output matrix  row 0  row 1  row 2  row 3  (length of the gradient)")
for name, output in (("separate", U), ("tied", E)):
    logits = E[2] @ output.T
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(0))
    (gradient,) = torch.autograd.grad(loss, E)
    print(f"{name:13}", *(f"{size:6.2f}" for size in gradient.norm(dim=1)))
print("prediction of the tied model:", *(f"{p:.2f}" for p in logits.softmax(0)))

# %%
# With a separate output matrix, only row 2 gets a gradient, since no other row was
# read. Tokens that are absent from the training text keep their random initial rows,
# apart from weight decay, which pulls all parameters towards zero.
#
# Using one table at both ends is called **weight tying** (Press and Wolf, 2017). Now
# every row gets a gradient from every text. For rows 0, 1 and 3 it is the first
# formula: a training step moves row 0, the correct answer, towards :math:`x`, and rows
# 1 and 3 away from it, but only a little, since their probabilities are small (0.03 and
# 0.01). Row 2 is also the input, so it gets the sum of both formulas. SmolLM2 is tied.
# We repeat the experiment with all of its layers; their last vectors now play the role
# of :math:`x`.
copy = table.clone().requires_grad_()
hidden = lm.module.base_model(inputs_embeds=copy[ids][None]).last_hidden_state[0]
for name, output in (("separate", table), ("tied", copy)):
    loss = torch.nn.functional.cross_entropy(hidden[:-1] @ output.T, ids[1:])
    (gradient,) = torch.autograd.grad(loss, copy, retain_graph=True)
    squares = gradient.square().sum(1)
    share = squares[ids.unique()].sum() / squares.sum()
    print(f"{name}: {(squares > 0).sum():,} of {len(table):,} rows get a gradient;")
    print(f"  the sentence's rows hold {share:.0%} of the gradient's squared length")
print(f"distinct tokens: {len(ids.unique())}; {lm.module.config.tie_word_embeddings=}")

# %%
# With a separate output matrix, 8 rows get a gradient. With the tied one, all 49,152
# do, although the rows of the sentence still hold 90% of the gradient's squared length.
# The sentence has 9 distinct tokens. Why 8 rows and not 9?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Each token is trained to predict its successor. The full stop has none, and no
#    earlier token reads it, so the loss does not depend on its row.
#
# Before and after training
# -------------------------
# A new ``nn.Embedding`` contains random numbers. We compare cosines of related words in
# it and in SmolLM2's table. The baselines are the means over pairs of random tokens and
# of frequent words (three letters or more, with an id below 5,000).
torch.manual_seed(0)
untrained = torch.nn.Embedding(*table.shape).weight.detach()
names = lm.tokens(torch.arange(len(table)))
words = [i for i, t in enumerate(names) if t[0] == "␣" and t[1:].isalpha()]
words = words if len(words) > 100 else list(range(len(table)))  # other models
frequent = [i for i in words if i < 5000 and len(names[i]) > 3]
print("pair  untrained  trained")
for pair in ("king queen", "dog cat", "red blue", "Monday Friday"):
    a, b = (int(lm.encode(f" {word}")[-1]) for word in pair.split())
    found = [float(embeddings.cosine(t[[a]], t[[b]])) for t in (untrained, table)]
    print(f"{pair:14}", *(f"{cosine:9.2f}" for cosine in found))
for kind, rows in (("random tokens", range(len(table))), ("frequent words", frequent)):
    pairs = [embeddings.random_pair_cosines(t[[*rows]]) for t in (untrained, table)]
    print(f"{kind:14}", *(f"{abs(cosines.mean()):9.2f}" for cosines in pairs))
print(f"standard deviation for frequent words, trained: {pairs[1].std():.2f}")

# %%
# In the untrained table, related words are no more similar than any other two. In
# SmolLM2's, their cosines are between 0.57 and 0.82, far above the baseline for words,
# 0.18 with a standard deviation of 0.15. For two random tokens the mean is 0.44: most
# tokens are rare and share a component (:doc:`lesson 2.4
# </lessons/02_embeddings/04_cosine_similarity>`).
#
# What does one dimension mean?
# -----------------------------
# Some dimensions follow the frequency of a token, but none is *the* frequency
# dimension. Ids are in the order in which the tokenizer learned its tokens, so a small
# id means, roughly, a frequent token. We correlate each dimension with this order, over
# all tokens in lower case, and print the three with the largest correlation and one in
# the middle of the ranking.
chosen = torch.tensor([i for i in words if names[i].islower()] or words)


def id_correlations(table):
    """Return the correlation of the ids' order with each dimension."""
    columns = [torch.arange(len(chosen)), *table[chosen].T]
    return torch.corrcoef(torch.stack(columns))[0, 1:]


found = id_correlations(table)
order = found.abs().argsort(descending=True)
print("dimension  correlation  tokens with the lowest values  … and the highest")
for dimension in (*order[:3], order[len(order) // 2]):
    ranked = lm.tokens(chosen[table[chosen, dimension].argsort()])
    ends = (" ".join(ranked[:4]), " ".join(ranked[-4:]))
    print(dimension.item(), f"{found[dimension]:.2f}", *ends, sep="  ")
print(f"largest correlation, untrained: {id_correlations(untrained).abs().max():.2f}")

# %%
# Dimension 31 rises with the id (0.66), from *the* and *and* to beginnings of words
# such as *dissemin*. It is the most saturated column of the figure. Dimensions 481 and
# 247 fall with the id (−0.66). One in the middle of the ranking says little about
# frequency (−0.13), and in the untrained table none exceeds 0.03. Do the three
# strongest measure the same thing? We compare all dimensions with the *direction* in
# which the rows differ most, their first principal component (:doc:`lesson 2.3
# </lessons/02_embeddings/03_pca>`).
rows = table[chosen] - table[chosen].mean(0)
direction = torch.linalg.eigh(rows.T @ rows).eigenvectors[:, -1]
along = rows @ direction  # each token's coordinate in this direction
alike = torch.corrcoef(torch.stack([along, *rows.T]))[0, 1:].abs()
print("their correlation with the direction:", *(f"{x:.2f}" for x in alike[order[:3]]))
print(f"dimensions with a correlation above 0.5: {(alike > 0.5).sum()}")
print(f"their share of its squared length: {direction[order[:3]].square().sum():.0%}")

# %%
# The three follow this direction closely (0.97 or more), but account for only 23% of
# its squared length, and 66 dimensions correlate with it above 0.5. Frequency is one
# direction spread over dozens of axes; the lesson on cosine similarity removes almost
# the same one. Correlation does not tell us what the model uses it for.
#
# Summary
# -------
# - The embedding of a token is a row of the table. It depends on the id alone.
# - As input, a text trains only the rows of its tokens, here 8. With weight tying, the
#   output softmax trains all 49,152 rows.
# - Only training makes rows similar. A cosine needs its baseline, 0.18 for words.
# - A single dimension rarely has a meaning: frequency is spread over dozens.
#
# Exercises
# ---------
# Set ``E[2]`` to zeros before the gradients of the small table are computed. In the
# tied table, which rows get no gradient now, and why?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    All rows except row 2. As outputs, they get :math:`(p_j - y_j)\,x`, which is zero
#    for :math:`x = 0`. Row 2 is also read, and gets :math:`\sum_j (p_j - y_j)\, u_j`.
#
# Does dimension 31 measure frequency, or does it separate words from fragments? Among
# the lower-case tokens with ids from ``5000`` to ``9999``, compare its mean for words
# of Python's manual (``texts.python_manual()``) with its mean for the others.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Both. Even among tokens of similar frequency, the mean is ``0.30`` for words of
#    the manual and ``0.45`` for the others, many of which are fragments.
#
# Further reading
# ---------------
# Bengio, Ducharme, Vincent and Jauvin, *A Neural Probabilistic Language Model* (JMLR
# 2003), where the table was trained as part of a language model. Press and Wolf, *Using
# the Output Embedding to Improve Language Models* (EACL 2017), on weight tying.
