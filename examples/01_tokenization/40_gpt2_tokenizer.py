"""
GPT-2's tokenizer: byte-level BPE, rebuilt
==========================================

GPT-2's tokenizer was published as two lists: the id of each token, and the merges in
the order in which they were learned. Which steps turn a text into ids with them? After
this lesson you can write these steps yourself, so that every id equals the real
tokenizer's, and say what each step is for.
"""

# %%
# Three steps, by hand
# --------------------
# GPT-2 puts two steps before :doc:`/lessons/01_tokenization/30_byte_pair_encoding`:
# **pre-tokenization** cuts the text into words, and each word is written as bytes, each
# byte as a printable character. Then neighbours are merged within each word, the pair
# of lowest **rank** first. Here is a short text, with four merges of our own.
import lmviz
from lmviz import plots, tokenization

pairs = [("e", "a"), ("t", "ea"), ("Ġ", "t"), ("Ã", "©")]  # rank 0 to rank 3
tiny = tokenization.BytePairEncoding((), tuple(map(tokenization.Merge, pairs)))
print("word    bytes  tokens")
for word in tokenization.split_words("tea? thé!"):
    spelled = tokenization.to_alphabet(word)
    print(f"{word!r:6}  {spelled:5}  {' | '.join(tiny.encode(spelled))}")

# %%
# The space goes with the word after it, and is written ``Ġ``. The letter é is two
# bytes, written ``Ã`` and ``©``, which the merge of rank 3 joins again.
#
# Pre-tokenization: one regular expression
# ----------------------------------------
# Now we write the steps ourselves. This is GPT-2's expression, whose first branch that
# matches is taken, and GPT-4's for comparison.
import regex

BRANCHES = [
    r"'s|'t|'re|'ve|'m|'ll|'d",  # an English contraction, in lower case
    r" ?\p{L}+",  # letters of any script, with one space before them
    r" ?\p{N}+",  # digits, likewise
    r" ?[^\s\p{L}\p{N}]+",  # other characters, such as punctuation, likewise
    r"\s+(?!\S)",  # whitespace; its last character is left for what follows
    r"\s+",  # that last character, unless it is a space: a newline or a tab
]
GPT2 = regex.compile("|".join(BRANCHES))
GPT4 = regex.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
for text in ("We'll pay 1234567  now!", "WE'LL", "end\n\n(start)"):
    for name, pattern in (("GPT-2:", GPT2), ("GPT-4:", GPT4)):
        words = " | ".join(word.replace(" ", "␣") for word in pattern.findall(text))
        print(name, words.replace("\n", "↵"))

# %%
# GPT-4 differs in four ways. Contractions may be in capitals: GPT-2 cuts ``WE'LL`` into
# three. Digits come in groups of at most three; in GPT-2, ``1234567`` is one word. A
# run of newlines is one word; GPT-2 cuts off its last. And a word may begin with
# another character than a space, such as a bracket.
#
# Why cut at all? Without cuts, says the paper (section 2.2), byte pair encoding learns
# several versions of a common word, such as “dog.”, “dog!” and “dog?”, and spends its
# limited vocabulary on them. We try it on English that every Python has, the manual
# behind ``help()``: 2,000 merges with GPT-2's cuts, and 2,000 with cuts at spaces only.
import pydoc_data.topics
from collections import Counter

topics = list(pydoc_data.topics.topics.values())
manual = "\n".join(topics)
for name, pattern in (("GPT-2's cuts", GPT2), ("at spaces", regex.compile(r" ?\S+"))):
    words = Counter(map(tokenization.to_alphabet, pattern.findall(manual)))
    often = {word: n for word, n in words.items() if n > 2}
    learned = [m.token for m in tokenization.train_bpe(often, n_merges=2000).merges]
    mixed = [t for t in learned if regex.fullmatch(r"Ġ?[a-zA-Z]+\W+", t)]
    lists = [t for t in learned if regex.fullmatch(r"Ġlist\W*", t)]
    print(f"{name}: {len(mixed)} tokens of a word and punctuation; {lists}")

# %%
# With cuts at spaces only, there are 116 such tokens, and *list* has three versions,
# each with an id and a vector. What the model learns about one, it must learn again for
# the others. GPT-2's cuts leave one. This saves vocabulary, not length.
#
# The byte alphabet
# -----------------
# The merges work on bytes, so the base alphabet has 256 symbols, whatever the script.
# But the two lists are text files, and 68 of the bytes are not printable. These are
# written as the characters starting at ``U+0100``, the others as in Latin-1.
printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
others = [byte for byte in range(256) if byte not in printable]
ALPHABET = {byte: chr(byte) for byte in printable}
ALPHABET |= {byte: chr(0x100 + i) for i, byte in enumerate(others)}
assert len(others) == 68
for character in (" ", "é", "数"):
    raw = character.encode("utf-8")
    print(f"{character!r}  {raw.hex(' '):8}  {''.join(ALPHABET[byte] for byte in raw)}")

