r"""
Where the parameters are
========================

How many of a model's parameters are in attention, and how many in the MLPs? This lesson
counts them by hand and arrives at exactly the published number. Then it removes each
kind of component, and each block, and measures how much worse the predictions become.
"""

# %%
# Counting by hand
# ----------------
# The shapes of a block's matrices follow from three sizes: the width :math:`d` of the
# residual stream, the total width :math:`d_\text{kv}` of the key/value heads, and the
# inner width :math:`d_\text{ff}` of the MLP. A Llama model with :math:`L` blocks, whose
# embedding table of :math:`V` rows also serves as the output matrix, has
#
# .. math::
#    N = \underbrace{V d}_{\text{table}} + L \bigl(
#    \underbrace{2 d^2 + 2 d\, d_\text{kv}}_{\text{attention}} +
#    \underbrace{3 d\, d_\text{ff}}_{\text{MLP}} + \underbrace{2d}_{\text{norms}} \bigr)
#    + \underbrace{d}_{\text{final norm}}
#
# parameters: :math:`W_Q` and :math:`W_O` are square, :math:`W_K` and :math:`W_V` are
# :math:`d \times d_\text{kv}`, and a gated MLP has three matrices. On paper, take one
# block with :math:`d = 4`, :math:`d_\text{kv} = 2` and :math:`d_\text{ff} = 8`, and a
# vocabulary of ten tokens. Attention has :math:`32 + 16 = 48` parameters, the MLP 96,
# the norms 8, the table 40 and the final norm 4.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM


def by_hand(n_layers, d, d_kv, d_ff, vocabulary):
    """Return the parameters of each kind of component of a Llama model."""
    return {
        "table": vocabulary * d,
        "attention": n_layers * (2 * d**2 + 2 * d * d_kv),
        "MLPs": n_layers * 3 * d * d_ff,
        "norms": n_layers * 2 * d + d,
    }


sizes = {"hidden_size": 4, "intermediate_size": 8, "vocab_size": 10}
heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "num_hidden_layers": 1}
ids = {"bos_token_id": None, "eos_token_id": None, "tie_word_embeddings": True}
with torch.device("meta"):  # shapes only, no values
    small = LlamaForCausalLM(LlamaConfig(**sizes, **heads, **ids))
    gpt2 = GPT2LMHeadModel(GPT2Config())
print(counts := by_hand(1, 4, 2, 8, 10), "sum", sum(counts.values()))
print("the library's small Llama:", small.num_parameters())
smollm2 = by_hand(30, 576, 192, 1536, 49_152)
print(f"SmolLM2 by hand: {sum(smollm2.values()):,}")
d, d_ff = 768, 3_072
blocks = 12 * (4 * d**2 + 4 * d + 2 * d * d_ff + d_ff + d + 4 * d)
print(f"GPT-2 by hand: {(50_257 + 1_024) * d + blocks + 2 * d:,}", end=", ")
print(f"in transformers: {gpt2.num_parameters():,}")

# %%
# All 196 parameters are accounted for. The same formula gives 134,515,008 for SmolLM2.
# GPT-2 small also has biases and a position table of 1,024 rows, but no gate in its
# MLPs. Its count by hand is 124,439,808, the same as the library's.
#
# Counting the loaded model
# -------------------------
# The counts of the loaded model's components must add up to the number on its *model
# card*. A table that serves for both embedding and unembedding is stored once, and so
# counted once.
from dataclasses import fields, is_dataclass, replace

import lmviz
from lmviz import plots, transformer
from lmviz.transformer import components

lm = lmviz.load()
model = transformer.extract(lm)


def count(part):
    """Return the number of parameters of a component of the model."""
    if isinstance(part, components.Linear | components.Norm):
        return sum(x.numel() for x in (part.weight, part.bias) if x is not None)
    if not is_dataclass(part):
        return sum(map(count, part)) if isinstance(part, tuple) else 0  # experts
    return sum(count(getattr(part, field.name)) for field in fields(part))


unembedding = lm.module.get_output_embeddings()
tables = [model.token_table, model.position_table, *unembedding.parameters()]
unique = {x.data_ptr(): x.numel() for x in tables if x is not None}
counts = {
    "tables": sum(unique.values()),
    "attention": sum(count(block.attention) for block in model.blocks),
    "MLPs": sum(count(block) - count(block.attention) for block in model.blocks),
    "final norm": count(model.final_norm) + count(model.embedding_norm),
}
total = sum(counts.values())
print("component       parameters  share")
for name, number in counts.items():
    print(f"{name:10}  {number:>14,}  {number / total:.1%}")
