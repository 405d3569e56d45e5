"""
GPT-2's tokenizer: byte-level BPE, rebuilt
==========================================

GPT-2's tokenizer was published as two lists: the id of each token, and the merges in
the order in which they were learned. How do these two lists turn a text into ids? After
this lesson you can write these steps yourself, get the ids of the real tokenizer, and
say what each step is for.
"""

# %%
# Three steps, by hand
# --------------------
# GPT-2 puts two steps before byte pair encoding (:doc:`lesson 1.3
# </lessons/01_tokenization/03_byte_pair_encoding>`). First, **pre-tokenization** cuts
# the text into words. Second, each word is turned into bytes, and each byte is written
# as a printable character. Then neighbours are merged within each word, the pair of
# lowest **rank** first. Here is a short text, with four merges of our own.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
import lmviz
from lmviz import plots, tokenization

pairs = [("e", "a"), ("t", "ea"), ("Ġ", "t"), ("Ã", "©")]  # rank 0 to rank 3
merges = tuple(map(tokenization.Merge, pairs))
tiny = tokenization.BytePairEncoding((), merges)  # (): no list of the bytes is needed
print("word    bytes  tokens")
for word in tokenization.split_words("tea? thé!"):
    spelled = tokenization.to_alphabet(word)
    print(f"{word!r:6}  {spelled:5}  {' | '.join(tiny.encode(spelled))}")

# %%
# The space belongs to the word after it, and is written ``Ġ``. The letter é is two
# bytes, written ``Ã`` and ``©``, and the merge of rank 3 joins them again.
#
# Pre-tokenization: one regular expression
# ----------------------------------------
# Now we write the steps ourselves. The words are the matches of a regular expression.
# At each position, the first branch that matches is taken. Here are GPT-2's expression
# and, for comparison, GPT-4's.
import regex

BRANCHES = [
    r"'s|'t|'re|'ve|'m|'ll|'d",  # an English contraction, in lower case
    r" ?\p{L}+",  # letters of any script, with one space before them
    r" ?\p{N}+",  # digits, likewise
    r" ?[^\s\p{L}\p{N}]+",  # other characters, such as punctuation, likewise
    r"\s+(?!\S)",  # whitespace, without its last character if a word follows
    r"\s+",  # that last character, if no branch above takes it: a newline or a tab
]
GPT2 = regex.compile("|".join(BRANCHES))
GPT4 = regex.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"  # a contraction, also in capitals
    r"|[^\r\n\p{L}\p{N}]?\p{L}+"  # letters, with one other character before them
    r"|\p{N}{1,3}"  # one to three digits, without the space before them
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"  # punctuation, with the newlines after it
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"  # newlines, with the whitespace before them; the rest
)


def visible(text):
    return text.replace(" ", "␣").replace("\n", "↵")


print("text           GPT-2                GPT-4")
for text in ("two  spaces", "pay 1234567", "WE'LL", "end\n\n(start)"):
    cuts = ["|".join(pattern.findall(text)) for pattern in (GPT2, GPT4)]
    print("{:13}  {:19}  {}".format(*map(visible, [text, *cuts])))

# %%
# Both expressions leave the last of two spaces to the word after it. The other texts
# show how GPT-4's expression differs from GPT-2's. Digits come in groups of at most
# three, and without a space; in GPT-2, ``␣1234567`` is one word. Contractions may be in
# capitals; GPT-2 cuts ``WE'LL`` into three words. A run of newlines is one word; GPT-2
# cuts off the last one. And a word may begin with a character other than a space, such
# as a bracket.
#
# Why cut at all? Without cuts, according to the GPT-2 paper (section 2.2), byte pair
# encoding learns several versions of a common word, such as “dog.”, “dog!” and “dog?”,
# and spends its limited vocabulary on them. We test this on the manual behind Python's
# ``help()``: 2,000 merges with GPT-2's cuts, and 2,000 with cuts at spaces only. We
# count tokens that consist of a word and punctuation, and show those that contain the
# word *list*.
from collections import Counter

from lmviz.texts import python_manual

manual = "\n".join(python_manual().values())
for name, pattern in (("GPT-2's cuts", GPT2), ("at spaces", regex.compile(r" ?\S+"))):
    words = Counter(map(tokenization.to_alphabet, pattern.findall(manual)))
    often = {word: n for word, n in words.items() if n > 2}
    learned = [m.token for m in tokenization.train_bpe(often, n_merges=2000).merges]
    mixed = [t for t in learned if regex.fullmatch(r"Ġ?[a-zA-Z]+\W+", t)]
    lists = [t for t in learned if regex.fullmatch(r"Ġlist\W*", t)]
    print(f"{name}: {len(mixed)} tokens of a word and punctuation; {lists}")