# %%
# The space, byte ``0x20``, becomes ``U+0120``, the letter ``Ġ``: the spelling of a
# space, not a special token. Nor is ``Ã`` here the letter Ã, which is two bytes itself.
#
# Merging by rank
# ---------------
# With :math:`M` the set of merges, and :math:`P(w)` the pairs of neighbours in a word
# :math:`w`, the next merge is the one of lowest rank,
#
# .. math::
#    (a,b)^* = \underset{(a,b) \in P(w) \cap M}{\mathrm{argmin}}\; \mathrm{rank}(a,b) ,
#
# until no pair of the word is in :math:`M`. We record the tokens after each merge.
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
    """Return the tokens of a text, whose ids are the tokenizer's."""
    return [token for word in GPT2.findall(text) for token in steps(word)[-1]]


rank_of = {"".join(pair): rank for pair, rank in RANKS.items()}
print("new token       rank      id")
for before, after in pairwise(steps(" unthinkable")):
    [new] = set(after) - set(before)
    print(f"{new:12}  {rank_of[new]:6,}  {IDS[new]:6,}")

# %%
# The merges do not run from left to right: ``in``, of rank 3, comes first. An id is the
# rank plus 256.
import matplotlib.pyplot as plt

shown = [[*map(tokenization.readable, row)] for row in steps(" unthinkable")]
strips = {f"step {i}": row for i, row in enumerate(shown)}
plots.token_strips(strips, title="One word, merge after merge", width=6.08)
plots.caption(
    f"{len(shown) - 1} merges turn {len(shown[0])} bytes into one token. Each row "
    "applies the possible merge of lowest rank; the last row is a single token.",
    alt=f"{len(shown)} rows of boxes, from {len(shown[0])} small ones to one long one.",
)
plt.show()

# %%
# The token of the last step but one, ``thinkable``, has an id and a vector like any
# other. How many tokens are mostly steps on the way to longer ones? We count in the
# manual how often merges make a token, and how often it remains at the end.
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
# Of 2,270 tokens that are made at least 10 times, 902 remain in at most a tenth of the
# cases, and 535, or 24%, never. In other texts some will, but a token's vector is
# trained only where the token remains. Bostrom and Durrett (2020) count this as a
# weakness of the method; Land and Bartolo (2024) search models for such tokens.
#
# When the cuts matter
# --------------------
# The merges were learned on words. Do the cuts still matter when a text is encoded? We
# leave them out: each line of the manual is merged as if it were one word, and then
# every fourth topic, with its line breaks.
spell = tokenization.to_alphabet
bpe = tokenization.BytePairEncoding((), tuple(map(tokenization.Merge, RANKS)))
print("text       with cuts  without")
for text in ("don't", "'red'", "\n\nfoo"):
    without = " ".join(bpe.encode(spell(text)))
    print(f"{text!r:9}  {' '.join(tokenize(text)):9}  {without}")
for name, texts in (("lines", manual.splitlines()), ("topics", topics[::4])):
    new = [Counter(bpe.encode(spell(t))) - Counter(tokenize(t)) for t in texts]
    common = sum(new, Counter()).most_common(3)
    print(f"{sum(map(bool, new))} of {len(texts):,} {name} change; new: {common}")

# %%
# Merges do reach across a cut where they can. Within a line this is rare: 43 of 11,452,
# by contractions such as ``'t`` that begin a quotation (``'tab'``). A blank line is two
# tokens with the cuts and one, ``ĊĊ``, without, and all 20 topics have blank lines.
#
# The same ids as the real tokenizer
# ----------------------------------
# We compare random texts of all scripts (as of 2002, since libraries differ about newer
# characters), mixed with what is known to be hard.
import random
from unicodedata import ucd_3_2_0 as old

known = [chr(i) for i in range(0x30000) if old.category(chr(i)) not in "Cn Co Cs"]
hard = [*" 7Zé\n\t\u0301\u200d👩🏽", "'s", "'ll", "  "]
draw = random.Random(0).choice
texts = ["".join(draw(draw((known, hard))) for _ in range(20)) for _ in range(5000)]
equal = sum([IDS[t] for t in tokenize(text)] == real.encode(text).ids for text in texts)
print(f"{equal:,} of {len(texts):,} texts have the same ids")
assert equal == len(texts)

# %%
# All 5,000 agree. The package's :class:`~lmviz.tokenization.ByteLevelBPE` has the same
# steps, after cutting out special tokens
# (:doc:`/lessons/01_tokenization/80_special_tokens_and_chat_templates`). In the library
# they are
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
# - The cuts keep words and punctuation apart: without, 116 of 2,000 tokens had both.
#   When encoding, they change few lines (43 of 11,452), but every blank line.
# - Of the tokens made in the manual, 24% never remained at the end.
#
# Exercises
# ---------
# Put a space before the k of ``" unthinkable"``, and predict its tokens. How does GPT-2
# split “I’ve”, with a typographic apostrophe?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    ``Ġun thin Ġk able``: without the k there is no ``ink``. And I, ’, ve, since the
#    first branch has only the straight apostrophe.
#
# Further reading
# ---------------
# Radford, Wu, Child, Luan, Amodei and Sutskever, *Language Models are Unsupervised
# Multitask Learners* (2019), section 2.2. Bostrom and Durrett, *Byte Pair Encoding is
# Suboptimal for Language Model Pretraining* (Findings of EMNLP 2020). Land and Bartolo,
# *Fishing for Magikarp* (EMNLP 2024).