print(f"sum {total:,}, on the card {lm.card.parameters:,}")
print("nothing left out:", total == lm.card.parameters)

# %%
import matplotlib.pyplot as plt

_, ax = plt.subplots(figsize=(3.4, 2.1), layout="constrained")
bars = ax.barh(list(counts), [number / 1e6 for number in counts.values()])
ax.bar_label(bars, [f"{number / total:.1%}" for number in counts.values()], padding=3)
ax.set(title=f"{total / 1e6:.0f} million parameters", xlabel="number (millions)")
ax.margins(x=0.2)
ax.invert_yaxis()
largest = max(counts, key=counts.get)
plots.caption(
    f"Most parameters are in the {largest}. Number of parameters in each kind of "
    f"component, with its share of all {total / 1e6:.0f} million.",
    alt="Four bars: "
    + ", ".join(f"{name} {number / total:.1%}" for name, number in counts.items())
    + ".",
)
plt.show()

# %%
# The MLPs have 59.2% of the parameters, three times as many as attention with 19.7%;
# both counts include the norm in front of the component. The embedding table has 21.0%.
# In larger models its share is smaller, since the blocks grow with :math:`d^2` and the
# table with :math:`d`.
#
# The number of parameters :math:`N` also determines the cost. For each token, each
# entry of a matrix takes part in one multiplication and one addition: about :math:`2N`
# floating-point operations (FLOPs). Attention's scores and averages are extra, and grow
# with the length of the text. Our :math:`N` includes the table, with which the logits
# are computed; that of Kaplan et al. (2020) excludes it. PyTorch counts the operations:
from torch.utils.flop_counter import FlopCounterMode

n_tokens = 64
with torch.no_grad(), FlopCounterMode(display=False) as counter:
    lm.module(input_ids=torch.arange(n_tokens)[None])
flops = counter.get_total_flops() / n_tokens
print(f"counted: {flops / 1e6:.1f} million operations per token")
for name, number in {"with": total, "without": total - counts["tables"]}.items():
    print(f"2 N {name} the table: {2 * number / 1e6:.1f} million")

# %%
# SmolLM2 needs 273.4 million operations per token in a text of 64 tokens. With the
# table, :math:`2N` is close, at 269.0 million. Without it, the estimate of 212.4
# million leaves out the cost of the logits, which matters in a model this small.
# Training takes about :math:`6N` operations per token, as computing the gradients takes
# twice as many as the prediction.
#
# Removing one kind of component
# ------------------------------
# Now we remove all attention layers or all MLPs by **zero ablation**: their outputs are
# replaced by zeros. We measure the mean surprisal of three passages. As an MLP has
# three times the parameters of an attention layer, we need a control of equal size:
# from each MLP, we remove random units that together have as many parameters as one
# attention layer.
passages = [
    "Water boils at a lower temperature on a mountain, because there is less air.",
    "To sort a list, the program swaps two neighbours if they are in the wrong order.",
    "The museum is open every day except Monday, and children can visit it for free.",
]
texts = [lm.encode(passage) for passage in passages]
share = count(model.blocks[0].attention) / count(model.blocks[0].mlp)
inner = len(model.blocks[0].mlp.down.weight)
print(f"units removed: {int(inner * share)} of {inner:,}")


def without(what, block):
    """Return a copy of the block with zeros in an output matrix."""
    attention, mlp = block.attention, block.mlp
    output, down = attention.output.weight.clone(), mlp.down.weight.clone()
    if what == "attention":
        output[:] = 0.0
    elif what == "MLPs":
        down[:] = 0.0
    elif what == "MLP units":
        down[torch.randperm(inner)[: int(inner * share)]] = 0.0
    attention = replace(attention, output=replace(attention.output, weight=output))
    mlp = replace(mlp, down=replace(mlp.down, weight=down))
    return replace(block, attention=attention, mlp=mlp)


def surprisal(logits, ids):
    return -logits[:-1].log_softmax(-1).gather(1, ids[1:, None]).mean().item()


torch.manual_seed(0)
print("removed     mean  lowest  highest")
for what in ("nothing", "attention", *["MLP units"] * 3, "MLPs"):
    cut = replace(model, blocks=tuple(without(what, x) for x in model.blocks))
    values = [surprisal(transformer.logits(cut, ids), ids) for ids in texts]
    print(f"{what:9}  {sum(values) / 3:5.2f}  {min(values):6.2f}  {max(values):7.2f}")
print(f"uniform guess: {torch.tensor(lm.card.vocabulary).log():.2f} nats")

