"""
Tokens and ids: how a text becomes numbers
==========================================

A language model reads and writes whole numbers, and a tokenizer translates between
them and text. What does one number represent, and is anything lost? At the end of
this lesson you can decode ids yourself, follow a text through the four stages of a
tokenizer, and name five weaknesses of language models that begin here.
"""

# %%
# Five symptoms
# -------------
# A **tokenizer** splits a text into **tokens**: words, parts of words, characters or
# bytes. The model receives a number for each token, and no letters. This makes some
# texts harder for it than similar ones. Here are five examples, as GPT-2's tokenizer
# splits them. A ``|`` separates two tokens, and ``␣`` is a space.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import lmviz
from lmviz import tokenization, views

tokenizer = lmviz.load_tokenizer("gpt2")


def split(text):
    return tokenization.readable_tokens(tokenizer, tokenizer.encode(text).ids)


symptoms = {
    "spelling": ("s t r a w b e r r y", " strawberry"),
    "arithmetic": ("1000", "1234"),
    "trailing space": (" France is", " France is "),
    "rare names": (" Smith", " Szymborska"),
    "indentation": ("return x", " " * 8 + "return x"),
}
print(f"{'symptom':14}  {'easier':29}  tokens  {'harder':26}  tokens")
for name, texts in symptoms.items():
    easy, hard = map(split, texts)
    left = f"{'|'.join(easy):29}  {len(easy):6}"
    print(f"{name:14}  {left}  {'|'.join(hard):26}  {len(hard):6}")

# %%
# A harder text need not have more tokens, but its tokens always hide something:
#
# - *Spelling.* "strawberry" is 1 token. Nothing in this one number says that the word
#   has three r's. If the letters are separated by spaces, each is a token.
# - *Arithmetic.* ``1000`` is 1 token, but ``1234`` is split into 12 and 34. Nothing
#   says that the first token means twelve hundred.
# - *Trailing space.* The space at the end becomes a token. In ordinary text, a space
#   begins the next token, such as ``␣Paris``, which hardly ever follows another space.
# - *Rare names.* Smith is 1 token. Szymborska is 5, none of which is a name.
# - *Indentation.* Eight spaces turn 2 tokens into 9, which the model must count.
#
# Two of these symptoms are measured in :doc:`lesson 1.8
# </lessons/01_tokenization/08_special_tokens_and_chat_templates>`.
#
# One text, four units
# --------------------
# What should a token be? We compare four units: words, characters, **bytes** (the 256
# numbers that files consist of) and **subwords**, which are frequent words and parts of
# words. We split a sentence and the manual behind the ``help()`` of Python 3.11. The
# column "distinct" counts each unit of the manual once, and "list" counts all units
# that exist.
import re

from lmviz.texts import python_manual

