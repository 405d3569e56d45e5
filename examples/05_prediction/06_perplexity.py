r"""
Surprisal, perplexity and bits per byte
=======================================

How good is a language model? The usual answer is one number, the perplexity of a text.
After this lesson you can compute it for a text of any length, compare models with
different tokenizers, and say what the number does not measure.
"""

# %%
# Four tokens on paper
# --------------------
# The **surprisal** of a token is the negative logarithm of the probability that the
# model assigned to it. Its unit is the nat with the natural logarithm, and the bit with
# base 2. The mean surprisal over :math:`n` tokens is the *loss* of a language model,
# and the **perplexity** is its exponential:
#
# .. math::
#    s_t = -\ln p(x_t \mid x_1, \dots, x_{t-1}), \qquad
#    \mathrm{PP} = \exp\Bigl(\frac{1}{n} \sum_t s_t\Bigr)
#    = \Bigl(\prod_t p(x_t \mid x_1, \dots, x_{t-1})\Bigr)^{-1/n} .
#
# Suppose that four tokens had the probabilities 1/2, 1/4, 1/8 and 1/16.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import math

import torch

p = torch.tensor([1 / 2, 1 / 4, 1 / 8, 1 / 16])
print("surprisal in bits:", *(-p.log2()).tolist())
print(f"mean: {-p.log2().mean():.1f} bits = {-p.log().mean():.3f} nats")
print(f"perplexity: {(-p.log().mean()).exp():.3f}, by product: {p.prod() ** -0.25:.3f}")

# %%
# On average, the model was as uncertain as if it chose among 5.657 equally likely
# tokens. The perplexity is 1 if every token was predicted with certainty. It is the
# size :math:`V` of the vocabulary if all predictions were uniform, and infinite if one
# token had the probability 0.
#
# Token by token
# --------------
# Row :math:`t - 1` of the logits predicts token :math:`t` (:doc:`lesson 5.1
# </lessons/05_prediction/01_logits>`), so the first token has no surprisal. The
# **rank** of a token is one plus the number of tokens that were more likely. The table
# shows the surprisal and the rank of each token. ``transformers`` computes the loss if
# it is given the ids as labels; it shifts them itself.
import lmviz
from lmviz import prediction

lm = lmviz.load()
text = "The capital of France is Paris. The capital of France is Berlin."
trace = lm.trace(text)
log_probs = trace.logits[:-1].log_softmax(-1)
surprisal = -log_probs.gather(1, trace.ids[1:, None])[:, 0]
ranks = prediction.ranks(trace.logits, trace.ids)
print("token     nats   rank")
for token, nats, rank in zip(trace.tokens[1:], surprisal, ranks, strict=True):
    print(f"{token:8}  {nats:5.2f}  {int(rank):,}")

