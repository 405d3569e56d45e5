r"""
The causal mask: every position predicts the next token
=======================================================

A language model predicts the next token at all positions of a text at once. Why must no
token attend to a later one, and how is this enforced? After this lesson you can write
the causal mask, and explain what it makes possible and what happens without it.
"""

# %%
# The answer is in the text
# -------------------------
# A language model is trained to predict the next token. A text of :math:`T` tokens
# contains :math:`T - 1` such tasks:

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
words = ["The", "dog", "chased", "the", "ball"]
print("query   may attend to           predicts")
for i in range(1, len(words)):
    print(f"{words[i - 1]:6}  {' '.join(words[:i]):22}  {words[i]}")

# %%
# One pass through the model performs all of them: the vector at “dog” predicts
# “chased”, and so on. But the whole text is in the input, so attention could read each
# answer from the next position. A model that could do so would learn to copy, and would
# fail in generation, where there is no next token yet. The **causal mask** lets a query
# attend only to its own position and to earlier ones.
#
# A transformer in which all attention has this mask is called **decoder-only**, after
# the half of the original transformer that generated text (the *encoder* is in
# :doc:`lesson 4.6 </lessons/04_attention/06_encoders_and_cross_attention>`). It is
# **autoregressive**: it predicts each token from earlier ones. SmolLM2 is such a model.
#
# Draw a table of three queries (rows) and three keys (columns), numbered 0, 1 and 2.
# Which cells does the mask hide?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    All those above the diagonal. Query 0 may attend to key 0, query 1 to keys 0 and 1,
#    query 2 to all three. A token may attend to itself, since it predicts the next one.
#
# Zeros after the softmax
# -----------------------
# We take “dog chases cat” from :doc:`lesson 4.1
# </lessons/04_attention/01_self_attention>`, and hide the later keys in two ways. The
# first way sets their weights to zero. We print the row of “chases” after each step.
import torch

query = torch.tensor([[2.0, 0.0], [0.0, 1.0], [2.0, 1.0]])
key = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
value = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
scores = query @ key.T / 2**0.5
visible = torch.tensor([[True, False, False], [True, True, False], [True, True, True]])

weights = scores.softmax(-1)
zeroed = weights * visible
renormalised = zeroed / zeroed.sum(-1, keepdim=True)
tables = {"weights": weights, "zeroed": zeroed, "renormalised": renormalised}
for name, table in tables.items():
    row = " ".join(f"{number:.3f}" for number in table[1].tolist())
    print(f"{name}: {row} (sum {table[1].sum():.3f})")

# %%
# Without a mask, “chases” has the weights 0.198, 0.401 and 0.401. With the last one set
# to zero, they sum to 0.599, because the denominator of the softmax still includes the
# hidden key. *Renormalised* (divided by their sum), they are 0.330 and 0.670.
#
# Minus infinity before the softmax
# ---------------------------------
# The second way takes a single step. It adds a matrix :math:`M` to the scores:
#
# .. math::
#    \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}} + M\right) V, \qquad
#    M_{ij} = \begin{cases} 0 & j \le i \\ -\infty & j > i . \end{cases}
#
# Since :math:`e^{-\infty} = 0`, a hidden key has a weight of exactly zero, and adds
# nothing to the sum in the denominator of the softmax.


def causal_attention(query, key, value):
    scores = query @ key.T / key.shape[-1] ** 0.5
    visible = torch.ones_like(scores, dtype=torch.bool).tril()  # j <= i
    weights = scores.masked_fill(~visible, -torch.inf).softmax(-1)
    return weights, weights @ value


weights, output = causal_attention(query, key, value)
words = ["dog", "chases", "cat"]
print("query   dog    chases  cat    output")
for word, row, out in zip(words, weights.tolist(), output.tolist(), strict=True):
    print(f"{word:6}  {row[0]:.3f}  {row[1]:.3f}   {row[2]:.3f}", end="  ")
    print(f"({out[0]:.3f}, {out[1]:.3f})")
assert torch.allclose(output, renormalised @ value)

# %%
# The row of “chases” is 0.330 and 0.670 again. The token “dog” can attend only to
# itself: its weight is 1 whatever its score. Nothing is hidden from “cat”, so its row
# is that of lesson 4.1. The package and PyTorch (``is_causal=True``) agree.
from lmviz import attention

