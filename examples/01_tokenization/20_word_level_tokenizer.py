"""
Word-level tokenization and out-of-vocabulary words
===================================================

The simplest tokenizer splits a text at spaces and punctuation and numbers the words.
What is lost? At the end of this lesson you can build one in ten lines, measure how
often it fails, and explain why a larger vocabulary is no cure, but subwords are.
"""

# %%
# A tokenizer in ten lines
# ------------------------
# Each run of letters, digits or underscores is a word, and every other character that
# is not a space is a token of its own. All letters become lower case. The vocabulary is
# the list of words that occur in the training texts, here three sentences, and id 0 is
# reserved for all other words:
#
# .. math::
#    \mathrm{id}(w) = \begin{cases} \text{position of } w \text{ in } \mathcal V
#    & w \in \mathcal V \\ 0 & \text{otherwise.} \end{cases}
import re

corpus = ["The dog chased the ball.", "A cat sat on the mat.", "The ball was red."]


def split(text):
    return re.findall(r"\w+|[^\w\s]", text.lower())


vocabulary = ["[UNK]", *sorted({word for text in corpus for word in split(text)})]
ids = {word: i for i, word in enumerate(vocabulary)}


def encode(text):
    return [ids.get(word, 0) for word in split(text)]


def decode(numbers):
    return " ".join(vocabulary[i] for i in numbers)


print(vocabulary)
for text in ("The cat chased the ball.", "Fluffkins  wasn't on THE mat!"):
    print(f"{text!r:32}", encode(text), repr(decode(encode(text))))

# %%
# The first sentence is new, and can still be read. The second loses three things:
#
# - *Unknown words.* Fluffkins is not in the vocabulary: it is **out of vocabulary**
#   (**OOV**), and becomes the special token ``[UNK]``. So do "!" and the three parts of
#   "wasn't".
# - *Case.* "THE" has become "the".
# - *Spacing.* The ids don't say where there were two spaces and where there were none.
#
# No later part of a model can restore them. The package's ``BasicTokenizer`` is the
# same tokenizer, and so is this one of the library ``tokenizers``, with our normalizer
# and pre-tokenizer. (Its ids are in the order of frequency.)
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from lmviz import tokenization

library = Tokenizer(models.WordLevel({}, "[UNK]"))
library.normalizer = normalizers.Lowercase()
pattern = Regex(r"\w+|[^\w\s]")
library.pre_tokenizer = pre_tokenizers.Split(pattern, "removed", invert=True)
trainer = trainers.WordLevelTrainer(special_tokens=["[UNK]"], show_progress=False)
library.train_from_iterator(corpus, trainer)
basic = tokenization.BasicTokenizer.train(corpus)
assert encode(text) == basic.encode(text)
assert [vocabulary[i] for i in encode(text)] == library.encode(text).tokens
print(library.encode(text).tokens)

# %%
# The list never ends
# -------------------
# Three sentences are few. We keep every fifth topic of Python's manual apart as new
# text, and read more and more lines of the others, in random order. The **OOV rate** is
# the share of unknown words among the new words :math:`w_1, \dots, w_n`:
#
# .. math::
#    \mathrm{OOV} = \frac 1 n \sum_{k=1}^{n} \mathbf 1[w_k \notin \mathcal V].
#
# The control is a text whose list of words does end: words drawn at random, with their
# frequencies, from the first eighth of what we read.
import builtins
import math
import pydoc_data.topics
import random
from collections import Counter

