r"""
QK and OV circuits: where a head attends and what it writes
===========================================================

A head has four weight matrices, but only two products of them matter. After this lesson
you can read from these products where a head attends, what it writes and which earlier
heads it depends on, and check your reading by ablation.
"""

# %%
# One head, two matrices
# ----------------------
# Three tokens have the vectors :math:`x_0 = (1, 0)`, :math:`x_1 = (0, 1)` and
# :math:`x_2 = (1, 1)`. We compute a head's output for the last token in two ways.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch

x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
w_query, w_key = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.eye(2)
w_value = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
w_output = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
qk, ov = w_query @ w_key.T, w_value @ w_output
scores = x[2] @ qk @ x.T
weights = (scores / 2**0.5).softmax(0)
print("key  score  weight  x W_OV")
for j in range(3):
    row = [int(value) for value in x[j] @ ov]
    print(f"{j:<3}  {scores[j]:<5.0f}  {weights[j]:<6.3f}  {row}")
usual = (weights @ (x @ w_value)) @ w_output  # the average of the values, projected
print("outputs:", *(f"({a:.3f}, {b:.3f})" for a, b in (weights @ x @ ov, usual)))

# %%
# The two outputs are equal. In general, the score :math:`s_{ij}` of query :math:`i` for
# key :math:`j`, before scaling, and the contribution :math:`c_{ij}` of this key, which
# has the attention weight :math:`\alpha_{ij}`, are
#
# .. math::
#    \begin{split}
#    s_{ij} &= x_i \, W_{QK} \, x_j^\top, & W_{QK} &= W_Q W_K^\top, \\
#    c_{ij} &= \alpha_{ij} \, x_j \, W_{OV}, & W_{OV} &= W_V W_O .
#    \end{split}
#
# The **QK circuit** determines *where* the head attends, the **OV circuit** *what* it
# writes (Elhage et al., 2021). Only the products are meaningful: for any invertible
# matrix :math:`B`, the pair :math:`W_Q B` and :math:`W_K (B^{-1})^\top` has the same
# product, and so gives the same scores.
#
# The circuits of a trained head
# ------------------------------
# The toy is a GPT-2 trained on stories in a made-up language (:doc:`the toy model
# </book/toy>`); the code prints one. In a transformer, :math:`x_i` is the normalised
# residual stream, and there may be biases. We rebuild head 0.0 (layer 0, head 0).
from itertools import islice
from textwrap import wrap

import lmviz
from lmviz import attention, positions, transformer
from lmviz.toy import grammar, language

toy = lmviz.load("toy")
model = transformer.extract(toy)
stories = islice(language.stories("circuits"), 100)
traces = [toy.trace(" ".join(story.words[1:])) for story in stories]
trace = traces[7]
print(*wrap(" ".join(toy.tokens(trace.ids)), 80), sep="\n")


def factors(part, head):  # W_Q, W_K, W_V (d, d_head) and W_O (d_head, d)
    shared = head * part.n_kv_heads // part.n_heads
    output = part.output.weight.unflatten(0, (part.n_heads, -1))[head]
    columns = (part.query, head), (part.key, shared), (part.value, shared)
    return *(p.weight.unflatten(1, (-1, len(output)))[:, h] for p, h in columns), output


part, stream = model.blocks[0].attention, trace.hidden_states[0]
q, k, v, o = factors(part, 0)
x, q_bias, v_bias = part.norm(stream), part.query.bias[:24], part.value.bias[:24]
scores = (x @ attention.qk_circuit(q, k) + q_bias @ k.T) @ x.T * part.scale
weights = scores.masked_fill(~attention.causal_mask(len(x)), -torch.inf).softmax(-1)
written = weights @ x @ attention.ov_circuit(v, o) + v_bias @ o
difference = (written - transformer.head_contributions(part, stream)[0]).abs().max()
print(f"largest absolute difference from the model's output: {difference:.1e}")
assert difference < 1e-4

