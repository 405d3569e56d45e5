"""
Positional encodings: why attention needs them
==============================================

“The dog chased the cat” and “The cat chased the dog” consist of the same tokens. Can
attention, the part of a transformer in which tokens interact, tell them apart? After
this lesson you can write attention in ten lines, prove what it knows about the order of
the tokens, and say what a positional encoding has to provide.
"""

# %%
# Attention in ten lines
# ----------------------
# A transformer processes all tokens of a text at once, unlike a *recurrent* network,
# which reads them one after the other. The tokens exchange information only in
# **attention**. Three learned matrices turn the vector of each token into a **query**
# (what it looks for), a **key** (what it is found by) and a **value** (what it passes
# on). In **self-attention** all three are computed from the same text. Let :math:`X`
# contain one row for each token. Then
#
# .. math::
#
#    Q = X W_Q, \quad K = X W_K, \quad V = X W_V, \qquad
#    \operatorname{attention}(X) =
#    \operatorname{softmax}\!\left(\frac{Q K^\top}{\sqrt{d}}\right) V ,
#
# where :math:`d` is the width of queries and keys. Entry :math:`(i, j)` of
# :math:`QK^\top` is the dot product of query i and key j; a sum of d random products
# grows like :math:`\sqrt d`, which the division undoes. The softmax
# (:doc:`/book/terms`) turns each row of scores into weights :math:`\alpha_{ij}` that
# sum to one. Token i *attends to* token j with weight :math:`\alpha_{ij}`; its output
# is the weighted average :math:`\sum_j \alpha_{ij} v_j` of the values. A **causal
# mask** hides later tokens from a query: their scores become minus infinity, and so
# their weights exactly 0.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import math

import torch


def self_attention(x, w_query, w_key, w_value, mask=None):
    query, key, value = x @ w_query, x @ w_key, x @ w_value
    scores = query @ key.T / math.sqrt(key.shape[-1])
    if mask is not None:  # True = may attend
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ value, weights


# %%
# A worked example: each token is its own query and key; the values are 1, 2 and 6.
names = ["dog", "chased", "cat"]
x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
matrices = torch.eye(2), torch.eye(2), torch.tensor([[1.0], [2.0]])


def show(names, output, weights):
    print("query    " + "  ".join(f"{name:>6}" for name in names) + "  output")
    for name, row, out in zip(names, weights.tolist(), output.tolist(), strict=True):
        print(f"{name:7}  " + "  ".join(f"{w:6.2f}" for w in [*row, *out]))


output, weights = self_attention(x, *matrices)
show(names, output, weights)
built_in = torch.nn.functional.scaled_dot_product_attention(x, x, x @ matrices[2])
print("PyTorch's function agrees:", torch.allclose(output, built_in))

# %%
# Before the division by :math:`\sqrt 2`, the scores for the query of "dog" are 1, 0 and
# 2. The token attends most strongly to "cat" (0.58), and its output is 4.02. How
# queries and keys learn what to match is the subject of :doc:`lesson 4.1
# </lessons/04_attention/01_self_attention>`.
#
# Permutation equivariance
# ------------------------
# Now reverse the sentence: the same vectors in other rows.
show(names[::-1], *self_attention(x.flip(0), *matrices))

# %%
# "dog" again attends to "cat" with weight 0.58, and its output is 4.02. The rows of the
# output are permuted as the rows of the input were, and nothing else has changed. Such
# a function is **permutation equivariant**. Two lines prove it for attention. Let
# :math:`\Pi` permute the rows, with :math:`\Pi^\top \Pi = I`, and let :math:`S(X)` be
# the scores:
#
# .. math::
#
#    \begin{split}
#    S(\Pi X) &= \Pi X W_Q W_K^\top X^\top \Pi^\top / \sqrt d = \Pi S(X) \Pi^\top , \\
#    \operatorname{attention}(\Pi X)
#    &= \operatorname{softmax}(\Pi S \Pi^\top)\, \Pi X W_V
#    = \Pi \operatorname{softmax}(S)\, X W_V = \Pi \operatorname{attention}(X) .
#    \end{split}
#
# The softmax works within a row and ignores the order of the columns. All other parts
# of a transformer process each token separately, so a stack of layers is equivariant,
# too.
#
# We check this on the first head of the first layer of SmolLM2 (:doc:`/book/model`).
# Our ten lines use no positions. SmolLM2's positions are rotation angles (:doc:`lesson
# 3.6 </lessons/03_positions/06_rotary>`), which are all 0 if we give every token
# position 0. We apply no mask.
import lmviz