print(f"mean {surprisal.mean():.2f} nats, perplexity {surprisal.mean().exp():.2f}")
loss = lm.module(input_ids=trace.ids[None], labels=trace.ids[None]).loss
difference = float((surprisal.mean() - loss).abs())
print(f"largest absolute difference from transformers' loss: {difference:.1e}")
assert difference < 1e-4
assert torch.allclose(surprisal, prediction.surprisal(trace.logits, trace.ids))
first = trace.logits[0].softmax(-1)
more = first[first > first[trace.ids[1]]].sum()
print("after “The”:", *lm.tokens(first.topk(1)[1]), f"{first.max():.2f}", end="; ")
print(f"all tokens more likely than “{trace.tokens[1]}”: {more:.2f}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

positions = range(1, len(trace.tokens))
size = (3.4, 1.1 + 0.22 * len(positions))
_, ax = plt.subplots(figsize=size, layout="constrained")
ax.barh(positions, surprisal.tolist(), color=plots.PALETTE[0])
ax.axvline(math.log(lm.card.vocabulary), color="0.5", ls=":", label="uniform guess")
ax.set_yticks(positions, trace.tokens[1:])
ax.invert_yaxis()
ax.tick_params(axis="y", length=0)
ax.set(title="Surprisal of each token", xlabel="nats", ylabel="token")
ax.legend(loc="upper right", bbox_to_anchor=(1, -0.12))
plots.make_legible(ax)
top = int(surprisal.argmax())
plots.caption(
    f"The model is most surprised by “{trace.tokens[1 + top]}”, at "
    f"{surprisal[top]:.1f} nats. The repeated sentence has low surprisal until its "
    "ending changes. The dotted line shows a uniform guess over the vocabulary.",
    alt=f"{len(surprisal)} bars, one per token after the first. The first bar reaches "
    f"beyond the dotted line at {math.log(lm.card.vocabulary):.1f} nats, and the last "
    "but one comes close to it; the others are short.",
)
plt.show()

# %%
# “␣capital” (rank 2,923) has a surprisal of 11.54 nats, more than the 10.80 of a
# uniform guess. The model is not uncertain but wrong: after “The” alone, the
# probability of a hyphen is 0.42, and all tokens that rank above “␣capital” have 0.97
# together. In the second sentence most tokens have a lower surprisal than in the first;
# “␣France” has 1.51 nats instead of 2.44. “␣Berlin” has 9.35 nats, since it contradicts
# the first sentence. Surprisal measures what the model expected, not what is true.
#
# The interactive version also shows which tokens the model expected.
from lmviz import views

views.surprisal(trace.logits, trace.ids, trace.tokens, vocabulary=lm.tokens)

# %%
# Two baselines
# -------------
# A loss needs a baseline. A uniform guess has a loss of :math:`\ln V` nats. A better
# baseline is a *unigram* model, which knows how frequent each token is, and nothing
# else. We count the tokens of Python's manual, without its page on ``for``, add one to
# every count so that none is zero, and test on the beginning of that page.
from lmviz.texts import python_manual

topics = python_manual()
pages = {name: " ".join(page.split()) for name, page in topics.items()}
ids = lm.encode(pages.pop("for"), truncate=min(384, lm.context or 384))
size = lm.card.vocabulary
counts = torch.ones(size)
for encoding in lm.tokenizer.encode_batch(list(pages.values())):
    counts += torch.tensor(encoding.ids).bincount(minlength=size)
unigram = -(counts / counts.sum()).log()[ids[1:]].mean()
full = prediction.surprisal(lm.trace(ids, keep="logits").logits, ids)
losses = {"uniform": math.log(size), "unigram": float(unigram)}
losses[lm.card.name] = float(full.mean())
print("model            nats per token  perplexity")
for name, nats in losses.items():
    print(f"{name:15}  {nats:<14.2f}  {math.exp(nats):,.1f}")

# %%
# SmolLM2 has a loss of 2.63 nats per token, the unigram model 6.46 and a uniform guess
# 10.80. Frequencies account for the difference between the last two, context for the
# rest. This is one passage, and SmolLM2's training data may have included the manual;
# its loss on new text of this kind may be higher.
#
# Per token, per word, per byte
# -----------------------------
# Perplexities per token can't be compared between tokenizers: the more tokens a text is
# split into, the smaller the share of each in the total surprisal. **Bits per byte**
# are the total in bits, divided by the number of bytes of the text in UTF-8, which does
# not depend on the tokenizer:
#
# .. math:: \mathrm{BPB} = \frac{1}{n_\text{bytes} \ln 2} \sum_t s_t .
total, passage = full.sum(), lm.decode(ids[1:])
units = {"tokens": len(full), "words": len(passage.split())}
units["bytes"] = len(passage.encode())
print("unit    number  perplexity per unit")
for name, n in units.items():
    print(f"{name:6}  {n:<6,}  {math.exp(total / n):.2f}")
bits = float(total / math.log(2) / len(passage.encode()))
print(f"bits per byte: {bits:.2f}; a uniform guess among 256 bytes: 8")
assert abs(bits - prediction.bits_per_byte(full, passage)) < 1e-4

# %%
# The same total gives a perplexity of 13.86 per token, 41.09 per word or 1.86 per byte,
# so a perplexity without its unit means nothing. The passage has 0.89 bits per byte. A
# compressor that uses SmolLM2's predictions would need about that many bits for each
# byte of 8 bits, and shrink the text by a factor of about :math:`8 / 0.89 = 9`.
#
# Model A has a perplexity of :math:`20` per token. Model B has :math:`30`, but splits
# the same text into three quarters as many tokens. Which one predicts the text better?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    B. Per token of A, its surprisal is :math:`0.75 \ln 30 = 2.55` nats, less than
#    :math:`\ln 20 = 3.00`.
#
# One text, many token sequences
# ------------------------------
# A tokenizer always splits a text in the same way, but the model also assigns a
# probability to every other token sequence that spells it. The probability of the
# *text* is the sum over all of them:
#
# .. math:: p(\text{text}) = \sum_{x \,\in\, \text{sequences that spell it}} p(x)
#    \;\ge\; p(\text{the tokenizer's sequence}) .
#
# So the surprisal of the tokenizer's sequence is an *upper bound* on that of the text
# (Cao and Rimell, 2021). For a single word after a fixed context, we can list all
# sequences. The table compares the surprisal of the tokenizer's sequence with that of
# all sequences together, in nats. Below it are the three most likely sequences of
# “␣Paris”.
vocabulary = {t.replace("Ġ", " "): i for t, i in lm.tokenizer.get_vocab().items()}


def spellings(text):
    """Return all lists of ids whose tokens spell a text."""
    if not text:
        return [[]]
    cuts = [n for n in range(1, len(text) + 1) if text[:n] in vocabulary]
    # a first token of n characters, then every spelling of the rest
    return [[vocabulary[text[:n]], *x] for n in cuts for x in spellings(text[n:])]


def log_probs_of(context, endings):
    """Return the log-probability of each list of ids after the context."""
    n, longest = len(context), max(map(len, endings))
    padded = [[*context.tolist(), *x, *[0] * (longest - len(x))] for x in endings]
    rows = torch.tensor(padded)  # one row for each ending, in one batch
    logs = lm.module(rows[:, :-1]).logits[:, n - 1 :].log_softmax(-1)
    logs = logs.gather(2, rows[:, n:, None])[..., 0]  # of the tokens that follow
    lengths = torch.tensor([len(x) for x in endings])
    return logs.masked_fill(torch.arange(longest) >= lengths[:, None], 0).sum(1)


print("word     sequences  tokenizer's  all     difference")
cases = {" Nuuk": "The capital of Greenland is"}
cases |= dict.fromkeys((" dax", " blorpt", " frimba"), "The wizard said the word")
cases |= {" Paris": "The capital of France is"}
for word, context in cases.items():
    sequences = spellings(word)
    values = log_probs_of(lm.encode(context), sequences)
    usual = lm.tokenizer.encode(word, add_special_tokens=False).ids
    one = -values[sequences.index(usual)]
    every = -values.logsumexp(0)  # the log of the sum of the probabilities
    print(f"{word[1:]:7}  {len(sequences):<9}  {one:<11.3f}  ", end="")
    print(f"{every:<6.3f}  {one - every:.3f}")
for i in values.argsort(descending=True)[:3]:  # of the last word
    print(*lm.tokens(torch.tensor(sequences[i])), f"{-values[i]:.2f} nats")

# %%
# For the two names, all other sequences together change the surprisal by at most 0.001
# nats: nearly all of the probability is on the sequence that the model was trained on.
# For the invented words the difference ranges from 0.001 to 1.864. Two things are left
# out: other ways to split the context, and longer tokens such as “␣Parisian”. A whole
# text has too many sequences to list, so the sum must be estimated.
#
# Texts longer than the context
# -----------------------------
# A text that is longer than the model's context is evaluated in windows. If these don't
# overlap, the first tokens of each have almost no context, and the loss is too high.
# With a *stride* :math:`s` smaller than the window :math:`w`, each window starts
# :math:`s` tokens after the previous one, and only its new tokens are counted, each
# with at least :math:`w - s` tokens of context. For :math:`T` tokens this takes
# :math:`1 + \lceil (T - w)/s \rceil` passes. ``prediction.text_surprisal`` does this.
# Each of our windows is a third as long as the passage.
window = len(ids) // 3
print(f"window: {window} tokens\nstride  passes  nats per token")
for stride in (window - 1, window // 2, window // 4):
    nats = prediction.text_surprisal(lm, ids, window=window, stride=stride)
    passes = 1 + math.ceil((len(ids) - window) / stride)
    print(f"{stride:<6}  {passes:<6}  {nats.mean():.3f}")
print(f"full context, one pass: {full.mean():.3f}")

# %%
# With windows of 128 tokens and a stride of 127 (an overlap of one token), the loss is
# 2.995 nats. A stride of half a window gives 2.768, with 5 passes instead of 4; a
# quarter gives 2.722, with 9. The full context gives 2.629. The model is the same each
# time, but the tokens have more context. So a perplexity must be reported with its
# window and stride. A stride of half a window is a common compromise.
#
# Summary
# -------
# - Perplexity is the exponential of the mean surprisal: the model is as uncertain as if
#   it chose among that many equally likely tokens.
# - It depends on the tokenizer, the text and the context of each token. Bits per byte
#   can be compared between tokenizers.
# - A long text needs overlapping windows.
#
# Exercises
# ---------
# A model predicts :math:`99` of :math:`100` tokens with probability 1, and the last one
# with probability :math:`10^{-10}`. What is its perplexity, and what would it be if the
# last probability were 0?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The mean surprisal is :math:`10 \ln 10 / 100 = 0.23` nats, and the perplexity
#    :math:`1.26`. With 0 it would be infinite: one excluded token is enough.
#
# Further reading
# ---------------
# - Shannon, *A Mathematical Theory of Communication* (Bell System Technical Journal
#   1948), section 6.
# - Jelinek, Mercer, Bahl and Baker, *Perplexity: a measure of the difficulty of speech
#   recognition tasks* (1977).
# - Cao and Rimell, *You should evaluate your language model on marginal likelihood over
#   tokenisations* (EMNLP 2021).
# - Mielke, *Can You Compare Perplexity Across Different Segmentations?* (2019).
# - Baevski and Auli, *Adaptive Input Representations for Neural Language Modeling*
#   (ICLR 2019), on the context of evaluated tokens.