# %%
# Two tables over the vocabulary
# ------------------------------
# Multiplied by the embedding matrix :math:`W_E` and the unembedding matrix :math:`W_U`,
# each circuit becomes a table with one entry for every pair of words:
#
# .. math:: W_E \, W_{QK} \, W_E^\top, \qquad W_E \, W_{OV} \, W_U .
#
# Entry :math:`(a, b)` of the first table is the score of query :math:`a` for key
# :math:`b`. In the second, it is what attention to :math:`a` with weight 1 adds to the
# logit of :math:`b`, up to the scale of the final norm. As later layers don't read
# embeddings, we use a word's mean normalised vector over 100 stories in the OV table.
ids = torch.cat([trace.ids for trace in traces])
embedded = part.norm(model.token_table)
qk_table = (embedded @ q + q_bias) @ k.T @ embedded.T * part.scale
unembed = model.final_norm.weight[:, None] * model.unembedding.weight
unembed = unembed - unembed.mean(0)  # LayerNorm subtracts the mean
notes = [toy.token_id(note) for note in grammar.NOTES]
ov_tables = {}
print("head  notes that raise their own logit most, of 6")
for layer, block in enumerate(model.blocks):
    states = torch.cat([trace.hidden_states[layer] for trace in traces])
    x = block.attention.norm(states)
    x = torch.stack([x[ids == word].mean(0) for word in range(78)])
    for head in range(4):
        ov = attention.ov_circuit(*factors(block.attention, head)[2:])
        ov_tables[layer, head] = table = x @ ov @ unembed
        most = table[notes][:, notes].argmax(1)
        print(f"{layer}.{head}   {(most == torch.arange(6)).sum()}")
# Names have the ids 21 to 26, colours 27 to 32.
on_names = [t.attentions[0, 0] @ ((t.ids > 20) & (t.ids < 27)).float() for t in traces]
on_names, colours = torch.cat(on_names), (ids > 26) & (ids < 33)
print(f"0.0 on names: weight {on_names[colours].mean():.2f} at colours,", end=" ")
print(f"{on_names[~colours].mean():.2f} at other words")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 2, figsize=(7.68, 4.2), layout="constrained")
starts = {"function words": 0, "names": 21, "colours": 27, "things": 33, "animals": 41}
starts |= {"places": 47, "deeds": 52, "moods": 56, "adjectives": 60, "notes": 68}
table = ov_tables[1, 3] - ov_tables[1, 3].mean(1, keepdim=True)
panels = {
    "QK of head 0.0: scores": (qk_table, "key", "query"),
    "OV of head 1.3: logits": (table, "word whose logit changes", "word attended to"),
}
for ax, (title, (table, xlabel, ylabel)) in zip(axes, panels.items(), strict=True):
    limit = float(table.abs().quantile(0.995))
    limits = {"vmin": -limit, "vmax": limit, "cmap": "diverging"}
    plots.heatmap(table, title=title, square=True, colorbar=False, **limits, ax=ax)
    ax.set_xticks(list(starts.values()), list(starts), rotation=90)
    ax.set_yticks(list(starts.values()), list(starts), rotation=0)
    ax.set(xlabel=xlabel, ylabel=ylabel)
plots.caption(
    "Head 0.0 attends to names, and head 1.3 copies colours, things and notes. Left: "
    "scores; possessives, “is” and colours have high scores for names. Right: how "
    "attention to a word changes each logit, relative to the mean of its row; a dark "
    "diagonal means copying. The colour scale ends at the 99.5th percentile.",
    alt="Two heatmaps of 78 by 78 words in groups. Left: mostly pale, with dark blocks "
    "in the rows of possessives and of colours, at the columns of names. Right: a dark "
    "diagonal in the rows of colours, things and notes.",
)
plt.show()