manual = "\n".join(python_manual().values())
units = {
    "words": lambda text: re.findall(r"\w+|[^\w\s]", text),
    "characters": lambda text: list(text.replace(" ", "␣")),
    "bytes": lambda text: [f"{byte:02x}" for byte in text.encode()],
    "subwords": split,
}
sentence = "The naïve dog wasn't overfed."
strips = {name: cut(sentence) for name, cut in units.items()}
lists = ["no end", "Unicode", "256", f"{tokenizer.get_vocab_size():,}"]
print("unit        sentence   manual   distinct  list")
for (name, cut), size in zip(units.items(), lists, strict=True):
    parts = cut(manual)
    n, different = len(strips[name]), len(set(parts))
    print(f"{name:10}  {n:8}  {len(parts):7,}  {different:9,}  {size}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

plots.token_strips(strips, title="A sentence in four units")
plots.caption(
    "The sentence has as many subwords as words. The units, from top to bottom: "
    f"{', '.join(f'{len(strip)} {name}' for name, strip in strips.items())}.",
    alt="Four rows of boxes: few and wide for words and subwords, many and narrow for "
    f"characters and bytes. The subwords are {' '.join(strips['subwords'])}",
)
plt.show()

# %%
# Subwords combine a short text with a finite list. In characters or bytes, the manual
# is four times as long as in words: 465,048 and 466,195 units instead of 114,029. In
# words it is shortest, but the list of words has no end, as the :doc:`next lesson
# </lessons/01_tokenization/02_word_level_tokenizer>` shows: this manual alone contains
# 4,194 distinct words. GPT-2's list of subwords has 50,257 entries, and the manual is
# 139,015 tokens long. The word "overfed" is not in the list, so it is ``␣over`` and
# ``fed``. Not every split is as meaningful, since the list comes from counting
# (:doc:`lesson 1.3 </lessons/01_tokenization/03_byte_pair_encoding>`).
#
# Encode and decode
# -----------------
# The fixed list of tokens is the **vocabulary** :math:`\mathcal V`, and a token's
# position in it is its **id**. To *encode* a text is to split it into tokens
# :math:`t_1, \dots, t_T` and look up their ids. To *decode* ids is to look up their
# tokens and join them:
#
# .. math::
#    \mathrm{encode}(t_1 \cdots t_T) = (i_1, \dots, i_T), \quad \mathcal V[i_k] = t_k;
#    \qquad \mathrm{decode}(i_1, \dots, i_T) = \mathcal V[i_1] \cdots \mathcal V[i_T].
#
# We begin with a vocabulary of five tokens, and a text split by hand (later lessons
# show how a tokenizer finds the split). Then GPT-2's tokenizer does the same. In the
# view below, you can enter other texts.
vocabulary = ["t", "s", "tea", " sea", "m"]
ids = [vocabulary.index(token) for token in ("tea", " sea", "t")]
print(ids, "->", repr("".join(vocabulary[i] for i in ids)))
text = "Small Language Models are powerful and efficient!"
encoding = tokenizer.encode(text)
print(encoding.tokens)
print(encoding.ids, "->", repr(tokenizer.decode(encoding.ids)))
views.tokens({"GPT-2": split(text)}, ids={"GPT-2": encoding.ids}, tokenizers=["gpt2"])

# %%
# ``Ġ`` is how GPT-2's vocabulary file writes a space, to keep it visible. In
# ``transformers``, the same steps are:
#
# .. code-block:: python
#
#    tokenizer = AutoTokenizer.from_pretrained("gpt2")
#    tokenizer.tokenize(text)  # ['Small', 'ĠLanguage', 'ĠModels', …]
#    tokenizer(text)["input_ids"]  # [18712, 15417, 32329, …]
#
# GPT-2's tokens consist of bytes. A character outside ASCII is two to four bytes, and
# the file writes each byte as one character of a *byte alphabet*:
alphabet = tokenization.byte_alphabet()
word = " naïve"
written = ("".join(alphabet[b] for b in c.encode()) for c in word)
print("character", *(f"{c.replace(' ', '␣'):5}" for c in word), sep="  ")
print("bytes    ", *(f"{c.encode().hex(' '):5}" for c in word), sep="  ")
print("alphabet ", *(f"{c:5}" for c in written), sep="  ")

# %%
# The letter ``ï`` is two bytes, written ``Ã¯``. To decode, we join the tokens, turn the
# alphabet back into bytes, and read these as UTF-8. We test this on a thousand texts of
# random characters.
import random

byte_of = {character: byte for byte, character in alphabet.items()}


def decode(ids):
    written = "".join(tokenizer.id_to_token(i) for i in ids)
    return bytes(byte_of[c] for c in written).decode("utf-8", errors="replace")


random.seed(0)
letters = [*map(chr, range(32, 0xD800)), *map(chr, range(0x1F300, 0x1F900))]
texts = ["".join(random.choices(letters, k=20)) for _ in range(1000)]
encoded = [tokenizer.encode(text).ids for text in texts]
assert texts == [*map(decode, encoded)] == [*map(tokenizer.decode, encoded)]
ids = tokenizer.encode(" naïve 🦜!").ids
print("one by one:", [decode([i]) for i in ids], "together:", repr(decode(ids)))

# %%
# Our function and the library's both return every text unchanged. Every byte is a
# token, so a character without a token of its own is spelled in bytes. The parrot's
# four bytes are three tokens. Decoded by itself, each gives the replacement character
# �, since none is a whole character.
#
# Four stages
# -----------
# A tokenizer is a pipeline of four stages, of which only the third is required:
#
# #. The **normalizer** rewrites the text, for example in lower case.
# #. The **pre-tokenizer** cuts the text into words.
# #. The *model* (the tokenizer's, not the language model) splits each word into tokens.
# #. The **post-processor** adds **special tokens**, such as one for the end of a text.
#    These are not part of the ordinary vocabulary: they are inserted by a rule or
#    recognized as a whole, and never composed of smaller tokens.
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

tiny = Tokenizer(models.WordLevel({"[BOS]": 0, "[UNK]": 1, "tea": 2, ",": 3}, "[UNK]"))
tiny.normalizer = normalizers.Lowercase()
tiny.pre_tokenizer = pre_tokenizers.Whitespace()
template = "[BOS] $A"  # a token for the beginning of the sequence, and the text
tiny.post_processor = processors.TemplateProcessing(template, None, [("[BOS]", 0)])
normal = tiny.normalizer.normalize_str("Tea, HAM")
print("normalizer     ", normal)
print("pre-tokenizer  ", *(w for w, _ in tiny.pre_tokenizer.pre_tokenize_str(normal)))
print("model          ", *tiny.encode(normal, add_special_tokens=False).tokens)
print("post-processor ", *tiny.encode(normal).tokens)

# %%
# The word "ham" is not in the vocabulary, and becomes ``[UNK]``, the unknown token.
# GPT-2's tokenizer has no normalizer and no post-processor. Its one special token,
# ``<|endoftext|>``, is recognized in a text that spells it:
ids = tokenizer.encode("a<|endoftext|>b").ids
print(ids, tokenizer.decode(ids), tokenizer.decode(ids, skip_special_tokens=False))
assert tokenizer.normalizer is tokenizer.post_processor is None

# %%
# The library ``tokenizers`` leaves out special tokens when it decodes, unless
# ``skip_special_tokens=False``. In ``transformers``, ``False`` is the default.
#
# Ids are names
# -------------
# Do tokens with neighbouring ids have anything in common? Here are six of them, and how
# often tokens of three ranges of ids occur in the manual. (The ids below 256 are the
# single bytes.)
from collections import Counter

for i in range(18708, 18714):
    print(i, repr(tokenizer.decode([i])))
counts = Counter(tokenizer.encode(manual).ids)
for first, last in ((256, 999), (1000, 4999), (20_000, 50_256)):
    times = sum(counts[i] for i in range(first, last + 1)) / (last + 1 - first)
    print(f"ids {first:,} to {last:,} occur {times:.2f} times on average")

# %%
# Neighbours are about equally frequent. Low ids belong to frequent tokens, because the
# method that makes the vocabulary finds these first: tokens with ids up to 999 occur
# 52.62 times on average, and tokens with ids of 20,000 or more only 0.25 times. Do
# related words have similar ids, too? We take words that are tokens with their space
# and without it, and measure how far apart the two ids are. The baseline is the median
# distance over all pairs of words.
import numpy as np

ids = tokenizer.get_vocab()
words = [token[1:] for token in ids if re.fullmatch("Ġ[a-z]{3,}", token)]
pairs = [(ids["Ġ" + word], ids[word]) for word in words if word in ids]
left, right = np.array(pairs).T
near, far = np.median(abs(left - right)), np.median(abs(left[:, None] - right))
print(f"{len(pairs):,} words: median distance {near:,.0f}, all pairs {far:,.0f}")

# %%
# No: the median distance between the two ids of a word is 17,558, about the same as
# between the ids of two random words, 17,332. An id is a name, not an amount.
#
# Summary
# -------
# - A tokenizer splits a text into tokens of a fixed vocabulary; the model gets their
#   ids. GPT-2's 50,257 tokens are made of bytes, so no text is lost.
# - Subwords make a text nearly as short as words do, and their list is finite.
# - The stages are normalizer, pre-tokenizer, model and post-processor.
# - Decode ids together, and know whether the library skips special tokens.
#
# Exercises
# ---------
# A model generates one id at a time. Print the text so far after each id, without
# incomplete characters (``codecs.getincrementaldecoder`` buffers their bytes).
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Make one ``codecs.getincrementaldecoder("utf-8")("replace")``, and pass the bytes
#    of each token to its ``decode``. With ``"replace"``, it accepts bytes that form no
#    character, which a model may generate.
#
# Further reading
# ---------------
# Radford, Wu, Child, Luan, Amodei and Sutskever, *Language Models are Unsupervised
# Multitask Learners* (2019), section 2.2. Mielke et al., *Between Words and Characters:
# A Brief History of Open-Vocabulary Modeling and Tokenization in NLP* (2021).
