r"""
Multi-head attention: parallel averages, added up
=================================================

Each layer of a transformer runs several attention computations in parallel: its heads.
Why several, and how do their outputs become one vector? After this lesson you can write
multi-head and grouped-query attention, and compute what each head adds to the output.
"""

# %%
# One softmax, one average
# ------------------------
# Attention gives each query one set of weights that sum to one, and so a single average
# of the values (:doc:`lesson 4.1 </lessons/04_attention/01_self_attention>`). The last
# token of “dog chases cat” may need both the subject and the object. Let the values of
# “dog” and “cat” be (1, 0) and (0, 1). The keys of the subject and the object are (4,
# 0) and (0, 4), long enough to make the softmax almost one-hot. The query (1, 1)
# matches both keys; (1, 0) and (0, 1) match one each.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch


def attend(query, key, value, hidden=None):
    scores = query @ key.mT / key.shape[-1] ** 0.5  # mT: the last two axes transposed
    if hidden is not None:
        scores = scores.masked_fill(hidden, -torch.inf)
    return scores.softmax(-1) @ value


def show(x):
    return " ".join(f"{number:.2f}" for number in x.flatten().tolist())


key = torch.tensor([[4.0, 0.0], [0.0, 4.0]])  # of the subject, of the object
swapped = torch.eye(2).flip(0)
for words, value in (("dog, cat", torch.eye(2)), ("cat, dog", swapped)):
    print(f"{words}: one query", show(attend(torch.ones(1, 2), key, value)))
    print(f"{words}: two queries", show(attend(torch.eye(2), key, value)))

# %%
# The single query gets (0.50, 0.50) from both “dog chases cat” and “cat chases dog”:
# the average does not tell who chases whom. With unequal weights it would, but the more
# weight one token gets, the less is left for the other. Two queries do not compete.
# Side by side, their averages are (0.94, 0.06 | 0.06, 0.94) and, for the other
# sentence, (0.06, 0.94 | 0.94, 0.06). Each such computation, with its own queries, keys
# and values, is a **head**.
#
# Split, attend, concatenate
# --------------------------
# **Multi-head attention** splits the :math:`d` hidden dimensions into :math:`H` heads
# of width :math:`d_\text{head} = d / H`. The outputs are concatenated and multiplied by
# one more learned matrix, :math:`W_O`:
#
# .. math::
#    \begin{split}
#    \mathrm{head}_h &= \mathrm{Attention}(X W_Q^h,\; X W_K^h,\; X W_V^h), \\
#    \mathrm{MultiHead}(X) &= \mathrm{Concat}(\mathrm{head}_0, \dots,
#    \mathrm{head}_{H-1})\, W_O .
#    \end{split}
#
# We compute 4 heads of width 8 one by one. The matrices :math:`W_Q^h` of the heads,
# each 32 × 8, are blocks of columns of one large :math:`W_Q`, 32 × 32, so they have no
# more parameters than a single head of full width.
torch.manual_seed(0)
x = torch.randn(6, 32)  # six tokens
w_query, w_key, w_value, w_output = torch.randn(4, 32, 32) / 32**0.5
later = torch.ones(6, 6, dtype=torch.bool).triu(1)  # the causal mask
outputs = []
for columns in torch.arange(32).split(8):  # 0 to 7 for head 0, 8 to 15 for head 1, …
    query, key = x @ w_query[:, columns], x @ w_key[:, columns]
    outputs.append(attend(query, key, x @ w_value[:, columns], later))
one_by_one = torch.cat(outputs, dim=-1) @ w_output

# %%
# Libraries multiply by the large matrices, and then split the products into heads.


def split(x, n_heads):  # (T, H * d_head) -> (H, T, d_head)
    return x.unflatten(-1, (n_heads, -1)).transpose(0, 1)


def multi_head(x, w_query, w_key, w_value, w_output, n_heads):
    query, key, value = (split(x @ w, n_heads) for w in (w_query, w_key, w_value))
    later = torch.ones(len(x), len(x), dtype=torch.bool).triu(1)
    heads = attend(query, key, value, later)  # (H, T, d_head)
    return heads.transpose(0, 1).flatten(1) @ w_output  # concatenated, (T, d)


ours = multi_head(x, w_query, w_key, w_value, w_output, n_heads=4)
difference = float((ours - one_by_one).abs().max())
print(f"largest absolute difference from the heads one by one: {difference:.1e}")
assert difference < 1e-5

