"""
How much of the model is what
=============================

Most pictures of language models show attention, and this book spent a chapter on it.
But how many of the learned numbers stand in it, and how many in the rest? And what
remains of an answer when one kind of part is taken out?
"""

# %%
# The parts of the model again, as in the lesson before.
import torch

import lmviz
from lmviz import transformer

lm = lmviz.load()
model = transformer.extract(lm)

# %%
# Counted part by part, they must add up to what the model's card says. (One table may
# serve as embedding and as unembedding; it is counted once.)
from dataclasses import fields, is_dataclass, replace

from lmviz.transformer import components as parts


def count(part):
    if isinstance(part, parts.Linear | parts.Norm):
        return sum(x.numel() for x in (part.weight, part.bias) if x is not None)
    if not is_dataclass(part):
        return 0
    return sum(count(getattr(part, field.name)) for field in fields(part))


ends = model.unembedding
tables = [model.token_table, model.position_table, ends.weight, ends.bias]
# Where one table serves twice, both stand at the same place in memory.
unique = {x.data_ptr(): x.numel() for x in tables if x is not None}
sizes = {
    "tables": sum(unique.values()),
    "attention": sum(count(block.attention) for block in model.blocks),
    "MLPs": sum(count(block) - count(block.attention) for block in model.blocks),
    "final norm": count(model.final_norm) + count(model.embedding_norm),
}
total = sum(sizes.values())
print(f"counted {total:,}, on the card {lm.card.parameters:,}")
print("nothing left out:", total == lm.card.parameters)

# %%
# In millions, and as shares of the whole:
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 2.1), layout="constrained")
bars = ax.barh(list(sizes), [size / 1e6 for size in sizes.values()])
ax.bar_label(bars, [f"{size / total:.1%}" for size in sizes.values()], padding=3)
ax.set(
    title=f"Where the {total / 1e6:.0f} million parameters are",
    xlabel="millions",
    ylabel="part",
)
ax.margins(x=0.2)
ax.invert_yaxis()
largest = max(sizes, key=sizes.get)
plots.caption(
    f"Most parameters are in the {largest}. Parameters of each part in millions, with "
    f"their share of the {total / 1e6:.0f} million of the model.",
    alt="Four bars: "
    + ", ".join(f"{name} {size / total:.1%}" for name, size in sizes.items())
    + ".",
)
plt.show()


# %%
# A mistake that the pictures invite is to take the rest for trimming. Since the model
# is in our hands, take one thing out of every block, and ask for the next word. (With
# zeros, so mind the warning of chapter 4: what follows gets what it has never met.)


def zero(linear):
    return replace(linear, weight=torch.zeros_like(linear.weight), bias=None)


def without(what, block):
    attention, mlp = block.attention, block.mlp
    if what == "attention":
        attention = replace(attention, output=zero(attention.output))
    if what == "MLPs":
        mlp = replace(mlp, down=zero(mlp.down))
    if what == "positions":
        attention = replace(attention, rotary=None, slopes=None)
    return replace(block, attention=attention, mlp=mlp)


ids = lm.encode("The capital of France is")
for what in ("nothing", "attention", "MLPs", "positions"):
    blocks = tuple(without(what, block) for block in model.blocks)
    table = None if what == "positions" else model.position_table
    cut = replace(model, blocks=blocks, position_table=table)
    top = transformer.logits(cut, ids)[-1].softmax(-1).topk(3)
    words = zip(lm.tokens(top.indices), top.values.tolist(), strict=True)
    print(f"without {what:9}", ", ".join(f"{word} {p:.2f}" for word, p in words))

# %%
# **Takeaway.** Attention moves things between tokens, but most of the learned numbers
# may stand elsewhere; only taking a part out shows whether the answer needs it.
#
# **Try it.** Take things out of one block in the middle instead of all. Predict whether
# the answer survives.
#
# **Sources.** Geva, Schuster, Berant and Levy, *Transformer Feed-Forward Layers Are
# Key-Value Memories* (EMNLP 2021). Kaplan et al., *Scaling Laws for Neural Language
# Models* (2020), section 2.1, on counting parameters.
