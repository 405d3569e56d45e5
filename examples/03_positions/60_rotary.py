"""
Rotary positions: the angle between two tokens
==============================================

Most models of today add no position to their embeddings. They let it act between a
query and a key, in such a way that only the distance of the two counts. How can a
vector carry its place so that two of them know how far they are apart?
"""

# %%
# **Rotary** positions (RoPE) cut a query or key into pairs of dimensions. Each pair is
# a clock hand, and at place p it is turned by p times its speed. Turn two hands by the
# same angle, and the angle between them is what it was. So a dot product keeps nothing
# of the places but their distance. Here the same query and the same key are put at
# every place.
import torch

from lmviz import positions

torch.manual_seed(0)
query, key = torch.randn(2, 64)
queries, keys = (positions.rotary(x.expand(100, -1)) for x in (query, key))
scores = queries @ keys.T
step = float((scores[1:, 1:] - scores[:-1, :-1]).abs().max())
print(f"one step along a diagonal, largest absolute difference: {step:.1e}")
assert step < 1e-4

# %%
# Each diagonal has one colour, and the two sides differ: five back is not five ahead.
# (Which distance they like best is a matter of these two vectors; a model learns its
# own.)
import matplotlib.pyplot as plt

from lmviz import plots

labels = {"xlabel": "position of the key", "ylabel": "position of the query"}
title = "One query and one key\nat every position"
_, ax = plt.subplots(figsize=(3.4, 2.9), layout="constrained")
plots.heatmap(scores, title=title, label="dot product", square=True, ax=ax, **labels)
plots.caption(
    "The score depends only on the distance. One query and one key, rotated to every "
    "pair of positions: the dot product is constant along each diagonal, and a key "
    "five positions back scores differently from one five positions ahead.",
    alt="A square heatmap of dot products with stripes parallel to the diagonal, "
    "nearly all of them in shades of orange, which are negative.",
)
plt.show()

# %%
# To play with, for a query and a key that are equal. Move the position, and the curve
# of the scores moves along, but keeps its form. Then turn the width down to 2, which
# leaves one hand: which far keys score like near ones now? Hands of many speeds tell
# them apart.
from lmviz import views

views.positions(title="Rotary positions", kind="rotary")

# %%
# Which dimensions make a pair? The paper, and GPT-J, pair **neighbours**: 0 with 1, 2
# with 3. GPT-NeoX, and Llama as ``transformers`` has it, pair the two **halves**, the
# first of one with the first of the other. Both work, since a model learns its weights
# for the one it has. Mixing them up is the classic mistake in porting a model: no shape
# is wrong, nothing fails, only the answers do. The remedy is to sort the dimensions.
order = torch.arange(64).reshape(2, 32).T.flatten()  # 0, 32, 1, 33, 2, 34, …
neighbours = positions.rotary(query.expand(100, -1), interleaved=True)
resorted = positions.rotary(query[order].expand(100, -1), interleaved=True)
print(f"mixed up, the queries differ by up to {(queries - neighbours).abs().max():.2f}")
difference = float((queries[:, order] - resorted).abs().max())
print(f"sorted first, largest absolute difference: {difference:.1e}")
assert difference < 1e-4

# %%
# A second mistake is to turn the **embeddings**, once, at the entrance. Then come the
# matrices that make queries and keys, and they mix what was turned: the score of two
# tokens depends on where they stand. So queries and keys are turned anew in each layer,
# after their matrices; values never, for they say what is handed over, not from where.
to_query, to_key = torch.randn(2, 64, 64) / 8
early = (queries @ to_query) @ (keys @ to_key).T
step = float((early[1:, 1:] - early[:-1, :-1]).abs().max())
print(f"turned too early, a step along a diagonal changes up to {step:.1f}")

# %%
# The check, on real layers: the attention of our own heads against the model's. First
# for the model of this book, then for a small one of each kind, made here, with random
# weights. Would the check notice a mistake? So last, Llama's weights turned in GPT-J's
# pairs.
from dataclasses import replace

import lmviz
from lmviz import transformer
from transformers import AutoConfig, AutoModelForCausalLM


def small(family, **options):
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    ids = {"vocab_size": 50, "bos_token_id": None, "eos_token_id": None}
    config = AutoConfig.for_model(
        family, **sizes, **ids, **options, attn_implementation="eager"
    )
    module = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return lmviz.LanguageModel.from_module(module, name=family)


def off_by(lm, **rotary):
    run = lm.trace(torch.arange(12))
    part = transformer.extract(lm).blocks[0].attention
    if rotary:
        part = replace(part, rotary=replace(part.rotary, **rotary))
    ours = transformer.heads(part, run.hidden_states[0])
    return float((ours.weights - run.attentions[0]).abs().max())


lm = lmviz.load()
models = {
    f"{lm.card.name} ({lm.card.positions})": lm,
    "Llama (halves)": small("llama"),
    "GPT-NeoX (halves; turns a quarter of a head)": small("gpt_neox"),
    "GPT-J (neighbours)": small("gptj", rotary_dim=8),
}
for name, model in models.items():
    difference = off_by(model)
    print(f"{name}, largest absolute difference: {difference:.1e}")
    assert difference < 1e-4

wrong = off_by(models["Llama (halves)"], interleaved=True)
print(f"with the wrong pairs, the weights differ by up to {wrong:.2f}")
assert wrong > 0.01

# %%
# **Takeaway.** Rotary positions turn queries and keys by their place, so that a score
# knows the distance and nothing else about the places.
#
# **Try it.** Run the first two cells with ``base=10.0`` in ``rotary``. Predict what
# becomes of the wide stripes in the picture.
#
# **Sources.** Su et al., *RoFormer: Enhanced Transformer with Rotary Position
# Embedding* (2021), section 3.2.
