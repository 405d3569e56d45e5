r"""
Where the parameters are
========================

How many of a model's learned numbers belong to attention, and how many to the MLPs?
This lesson counts them by hand, finds the published number exactly, and then removes
each kind of component, and each block, to measure what the predictions lose.
"""

# %%
# Counting by hand
# ----------------
# The matrices of a block have shapes that follow from a few sizes: the width :math:`d`,
# the joint width :math:`d_\text{kv}` of the key/value heads, and the inner width
# :math:`d_\text{ff}` of the MLP. With the embedding table of :math:`V` rows, which also
# serves as output matrix, a model of the Llama family has
#
# .. math::
#    N = \underbrace{V d}_{\text{table}} + L \bigl(
#    \underbrace{2 d^2 + 2 d\, d_\text{kv}}_{\text{attention}} +
#    \underbrace{3 d\, d_\text{ff}}_{\text{MLP}} + \underbrace{2d}_{\text{norms}} \bigr)
#    + \underbrace{d}_{\text{final norm}}
#
# parameters: :math:`W_Q` and :math:`W_O` are square, :math:`W_K` and :math:`W_V` are
# :math:`d \times d_\text{kv}`, and a gated MLP has three matrices. Take one layer with
# :math:`d = 4`, :math:`d_\text{kv} = 2`, :math:`d_\text{ff} = 8` and ten tokens. On
# paper, attention has :math:`32 + 16 = 48` parameters, the MLP 96, the norms 8, the
# table 40 and the final norm 4.
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
with torch.device("meta"):  # shapes without numbers
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
# GPT-2 small has a position table of 1,024 rows, no gate, four square matrices in
# attention, and biases throughout. The count by hand is 124,439,808, the library's.
#
# Counting the loaded model
# -------------------------
# The components of the loaded model must add up to the number on its card. A table that
# serves as embedding and unembedding is in memory once, and is counted once.
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
        return 0
    return sum(count(getattr(part, field.name)) for field in fields(part))


ends = model.unembedding
tables = [model.token_table, model.position_table, ends.weight, ends.bias]
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
ax.set(title=f"{total / 1e6:.0f} million parameters", xlabel="millions")
ax.margins(x=0.2)
ax.invert_yaxis()
largest = max(counts, key=counts.get)
plots.caption(
    f"Most parameters are in the {largest}. Parameters of each kind of component, "
    f"with their share of all {total / 1e6:.0f} million.",
    alt="Four bars: "
    + ", ".join(f"{name} {number / total:.1%}" for name, number in counts.items())
    + ".",
)
plt.show()

# %%
# The MLPs have 59.2% of the parameters, three times as many as attention with 19.7%.
# (Each kind includes the norm that it reads.) The embedding table has 21.0%; in larger
# models its share falls, since the blocks grow with :math:`d^2` and the table with
# :math:`d`.
#
# The count also gives the cost. For each token, each entry of a matrix takes part in a
# multiplication and an addition, about :math:`2N` operations (FLOPs), plus the scores
# and averages of attention, which grow with the length (Kaplan et al., 2020; they leave
# the table out of :math:`N`, but ours is also the output matrix). A comparison:
from torch.utils.flop_counter import FlopCounterMode

n_tokens = 64
with torch.no_grad(), FlopCounterMode(display=False) as counter:
    lm.module(input_ids=torch.arange(n_tokens)[None])
flops = counter.get_total_flops() / n_tokens
print(
    f"2 N = {2 * total / 1e6:.1f} million; counted {flops / 1e6:.1f} million per token"
)

# %%
# SmolLM2 needs 273.4 million operations per token in a text of 64 tokens, close to
# :math:`2N`, 269.0 million. Training takes about :math:`6N` per token, as the gradients
# need twice as many operations as the prediction.
#
# Removing one kind of component
# ------------------------------
# Now we zero-ablate all attention layers, or all MLPs, or the positions (the rotation,
# which has no parameters, or the position table), and measure the mean surprisal of
# three passages and the most likely token after each of three prompts. An MLP has three
# times the parameters of an attention layer, so we need a control of equal size: we
# remove as many random units of each MLP as have the parameters of one attention layer.
passages = [
    "Water boils at a lower temperature on a mountain, because there is less air.",
    "To sort a list, the program swaps two neighbours if they are in the wrong order.",
    "The museum is open every day except Monday, and children can visit it for free.",
]
texts = [lm.encode(passage) for passage in passages]
prompts = ["The capital of France is", "Two plus two is", "Once upon a"]
share = count(model.blocks[0].attention) / count(model.blocks[0].mlp)
inner = len(model.blocks[0].mlp.down.weight)
print(f"units removed: {int(inner * share)} of {inner:,}")