# %%
# The intact model's surprisal is 3.82 nats. Without attention, no token receives
# information from the others, and SmolLM2 is hardly better than a uniform guess: 10.64
# nats against 10.80. Without MLPs it is far worse, at 26.96 nats, since it is confident
# and wrong. The control also ruins the model: without 512 random units of the 1,536 in
# each MLP, the surprisal is 8.42 to 10.95 nats in three draws. As these values are
# close to a uniform guess, the comparison can't show which parameters are worth more.
#
# Removing one block
# ------------------
# Zero ablation takes a model *off-distribution*: later blocks rely on the average
# output of earlier ones (:doc:`lesson 4.11
# </lessons/04_attention/11_attention_is_not_explanation>`). **Mean ablation** replaces
# an output by its average, here over another text. We remove one block at a time, in
# each of the two ways, from a run on the three passages joined into one text. In mean
# ablation, position 0 keeps its own output, which is unlike all others.
other = """The train to the coast was late, so we walked along the river and talked
about the summer. Plants need light, and they grow slowly in winter. A good recipe names
each ingredient, its amount and the time in the oven."""
ids, other_ids = lm.encode(" ".join(passages)), lm.encode(" ".join(other.split()))
states = list(transformer.stream(model, ids))
others = list(transformer.stream(model, other_ids))
full = surprisal(transformer.logits(model, ids), ids)


def cost(x, i):
    """Return the rise in surprisal if the state after block i is x."""
    for block in model.blocks[i + 1 :]:
        x = transformer.block(block, x)
    return surprisal(model.unembedding(model.final_norm(x)), ids) - full


costs = {"zero": [], "mean": []}
for i in range(len(model.blocks)):
    average = (others[i + 1] - others[i])[1:].mean(0)
    replaced = torch.cat([states[i + 1][:1], states[i][1:] + average])
    costs["zero"].append(cost(states[i], i))
    costs["mean"].append(cost(replaced, i))
for kind, values in costs.items():
    order = sorted(range(len(values)), key=lambda i: -values[i])
    print(kind, "ablation:", *(f"block {i} {values[i]:+.2f};" for i in order[:5]))
    print(f"  the median block: {values[order[len(order) // 2]]:+.2f}")
for i in sorted(range(len(model.blocks)), key=lambda i: -costs["zero"][i])[:3]:
    kept = torch.cat([states[i + 1][:1], states[i][1:]])
    print(f"block {i}, zeros except at position 0: {cost(kept, i):+.2f}")

# %%
_, ax = plt.subplots(figsize=(3.4, 2.9), layout="constrained")
for (kind, values), style in zip(costs.items(), ("o-", "s--"), strict=True):
    ax.plot(values, style, ms=4, label=f"{kind} ablation")
ax.set(title="One block removed", xlabel="block", ylabel="rise in surprisal (nats)")
ax.legend()
most = costs["mean"].index(max(costs["mean"]))
plots.caption(
    f"The model needs block {most} most. Rise in the mean surprisal if the output of "
    "one block is replaced by zeros or by its average in another text.",
    alt=f"Two curves over {len(model.blocks)} blocks. With mean ablation, the highest "
    f"value is {max(costs['mean']):.1f} nats, at block {most}.",
)
plt.show()

# %%
# With zeros, three blocks matter most: block 0 (+6.79 nats), block 1 (+3.59) and block
# 11 (+2.28). With averages, only block 0 has a large effect, +4.52 nats; the next one,
# block 29, has +0.71, and the median is 0.08. So blocks 1 and 11 mostly add constants
# that later blocks rely on. For block 11, the constant is its output at position 0, an
# attention sink (:doc:`lesson 4.7 </lessons/04_attention/07_attention_sinks>`): if only
# this output is kept, the effect falls to +0.31. For block 1 that changes little.
#
# Removing a single block from the middle costs little. Are these blocks useless?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No. When one block is missing, similar blocks may compensate for it. And three
#    sentences don't test everything that a block has learned.
#
# Summary
# -------
# - SmolLM2's parameters: 59.2% in MLPs, 19.7% in attention, 21.0% in the table.
# - Removing all attention ruins the model, as does removing as many MLP parameters.
# - The model can do without any single block except the first. Zero ablation also
#   removes constants on which later blocks rely; mean ablation does not.
#
# Exercises
# ---------
# How many parameters would SmolLM2 save with a single key/value head per layer?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    :math:`d_\text{kv}` falls from 192 to 64, which saves :math:`30 \cdot 2 \cdot 576
#    \cdot 128 = 4{,}423{,}680` parameters. The KV cache shrinks to a third.
#
# Further reading
# ---------------
# - Kaplan et al., *Scaling Laws for Neural Language Models* (2020), section 2.1.
