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
# bytes. Here are five kinds of text that language models find hard, each with an easier
# one, as GPT-2's tokenizer splits them; ``␣`` is a space.
import lmviz
from lmviz import tokenization, views

tokenizer = lmviz.load_tokenizer("gpt2")


def split(text):
    return tokenization.readable_tokens(tokenizer, tokenizer.encode(text).ids)


symptoms = {
    "spelling": ("b e r r y", " strawberry"),
    "arithmetic": ("1000", "1234567"),
    "trailing space": (" France is", " France is "),
    "rare names": (" Smith", " Szymborska"),
    "indentation": ("return x", " " * 8 + "return x"),
}
print(f"{'symptom':14}  {'easier':14}  tokens  {'harder':26}  tokens")
for name, texts in symptoms.items():
    easy, hard = map(split, texts)
    left = f"{'|'.join(easy):14}  {len(easy):6}"
    print(f"{name:14}  {left}  {'|'.join(hard):26}  {len(hard):6}")

# %%
# - *Spelling.* "strawberry" is 1 token: a single number, in which no r can be seen,
#   unlike in letters with spaces between them.
# - *Arithmetic.* ``1234567`` is split into 123, 45 and 67. The groups are those that
#   were frequent, not those of the digits' values.
# - *Trailing space.* The last space becomes a token. In ordinary text it is the
#   beginning of the next one, as in ``␣Paris``.
# - *Rare names.* Smith is 1 token, Szymborska 5, none of which is a name.
# - *Indentation.* Eight spaces turn the 2 tokens of a line of code into 9.
#
# These are causes, not yet effects. The chapter's last lesson comes back to all five:
# :doc:`/lessons/01_tokenization/80_special_tokens_and_chat_templates`.
#
# One text, four units
# --------------------
# What should a token be? We compare words, characters, **bytes** (the 256 values that
# files consist of) and **subwords** (frequent words and parts of words): how many
# different ones there are, and how many a sentence and Python's manual take.
import pydoc_data.topics
import re
import sys

manual = "\n".join(pydoc_data.topics.topics.values())
units = {
    "words": lambda text: re.findall(r"\w+|[^\w\s]", text),
    "characters": lambda text: list(text.replace(" ", "␣")),
    "bytes": lambda text: [f"{byte:02x}" for byte in text.encode()],
    "subwords": split,
}
sentence = "The naïve dog wasn't overfed."
strips = {name: cut(sentence) for name, cut in units.items()}
n_words = len(set(units["words"](manual)))
known = [n_words, sys.maxunicode + 1, 256, tokenizer.get_vocab_size()]
print("unit        different  sentence   manual")
for (name, cut), n in zip(units.items(), known, strict=True):
    print(f"{name:10}  {n:9,}  {len(strips[name]):8}  {len(cut(manual)):7,}")

# %%
import matplotlib.pyplot as plt

from lmviz import plots

plots.token_strips(strips, title="A sentence in four units")
plots.caption(
    "The sentence has as many subwords as words. The units, from above: "
    f"{', '.join(f'{len(strip)} {name}' for name, strip in strips.items())}.",
    alt="Four rows of boxes: few and wide for words and subwords, many and narrow for "
    f"characters and bytes. The subwords are {' '.join(strips['subwords'])}",
)
plt.show()

# %%
# Characters and bytes make the manual four times as long as words do: 465,048 and
# 466,195 units instead of 114,029. But the list of words has no end, as the :doc:`next
# lesson </lessons/01_tokenization/20_word_level_tokenizer>` shows; the manual alone has
# 4,194. Subwords are the compromise: a fixed list of 50,257, and 139,015 tokens. The
# rare "overfed" is ``␣over`` and ``fed``. That this makes sense is luck: the list is
# made by :doc:`counting pairs </lessons/01_tokenization/30_byte_pair_encoding>`.
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
# First a vocabulary of five tokens, then GPT-2's, for which you can enter a text, too:
vocabulary = ["t", "s", "tea", " sea", "m"]
ids = [vocabulary.index(token) for token in ("tea", " sea", "t")]
print(ids, "->", repr("".join(vocabulary[i] for i in ids)))
text = "Small Language Models are powerful and efficient!"
encoding = tokenizer.encode(text)
print(encoding.tokens)
print(encoding.ids, "->", repr(tokenizer.decode(encoding.ids)))
views.tokens({"GPT-2": split(text)}, ids={"GPT-2": encoding.ids}, tokenizers=["gpt2"])

# %%
# ``Ġ`` is how GPT-2's vocabulary file writes the space, to keep it visible: an ordinary
# byte, and no special token. The model gets only the ids. The same in ``transformers``:
#
# .. code-block:: python
#
#    tokenizer = AutoTokenizer.from_pretrained("gpt2")
#    tokenizer.tokenize(text)  # ['Small', 'ĠLanguage', 'ĠModels', …]
#    tokenizer(text)["input_ids"]  # [18712, 15417, 32329, …]
#
# GPT-2's tokens consist of bytes. A character outside ASCII takes two to four of them,
# and the file writes each byte as one character of a *byte alphabet*:
alphabet = tokenization.byte_alphabet()
word = " naïve"
written = ("".join(alphabet[b] for b in c.encode()) for c in word)
print("character", *(f"{c.replace(' ', '␣'):5}" for c in word), sep="  ")
print("bytes    ", *(f"{c.encode().hex(' '):5}" for c in word), sep="  ")
print("alphabet ", *(f"{c:5}" for c in written), sep="  ")