# %%
# At colours, head 0.0 puts 0.59 of its weight on names, at other words only 0.14. In
# songs, which repeat notes, heads 1.0, 1.3, 2.0, 2.2 and 2.3 attend to the note to
# repeat (lesson 4.12). In the OV tables of all five, each of the 6 notes raises its own
# logit more than those of other notes. But in those of 0.1 and 2.1, two other heads, 4
# notes do so, too: the OV table shows what a head copies *if* it attends there.
#
# Copying in SmolLM2: eigenvalues
# -------------------------------
# Elhage et al. summarise an OV table by the sum of its eigenvalues, divided by the sum
# of their absolute values, here the *copying score*. If two words raise their own
# logits most, as in :math:`\begin{pmatrix} 2 & 1 \\ 1 & 2 \end{pmatrix}`, with
# eigenvalues 3 and 1, it is 1. With :math:`-2` on the diagonal, it is −1.
#
# SmolLM2's table :math:`AB`, with :math:`A = W_E W_V` and :math:`B = W_O W_U`, has more
# than two billion entries. But if :math:`AB u = \lambda u`, then :math:`BA \, (B u) =
# \lambda (B u)`. So its non-zero eigenvalues are those of a small matrix:
#
# .. math:: BA = W_O \, (W_U W_E) \, W_V .
#
# As a second test, we run the model on 200 random tokens, replace the embeddings by the
# vectors that enter each layer, and count the tokens that raise their own logit most.
lm = lmviz.load("smollm2")
model = transformer.extract(lm)
gain, unembed = model.final_norm.weight[:, None], model.unembedding.weight
gram = gain * (unembed @ (model.token_table - model.token_table.mean(0)))  # W_U W_E
generator = torch.Generator().manual_seed(5)
ids = torch.randperm(lm.card.vocabulary, generator=generator)[:200]
states = lm.trace(ids, keep=("hidden_states",)).hidden_states
circuits, copying, own = {}, torch.zeros(30, 9), torch.zeros(30, 9)
for layer, block in enumerate(model.blocks):
    part, columns = block.attention, gain * unembed[:, ids]
    x = part.norm(states[layer])
    for head in range(9):
        q, k, v, o = factors(part, head)
        table = x @ v @ o @ columns
        table = (table - table[1:].mean(0))[1:]  # without the sink
        own[layer, head] = (table.argmax(1) == torch.arange(1, 200)).float().mean()
        q, k, v = (part.norm.weight[:, None] * w for w in (q, k, v))  # with the norm
        circuits[layer, head] = q, k, v, o
        copying[layer, head] = attention.copying_score(v, o @ gram)
chance = torch.randn(2, 50, 576, 64, generator=generator)
chance = attention.copying_score(chance[0], chance[1].mT @ gram)
print(f"random matrices: {chance.mean():.2f}, standard deviation {chance.std():.2f}")
print(f"head  copying score  rank of {copying.numel()}  own token first  rank")
for head in ((17, 4), (18, 6), (23, 2), (22, 7), (27, 1)):
    a, b = (int((score > score[head]).sum()) + 1 for score in (copying, own))
    cells = f"{copying[head]:<13.2f}  {a:<11}  {own[head]:<15.0%}  {b}"
    print(f"{head[0]}.{head[1]}  {cells}")

# %%
# Random matrices score 0.01 ± 0.06. Heads 27.1 and 22.7 score almost 1, and do well in
# the second test. But the induction heads 17.4, 18.6 and 23.2 of :doc:`lesson 4.8
# </lessons/04_attention/08_induction_heads>` are *not* at the top; 23.2 has a negative
# score. And yet, in the second test, it ranks first of all heads, with 78% of the
# tokens: by layer 23, a token is no longer represented by its embedding. So a low score
# doesn't show that a head doesn't copy.
#
# Composition: which head reads which
# -----------------------------------
# A later head can read an earlier head's output through its queries, keys or values:
# *Q-*, *K-* or *V-composition*. In the “do re mi” example of lesson 4.8, the first half
# of each vector contains its token. Head 1 copies it to the second half of the next
# vector. Head 2 compares first halves of queries with second halves of keys.
moves = torch.zeros(6, 6)
moves[:3, 3:] = torch.eye(3)  # first -> second half: W_OV of head 1, W_QK of head 2
own = torch.eye(3, 6)  # do, re, mi, with an empty second half
print((own @ moves @ (own @ moves).T).int().tolist())  # queries, keys from head 1
print(f"composition score: {(moves @ moves.T).norm() / moves.norm() ** 2:.3f}")

