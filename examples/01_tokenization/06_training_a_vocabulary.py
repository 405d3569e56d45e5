"""
Training a vocabulary: size, text and sample
============================================

A tokenizer is trained before the model, on a sample of text. How large should its
vocabulary be, and which text should it see? At the end of this lesson you can weigh
shorter sequences against a larger embedding table, and test whether a sample is enough.
"""

# %%
# Longer tokens or fewer rows
# ---------------------------
# Take the 23 words of :doc:`lesson 1.3
# </lessons/01_tokenization/03_byte_pair_encoding>` again. Each merge adds one token to
# the vocabulary, and with it one row to the embedding table, the matrix with a vector
# for each token. For vectors of width 2, that is two more parameters. In return, the
# text gets shorter.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
from lmviz import tokenization

tiny = {"eat": 8, "tea": 6, "sea": 4, "steam": 3, "seat": 2}
print("merges  new token  vocabulary  parameters  tokens")
for n in range(8):
    bpe = tokenization.train_bpe(tiny, n_merges=n)
    length = sum(len(bpe.encode(word)) * times for word, times in tiny.items())
    new, size = (bpe.vocabulary[-1] if n else "-"), len(bpe.vocabulary)
    print(f"{n:<6}  {new:>9}  {size:10}  {2 * size:10}  {length:6}")

# %%
# The first merge saves 23 tokens, the seventh only 2, and both cost the same: that is
# the trade-off. A text of :math:`B` bytes becomes :math:`B / b` tokens, where :math:`b`
# is the mean number of bytes per token and grows with the vocabulary size :math:`V`.
# What does one token cost? Its row in the embedding table is only looked up. But to
# predict the next token, the model multiplies by its :doc:`output matrix
# </book/terms>`, which has :math:`V d` parameters for width :math:`d`. Each of these,
# and each of the other :math:`N` parameters, takes one multiplication and one addition
# per token, so a text costs
#
# .. math::
#    C(V) \approx 2\,(N + V d)\,\frac{B}{b(V)} \quad \text{floating-point operations.}
#
# The attention weights cost a little more, which we leave out. In real models the
# vocabulary can take a large share of the parameters. The columns of the table are
# :math:`V`, :math:`d`, the size of the embedding table in millions of parameters and as
# a share of all, and the memory (in GB) for the next-token probabilities at all
# positions of a text of 2,048 tokens. The first row is computed from SmolLM2, the
# others from the published checkpoints.
import lmviz

lm = lmviz.load("smollm2")
rows, width = lm.module.get_input_embeddings().weight.shape
models = {
    "SmolLM2": (rows, width, lm.card.parameters),
    "GPT-2": (50_257, 768, 124_439_808),
    "Llama 3 8B": (128_256, 4096, 8_030_261_248),
}
print("model             V     d  V d (millions)   share  memory (GB)")
for name, (v, d, parameters) in models.items():
    table, share, memory = v * d / 1e6, v * d / parameters, 4 * 2048 * v / 1e9
    print(f"{name:10}  {v:7,}  {d:4}  {table:14.1f}  {share:6.1%}  {memory:11.2f}")

# %%
# A fifth of SmolLM2's parameters (21.0%) and almost a third of GPT-2's (31.0%) are in
# the embedding table, which is their output matrix, too. In Llama 3 8B the share is
# 6.5%, and its separate output matrix takes as much again. The next-token probabilities
# of Llama 3 8B for a text of 2,048 tokens take 1.05 GB.
#
# Bytes per token against vocabulary size
# ---------------------------------------
# How does :math:`b` grow? We train once with 8,000 merges on nine tenths of the topics
# of Python's manual, and encode the other tenth with the first 125 merges, the first
# 250, and so on. The manual quotes itself, so we drop repeated lines, and test only on
# lines that were not in training. The last columns give :math:`C(V)` for 1,000 bytes,
# in billions of operations (GFLOP), for SmolLM2 and for two small models of :math:`L`
# layers and width 128 or 256. The small models have :math:`N \approx 12\,L d^2`
# parameters besides the table: a :doc:`layer </book/terms>` has about :math:`4 d^2` in
# its attention and :math:`8 d^2` in its MLP.
from collections import Counter

from tokenizers import pre_tokenizers

from lmviz.texts import python_manual

topics = python_manual()
splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)


def count_words(text):
    return Counter(word for word, _ in splitter.pre_tokenize_str(text))


def bytes_per_token(bpe, text, n_merges=None):
    words = count_words(text).items()
    tokens = sum(len(bpe.encode(word, n_merges=n_merges)) * n for word, n in words)
    return len(text.encode()) / tokens


