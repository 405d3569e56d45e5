"""
Without positions, order is invisible
=====================================

"The dog chased the cat" and "The cat chased the dog" are made of the same tokens,
so they pick the same vectors. Attention, the part of the model where tokens meet,
compares vectors and averages them. Can it tell the two apart?
"""

# %%
# We take the first attention layer of a real model, with its own weights, and give it
# the bare embeddings of a sentence: no positions anywhere, and every token may look at
# every other. What exactly happens inside is the matter of chapter 4; here it is enough
# that each token sends out a **query**, offers a **key**, and gets an average of
# **values**; how well a query fits a key is its **score**.
import torch

import lmviz
from lmviz import attention, embeddings, plots, transformer

lm = lmviz.load()
model = transformer.extract(lm)
layer = model.blocks[0].attention
ids = lm.encode("The dog chased the cat")
x = embeddings.lookup(model.token_table, ids)


def attend(x, mask=None):  # the helpers cut into heads: see chapter 4
    x = layer.norm(x)
    heads = layer.n_heads
    query = attention.split_heads(layer.query(x), heads)
    key, value = (
        attention.share_heads(attention.split_heads(part(x), layer.n_kv_heads), heads)
        for part in (layer.key, layer.value)
    )
    output = attention.attend(query, key, value, mask=mask)
    return output, attention.attention_weights(query, key, mask=mask)


# %%
# Turn the sentence round and compare. Every token gets the same vector as before, only
# at its new place: the output is permuted along with the input, up to the rounding of
# the last digit. Attention sees a bag of words.
backwards = torch.arange(len(ids)).flip(0)
output, maps = attend(x)
turned, turned_maps = attend(x[backwards])

difference = float((turned - output[:, backwards]).abs().max())
print(f"largest absolute difference: {difference:.1e}")
assert difference < 1e-4

# %%
# The same can be seen in the weights of the average, for one **head** (a layer does all
# this several times side by side; each time is a head). A row is a token that looks, a
# column one that is looked at. On the right, rows and columns are turned round, and the
# colours with them: who looks at whom has not changed.
import matplotlib.pyplot as plt

tokens = lm.tokens(ids)
_, axes = plt.subplots(1, 2, figsize=(6.08, 3.2), layout="compressed")
look = {"vmax": float(maps[0].max()), "colorbar": False}
plots.attention_map(maps[0], tokens, title="Original order", ax=axes[0], **look)
title = "Reversed order"
plots.attention_map(turned_maps[0], tokens[::-1], title=title, ax=axes[1], **look)
axes[1].set_ylabel("")
plots.shared_colorbar(axes, "weight")
plots.caption(
    "Without positions, attention ignores the order of the tokens. One head's weights "
    "for a sentence and for the same words reversed, with no mask: rows and columns "
    "are reversed, and every word attends to every other as before.",
    alt="Two squares of attention weights, five words each. The right one is the left "
    "one rotated by 180 degrees.",
)
plt.show()

# %%
# It is tempting to conclude that nothing but positions could tell the order. The
# **causal mask** of a language model, which hides the future, does it a little. The
# first token sees only itself and the last sees all, so the output no longer permutes.
# Models without any positions do learn from that. But within one layer each query still
# sees the tokens before it as a bag.
mask = attention.causal_mask(len(ids))
output_masked, _ = attend(x, mask)
turned_masked, _ = attend(x[backwards], mask)
difference = float((turned_masked - output_masked[:, backwards]).abs().max())
print(f"with a causal mask, the outputs differ by up to {difference:.3f}")

swap_first_two = torch.tensor([1, 0, *range(2, len(ids))])
swapped, _ = attend(x[swap_first_two], mask)
difference = float((swapped[:, -1] - output_masked[:, -1]).abs().max())
print(f"first two tokens swapped, the last output differs by up to {difference:.1e}")
assert difference < 1e-4

# %%
# One remedy is to put the position into the vectors. Add a different vector to each
# place, here random ones of a token's size, and the two orders come apart at once.
torch.manual_seed(0)
positions = torch.randn_like(x) * x.std()
output, _ = attend(x + positions)
turned, _ = attend(x[backwards] + positions)
difference = float((turned - output[:, backwards]).abs().max())
print(f"with positions, the outputs differ by up to {difference:.3f}")

# %%
# The model at hand has its own way to know positions. Do the two sentences give the
# same numbers? Its next tokens after each:
for text in ("The dog chased the cat", "The cat chased the dog"):
    top = lm.trace(text).logits[-1].softmax(-1).topk(4)
    words = zip(lm.tokens(top.indices), top.values.tolist(), strict=True)
    print(text, "…", "  ".join(f"{word!r} {p:.3f}" for word, p in words))
print("positions:", lm.card.positions)

# %%
# **Takeaway.** Attention without a mask treats a text as a bag of tokens; it has to be
# told the order, in the vectors or in the scores.
#
# **Try it.** Swap the last two tokens instead of the first two, with the mask, and
# compare all outputs, without the ``assert``. Predict at which places they change.
#
# **Sources.** Vaswani et al., *Attention Is All You Need* (2017), section 3.5. Haviv et
# al., *Transformer Language Models without Positional Encodings Still Learn Positional
# Information* (2022), on the mask.