# %%
# The matrix of scores is the identity: the query “do” matches only the key into which
# head 1 wrote “do”. In general, the output of head 1 for a vector :math:`z` is
# :math:`z W_{OV}^{(1)}`, and the score of query :math:`x` for it in head 2 is :math:`x
# W_{QK}^{(2)} W_{OV}^{(1)\top} z^\top`. So the *composition score* for K-composition
# is the size of this product of circuits, transposed, relative to the sizes of both:
#
# .. math:: \frac{\lVert W_{OV}^{(1)} \, W_{QK}^{(2)\top} \rVert}
#    {\lVert W_{OV}^{(1)} \rVert \; \lVert W_{QK}^{(2)} \rVert} ,
#
# with the Frobenius norm, the root of the sum of squared entries. It is 0.577 here,
# about :math:`1/\sqrt d` for independent random matrices, and 0 if head 2 reads none of
# the dimensions that head 1 writes to. SmolLM2 rotates queries and keys, so
# :math:`W_{QK}` depends on their distance. We take 19 positions, the distance from a
# query to the key that it should find in the repeated sequences below.
rotary = {"inverse_frequencies": model.blocks[0].attention.rotary.frequencies}
induction = (17, 3), (17, 4), (17, 5), (18, 6), (18, 7)
first = [torch.stack([c[i] for c in circuits.values()]) for i in (2, 3)]  # W_V, W_O
print("later head  highest composition scores of earlier heads")
for later, head in induction:
    q, k, *_ = circuits[later, head]
    q = positions.rotary(q[:, None].expand(-1, 20, -1), **rotary)[:, 19]
    second = [w.expand(len(first[0]), -1, -1) for w in (k, q.T)]
    score = attention.composition_score(first, second).view(copying.shape)
    best = attention.strongest(score[:later], 3)
    print(f"{later}.{head}       ", ", ".join(f"{i}.{h} {s:.3f}" for i, h, s in best))
print(f"independent random matrices: {len(gram) ** -0.5:.3f}")

# %%
# For the heads of layer 17, the previous-token head 16.0 scores highest by far, with
# 0.152 to 0.168; the next score is 0.062. Ablation found the same link in lesson 4.8.
# But the heads of layer 18 have *two* sources, 16.0 and 17.8. So when 16.0 is ablated,
# they should keep more of their induction scores than those of layer 17. We measure
# this under mean ablation, with 17.0 as a control.
batch = torch.stack([half.repeat(2) for half in ids[:60].reshape(3, 20)])
mean = attention.mean_head_outputs(lm, ids)
print("ablated     17.3  17.4  17.5  18.6  18.7  17.8 on the previous token")
for heads in ([], [(17, 8)], [(16, 0)], [(16, 0), (17, 0)], [(16, 0), (17, 8)]):
    with attention.ablate_heads(lm, heads, replacement=mean), torch.no_grad():
        maps = torch.stack(lm.module(batch, output_attentions=True).attentions, 1)
    score = sum(map(attention.induction_score, maps, batch)) / len(batch)
    cells = [f"{score[head]:.2f}" for head in induction]
    cells.append(f"{maps[:, 17, 8].diagonal(-1, 1, 2).mean():.2f}")
    print(f"{', '.join(f'{a}.{b}' for a, b in heads) or 'none':10}", *cells, sep="  ")

# %%
# Without 16.0, head 18.6 keeps a score of 0.31, and the heads of layer 17 at most 0.05.
# So the prediction holds for 18.6, but barely for 18.7 (0.08). Without 17.8 as well,
# 18.6 falls to 0.07; the control changes nothing. The weights revealed a source that
# lesson 4.8 missed. It is *redundant*, but no mere backup: with 16.0 intact, its weight
# on the previous token is 0.37, and ablating it alone lowers 18.7 from 0.53 to 0.43.
#
# Summary
# -------
# - :math:`W_{QK}` determines where a head attends, :math:`W_{OV}` what it writes.
# - Tables of word pairs describe a head only as far as its input vectors are known.
# - Composition scores found the heads on which SmolLM2's induction heads depend.
#
# Exercises
# ---------
# If head 1 of “do re mi” wrote to the first half, what would the composition score be?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Zero. Head 2 compares queries with the second halves of keys, which stay empty.
#
# Further reading
# ---------------
# - Elhage et al., *A Mathematical Framework for Transformer Circuits* (2021).