texts = list(topics.values())
known = "\n".join(texts[i] for i in range(len(texts)) if i % 10).splitlines()
lines = list(dict.fromkeys(known))  # each line once
new = [line for text in texts[::10] for line in text.splitlines() if line not in known]
unseen = "\n".join(new)
print(f"{len(lines):,} lines for training, {len(new)} for testing")
manual = tokenization.train_bpe(count_words("\n".join(lines)), n_merges=8000)
bodies = {"4 layers": (128, 12 * 4 * 128**2), "8 layers": (256, 12 * 8 * 256**2)}
bodies["SmolLM2"] = (width, lm.card.parameters - rows * width)
sizes = [125, 250, 500, 1000, 2000, 4000, 8000]
found = {n: bytes_per_token(manual, unseen, n) for n in sizes}
costs = {
    name: [2 * (body + (256 + n) * d) * 1000 / found[n] / 1e9 for n in sizes]
    for name, (d, body) in bodies.items()
}
print("V      bytes per token ", "  ".join(costs))
for i, n in enumerate(sizes):
    compute = "  ".join(f"{cost[i]:8.2f}" for cost in costs.values())
    print(f"{256 + n:<5}  {found[n]:15.2f}  {compute}")

# %%
# For comparison, the vocabularies of two real models on the same text:
for name in ("gpt2", "smollm2"):
    length = len(lmviz.load_tokenizer(name).encode(unseen))
    print(f"{name}'s own: {len(unseen.encode()) / length:.2f} bytes per token")

# %%
import matplotlib.pyplot as plt
import numpy as np

from lmviz import plots

ticks = [256 + n for n in sizes]
_, (left, right) = plt.subplots(1, 2, figsize=(6.08, 2.9), layout="constrained")
left.plot(ticks, found.values(), "o-", color=plots.PALETTE[0])
left.set(title="Bytes per token", ylim=(0, None))
for i, (name, cost) in enumerate(costs.items()):
    relative = [c / min(cost) for c in cost]
    right.plot(ticks, relative, "o-", label=name, color=plots.PALETTE[i])
right.set(title="Compute for a text", ylabel="relative to the minimum")
for ax in (left, right):
    ax.set(xscale="log", xlabel="vocabulary size V")
    ax.set_xticks(ticks[::2], [f"{n:,}" for n in ticks[::2]])
    ax.minorticks_off()
right.legend()
at_least = {name: 256 + sizes[int(np.argmin(cost))] for name, cost in costs.items()}
plots.caption(
    "The larger the model, the larger the vocabulary that saves most compute. Left: "
    f"bytes per token grow to {found[8000]:.2f}, slowing at the end. Right: compute "
    "is least at "
    + ", ".join(f"V = {v:,} for {name}" for name, v in at_least.items())
    + ".",
    alt="Left, a curve that rises and flattens at its end: "
    + ", ".join(f"{found[n]:.2f}" for n in sizes)
    + " bytes per token. Right, three curves: two have a minimum inside the range, and "
    "that of SmolLM2 falls to the end.",
)
plt.show()

# %%
# Up to 2,256 tokens, each doubling of the merges gains more bytes per token than the
# one before. After that it gains less: the last two doublings raise :math:`b` from 3.24
# to 3.59 and to 3.83, while the number of rows doubles each time. So a small model soon
# pays more for the rows than it saves. The one with 4 layers needs the least compute at
# 2,256 tokens, the one with 8 layers at 4,256, and for SmolLM2 it falls up to the end
# of the range.
#
# Compute is not quality. But Tao et al. also measured the :doc:`loss </book/terms>` of
# trained models, which measures how badly they predict, and came to the same
# conclusion: larger models deserve larger vocabularies.
#
# SmolLM2's own vocabulary of 49,152 tokens gives 3.85 bytes per token here, hardly more
# than ours of 8,256, which was trained on this very manual. GPT-2's gives 3.26, since
# it spells indentation space by space. So the next question is which text to train on.
#
# A vocabulary from another kind of text
# --------------------------------------
# A vocabulary suits the kind of text that it was trained on. We compare two kinds that
# come with Python: the manual's English and the Python code of ``argparse``. We train
# on the same number of characters of each, without line breaks or indentation, and test
# on the text that follows. A list of products of numbers is the control.
from lmviz.texts import python_code

code = python_code()
kinds = {
    "English": " ".join("\n".join(texts).split()),
    "Python": " ".join(code.split()),
}
end = min(map(len, kinds.values()))
cut = end * 4 // 5
tests = {name: text[cut:end] for name, text in kinds.items()}
tests["numbers"] = "\n".join(f"{i} times {i} is {i * i}" for i in range(100, 300))
print("bytes per token  " + "  ".join(f"{name:>8}" for name in tests))
for name, text in kinds.items():
    bpe = tokenization.train_bpe(count_words(text[:cut]), n_merges=1000)
    row = "  ".join(f"{bytes_per_token(bpe, test):8.2f}" for test in tests.values())
    print(f"from {name:10}  {row}")

