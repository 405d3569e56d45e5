r"""
QK and OV circuits: where a head attends and what it writes
===========================================================

A head has four weight matrices, but it uses only two products of them. After this
lesson you can read from these products, without running the model on any text, what a
head attends to, what it writes, and which earlier head it depends on.
"""

# %%
# One head, two matrices
# ----------------------
# Three tokens have vectors :math:`x_1 = (1, 0)`, :math:`x_2 = (0, 1)` and
# :math:`x_3 = (1, 1)`. A head of two dimensions attends from the last one to all three.
import torch

x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
w_query, w_key = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.eye(2)
w_value = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
w_output = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
qk, ov = w_query @ w_key.T, w_value @ w_output
scores = x[2] @ qk @ x.T
weights = (scores / 2**0.5).softmax(0)
print("key  score  weight  x OV")
for j in range(3):
    row = [int(value) for value in x[j] @ ov]
    print(f"{j + 1:<3}  {scores[j]:<5.0f}  {weights[j]:<6.3f}  {row}")
usual = (weights @ (x @ w_value)) @ w_output  # by values
for output in (weights @ x @ ov, usual):
    print(f"written: ({output[0]:.3f}, {output[1]:.3f})")

# %%
# The two outputs, by :math:`W_{OV}` and by values, are equal. In general, for query
# :math:`i` and key :math:`j`,
#
# .. math::
#    \begin{split}
#    s_{ij} &= x_i \, W_{QK} \, x_j^\top, & W_{QK} &= W_Q W_K^\top, \\
#    c_{ij} &= \alpha_{ij} \, x_j \, W_{OV}, & W_{OV} &= W_V W_O .
#    \end{split}
#
# The **QK circuit** determines *where* the head attends, the **OV circuit** *what* it
# writes there (Elhage et al., 2021). Both have size :math:`d \times d` and rank at most
# :math:`d_\text{head}`. Only the products have a meaning: for any invertible :math:`B`,
# the pair :math:`W_Q B` and :math:`W_K B^{-\top}` gives the same scores.
#
# The circuits of a trained head
# ------------------------------
# In a model, :math:`x` is the normalised stream, and there may be biases. We rebuild
# head 0.0 (layer 0, head 0) of the toy, a GPT-2 trained on a made-up language of 78
# words.
import lmviz
from lmviz import attention, transformer

toy = lmviz.load("toy")
model = transformer.extract(toy)


def factors(part, head):
    shared = head * part.n_kv_heads // part.n_heads
    output = part.output.weight.unflatten(0, (part.n_heads, -1))[head]
    columns = (part.query, head), (part.key, shared), (part.value, shared)
    return *(p.weight.unflatten(1, (-1, len(output)))[:, h] for p, h in columns), output


trace = toy.trace("Anna has a red ball . Tom has a blue kite . the kite Tom has is")
part, stream = model.blocks[0].attention, trace.hidden_states[0]
q, k, v, o = factors(part, 0)
x, q_bias, v_bias = part.norm(stream), part.query.bias[:24], part.value.bias[:24]
scores = (x @ attention.qk_circuit(q, k) + q_bias @ k.T) @ x.T * part.scale
weights = scores.masked_fill(~attention.causal_mask(len(x)), -torch.inf).softmax(-1)
written = weights @ x @ attention.ov_circuit(v, o) + v_bias @ o
theirs = trace.attentions[0, 0], transformer.head_contributions(part, stream)[0]
for name, a, b in zip(("weights", "output"), (weights, written), theirs, strict=True):
    difference = (a - b).abs().max()
    print(f"largest absolute difference from the model's {name}: {difference:.1e}")
    assert difference < 1e-4

# %%
# Two tables of the vocabulary
# ----------------------------
# With the embeddings :math:`W_E` and the unembedding :math:`W_U`, the circuits become
# tables of all pairs of words, of scores and of logits:
#
# .. math:: W_E \, W_{QK} \, W_E^\top, \qquad W_E \, W_{OV} \, W_U .
#
# The table of scores uses words without positions. In later layers, the vector of a
# word is no longer its embedding, so for OV we use its mean normalised vector over 100
# stories.
from itertools import islice

from lmviz.toy import grammar, language

stories = islice(language.stories("circuits"), 100)
traces = [toy.trace(" ".join(story.words[1:])) for story in stories]
ids = torch.cat([trace.ids for trace in traces])
embedded = part.norm(model.token_table)
qk_table = (embedded @ q + q_bias) @ k.T @ embedded.T * part.scale
unembed = model.final_norm.weight[:, None] * model.unembedding.weight
unembed = unembed - unembed.mean(0)  # LayerNorm subtracts the mean