by_torch = torch.nn.functional.scaled_dot_product_attention
for name, other in {
    "the package's": attention.attend(query, key, value, mask=attention.causal_mask(3)),
    "PyTorch's": by_torch(query[None], key[None], value[None], is_causal=True)[0],
}.items():
    difference = float((output - other).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-5

# %%
# In the interactive version, point at a cell to see how its number is computed.
from lmviz import views

views.attention(
    weights[None, None],
    words,
    scores=scores[None, None],
    title="From scores to weights",
)

# %%
# One pass instead of T
# ---------------------
# With the mask, no vector depends on later tokens, in any layer. So the predictions for
# a text include those for all of its *prefixes*, the shorter texts with which it
# begins. We run SmolLM2 (:doc:`/book/model`) on a text of 11 tokens, and on each prefix
# separately. The control is the same comparison without a mask. ``transformers``
# accepts a custom mask: a tensor, (B, 1, T_q, T_k), that is added to the scores.
import lmviz

lm = lmviz.load("smollm2")
ids = lm.encode("The dog chased the ball because it was excited and young")


@torch.no_grad()
def log_probs(ids, visible):
    """Return log-probabilities of each next token, (B, T, V), with our own mask."""
    added = torch.zeros(visible.shape).masked_fill(~visible, -torch.inf)
    added = added.expand(len(ids), 1, *visible.shape)
    return lm.module(ids, attention_mask=added).logits.log_softmax(-1)


n = len(ids)
print(f"{n} tokens; the {n} prefixes together: {sum(range(1, n + 1))} tokens")
every = torch.ones(n, n, dtype=torch.bool)
for name, mask in {"with the mask": every.tril(), "without a mask": every}.items():
    whole = log_probs(ids[None], mask)[0].exp()
    passes = [log_probs(ids[None, :t], mask[:t, :t])[0, -1] for t in range(1, n + 1)]
    difference = float((torch.stack(passes).exp() - whole).abs().max())
    print(f"{name}, one pass and {n} passes differ by up to {difference:.2g}")
    if name == "with the mask":
        own = float((lm.trace(ids).logits.softmax(-1) - whole).abs().max())
        print(f"largest absolute difference from the model's own: {own:.1e}")
        assert max(own, difference) < 1e-4

# %%
# With the mask, each prediction of the one pass equals that of a separate pass. One
# pass over 11 tokens replaces 11 passes over 66 tokens in total (:math:`T(T + 1)/2` in
# general). Without a mask, probabilities differ by up to 0.82. So *training* can use
# all positions of one pass (:doc:`lesson 5.8 </lessons/05_prediction/08_training>`). In
# *generation*, a new token does not change earlier keys and values, so they can be
# stored (:doc:`lesson 5.4 </lessons/05_prediction/04_kv_cache>`).
#
# SmolLM2 without its mask
# ------------------------
# If a model can see the answers, does it use them? We measure the *surprisal*
# (:math:`-\ln p`, in nats) of the next token at five positions in each of six passages
# from Python's manual, under four conditions:
#
# - *causal*: the model as it is;
# - *no mask*: every query attends to all 32 tokens;
# - *first masked*: the same, except that the first token keeps its causal mask, because
#   many heads use it as an *attention sink* (:doc:`lesson 4.7
#   </lessons/04_attention/07_attention_sinks>`);
# - *foreign*: like *first masked*, but all tokens after the query come from another
#   passage. There are later tokens to attend to, but the answer is not among them.
from lmviz.texts import python_manual

topics = python_manual()
names = ["assert", "for", "while", "lambda", "import", "with"]
texts = [" ".join(topics[name].split()) for name in names]
passages = torch.stack([lm.encode(text)[20:52] for text in texts])

every = torch.ones(32, 32, dtype=torch.bool)
first_masked = every.clone()
first_masked[0, 1:] = False
masks = {"causal": every.tril(), "no mask": every, "first masked": first_masked}
runs = {name: log_probs(passages, mask) for name, mask in masks.items()}
surprisal = {name: [] for name in [*masks, "foreign"]}
for i in (6, 12, 18, 24, 30):
    foreign = passages.roll(1, 0)  # where the foreign tokens come from
    other = torch.cat([passages[:, : i + 1], foreign[:, i + 1 :]], dim=1)
    runs["foreign"] = log_probs(other, first_masked)
    for name, logs in runs.items():
        surprisal[name].append(-logs[range(6), i, passages[:, i + 1]])  # next token
surprisal = {name: torch.stack(rows).mean(0) for name, rows in surprisal.items()}
print("condition     mean  lowest passage  highest passage")
for name, row in surprisal.items():
    print(f"{name:12}  {row.mean():.2f}  {row.min():<14.2f}  {row.max():.2f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 2.9), layout="constrained")
for y, row in enumerate(surprisal.values()):
    ax.plot(row, [y] * len(row), "o", color=plots.PALETTE[0], alpha=0.6)
    ax.plot(row.mean(), y, "|", ms=22, mew=3, color=plots.PALETTE[1])
ax.set_yticks(range(len(surprisal)), surprisal)
ax.set(title="Surprisal in four conditions", xlabel="nats", ylim=(3.5, -0.5))
ax.set_xlim(left=0)
plots.caption(
    "Without its mask, SmolLM2 uses the answers that it sees. Mean surprisal of each "
    "of six passages (dots) and their mean (bars). It is lowest if only the first "
    "token keeps its mask, varies widely with no mask, and is high with a foreign "
    "continuation.",
    alt="Four rows of six dots: causal, no mask, first masked, foreign. Means: "
    + ", ".join(f"{row.mean():.2f}" for row in surprisal.values())
    + " nats.",
)
plt.show()

# %%
# If only the first token keeps its mask, surprisal falls from 4.02 to 1.65 nats,
# although SmolLM2 never attended to later tokens in training. With a foreign
# continuation it is 4.44, so it is the answer that helps, and not just any later token.
# The surprisal of an unmasked model says nothing about how well it predicts.
#
# With no mask at all, the mean is 4.93, and the passages range from 0.55 to 10.32: the
# model reads the answers in some passages and fails in others. The cause is the first
# token, whose vector changes when it attends to later ones. It does not follow that
# attention needs a causal mask: encoders are trained without one.
#
# Padding, windows and empty rows
# -------------------------------
# Other masks hide more keys, and are combined with the causal mask by a logical *and*.
# A **padding mask** hides the tokens that fill up the shorter texts of a batch. In
# **sliding-window attention**, a query attends only to the last :math:`w` keys, its own
# included, which bounds the cost per token. We print the mask for a window of 2, and
# that for a text of two tokens padded on the left.
is_real = torch.tensor([False, False, True, True])
padded = attention.causal_mask(4) & is_real
print(torch.stack([attention.causal_mask(4, window=2), padded]).int())

for name, hidden in {"-inf": -torch.inf, "lowest": torch.finfo().min}.items():
    row = torch.zeros(4).masked_fill(~padded[0], hidden).softmax(-1)
    print(f"{name} in an empty row:", row.tolist())

# %%
# The first two queries of the padded text have no visible key. With minus infinity, the
# softmax divides zero by zero, and the row is NaN (*not a number*). NaNs spread: 0
# times NaN is NaN, so in the next layer a weight of zero doesn't protect other queries.
# Libraries often add the lowest finite number instead. Ordinary rows stay the same, and
# an empty row gets uniform weights, 0.25; its output is ignored.
#
# Summary
# -------
# - The causal mask hides later keys: every position is trained to predict the next
#   token in the same pass, and could otherwise read it.
# - Adding minus infinity before the softmax gives weights of exactly zero and rows that
#   sum to one, just like zeroing and renormalising.
# - One pass gives predictions for all prefixes, and keys and values can be cached.
#
# Exercises
# ---------
# A program uses ``masked_fill(~visible, 0)`` instead of minus infinity. What are the
# weights of “dog” in the example?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    As :math:`e^0 = 1`, hidden keys count as keys with score 0. The first score is
#    :math:`\sqrt 2`, so the weights are :math:`(4.11, 1, 1) / 6.11`. The rows still sum
#    to one; only a comparison with a shorter text reveals the error.
#
# Further reading
# ---------------
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), section 3.2.3.
# - Radford, Narasimhan, Salimans and Sutskever, *Improving Language Understanding by
#   Generative Pre-Training* (2018), the first GPT.
# - Beltagy, Peters and Cohan, *Longformer: The Long-Document Transformer* (2020), on
#   sliding windows.
