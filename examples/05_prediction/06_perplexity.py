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
# model gave to it. With the natural logarithm its unit is the nat, with base 2 the bit.
# The mean surprisal over :math:`n` tokens is the *loss* of a language model, and the
# **perplexity** is its exponential:
#
# .. math::
#    s_t = -\ln p(x_t \mid x_1, \dots, x_{t-1}), \qquad
#    \mathrm{PP} = \exp\Bigl(\frac{1}{n} \sum_t s_t\Bigr)
#    = \Bigl(\prod_t p(x_t \mid x_1, \dots, x_{t-1})\Bigr)^{-1/n} .
#
# Suppose that four tokens had the probabilities 1/2, 1/4, 1/8 and 1/16.
import math

import torch

p = torch.tensor([1 / 2, 1 / 4, 1 / 8, 1 / 16])
print("surprisal in bits:", *(-p.log2()).tolist())
print(f"mean: {-p.log2().mean():.1f} bits = {-p.log().mean():.3f} nats")
print(f"perplexity: {(-p.log().mean()).exp():.3f}, by product: {p.prod() ** -0.25:.3f}")
print(f"mean of 1/p: {(1 / p).mean():.1f}")

# %%
# The model was as uncertain, on average, as among 5.657 equally likely tokens. This is
# a geometric mean; the arithmetic mean of 2, 4, 8 and 16 would be 7.5. Three values are
# fixed. The perplexity is 1 if every token was certain, the size :math:`V` of the
# vocabulary for uniform predictions, and infinite if one token had the probability 0.
#
# Token by token
# --------------
# Row :math:`t - 1` of the logits predicts token :math:`t`, so the two are shifted
# against each other. The first token has no surprisal, since nothing precedes it. The
# **rank** of a token is one plus the number of tokens that were more likely.
# ``transformers`` computes the loss if it is given the ids as labels, and shifts them
# itself.
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

package = prediction.surprisal(trace.logits, trace.ids)
loss = lm.module(input_ids=trace.ids[None], labels=trace.ids[None]).loss
print(f"mean {surprisal.mean():.2f} nats, perplexity {surprisal.mean().exp():.2f}")
for name, ours, theirs in (
    ("the package's", surprisal, package),
    ("transformers' loss", surprisal.mean(), loss),
):
    difference = float((ours - theirs).abs().max())
    print(f"largest absolute difference from {name}: {difference:.1e}")
    assert difference < 1e-4

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
    "ending changes. The dotted line is a uniform guess over the vocabulary.",
    alt=f"{len(surprisal)} bars, one per token after the first. The first bar reaches "
    f"beyond the dotted line at {math.log(lm.card.vocabulary):.1f} nats, and the last "
    "but one nearly so far; the others are short.",
)
plt.show()

# %%
# “␣capital” (rank 2,923) has 11.54 nats, more than the 10.80 of a uniform guess, since
# a single “The” says nothing about what follows. In the second sentence most tokens
# have less surprisal than in the first; “␣France” has 1.51 nats instead of 2.44. Then
# comes “␣Berlin”, with 9.35 nats: the first sentence said otherwise. Surprisal measures
# what the model expected, not what is true.
#
# The interactive version also shows what the model expected instead.
from lmviz import views

views.surprisal(trace.logits, trace.ids, trace.tokens, vocabulary=lm.tokens)

# %%
# Two baselines
# -------------
# A loss needs a baseline. A uniform guess has :math:`\ln V`. A better one knows how
# frequent each token is and nothing else (*unigram* model). We count the tokens of
# Python's manual, without its page on ``for``, add one to every count, and evaluate the
# beginning of that page.
from pydoc_data.topics import topics

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
# SmolLM2 needs 2.63 nats per token, the unigram model 6.46 and a uniform guess 10.80.
# As perplexities these are 13.9, 637.0 and 49,152.0. Frequencies explain the first
# step, the context the second. This is one passage, and the manual may have been in
# SmolLM2's training data; on new text of this kind its loss may be higher.
#
# Per token, per word, per byte
# -----------------------------
# A perplexity per token can't be compared between tokenizers: one that splits a text
# into more tokens shares the same total among more of them. **Bits per byte** divide
# the total by a number that no tokenizer changes, the bytes of the text in UTF-8:
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
# The same total is a perplexity of 13.86 per token, 41.09 per word or 1.86 per byte, so
# a perplexity without its unit means nothing. The passage takes 0.89 bits per byte: a
# compressor that uses SmolLM2's predictions would shrink it to about a ninth.
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
# A tokenizer always splits a text in the same way, but the model gives a probability to
# every other token sequence that spells it, too. The probability of the *text* is the
# sum over all of them:
#
# .. math:: p(\text{text}) = \sum_{x \,\in\, \text{sequences that spell it}} p(x)
#    \;\ge\; p(\text{the tokenizer's sequence}) .
#
# So the surprisal that we compute, and the bits per byte, are an *upper bound* for the
# text (Cao and Rimell, 2021). For a single word, we can list all sequences.
vocabulary = {t.replace("Ġ", " "): i for t, i in lm.tokenizer.get_vocab().items()}