def ov_table(layer, head):
    part = model.blocks[layer].attention
    x = torch.cat([part.norm(trace.hidden_states[layer]) for trace in traces])
    x = torch.stack([x[ids == word].mean(0) for word in range(78)])
    table = x @ attention.ov_circuit(*factors(part, head)[2:]) @ unembed
    return table - table.mean(1, keepdim=True)


words = toy.tokens(range(78))
names = torch.tensor([words.index(name) for name in grammar.WOMEN + grammar.MEN])
askers = [words.index(word) for word in ("her", "his", "is", *grammar.COLOURS)]
asking = torch.isin(ids, torch.tensor(askers))
share = []
for trace in traces:
    keys = torch.isin(trace.ids, names).float()
    even = keys.cumsum(0) / torch.arange(1, len(keys) + 1)
    share.append(torch.stack([trace.attentions[0, 0] @ keys, even]))
share = torch.cat(share, 1)[:, asking].mean(1)
print(f"weight of these queries on names: {share[0]:.2f} (even head {share[1]:.2f})")
notes = [words.index(note) for note in grammar.NOTES]
print("head  own word first, of 78  own note first, of 6 notes")
for layer, head in ((1, 0), (1, 3), (2, 0), (2, 3), (1, 1), (2, 1)):
    table = ov_table(layer, head)
    own = (table.argmax(1) == torch.arange(78)).sum()
    own_note = (table[notes][:, notes].argmax(1) == torch.arange(6)).sum()
    print(f"{layer}.{head}   {own:<21}  {own_note}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(1, 2, figsize=(7.68, 4.2), layout="constrained")
starts = {"function words": 0, "names": 21, "colours": 27, "things": 33, "animals": 41}
starts |= {"places": 47, "deeds": 52, "moods": 56, "adjectives": 60, "notes": 68}
panels = {
    "QK of head 0.0: scores": (qk_table, "key", "query"),
    "OV of head 1.3: logits": (ov_table(1, 3), "word written", "word attended to"),
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
    "the score of each word for each word; possessives, “is” and colours score high "
    "for names. Right: the logit that attention to a word adds to each word; a "
    "diagonal means copying. The colour scale ends at the 99.5th percentile.",
    alt="Two heatmaps of 78 by 78 words in groups. Left: nearly pale, with dark blocks "
    "in the rows of possessives and of colours, at the columns of names. Right: a dark "
    "diagonal in the rows of colours, things and notes.",
)
plt.show()

# %%
# After “his”, “her”, “is” or a colour, head 0.0 attends to names, as it must to find
# out whose thing it is. In the stories, these queries put 0.67 of their weight on
# names; an even head would put 0.15. Heads 1.0, 1.3, 2.0 and 2.3 continue songs. Their
# OV circuits raise each of the 6 notes more than any other note; 1.1 does so for one.
# Over the whole vocabulary, the own word comes first in at most 20 of 78 rows; with
# random matrices, in one.
#
# Copying in SmolLM2: eigenvalues
# -------------------------------
# Elhage et al. summarise the OV table by its eigenvalues: their sum, divided by the sum
# of their absolute values, is 1 if all are positive. SmolLM2's table has more than two
# billion cells, but the product of a tall matrix :math:`A` and a wide matrix :math:`B`
# has the non-zero eigenvalues of the small product :math:`BA`:
#
# .. math:: AB u = \lambda u \;\Rightarrow\; BA\,(B u) = \lambda\,(B u), \qquad
#    A = W_E W_V, \; B = W_O W_U .
#
# As a second test, we replace embeddings by the vectors that really enter the layer, in
# a text of 200 random tokens: how often does a token raise itself above all others?
lm = lmviz.load("smollm2")
model = transformer.extract(lm)
gain, unembed = model.final_norm.weight[:, None], model.unembedding.weight
gram = gain * (unembed @ (model.token_table - model.token_table.mean(0)))  # (d, d)
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
        q, k, v = (part.norm.weight[:, None] * w for w in (q, k, v))
        circuits[layer, head] = q, k, v, o
        copying[layer, head] = attention.copying_score(v, o @ gram)
chance = torch.randn(2, 50, 576, 64, generator=generator)
chance = attention.copying_score(chance[0], chance[1].mT @ gram)
print(f"random matrices: {chance.mean():.2f}, standard deviation {chance.std():.2f}")
print(f"head  eigenvalues  rank of {copying.numel()}  own token first  rank")
for head in ((17, 4), (18, 6), (23, 2), (22, 7), (27, 1)):
    a, b = (int((score > score[head]).sum()) + 1 for score in (copying, own))
    cells = f"{copying[head]:<11.2f}  {a:<11}  {own[head]:<15.0%}  {b}"
    print(f"{head[0]}.{head[1]}  {cells}")

# %%
# The induction heads (:doc:`lesson 4.8 </lessons/04_attention/08_induction_heads>`) are
# *not* at the top by eigenvalues: 18.6 has rank 104 of 270, and 23.2 a negative score.
# Yet with the vectors that 23.2 really reads, it raises the own token most often of all
# heads, in 78% of the rows. What differs is the input: by layer 23, a token is no
# longer represented by its embedding. Random matrices score 0.01 ± 0.06, so the scores
# of most heads aren't due to chance, but they don't single out the heads that copy in
# context.
#
# Composition: which head reads which
# -----------------------------------
# A later head can read an earlier one's output in its queries, keys or values: *Q-*,
# *K-* or *V-composition*. Elhage et al. measure it by Frobenius norms; for keys, by
#
# .. math:: \frac{\lVert W_{OV}^{(1)} \, W_{QK}^{(2)\top} \rVert}
#    {\lVert W_{OV}^{(1)} \rVert \; \lVert W_{QK}^{(2)} \rVert} .
#
# Independent random matrices give about :math:`1/\sqrt d`. SmolLM2 rotates queries and
# keys, so :math:`W_{QK}` depends on the distance; we compare 1 and 20.
from lmviz import positions

rotary = {"inverse_frequencies": model.blocks[0].attention.rotary.frequencies}
print("later  distance  16.0   17.8   next")
for later in ((17, 3), (17, 4), (17, 5), (18, 6), (18, 7)):
    earlier = {head: c for head, c in circuits.items() if head[0] < later[0]}
    first = [torch.stack([c[i] for c in earlier.values()]) for i in (2, 3)]
    q, k, *_ = circuits[later]
    q = positions.rotary(q[:, None].expand(-1, 21, -1), **rotary)  # at 0 to 20
    for distance in (1, 20):
        second = [w.expand(len(earlier), -1, -1) for w in (k, q[:, distance].T)]
        values = attention.composition_score(first, second)
        score = dict(zip(earlier, values.tolist(), strict=True))
        found = [score.pop((16, 0)), score.pop((17, 8), 0.0), max(score.values())]
        cells = (f"{value:.3f}" for value in found)
        print(f"{later[0]}.{later[1]} ", f"{distance:<8}", *cells, sep="  ")
print(f"independent random matrices: {len(gram) ** -0.5:.3f}")

# %%
# For the heads of layer 17, the largest score of all earlier heads is that of 16.0, the
# previous-token head, at 0.151 to 0.168, against 0.042 for random matrices. The next is
# 0.062. It is the pair that ablation found in lesson 4.8. The distance hardly matters.
# The heads of layer 18 have *two* partners, 16.0 and 17.8. (For layer 17, 17.8 is not
# earlier.) This predicts that 17.8 supports them when 16.0 is missing. We measure
# induction scores under mean ablation; the control is 17.0.
batch = torch.stack([half.repeat(2) for half in ids[:60].reshape(3, 20)])
mean = attention.mean_head_outputs(lm, ids)
print("ablated     17.3  17.4  17.5  18.6  18.7")
for heads in ([], [(17, 8)], [(16, 0)], [(16, 0), (17, 0)], [(16, 0), (17, 8)]):
    with attention.ablate_heads(lm, heads, replacement=mean), torch.no_grad():
        maps = torch.stack(lm.module(batch, output_attentions=True).attentions, 1)
    score = sum(map(attention.induction_score, maps, batch)) / len(batch)
    cells = (
        f"{score[head]:.2f}" for head in ((17, 3), (17, 4), (17, 5), (18, 6), (18, 7))
    )
    print(f"{', '.join(f'{a}.{b}' for a, b in heads) or 'none':10}", *cells, sep="  ")

# %%
# The prediction holds. Without 16.0, head 18.6 keeps a score of 0.31; without 17.8 as
# well, 0.07. The control changes nothing. So the weights found a backup that the
# ablations of lesson 4.8 had missed.
#
# Summary
# -------
# - :math:`W_Q W_K^\top` determines where a head attends, :math:`W_V W_O` what it
#   writes.
# - Tables of weights describe a head only as far as its inputs are known.
# - Composition scores found the heads on which induction depends.
#
# Exercises
# ---------
# Show that :math:`\lVert AB \rVert^2 = \mathrm{tr}(A^\top A\, B B^\top)`.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    :math:`\lVert M \rVert^2 = \mathrm{tr}(M^\top M)`, and a trace is invariant under
#    cyclic shifts. For a circuit, both factors have only the size d_head.
#
# Further reading
# ---------------
# - Elhage et al., *A Mathematical Framework for Transformer Circuits* (2021).