# %%
# In words: project, split into heads, attend in each head, concatenate, and project
# again. PyTorch's ``nn.MultiheadAttention`` does the same; it stores each matrix
# transposed, and its mask is true where a key is *hidden*.
#
# The heads of a layer are added
# ------------------------------
# A row vector times a matrix is a weighted sum of the matrix's rows, and each head is
# multiplied only by its own rows of :math:`W_O`. If we call these :math:`W_O^h`, then
#
# .. math::
#    \mathrm{Concat}(\mathrm{head}_0, \dots, \mathrm{head}_{H-1})\, W_O
#    = \sum_{h=0}^{H-1} \mathrm{head}_h\, W_O^h .
#
# For example, let two heads of width 1 have the outputs 3 and 2, and let :math:`W_O`
# have the rows (1, 0) and (1, −1).
joined, w_o = torch.tensor([3, 2]), torch.tensor([[1, 0], [1, -1]])
print("concatenated:", (joined @ w_o).tolist())
print("head by head:", *((joined[h] * w_o[h]).tolist() for h in range(2)))

# %%
# Both give (5, −2) = (3, 0) + (2, −2). Each head adds a vector, its *contribution*, to
# the residual stream (:doc:`lesson 2.7 </lessons/02_embeddings/07_residual_stream>`),
# and does not see the outputs of the other heads in its layer.
#
# One layer of SmolLM2
# --------------------
# GPT-2 small has 12 layers of 12 heads, and SmolLM2 (:doc:`/book/model`) 30 layers of 9
# heads, each of width 64. We rebuild SmolLM2's layer 23, in which one head is decisive
# for naming capitals (:doc:`lesson 4.11
# </lessons/04_attention/11_attention_is_not_explanation>`). Its 9 query heads share 3
# heads of keys and values: heads 0, 1 and 2 use the first, and so on. This is
# **grouped-query attention** (Ainslie et al., 2023). The norm (:doc:`5.1
# </lessons/05_prediction/01_logits>`) and the rotation of queries and keys (:doc:`3.6
# </lessons/03_positions/06_rotary>`) have lessons of their own. A *hook* is a function
# that PyTorch calls after a module has run; ours records the output of attention.
import lmviz
from lmviz import attention, positions, transformer

lm = lmviz.load("smollm2")
model = lm.module.model
layer = model.layers[23]
recorded = []
hook = layer.self_attn.register_forward_hook(lambda *args: recorded.append(args[2][0]))
trace = lm.trace("The capital of France is")
hook.remove()

with torch.no_grad():
    x = layer.input_layernorm(trace.hidden_states[23])
    projections = [getattr(layer.self_attn, f"{name}_proj") for name in "qkvo"]
    w_query, w_key, w_value, w_output = (m.weight.T for m in projections)
    query, key, value = x @ w_query, x @ w_key, x @ w_value
    query, key, value = split(query, 9), split(key, 3), split(value, 3)
    query, key = (positions.rotary(v, base=100_000.0) for v in (query, key))
    key, value = (v.repeat_interleave(3, dim=0) for v in (key, value))  # 9 heads again
    heads = attention.attend(query, key, value, mask=attention.causal_mask(len(x)))
    contributions = heads @ w_output.unflatten(0, (9, 64))  # (H, T, d)
part = transformer.extract(lm).blocks[23].attention
package = transformer.head_contributions(part, trace.hidden_states[23])
assert torch.allclose(contributions, package, atol=1e-4)
difference = float((contributions.sum(0) - recorded[0][0]).abs().max())
print(f"largest absolute difference from the model's layer: {difference:.1e}")
assert difference < 1e-4

# %%
# The sum of the nine contributions is the output of the layer's attention.
#
# Different heads for different prompts
# -------------------------------------
# We measure the length of each head's contribution at the last token, for six prompts
# about capitals, six about opposites, and four other prompts as a control. The table
# shows heads 3 and 4, with the mean weights that the last token gives to the word that
# varies, such as “France”, and to the first token.
prompts = {
    "capital": ["France", "Italy", "Japan", "Egypt", "Spain", "Germany"],
    "opposite": ["hot", "big", "up", "old", "light", "good"],
    "other": [
        "The dog chased the ball because it",
        "Once upon a time there was a",
        "The quick brown fox jumps over the",
        "Two plus two is",
    ],
}
lengths, weights = {}, {}
for kind, words in prompts.items():
    frame = "{}" if kind == "other" else f"The {kind} of {{}} is"
    traces = [lm.trace(frame.format(word)) for word in words]
    weights[kind] = torch.stack([t.attentions[23, :, -1, [-2, 0]] for t in traces])
    states = [t.hidden_states[23] for t in traces]
    added = [transformer.head_contributions(part, x)[:, -1] for x in states]
    lengths[kind] = torch.stack(added).norm(dim=-1)  # (prompts, 9 heads)