def spellings(text):
    """Return all lists of ids whose tokens spell a text."""
    heads = [n for n in range(1, len(text) + 1) if text[:n] in vocabulary]
    ways = [[vocabulary[text[:n]], *x] for n in heads for x in spellings(text[n:])]
    return ways if text else [[]]


def log_probs_of(context, endings):
    """Return the log-probability of each list of ids after the context."""
    n, longest = len(context), max(map(len, endings))
    padded = [[*context.tolist(), *x, *[0] * (longest - len(x))] for x in endings]
    rows = torch.tensor(padded)
    logs = lm.module(rows[:, :-1]).logits[:, n - 1 :].log_softmax(-1)
    logs = logs.gather(2, rows[:, n:, None])[..., 0]
    lengths = torch.tensor([len(x) for x in endings])
    return logs.masked_fill(torch.arange(longest) >= lengths[:, None], 0).sum(1)


print("word     sequences  tokenizer's  all     difference in nats")
for context, word in (
    ("The capital of France is", " Paris"),
    ("The capital of Greenland is", " Nuuk"),
    ("The port on the Baltic is called", " Gdansk"),
    ("The wizard said the word", " blorpt"),
):
    sequences = spellings(word)
    values = log_probs_of(lm.encode(context), sequences)
    usual = lm.tokenizer.encode(word, add_special_tokens=False).ids
    one, every = -values[sequences.index(usual)], -values.logsumexp(0)
    print(f"{word[1:]:7}  {len(sequences):<9}  {one:<11.3f}  ", end="")
    print(f"{every:<6.3f}  {one - every:.3f}")

split = [lm.tokenizer.encode(c, add_special_tokens=False).ids[0] for c in text]
letters = prediction.surprisal(lm.trace(split).logits, torch.tensor(split))
for nats in (surprisal, letters):
    print(f"{len(nats) + 1} tokens: {nats.sum():.0f} nats, {nats.mean():.2f} per token")

# %%
# For the first three words, all other sequences together add at most 0.001 nats: nearly
# the whole probability is in the sequence that the model was trained on. For “blorpt”,
# an invented word, they add 1.463. The first example text, split into letters, has 506
# nats instead of 30 (8.03 per token instead of 2.33). That is *one* of its token
# sequences, which is unlikely; the probability of the text includes both. For whole
# texts there are too many sequences to list, and the sum must be estimated.
#
# Texts longer than the context
# -----------------------------
# A text that doesn't fit the context is evaluated in windows. If they don't overlap,
# the first tokens of each have almost no context, and the loss comes out too high. With
# a *stride* :math:`s` smaller than the window :math:`w`, each window starts :math:`s`
# tokens after the previous one, and only its new tokens are counted, each with at least
# :math:`w - s` tokens of context. For :math:`T` tokens this takes :math:`1 + \lceil (T
# - w)/s \rceil` passes. ``prediction.text_surprisal`` does so, like the guide to
# perplexity of ``transformers``. Our windows are a third of the passage.
window = len(ids) // 3
print("stride  passes  nats per token")
for stride in (window - 1, window // 2, window // 4):
    nats = prediction.text_surprisal(lm, ids, window=window, stride=stride)
    passes = 1 + math.ceil((len(ids) - window) / stride)
    print(f"{stride:<6}  {passes:<6}  {nats.mean():.3f}")
print(f"full context, one pass: {full.mean():.3f}")

# %%
# With the smallest overlap, the loss is 2.995 nats. With a stride of half a window it
# is 2.768, at 5 passes instead of 4, and with a quarter 2.722, at 9. The full context
# gives 2.629, as does a window that holds the whole text. The model is the same each
# time; its tokens have more context. So a perplexity needs the window and the stride it
# was measured with. Half a window is a common compromise.
#
# Summary
# -------
# - Perplexity is the exponential of the mean surprisal: the number of equally likely
#   tokens among which a model would be as uncertain.
# - It depends on the tokenizer, the text and the context of each token. Bits per byte
#   compare tokenizers, as an upper bound on the surprisal of the text.
# - A long text needs overlapping windows.
#
# Exercises
# ---------
# A model predicts :math:`99` of :math:`100` tokens with probability 1, and gives one
# the probability :math:`10^{-10}`. What is its perplexity, and what would it be at the
# probability 0?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The mean surprisal is :math:`10 \ln 10 / 100 = 0.23` nats, and the perplexity
#    :math:`1.26`. At 0 it would be infinite: one token ruled out ruins a whole text.
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
