"""
Word-level tokenization and out-of-vocabulary words
===================================================

The simplest tokenizer splits a text at spaces and punctuation and numbers the words.
What is lost? At the end of this lesson you can build one in ten lines, measure how
often it fails, and explain why a larger vocabulary doesn't help but subwords do.
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

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
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
# The first sentence is not in the corpus, but it can still be read. The second loses
# three things:
#
# - *Unknown words.* "Fluffkins" is not in the vocabulary. It is **out of vocabulary**
#   (**OOV**), and becomes the special token ``[UNK]``. So do the character "!" and the
#   three parts of "wasn't".
# - *Case.* "THE" has become "the".
# - *Spacing.* The ids don't say where there were two spaces and where there were none.
#
# No later part of a model can undo these losses. The package's ``BasicTokenizer`` is
# the same tokenizer. The library ``tokenizers`` can build it, too, with our normalizer
# and pre-tokenizer. (Its ids are in order of frequency.)
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
# Does a longer text complete the vocabulary? The number of distinct words in a text of
# :math:`n` words is described by **Heaps' law**,
#
# .. math::
#    |\mathcal V(n)| \approx K n^{\beta}, \qquad 0 < \beta < 1 .
#
# Under this law, doubling the text multiplies the number of distinct words by
# :math:`2^\beta`: the number would double, too, if :math:`\beta` were 1, and stay the
# same if :math:`\beta` were 0. We read Python's manual, topic by topic in random order,
# and leave out lines that repeat an earlier one. Every fifth topic is held out as new
# text, without the lines that also occur in the topics that we read. The **OOV rate**
# is the share of unknown words among the words :math:`w_1, \dots, w_n` of the new text:
#
# .. math::
#    \mathrm{OOV} = \frac 1 n \sum_{k=1}^{n} \mathbf 1[w_k \notin \mathcal V].
#
# A growing list might only mean that the text is too short to contain every word. The
# control is therefore a text of the same length with a finite list: words drawn at
# random, in proportion to their frequency, from the first eighth of what we read. Each
# row of the table uses twice as much text as the row above, and :math:`\beta` is
# computed from these two rows.
import builtins
import math
import random
from collections import Counter

from lmviz.texts import python_manual

rng = random.Random(0)
topics = sorted(python_manual().values())
rng.shuffle(topics)
lines = [x for i, text in enumerate(topics) if i % 5 for x in text.splitlines() if x]
lines = dict.fromkeys(lines)  # each line once
new = dict.fromkeys(x for text in topics[::5] for x in text.splitlines() if x)
new = [line for line in new if line not in lines]
new_words = [word for line in new for word in split(line)]
seen = [word for line in lines for word in split(line)]
drawn = rng.choices(seen[: len(seen) // 8], k=len(seen))


def beta(words, n):
    """Return the exponent of Heaps' law between n / 2 and n words."""
    return math.log2(len(set(words[:n])) / len(set(words[: n // 2])))


sizes = [len(seen) >> k for k in range(6, -1, -1)]
known = [set(seen[:n]) for n in sizes]
grows = [len(words) for words in known]
ends = [len(set(drawn[:n])) for n in sizes]
rates = [sum(w not in words for w in new_words) / len(new_words) for words in known]
print("words read  vocabulary  beta  control  beta  OOV rate")
for n, size, end, rate in zip(sizes, grows, ends, rates, strict=True):
    row = f"{n:10,}  {size:10,}  {beta(seen, n):4.2f}"
    print(f"{row}  {end:7,}  {beta(drawn, n):4.2f}  {rate:8.1%}")

# %%
once = list(Counter(seen).values()).count(1)
print(f"{once:,} of {grows[-1]:,} words occur once: {once / grows[-1]:.0%}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

_, (left, right) = plt.subplots(1, 2, figsize=(6.08, 2.7), layout="constrained")
left.loglog(sizes, grows, marker="o", color=plots.COLORS["weight"], label="manual")
left.loglog(sizes, ends, "--", marker="s", color=plots.COLORS["minus"], label="control")
left.set(title="Words in the vocabulary", xlabel="words read", ylabel="distinct words")
left.set_yticks([300, 1000, 3000], ["300", "1,000", "3,000"])
left.minorticks_off()
left.legend()
right.semilogx(sizes, [100 * rate for rate in rates], marker="o")
right.set(title="OOV rate of new text", xlabel="words read", ylabel="unknown words (%)")
right.set_ylim(0, None)
for ax in (left, right):
    ax.xaxis.set_major_formatter("{x:,.0f}")
plots.caption(
    "The vocabulary keeps growing, and new text still has unknown words. Left: "
    f"{grows[-1]:,} words after {sizes[-1]:,} read, where a finite list levels off at "
    f"{ends[-1]:,}. Right: the OOV rate falls from {rates[0]:.0%} to {rates[-1]:.1%}.",
    alt="Two panels. On logarithmic axes, the vocabulary of the manual rises nearly "
    "along a line, and the control becomes flat. The OOV rate falls ever more slowly.",
)
plt.show()

# %%
# After 67,750 words the vocabulary has 3,321 entries and still grows: the exponent is
# between 0.55 and 0.58 in the last four rows. The finite list has levelled off at 1,022
# words, with an exponent of 0.01. The OOV rate falls from 44.7% to 4.8%, but each step
# requires twice as much text. A larger vocabulary also has a cost: 34% of its words
# occur once, and a model can learn little about a word from one sentence.
#
# Normalization
# -------------
# Lowercasing is a **normalization**: different spellings are made equal before the text
# is split. (Another turns é into one code point: see :doc:`lesson 1.5
# </lessons/01_tokenization/05_wordpiece_unigram_sentencepiece>`.) How many entries does
# lowercasing save, and how many lines does it change? For each of the three losses, we
# count the new lines that it leaves unchanged.
cased = {w for line in lines for w in re.findall(r"\w+|[^\w\s]", line)}
twins = sorted(w for w in cased if w[0].isupper() and w.lower() in cased)
saved = len(cased) - grows[-1]
print(f"{len(cased):,} words with case, {grows[-1]:,} without: {saved} saved")
print("no longer distinct:", *(f"{w}/{w.lower()}" for w in twins if w in dir(builtins)))

package = tokenization.BasicTokenizer.train(lines)
kept = {
    "case": [line == line.lower() for line in new],
    "spacing": [" ".join(split(line)) == line.lower() for line in new],
    "unknown words": [known[-1].issuperset(split(line)) for line in new],
    "all three": [package.decode(package.encode(line)) == line for line in new],
}
print("loss           unchanged lines")
for loss, unchanged in kept.items():
    print(f"{loss:13}  {sum(unchanged) / len(new):15.1%}")

# %%
# Lower case saves 526 of 3,847 entries, and leaves half of the lines unchanged. It also
# makes ``None`` and "none" one word, and ``Exception`` and "exception", which mean
# different things to a Python programmer. Only 0.8% of the new lines survive all three
# losses. Spacing does most of the damage: it leaves 3.2% of the lines unchanged, and
# unknown words leave 56.8%.
#
# Subwords
# --------
# Words are too coarse a unit. Characters are nearly always known, but a text has many
# of them. **Subwords** lie between the two: frequent words stay whole, and rare ones
# are composed of pieces, down to single bytes. We learn as many subwords as there were
# words, by byte pair encoding, the subject of the :doc:`next lesson
# </lessons/01_tokenization/03_byte_pair_encoding>`. ``ByteLevel`` cuts the text at
# spaces, and writes them as ``Ġ``. The column "unknown" counts the tokens of the new
# text that are not in the vocabulary.
splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
chunks, new_chunks = (
    Counter(chunk for line in part for chunk, _ in splitter.pre_tokenize_str(line))
    for part in (lines, new)
)
alphabet, characters = set("".join(chunks)), set("".join(lines))
bpe = tokenization.train_bpe(chunks, n_merges=grows[-1] - len(alphabet))
subwords = [t for chunk, n in new_chunks.items() for t in bpe.encode(chunk) * n]
rows = {
    "words": (known[-1], new_words),
    "characters": (characters, "".join(new)),
    "subwords": (set(bpe.vocabulary), subwords),
}
print("unit        vocabulary  tokens of new text  unknown")
for name, (entries, tokens) in rows.items():
    unknown = sum(token not in entries for token in tokens)
    print(f"{name:10}  {len(entries):10,}  {len(tokens):18,}  {unknown:7,}")

# %%
# With the same number of entries, subwords leave nothing unknown. The new text is
# 13,770 tokens long in subwords, 12,190 in words and 47,056 in characters. So the text
# is only slightly longer in subwords than in words, although the subwords keep case and
# spaces. Here are the most frequent unknown words, split into subwords, and the
# sentence about Fluffkins in GPT-2's subwords:
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
# - A word-level tokenizer gives each known word an id, and all others ``[UNK]``.
# - Vocabularies of words grow with the text (Heaps' law); 4.8% of the words in new text
#   were still unknown.
# - Normalization makes the vocabulary smaller, and cannot be undone.
# - The same number of subwords left nothing unknown, and the 12,190 words became 13,770
#   tokens.
#
# Exercises
# ---------
# Let ``split`` keep the case. Does the OOV rate rise or fall? Measure it, and list the
# words that are unknown only because of their case.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    It rises to ``5.6%``, since ``102`` more words are unknown. Two thirds of these are
#    now capitalised, but were seen only in lower case. The other third is the reverse:
#    "raw", for example, is unknown, since it was seen only as "Raw".
#
# Further reading
# ---------------
# Sennrich, Haddow and Birch, *Neural Machine Translation of Rare Words with Subword
# Units* (ACL 2016), section 1. Heaps, *Information Retrieval: Computational and
# Theoretical Aspects* (1978), section 7.5, on the growth of vocabularies.