# %%
# With cuts at spaces only, there are 116 such tokens, and *list* has three versions,
# each with an id and a vector. What the model learns about one version, it must learn
# again for the others. With GPT-2's cuts there is only one version.
#
# The byte alphabet
# -----------------
# The merges work on bytes, so 256 symbols are enough for every script. But the two
# lists are text files, and 68 of the bytes are not printable characters. These are
# written as the characters starting at ``U+0100``. Every other byte is written as the
# character whose code point is the same number.
printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
others = [byte for byte in range(256) if byte not in printable]
ALPHABET = {byte: chr(byte) for byte in printable}
ALPHABET |= {byte: chr(0x100 + i) for i, byte in enumerate(others)}
assert len(others) == 68
print("character  bytes     alphabet")
for character in (" ", "é", "数"):
    raw = character.encode("utf-8")
    written = "".join(ALPHABET[byte] for byte in raw)
    print(f"{visible(character):9}  {raw.hex(' '):8}  {written}")

# %%
# The space, byte ``0x20``, is written as ``U+0120``, the letter ``Ġ``. These characters
# represent bytes and not letters: ``Ã`` is the byte ``0xc3``, and the letter Ã in a
# text would be two bytes.
#
# Merging by rank
# ---------------
# Let :math:`M` be the set of merges, and :math:`P(w)` the pairs of neighbours in a word
# :math:`w`. The next merge is the one of lowest rank,
#
# .. math::
#    (a,b)^* = \underset{(a,b) \in P(w) \cap M}{\mathrm{argmin}}\; \mathrm{rank}(a,b) ,
#
# until no pair of the word is in :math:`M`. We record the tokens of the word
# ``␣unthinkable`` after each merge.
import json
from functools import cache
from itertools import pairwise

real = lmviz.load_tokenizer("gpt2")
lists = json.loads(real.to_str())["model"]
IDS, RANKS = lists["vocab"], {tuple(p): rank for rank, p in enumerate(lists["merges"])}
assert len(IDS) == 256 + len(RANKS) + 1 == 50_257  # bytes, merges, <|endoftext|>


@cache
def steps(word):
    """Return the tokens of a word: its bytes, then the tokens after each merge."""
    rows = [[ALPHABET[byte] for byte in word.encode("utf-8")]]
    while candidates := [pair for pair in pairwise(rows[-1]) if pair in RANKS]:
        best = min(candidates, key=RANKS.get)
        rows.append(tokenization.merge_pair(rows[-1], best))
    return rows


def tokenize(text):
    """Return the tokens of a text, as the real tokenizer splits it."""
    return [token for word in GPT2.findall(text) for token in steps(word)[-1]]


rank_of = {"".join(pair): rank for pair, rank in RANKS.items()}
print("new token       rank      id")
for before, after in pairwise(steps(" unthinkable")):
    [new] = set(after) - set(before)
    print(f"{new:12}  {rank_of[new]:6,}  {IDS[new]:6,}")

# %%
# The merges do not run from left to right: ``in``, of rank 3, comes first. The first
# 256 ids belong to the bytes, so the id of a merged token is its rank plus 256.
import matplotlib.pyplot as plt

shown = [[*map(tokenization.readable, row)] for row in steps(" unthinkable")]
strips = {f"step {i}": row for i, row in enumerate(shown)}
plots.token_strips(strips, title="One word, merge by merge", width=6.08)
plots.caption(
    f"{len(shown) - 1} merges turn {len(shown[0])} bytes into one token. Each row "
    "applies the possible merge of lowest rank; the last row is a single token.",
    alt=f"{len(shown)} rows of boxes, from {len(shown[0])} small ones to one long one.",
)
plt.show()

# %%
# The token ``thinkable`` has an id and a vector, but here it is only a step on the way
# to a longer token. How many tokens are mostly such steps? We take all tokens that are
# made at least 10 times when the manual is encoded, and count how often they remain at
# the end. "Rarely" means in at most a tenth of the cases.
made, final = Counter(), Counter()
for word, n in Counter(GPT2.findall(manual)).items():
    for before, after in pairwise(steps(word)):
        made.update(dict.fromkeys(set(after) - set(before), n))
    final.update(dict.fromkeys(steps(word)[-1], n))
