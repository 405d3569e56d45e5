"""
Token plus position, before the first block
===========================================

GPT-2 is told the place of a token by the sum of two vectors, one for what the token is
and one for where it stands. Simple as it is, it is often done in the wrong spot. Where
in the model does the sum belong?
"""

# %%
# First the right spot. ``hidden_states[0]`` is what enters the first block. If the
# model at hand adds positions, it must be token plus position; if it has rotary
# positions, which act inside attention, it must be the tokens alone.
import lmviz
from lmviz import transformer

lm = lmviz.load()
text = "The capital of France is"
trace = lm.trace(text)

ours = transformer.embed(transformer.extract(lm), trace.ids)
difference = float((ours - trace.hidden_states[0]).abs().max())
print(f"{lm.card.name} has {lm.card.positions} positions")
print("positions are added:", lm.card.positions == "learned")
print(f"largest absolute difference from hidden_states[0]: {difference:.1e}")
assert difference < 1e-4

# %%
# So that the sum can be seen on every model, here is GPT-2's architecture in small,
# with random weights. It knows nothing, but adds token and position all the same.
import torch
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
config = GPT2Config(
    n_layer=2,
    n_head=2,
    n_embd=32,
    n_positions=64,
    vocab_size=100,
    bos_token_id=None,
    eos_token_id=None,
)
module = GPT2LMHeadModel(config).eval().requires_grad_(False)
ids = torch.tensor([[7, 3, 7, 99]])
states = module(ids, output_hidden_states=True).hidden_states

small = transformer.extract(lmviz.LanguageModel.from_module(module))
rows = small.position_table
total = small.token_table[ids] + rows[: ids.shape[1]]
difference = float((total - states[0]).abs().max())
print(f"largest absolute difference from hidden_states[0]: {difference:.1e}")
assert difference < 1e-4

# %%
# Token 7 stands there twice, at places 0 and 2. Its embedding is the same both times,
# so what enters the first block differs by the difference of two rows of the position
# table. Apart from the causal mask, that is all the model gets to know about the order.
apart = states[0][0, 2] - states[0][0, 0]
difference = float((apart - (rows[2] - rows[0])).abs().max())
print(f"largest absolute difference from row 2 - row 0: {difference:.1e}")
assert difference < 1e-4

# %%
# Now the trap. Many notebooks take ``last_hidden_state``, the output of the whole
# model, and add a positional encoding to that, "to get position-aware embeddings". By
# then all the work is done: every block has already used the positions. Nothing reads
# what is added now but the **unembedding**, the last step, which scores every token of
# the vocabulary against the final vector (chapter 5). There it is noise on the answer.
# Watch what it does to the next token.
from lmviz import positions, prediction

last = trace.hidden_states[-1]
extra = positions.sinusoidal(*last.shape)
unembed = transformer.unembedding(lm)
right = prediction.probabilities(unembed(last)[-1])
wrong = prediction.probabilities(unembed(last + extra)[-1])

for name, chances in (("as it is", right), ("position added", wrong)):
    top = chances.topk(5)
    words = zip(lm.tokens(top.indices), top.values.tolist(), strict=True)
    print(f"{name:15}", ", ".join(f"{word} {p:.3f}" for word, p in words))
moved = float((right - wrong).abs().sum() / 2)
print(f"probability that moved to other tokens: {moved:.2f}")

# %%
# Text and model are the same. Only the probabilities have changed; the last line says
# how much of them went to other tokens.
import matplotlib.pyplot as plt

from lmviz import plots

_, axes = plt.subplots(2, figsize=(3.4, 4.6), sharex=True, layout="constrained")
for ax, (name, chances) in zip(
    axes, (("as it is", right), ("plus a position", wrong)), strict=True
):
    top = chances.topk(6)
    plots.token_bars(
        lm.tokens(top.indices), top.values, title=f"From the last vector {name}", ax=ax
    )
plots.caption(
    "A position vector added at the end spoils the prediction. The most likely next "
    "tokens from the last hidden state, and from the same state with a position vector "
    f"added: {moved:.2f} of the probability moves to other tokens.",
    alt="Two panels of bars. Above, one token has most of the probability; below, no "
    "token has more than a little, and all others together have about half.",
)
plt.show()

# %%
# **Takeaway.** Positions are added to the embeddings, before the first block, or not
# added at all; the last hidden state needs nothing more.
#
# **Try it.** Multiply ``extra`` by 0.1, then by 10. Predict for which of the two the
# likeliest token stays the same.
#
# **Sources.** Vaswani et al., *Attention Is All You Need* (2017), section 3.5 and
# figure 1. Radford et al., *Improving Language Understanding by Generative
# Pre-Training* (2018), section 3.1, where the sum is equation 2.
