"""
From the last vector to the next token
======================================

After the last block, all that a model knows about what comes next is one vector. Three
steps turn it into a probability for every token of the vocabulary. Which steps, and
what does the answer look like?
"""

# %%
# The text is cut into tokens, and each ends up with a vector. Only the last token's
# says what follows the whole text. Its vector has passed the first step, the **final
# norm**, which brings it to a standard size and weights each of its dimensions.
import lmviz

lm = lmviz.load()
text = "The capital of France is"
trace = lm.trace(text)
last = trace.hidden_states[-1, -1]
print("tokens:", trace.tokens)
print("last vector:", tuple(last.shape))

# %%
# The **unembedding** compares that vector with one row for each token: a dot product
# each. The results are the **logits**. The larger, the better the fit, but they are no
# probabilities: they may be negative, and their sum means nothing.
from lmviz import prediction, transformer

unembed = transformer.unembedding(lm)
logits = unembed(last)
print("logits:", tuple(logits.shape))
print(f"from {logits.min():.1f} to {logits.max():.1f}")

# %%
# A **softmax** makes probabilities of them: the exponential of each, divided by the sum
# of all. Now they are positive and, up to rounding, sum to one.
chances = prediction.probabilities(logits)
print("sum:", round(chances.sum().item(), 5))

# %%
# The ten most likely tokens.
top = chances.topk(10)
for token, p in zip(lm.tokens(top.indices), top.values.tolist(), strict=True):
    print(f"{token:12} {p:.3f}")

# %%
# The same with all the other tokens as one bar. Such a tail is never empty: thousands
# of unlikely tokens together often weigh more than the second best.
import matplotlib.pyplot as plt

from lmviz import plots

_, ax = plt.subplots(figsize=(3.4, 3.6), layout="constrained")
title = f"What follows “{text}”"
plots.token_bars(lm.tokens(top.indices), top.values, title=title, ax=ax)
best, second = lm.tokens(top.indices[:2])
plots.caption(
    f"One token gets most of the probability: “{best}” has {top.values[0]:.2f}, the "
    f"next one, “{second}”, {top.values[1]:.2f}. All tokens that are not shown have "
    f"{1 - top.values.sum():.2f} together.",
    alt=f"Eleven bars: the ten most likely tokens after “{text}”, and all others. The "
    f"first is {top.values[0] / top.values[1]:.0f} times as long as the second.",
)
plt.show()

# %%
# The model computes such logits at **every** position, each for the token that comes
# next: row i of the logits speaks of token i + 1. To take row i for token i is the
# classic mistake, and it is easy to make, since both have the same length.
# Log-probabilities are natural logarithms here, so their unit is the **nat**; 0 would
# be certainty.
for i, token in enumerate(trace.tokens[:-1]):
    guess = lm.tokens([prediction.greedy(trace.logits[i])])[0]
    print(f"after {token!r}: guess {guess!r}, true {trace.tokens[i + 1]!r}")

logs = trace.logits.log_softmax(-1)
right = logs[:-1].gather(1, trace.ids[1:, None]).mean()
wrong = logs.gather(1, trace.ids[:, None]).mean()
print(f"mean log-probability of token i + 1 at row i: {right:6.2f} nats")
print(f"mean log-probability of token i at row i:     {wrong:6.2f} nats")

# %%
# A second mistake: to normalise the last hidden state once more. What a library hands
# out as the last one has passed the final norm already.
final_norm = transformer.extract(lm).final_norm
twice = prediction.probabilities(unembed(final_norm(last)))
best = prediction.greedy(logits)
print(f"{lm.tokens([best])[0]!r}: {chances[best]:.3f} once, {twice[best]:.3f} twice")

# %%
# A third: to forget the **BOS token** that a tokenizer may put in front of a text to
# mark its beginning. It is a token like any other, and everything after it changes. So
# say whether you used one.
import torch

bos = lm.module.config.bos_token_id
bare = lm.tokenizer.encode(text, add_special_tokens=False).ids
print("a BOS token is put in front:", len(trace.ids) > len(bare))
for start in ([], [] if bos is None else [bos]):
    found = prediction.probabilities(lm.trace(torch.tensor([*start, *bare])).logits[-1])
    print(f"{lm.tokens(start)} in front: {lm.tokens([best])[0]!r} {found[best]:.3f}")

# %%
# From scratch, the first two steps: a hook (a function that PyTorch calls on the way)
# catches the vectors before the final norm, as the last block left them. Normalise,
# unembed, and compare with the model's own logits.
from lmviz.transformer import architectures

family = architectures.architecture_of(lm.module.config)
norm = lm.module.get_submodule(family.final_norm)
caught = []
hook = norm.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0][0]))
trace = lm.trace(text)
hook.remove()

ours = unembed(final_norm(caught[0]))
difference = float((ours - trace.logits).abs().max())
print(f"largest absolute difference from the model's logits: {difference:.1e}")
assert difference < 1e-4

# %%
# **Takeaway.** The next token is a softmax over dot products: the last vector,
# normalised, against one row for each token.
#
# **Try it.** Ask for the capital of another country. Predict not only the likeliest
# token but how sure the model will be.
#
# **Sources.** Radford et al., *Improving Language Understanding by Generative
# Pre-Training* (2018), section 3.1, equation 2. Press and Wolf, *Using the Output
# Embedding to Improve Language Models* (2017), on sharing one table for embedding and
# unembedding.