often = [token for token in made if made[token] >= 10]
rarely = [token for token in often if final[token] <= made[token] / 10]
never = [token for token in often if not final[token]]
share = len(never) / len(often)
print(f"{len(often):,} tokens: {len(rarely)} rarely, {len(never)} ({share:.0%}) never")

# %%
# Of 2,270 tokens, 902 rarely remain; of these, 535 (24% of the 2,270) never do. In
# other texts some of these will remain. But a token's embedding is trained only where
# the token remains. Bostrom and Durrett (2020) call this a weakness of the method; Land
# and Bartolo (2024) search models for tokens that are hardly trained.
#
# The same ids as the real tokenizer
# ----------------------------------
# Are our steps complete? We compare random texts in all scripts, mixed with cases that
# are known to be hard. Python and the library may have different versions of Unicode,
# so we draw characters that both have had since 2002.
import random
from unicodedata import ucd_3_2_0 as old

known = [chr(i) for i in range(0x30000) if old.category(chr(i)) not in "Cn Co Cs"]
hard = [*" 7Zé\n\t\u0301\u200d👩🏽", "'s", "'ll", "  "]
draw = random.Random(0).choice
texts = ["".join(draw(draw((known, hard))) for _ in range(20)) for _ in range(5000)]
equal = sum([IDS[t] for t in tokenize(text)] == real.encode(text).ids for text in texts)
print(f"{equal:,} of {len(texts):,} texts have the same ids")
assert equal == len(texts)
uncut = tokenization.BytePairEncoding((), tuple(map(tokenization.Merge, RANKS)))
spell = tokenization.to_alphabet
equal = sum(tokenize(text) == uncut.encode(spell(text)) for text in texts)
print(f"{equal:,} texts have the same ids without the cuts")
for text in (" 'tab'", "a\n\nb"):
    print(tokenize(text), "without cuts:", uncut.encode(spell(text)))

# %%
# All 5,000 agree. Are the cuts needed for this? Without them only 3,538 have the same
# ids, since some merges reach across a cut. They join an opening quote and a letter as
# in a contraction (``'t`` in ``'tab'``), or two newlines before a word.
#
# The package's :class:`~lmviz.tokenization.ByteLevelBPE` performs the same steps.
# Before these, it separates the special tokens from the text (:doc:`lesson 1.8
# </lessons/01_tokenization/08_special_tokens_and_chat_templates>`). In ``transformers``
# the steps are:
#
# .. code-block:: python
#
#    tokenizer = AutoTokenizer.from_pretrained("gpt2").backend_tokenizer
#    tokenizer.pre_tokenizer.pre_tokenize_str("tea? thé!")  # words, as bytes
#    tokenizer.model.tokenize("ĠthÃ©")  # merged by rank
#
# Summary
# -------
# - GPT-2's tokenizer cuts a text by a regular expression, writes each word in an
#   alphabet of 256 bytes, and merges by rank. Nothing is unknown, and nothing is lost.
# - The cuts keep words and punctuation apart. With cuts at spaces only, 116 of 2,000
#   tokens contained both.
# - Of the tokens that merges made at least 10 times in the manual, 24% never remained.
#
# Exercises
# ---------
# Put a space before the k of ``" unthinkable"``, and predict the tokens. The table
# above lists all but two of the merges that you need: look for a pair in ``RANKS``, as
# in ``RANKS.get(("th", "in"))``. Then check your result with ``tokenize``. How does
# GPT-2 split “I’ve”, with a typographic apostrophe?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    The words are ``␣unthin`` and ``␣kable``, and the tokens ``Ġun thin Ġk able``.
#    Without the k there is no ``ink``, but th·in can be merged (rank ``40615``), and so
#    can Ġ·k (rank ``223``). Ġun·thin and Ġk·able are in no merge. “I’ve” becomes three
#    words, I, ’ and ve, since the first branch has only the straight apostrophe. They
#    are four tokens: the three bytes of ’ take two.
#
# Further reading
# ---------------
# Radford, Wu, Child, Luan, Amodei and Sutskever, *Language Models are Unsupervised
# Multitask Learners* (2019), section 2.2. Bostrom and Durrett, *Byte Pair Encoding is
# Suboptimal for Language Model Pretraining* (Findings of EMNLP 2020). Land and Bartolo,
# *Fishing for Magikarp* (EMNLP 2024).