# %%
# So ``ï`` is two bytes, written ``Ã¯``. Decoding joins the tokens, turns the byte
# alphabet into bytes, and reads them as UTF-8. We test the round trip, from text to ids
# and back, on a thousand texts of random characters.
import random

byte_of = {character: byte for byte, character in alphabet.items()}


def decode(ids):
    written = "".join(tokenizer.id_to_token(i) for i in ids)
    return bytes(byte_of[c] for c in written).decode("utf-8", errors="replace")


random.seed(0)
letters = [*map(chr, range(32, 0xD800)), *map(chr, range(0x1F300, 0x1F900))]
texts = ["".join(random.choices(letters, k=20)) for _ in range(1000)]
encoded = [tokenizer.encode(text).ids for text in texts]
decoded = [decode(ids) for ids in encoded]
print("changed texts:", sum(a != b for a, b in zip(decoded, texts, strict=True)))
assert decoded == texts == [tokenizer.decode(ids) for ids in encoded]
ids = tokenizer.encode("naïve 🦜!").ids
print("one by one:", [decode([i]) for i in ids], "together:", decode(ids))

# %%
# No text changed, and the library decodes them alike: as all 256 bytes are tokens, what
# has no token of its own is spelled in bytes. The parrot's four bytes are three tokens.
# Decoded one by one, each gives the replacement character �, since none is a character.
#
# Four stages
# -----------
# A tokenizer is a pipeline of four stages, each of which may be missing: the
# **normalizer** rewrites the text (to lower case, é as one code point); the
# **pre-tokenizer** cuts it into words; the *model* splits each word into tokens; the
# **post-processor** adds **special tokens**, which represent no text but, say, its end.
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

tiny = Tokenizer(models.WordLevel({"[BOS]": 0, "[UNK]": 1, "tea": 2, ",": 3}, "[UNK]"))
tiny.normalizer = normalizers.Lowercase()
tiny.pre_tokenizer = pre_tokenizers.Whitespace()
template = processors.TemplateProcessing("[BOS] $A", None, [("[BOS]", 0)])
tiny.post_processor = template
normal = tiny.normalizer.normalize_str("Tea, HAM")
print("normalizer     ", normal)
print("pre-tokenizer  ", *(w for w, _ in tiny.pre_tokenizer.pre_tokenize_str(normal)))
print("model          ", *tiny.encode(normal, add_special_tokens=False).tokens)
print("post-processor ", *tiny.encode(normal).tokens)
ids = tokenizer.encode("a<|endoftext|>b").ids
print("GPT-2's default", "", tokenizer.decode(ids))
print("without skips  ", tokenizer.decode(ids, skip_special_tokens=False))
assert tokenizer.normalizer is tokenizer.post_processor is None

# %%
# GPT-2's tokenizer has no normalizer and no post-processor. Its one special token,
# ``<|endoftext|>``, is recognized in a text that spells it. Decoded, the text is "ab":
# not because it was lost, but because ``tokenizers`` skips special tokens by default
# (``transformers`` doesn't). With ``skip_special_tokens=False`` it comes back.
#
# Ids are names
# -------------
# What do neighbours in the vocabulary have in common? We average how often tokens occur
# in the manual, and measure how far apart the ids of related words are.
from collections import Counter
from statistics import mean, median

for i in range(18708, 18714):
    print(i, repr(tokenizer.decode([i])))
counts = Counter(tokenizer.encode(manual).ids)
for first, last in ((256, 999), (1000, 4999), (20_000, 50_256)):
    times = mean(counts[i] for i in range(first, last + 1))
    print(f"ids {first:,} to {last:,} occur {times:.2f} times on average")

ids = tokenizer.get_vocab()
words = sorted(token for token in ids if re.fullmatch("Ġ[a-z]{3,}", token))
for name, other in {"plural": lambda t: t + "s", "no space": lambda t: t[1:]}.items():
    pairs = [(ids[t], ids[other(t)]) for t in words if other(t) in ids]
    mixed = random.sample([j for _, j in pairs], len(pairs))
    near = median(abs(i - j) for i, j in pairs)
    far = median(abs(i - j) for (i, _), j in zip(pairs, mixed, strict=True))
    print(f"{name}: {len(pairs):,} pairs, {near:,.0f} apart, at random {far:,.0f}")

# %%
# Low ids are frequent tokens, since these were learned first: up to 999 they occur
# 52.62 times on average, from 20,000 only 0.25 times. So neighbours have similar
# frequencies. They share no meaning: a word with and without its space is 17,558 ids
# apart, no less than random pairs (16,888). A plural is 10,711 from its singular, less
# than at random (14,507), since both are common. An id is a name, not an amount.
#
# Summary
# -------
# - A tokenizer splits a text into tokens of a fixed vocabulary; the model gets their
#   ids. GPT-2's 50,257 tokens are made of bytes, so that no text is lost.
# - Subwords are nearly as few as words, and their list has an end.
# - The stages are normalizer, pre-tokenizer, model and post-processor.
# - Decode ids together, and know whether the library skips special tokens.
#
# Exercises
# ---------
# A model generates one id at a time. Print the text so far, without half characters.
#
# .. admonition:: Answer
#    :class: dropdown
#
#    Pass the bytes of each token to ``codecs.getincrementaldecoder("utf-8")()``. Its
#    ``decode`` keeps an incomplete character until its last byte has come.
#
# Further reading
# ---------------
# Radford, Wu, Child, Luan, Amodei and Sutskever, *Language Models are Unsupervised
# Multitask Learners* (2019), section 2.2. Mielke et al., *Between Words and Characters:
# A Brief History of Open-Vocabulary Modeling and Tokenization in NLP* (2021).