# %%
# Each vocabulary is best on its own kind: English prose gets 2.90 bytes per token with
# English merges and 2.36 with Python's, and code 3.30 against 2.21. In the control the
# two are nearly equal (1.39 and 1.30): neither sample contains many numbers, and both
# spell them almost digit by digit. The size of the vocabulary was the same in all
# cases.
#
# How large a sample?
# -------------------
# Must the tokenizer see the whole corpus? We train with 1,000 merges on every hundredth
# and every tenth line, from five starting points each, on a tenth in one piece, and on
# all lines. The table lists the fewest merges that a sample gave, the mean number of
# merges of a pair that occurs only once, the range of the bytes per token on the test
# lines, and how far the worst sample is below the value for all lines.
tenth = len(lines) // 10
samples = {
    "1% of the lines": [lines[start::100] for start in range(0, 100, 20)],
    "10% of the lines": [lines[start::10] for start in range(0, 10, 2)],
    "10% in one piece": [lines[i * tenth :][:tenth] for i in range(0, 10, 2)],
    "all lines": [lines],
}
whole, fewest = bytes_per_token(manual, unseen, 1000), 1000
print("sample             merges  count-1 pairs  bytes per token  below all lines")
for name, drawn in samples.items():
    learned = [
        tokenization.train_bpe(count_words("\n".join(sample)), n_merges=1000)
        for sample in drawn
    ]
    least = min(len(bpe.merges) for bpe in learned)
    fewest = min(fewest, least)
    once = sum(m.count == 1 for bpe in learned for m in bpe.merges) // len(learned)
    scores = [bytes_per_token(bpe, unseen) for bpe in learned]
    low, high = min(scores), max(scores)
    row = f"{name:17}  {least:6}  {once:13}  {low:7.2f} to {high:.2f}"
    print(f"{row}  {1 - low / whole:15.0%}")
few = bytes_per_token(manual, unseen, fewest)
row = f"all, fewer merges  {fewest:6}  {0:13}  {few:7.2f} to {few:.2f}"
print(f"{row}  {1 - few / whole:15.0%}")

# %%
# A tenth of the lines was enough here: 2.67 to 2.75 bytes per token, at most 4% below
# the 2.79 of all lines. A hundredth was not. It lost up to 22%, although its lines were
# drawn from everywhere, too. These samples are so short that, on average, 519 of the
# merges join a pair that occurs once, and at the end no pairs are left. The last row is
# the control: the first 801 merges from all lines lose only 5%. So most of the loss
# comes from which pairs are merged, and not from how many.
#
# A tenth in one piece lost up to 10%. It contains the words of only a few topics,
# whereas a **representative sample** is drawn from everywhere.
#
# With the libraries, training a vocabulary is one call. ``train_new_from_iterator``
# keeps the other stages of an existing tokenizer and replaces its vocabulary:
#
# .. code-block:: python
#
#    tokenizer = AutoTokenizer.from_pretrained("gpt2")
#    new = tokenizer.train_new_from_iterator(lines, vocab_size=8256)
#
# A model cannot use the new vocabulary, however: its embedding table has the rows of
# the vocabulary that it was trained with.
#
# Summary
# -------
# - A larger vocabulary shortens texts: 2.79, 3.24, 3.59 and 3.83 bytes per token, for
#   four vocabularies of 1,256 to 8,256 tokens. It costs :math:`V d` parameters, and
#   each of them takes one multiplication per token. The larger the model, the larger
#   the vocabulary that saves compute.
# - A vocabulary suits the kind of text it was trained on: English gets 2.90 bytes per
#   token, and 2.36 with merges from Python code.
# - A sample can be small if it is drawn from everywhere: 10% was enough here, 1% not.
#
# Exercises
# ---------
# Train one vocabulary on both kinds of text, with half of each. Measure whether it
# beats one of the specialists. And for which width would SmolLM2's vocabulary take half
# of the model's parameters, if the others stayed the same?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    It beats neither on its own kind, but keeps about two thirds of the advantage that
#    each has over the other: the most frequent merges of both fit into the vocabulary.
#    :math:`V d = N` gives :math:`d = N / V`, a bit less than four times the actual
#    width.
#
# Further reading
# ---------------
# Sennrich, Haddow and Birch, *Neural Machine Translation of Rare Words with Subword
# Units* (ACL 2016). Tao et al., *Scaling Laws with Vocabulary: Larger Models Deserve
# Larger Vocabularies* (NeurIPS 2024). Radford et al., *Language Models are Unsupervised
# Multitask Learners* (2019) and Grattafiori et al., *The Llama 3 Herd of Models*
# (2024), on GPT-2 and Llama 3.