rng = random.Random(0)
topics = sorted(pydoc_data.topics.topics.values())
rng.shuffle(topics)
new = [line for text in topics[::5] for line in text.splitlines() if line.strip()]
lines = [x for i, text in enumerate(topics) if i % 5 for x in text.splitlines() if x]
rng.shuffle(lines)
new_words = [word for line in new for word in split(line)]
seen = [word for line in lines for word in split(line)]
drawn = rng.choices(seen[: len(seen) // 8], k=len(seen))


def exponent(words, n):
    """Return how fast the vocabulary grows from n / 2 to n words: 1 if all are new."""
    return math.log2(len(set(words[:n])) / len(set(words[: n // 2])))


sizes = [len(seen) >> k for k in range(6, -1, -1)]
known = [set(seen[:n]) for n in sizes]
grows = [len(words) for words in known]
ends = [len(set(drawn[:n])) for n in sizes]
rates = [sum(w not in words for w in new_words) / len(new_words) for words in known]
print("words read  vocabulary  exponent  control  exponent  OOV rate")
for n, size, end, rate in zip(sizes, grows, ends, rates, strict=True):
    row = f"{n:10,}  {size:10,}  {exponent(seen, n):8.2f}"
    print(f"{row}  {end:7,}  {exponent(drawn, n):8.2f}  {rate:8.1%}")

# %%
once = list(Counter(seen).values()).count(1)
print(f"{once} of {grows[-1]:,} words occur once: {once / grows[-1]:.0%}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, (left, right) = plt.subplots(1, 2, figsize=(6.08, 2.7), layout="constrained")
left.loglog(sizes, grows, marker="o", color=plots.COLORS["weight"], label="manual")
left.loglog(sizes, ends, "--", marker="s", color=plots.COLORS["minus"], label="control")
left.set(title="Words in the vocabulary", xlabel="words read", ylabel="different words")
left.legend()
right.semilogx(sizes, [100 * rate for rate in rates], marker="o")
right.set(title="OOV rate of new text", xlabel="words read", ylabel="unknown words (%)")
right.set_ylim(0, None)
for ax in (left, right):
    ax.xaxis.set_major_formatter("{x:,.0f}")
plots.caption(
    "The vocabulary keeps growing, and new text still has unknown words. Left: "
    f"{grows[-1]:,} words after {sizes[-1]:,} read, where a closed list levels off at "
    f"{ends[-1]:,}. Right: the OOV rate falls from {rates[0]:.0%} to {rates[-1]:.1%}.",
    alt="Two panels. On logarithmic axes, the vocabulary of the manual is nearly a "
    "rising line, and the control becomes flat. The OOV rate falls, at last slowly.",
)
plt.show()

# %%
# After 88,754 words the vocabulary has 3,321 entries and still grows, while the closed
# list has levelled off at 1,398. The growth is described by **Heaps' law**,
#
# .. math::
#    |\mathcal V(n)| \approx K n^{\beta}, \qquad 0 < \beta < 1 ,
#
# a line on logarithmic axes. Our exponent is not quite constant: it falls from 0.63 to
# 0.34 as the manual runs out of new subjects, but that of the control falls to 0.01.
# The OOV rate falls from 18.1% to 2.3%, and each step takes twice the text. A larger
# vocabulary also has a cost: 28% of its words occur once, and a model can learn little
# about a word from one sentence.
#
# Normalization
# -------------
# Lower case is a **normalization**: different spellings are made one before the text is
# split. (Another makes é one code point, see
# :doc:`/lessons/01_tokenization/50_wordpiece_unigram_sentencepiece`.) We count what it
# saves, and how many lines come back after each of the three losses.
cased = {w for line in lines for w in re.findall(r"\w+|[^\w\s]", line)}
twins = sorted(w for w in cased if w[0].isupper() and w.lower() in cased)
saved = len(cased) - grows[-1]
print(f"{len(cased):,} words with case, {grows[-1]:,} without: {saved} saved")
print("no longer distinct:", *(f"{w}/{w.lower()}" for w in twins if w in dir(builtins)))

package = tokenization.BasicTokenizer.train(lines)
kept = {
    "case lost": [line == line.lower() for line in new],
    "spacing lost": [" ".join(split(line)) == line.lower() for line in new],
    "unknown words lost": [known[-1].issuperset(split(line)) for line in new],
    "all three lost": [package.decode(package.encode(line)) == line for line in new],
}
for loss, unchanged in kept.items():
    share = sum(unchanged) / len(new)
    print(f"{loss:20}  {share:5.1%} of {len(new):,} lines")

# %%
# Lower case saves 526 of 3,847 entries. In this text it also makes ``None`` and "none"
# one word, and ``Exception`` and "exception", which mean different things to a Python
# programmer. Only 1.2% of the new lines survive all three losses; spacing does most of
# the damage, since it leaves 3.9% intact, where unknown words leave 76.6%.
#
# Subwords
# --------
# Words are too coarse a unit. Characters are nearly always known, but there are many of
# them. **Subwords** lie between the two: frequent words stay whole, rare ones are
# composed of pieces, down to single bytes. We learn as many subwords as there were
# words, by byte pair encoding (:doc:`/lessons/01_tokenization/30_byte_pair_encoding`).
splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
chunks, new_chunks = (
    Counter(chunk for line in part for chunk, _ in splitter.pre_tokenize_str(line))
    for part in (lines, new)
)
alphabet, characters = set("".join(chunks)), set("".join(lines))
bpe = tokenization.train_bpe(chunks, n_merges=grows[-1] - len(alphabet))
n_subwords = sum(len(bpe.encode(c)) * count for c, count in new_chunks.items())
unknown = [sum(word not in known[-1] for word in new_words)]
unknown += [len({*"".join(new)} - characters), len({*"".join(new_chunks)} - alphabet)]
names = "words", "characters", "subwords"
entries = grows[-1], len(characters), len(bpe.vocabulary)
tokens = len(new_words), sum(map(len, new)), n_subwords
print("unit        vocabulary  tokens of new text  unknown")
for row in zip(names, entries, tokens, unknown, strict=True):
    print("{:10}  {:10,}  {:18,}  {:7,}".format(*row))

# %%
# With equally many entries, subwords leave nothing unknown, and keep case and spaces.
# They don't even need more tokens than words, 22,142 against 25,275: frequent runs of
# punctuation become one token, which outweighs the words that are split. The most
# frequent unknown words, in subwords, and the sentence about Fluffkins in GPT-2's:
import lmviz
from lmviz import views

lost = Counter(word for word in new_words if word not in known[-1])
print(*(bpe.encode("Ġ" + word) for word, _ in lost.most_common(3)))
gpt2 = lmviz.load_tokenizer("gpt2")
numbers = gpt2.encode(text).ids
assert gpt2.decode(numbers) == text
ours = [vocabulary[i] for i in encode(text)]
views.tokens({"words": ours, "GPT-2": tokenization.readable_tokens(gpt2, numbers)})

# %%
# Summary
# -------
# - A word-level tokenizer gives one id to each word, and ``[UNK]`` to all others.
# - Vocabularies of words grow with the text (Heaps' law); new text still had 2.3% of
#   unknown words.
# - Normalization makes the list smaller, and cannot be undone.
# - Subwords of the same number left nothing unknown, in fewer tokens.
#
# Exercises
# ---------
# Let ``split`` keep the case. Does the OOV rate rise or fall? Measure it.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    It rises: a word that was seen in lower case is unknown at the start of a sentence.
#
# Further reading
# ---------------
# Sennrich, Haddow and Birch, *Neural Machine Translation of Rare Words with Subword
# Units* (ACL 2016), section 1. Heaps, *Information Retrieval: Computational and
# Theoretical Aspects* (1978), section 7.5, on the growth of vocabularies.