def without(what, block):
    """Return the block with zeros in the matrix that reads what is removed."""
    attention, mlp = block.attention, block.mlp
    output, down = attention.output.weight.clone(), mlp.down.weight.clone()
    if what == "attention":
        output[:] = 0.0
    elif what == "MLPs":
        down[:] = 0.0
    elif what == "MLP units":
        down[torch.randperm(inner)[: int(inner * share)]] = 0.0
    elif what == "positions":
        attention = replace(attention, rotary=None, slopes=None)
    attention = replace(attention, output=replace(attention.output, weight=output))
    mlp = replace(mlp, down=replace(mlp.down, weight=down))
    return replace(block, attention=attention, mlp=mlp)


def surprisal(logits, ids):
    return -logits[:-1].log_softmax(-1).gather(1, ids[1:, None]).mean().item()


torch.manual_seed(0)
print("removed    mean   lowest  highest  next tokens")
for what in ("nothing", "attention", *["MLP units"] * 3, "MLPs", "positions"):
    table = None if what == "positions" else model.position_table
    blocks = tuple(without(what, block) for block in model.blocks)
    cut = replace(model, blocks=blocks, position_table=table)
    values = [surprisal(transformer.logits(cut, ids), ids) for ids in texts]
    ends = [transformer.logits(cut, lm.encode(text))[-1] for text in prompts]
    words = ", ".join(lm.tokens([end.argmax() for end in ends]))
    print(f"{what:9}  {sum(values) / 3:<5.2f}  {min(values):<6.2f}  ", end="")
    print(f"{max(values):<7.2f}  {words}")
print(f"uniform guess: {torch.tensor(lm.card.vocabulary).log():.2f} nats")

# %%
# Without attention, no token knows the others, and SmolLM2 is no better than a uniform
# guess: 10.64 nats against 10.80. Without MLPs it is far worse, at 26.96, since its
# confident predictions are wrong. The control also ruins the model: without 512 of
# 1,536 random units of each MLP, it has 8.42 to 10.95 nats in three draws. So near a
# uniform guess, the comparison doesn't tell which parameter is worth more. Without
# positions, the surprisal rises only from 3.82 to 4.87, and “Paris” remains. In
# sentences this short, the words and the causal mask carry most of the order.
#
# Removing one block
# ------------------
# Zeros take a model off-distribution (:doc:`lesson 4.11
# </lessons/04_attention/11_attention_is_not_explanation>`). So we remove one block at a
# time in two ways, on the three passages as one text. *Zero ablation* adds nothing in
# place of the block's output. *Mean ablation* adds the average of its outputs; position
# 0 keeps its own, which is unlike all others.
ids = lm.encode(" ".join(passages))
states = list(transformer.stream(model, ids))
full = surprisal(transformer.logits(model, ids), ids)


def cost(x, i):
    """Return the added surprisal if x is the output of block i."""
    for block in model.blocks[i + 1 :]:
        x = transformer.block(block, x)
    return surprisal(model.unembedding(model.final_norm(x)), ids) - full


costs = {"zero": [], "mean": []}
for i in range(len(model.blocks)):
    output = states[i + 1] - states[i]
    average = torch.cat([output[:1], output[1:].mean(0).expand(len(ids) - 1, -1)])
    costs["zero"].append(cost(states[i], i))
    costs["mean"].append(cost(states[i] + average, i))
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
ax.set(title="One block removed", xlabel="block", ylabel="added surprisal (nats)")
ax.legend()
most = costs["mean"].index(max(costs["mean"]))
plots.caption(
    f"Block {most} is the one that the model needs most. Rise of the mean surprisal "
    "if one block is removed: its output is replaced by zeros or by its average.",
    alt=f"Two curves over {len(model.blocks)} blocks. With mean ablation, the highest "
    f"value is {max(costs['mean']):.1f} nats, at block {most}.",
)
plt.show()

# %%
# With zeros, three blocks matter most: block 0 (+6.79 nats), block 1 (+3.59) and block
# 11 (+2.28). With averages, only block 0 remains, at +4.27, and the median block costs
# 0.04. So blocks 1 and 11 mostly add constants that later blocks rely on. For block 11,
# the constant is the vector of the first token, an attention sink (:doc:`lesson 4.7
# </lessons/04_attention/07_attention_sinks>`): if position 0 alone receives the output,
# the cost falls to +0.31. For block 1 it doesn't; the other positions need theirs.
#
# Do the blocks in the middle do nothing?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    No. Similar blocks may compensate for each other, so that each can be removed
#    alone, and three sentences don't exercise all that a block has learned.
#
# Summary
# -------
# - SmolLM2's parameters: 59.2% in MLPs, 19.7% in attention, 21.0% in the table.
# - Removing all attention, or as many parameters of MLP units, ruins the model.
# - A single block costs little, except the first. Zero ablation also removes constants
#   on which other blocks rely; mean ablation does not.
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