means = torch.stack([rows.mean(0) for rows in lengths.values()])
print("head  prompts   mean length  range      on the word  on the first token")
for head in (3, 4):
    for kind in prompts:
        column = lengths[kind][:, head]
        span = f"{column.min():.0f} to {column.max():.0f}"
        word, first = weights[kind][:, head].mean(0).tolist()
        word = "-" if kind == "other" else f"{word:.2f}"
        cells = f"{column.mean():<11.0f}  {span:9}  {word:11}  {first:.2f}"
        print(f"{head:<4}  {kind:8}  {cells}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.9), layout="constrained")
plots.heatmap(
    means.T,
    title="Contributions in layer 23",
    ylabel="head",
    label="mean length",
    xticklabels=list(prompts),
    yticklabels=range(9),
    annot=[[f"{number:.0f}" for number in row] for row in means.T.tolist()],
    ax=ax,
)
plots.caption(
    "Different prompts use different heads of the same layer. Mean length of each "
    "head's contribution at the last token: head 4 adds most for capitals "
    f"({means[0, 4]:.0f}), head 3 for opposites ({means[1, 3]:.0f}). For other "
    "prompts, no head adds as much on average.",
    alt="A table of nine heads and three kinds of prompts. Strongest cells: head 4 "
    f"with capitals, {means[0, 4]:.0f}, and head 3 with opposites, {means[1, 3]:.0f}.",
)
plt.show()

# %%
# The vectors that head 4 contributes have a mean length of 86 for capitals (81 to 95),
# but only 12 for other prompts (6 to 29). For opposites, head 3 contributes most: 78
# (45 to 111) against 22 for other prompts (13 to 33). Some heads, such as head 1,
# contribute on every kind of prompt.
#
# The attention weights show the same. Head 4 gives 0.93 of its weight to the country,
# but only 0.02 to the word whose opposite is sought: there, 0.96 is on the first token,
# an *attention sink* (:doc:`lesson 4.7 </lessons/04_attention/07_attention_sinks>`).
# Head 3 gives 0.24 to the country, and 0.53 to the word whose opposite is sought.
#
# A large contribution need not matter for the prediction; :doc:`lesson 5.12
# </lessons/05_prediction/12_direct_logit_attribution>` measures its effect.
#
# Sharing keys and values
# -----------------------
# Grouped-query attention is a compromise between *multi-head* attention, in which every
# query head has its own keys and values, and **multi-query attention** (Shazeer, 2019),
# in which all share one key/value head. We count the attention parameters of a layer
# like SmolLM2's, and the numbers per token that all 30 layers store during generation.
d, d_head, n_heads = 576, 64, 9
print("key/value heads  parameters  numbers per token")
for n_kv in (9, 3, 1):
    parameters = 2 * d * n_heads * d_head + 2 * d * n_kv * d_head
    print(f"{n_kv:<15}  {parameters:<10,}  {30 * 2 * n_kv * d_head:,}")
print(f"in the model: {sum(matrix.weight.numel() for matrix in projections):,}")

# %%
# The attention matrices of a layer of SmolLM2 have 884,736 parameters, a third fewer
# than with nine key/value heads. The last column is more important: with 11,520 numbers
# per token instead of 34,560, the cache of a long text has a third of the size
# (:doc:`lesson 5.4 </lessons/05_prediction/04_kv_cache>`). Queries are not cached: an
# old query is never used again, but each new query needs all old keys and values.
#
# A single key/value head would need 3,840, but quality can suffer. Ainslie et al.
# converted trained models with a twentieth of the training compute: grouped-query
# attention was nearly as good as multi-head and nearly as fast as multi-query.
#
# Summary
# -------
# - A head computes one average per query. Several heads can attend to different tokens
#   at once, with no more parameters than one head of full width.
# - Concatenating the heads and multiplying by :math:`W_O` adds up one vector per head.
# - In grouped-query attention, several query heads share keys and values. This saves
#   parameters and, above all, memory during generation.
#
# Exercises
# ---------
# What changes if you permute the heads of a multi-head layer: their columns of
# :math:`W_Q`, :math:`W_K` and :math:`W_V` and their rows of :math:`W_O`?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Nothing: the sum has the same terms in another order. Head numbers have no meaning.
#
# Further reading
# ---------------
# - Vaswani et al., *Attention Is All You Need* (NIPS 2017), section 3.2.2.
# - Elhage et al., *A Mathematical Framework for Transformer Circuits* (2021), on heads
#   that are independent and additive.
# - Shazeer, *Fast Transformer Decoding: One Write-Head is All You Need* (2019).
# - Ainslie, Lee-Thorp, de Jong, Zemlyanskiy, Lebrón and Sanghai, *GQA: Training
#   Generalized Multi-Query Transformer Models from Multi-Head Checkpoints* (EMNLP
#   2023).