lm = lmviz.load("smollm2")
model = lm.module.model
part = model.layers[0].self_attn
projections = [m.weight[:64].T for m in (part.q_proj, part.k_proj, part.v_proj)]
ids = lm.encode("The dog chased the cat")
x = model.layers[0].input_layernorm(model.embed_tokens(ids))
output, weights = self_attention(x, *projections)
reversed_output, reversed_weights = self_attention(x.flip(0), *projections)
options = {"position_ids": 0 * ids[None], "output_attentions": True}
no_mask = torch.zeros(1, 1, len(ids), len(ids))  # is added to the scores
attentions = lm.module(ids[None], no_mask, **options).attentions
for name, ours, other in (
    ("the model's weights", weights, attentions[0][0, 0]),
    ("the first output, reversed", reversed_output, output.flip(0)),
):
    difference = float((ours - other).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-4

# %%
import matplotlib.pyplot as plt

from lmviz import plots

tokens = lm.tokens(ids)
_, axes = plt.subplots(1, 2, figsize=(6.08, 3.2), layout="compressed")
scale = {"vmax": float(weights.max()), "colorbar": False}
plots.attention_map(weights, tokens, title="Original order", ax=axes[0], **scale)
plots.attention_map(reversed_weights, tokens[::-1], ax=axes[1], **scale)
axes[1].set(title="Reversed order", ylabel="")
plots.shared_colorbar(axes, "weight")
query, key = divmod(int(weights.argmax()), len(ids))
plots.caption(
    "Without positions or a mask, each token attends to the same tokens in any order. "
    "First head of SmolLM2 on a sentence and on its reversal: the right map is the "
    "left one rotated by 180 degrees.",
    alt="Two attention maps of five tokens. In both, the strongest weight is from "
    f"{tokens[query]} to {tokens[key]}, {weights.max():.2f}.",
)
plt.show()

# %%
# What the causal mask adds
# -------------------------
# With equal weights, attention is a plain average, a *bag of values*: 1, 2 and 6 give 3
# in any order. With a causal mask, each token averages the values up to its own.
mask = torch.ones(3, 3).tril()
average = mask / mask.sum(-1, keepdim=True)  # equal weights for all visible tokens
for values in torch.tensor([[1.0, 2.0, 6.0], [2.0, 1.0, 6.0]]):
    for name, numbers in {
        "values": values,
        "one layer": average @ values,
        "two layers": average @ average @ values,
    }.items():
        print(f"{name:10}  " + "  ".join(f"{number:<4.3g}" for number in numbers))

# %%
# One layer gives 1, 1.5, 3 for the first order and 2, 1.5, 3 for the second: the last
# output is the same, since each query sees the tokens before it as a bag. The second
# layer averages the outputs of the first, which depend on the order, so its last output
# does, too: 1.83 and 2.17. So a stack of causal layers can infer order. Without a mask,
# no number of layers can.
#
# Language models with no positional encoding (**NoPE**) are “still competitive with
# standard models” (Haviv et al., 2022). On small synthetic tasks they generalised to
# longer inputs better than models with an encoding (Kazemnejad et al., 2023), though
# only up to a limit (Wang et al., 2024).
#
# How much does SmolLM2 need its positions?
# -----------------------------------------
# We run SmolLM2 as it is, then with all positions 0 (*mask only*), then without a mask
# as well. First we exchange two words of a prompt and compare the predictions for the
# next token. The measure is the **total variation** (:doc:`/book/terms`), half the sum
# of the absolute differences: 0 if two predictions are equal, and at most 1. The
# control replaces the first word with another. Then we measure the mean *surprisal* of
# the prompt's own tokens (:math:`-\ln p`, in nats): how badly the model predicted them.
frames = {
    "After the {} chased the {}, it was the": "dog cat mouse",
    "The {} shot the {}. The one who died was the": "hunter bear wolf",
    "Yesterday {} gave a book to {}. The book now belongs to": "Paul Mary John",
    "The {} is north of the {}. To the south is the": "lake town river",
    "First came the {}, then came the {}. The first to come was the": "fox wolf dog",
}


@torch.no_grad()
def run(text):
    """Return predictions as is, with positions 0, and also with no mask: (3, T, V)."""
    n = len(ids := lm.encode(text))
    later = torch.ones(n, n).triu(1) * torch.finfo().min
    masks = torch.stack([later, later, 0 * later])[:, None]
    position_ids = torch.tensor([[1], [0], [0]]) * torch.arange(n)
    return lm.module(ids.expand(3, n), masks, position_ids).logits.softmax(-1)


exchanged, replaced, surprisal = torch.zeros(3, 3)
print("words           most likely next")
for frame, words in frames.items():
    a, b, c = words.split()
    texts = [frame.format(*pair) for pair in ((a, b), (b, a), (c, b))]
    runs = [run(text) for text in texts]
    p, q, r = (probs[:, -1] for probs in runs)
    exchanged += (p - q).abs().sum(-1) / 2 / len(frames)
    replaced += (p - r).abs().sum(-1) / 2 / len(frames)
    following = lm.encode(texts[0])[1:]
    given = runs[0][:, range(len(following)), following]
    surprisal -= given.log().mean(-1) / len(frames)
    for order, probs in ((f"{a}, {b}", p[0]), (f"{b}, {a}", q[0])):
        print(f"{order:14}  {lm.tokens([probs.argmax()])[0]:8}  {probs.max():.2f}")
print("positions   exchanged  replaced  surprisal")
for i, name in enumerate(["as it is", "mask only", "no mask"]):
    print(f"{name:10}  {exchanged[i]:9.2f}  {replaced[i]:8.2f}  ", end="")
    print(f"{surprisal[i]:9.2f}" if i < 2 else "        -")

# %%
# SmolLM2 reacts to the order: exchanging two words changes its prediction as much
# (0.37) as replacing one (0.35). With only the mask, the change is 0.08. Without a mask
# it is 0.00, as the proof says, though replacing a word still has an effect (0.41).
#
# Reacting isn't the same as answering correctly: the most likely word is right for both
# orders only in the first and the last prompt. The surprisal shows that SmolLM2 *needs*
# its positions: without them, it rises from 4.20 to 4.94 nats. (Without a mask it means
# nothing, since a token sees the next one.) Models *trained* with only a mask suffer
# much less.
#
# What a positional encoding should provide
# -----------------------------------------
# A **positional encoding** gives each position a *code*: a vector that is added, a
# rotation, or a bias in the scores. This chapter judges each scheme by five criteria.
#
# - *unique*: no two positions have the same code;
# - *bounded*: the numbers don't grow with the length of the text;
# - *same step*: how two codes are related depends on their distance alone;
# - *longer texts*: codes exist beyond the lengths seen in training ("defined" in the
#   tables), and also work there ("yes");
# - *cheap*: few parameters, little computation.
print("""\
scheme      unique    bounded  same step  longer texts  cheap
mask alone  inferred  yes      no         partly        yes
sinusoidal  ?         ?        ?          ?             ?""")

# %%
# With the mask alone, positions are inferred from the number of visible tokens, so each
# further step makes less of a difference. :doc:`Lesson 3.2
# </lessons/03_positions/02_sinusoidal>` fills in the second row.
#
# Summary
# -------
# - Without a mask, attention is permutation equivariant: reordered tokens get the same
#   outputs in the new order.
# - With a causal mask, a stack of layers can infer order; a single layer cannot.
# - Without positions, SmolLM2 hardly reacts to an exchange of two words (total
#   variation 0.08 instead of 0.37); its surprisal rises from 4.20 to 4.94 nats.
#
# Exercises
# ---------
# With a causal mask, equal weights and the values 1, 0, 0, 0, …, what is the output at
# position p? What could a later layer use it for?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    1/(p + 1). It falls with the position, so that a later layer can tell how many
#    tokens came before. Haviv et al. conjecture that models without an encoding do so.
#
# Further reading
# ---------------
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), sections 3.2 and 3.5.
# - Haviv, Ram, Press, Izsak and Levy, *Transformer Language Models without Positional
#   Encodings Still Learn Positional Information* (Findings of EMNLP 2022).
# - Kazemnejad, Padhi, Natesan Ramamurthy, Das and Reddy, *The Impact of Positional
#   Encoding on Length Generalization in Transformers* (NeurIPS 2023).
# - Wang, Ji, Wu, Yan, Gui, Zhang, Huang and Wang, *Length Generalization of Causal
#   Transformers without Position Encoding* (Findings of ACL 2024).
