"""
WordPiece, Unigram and SentencePiece
====================================

BERT and T5 split words into subwords by other rules than byte pair encoding, and many
models have a tokenizer from SentencePiece. What do these methods learn from the same
corpus? After this lesson you can compute each of them on paper, and say what the
normalization before them changes.
"""

# %%
# WordPiece: merge what belongs together
# --------------------------------------
# The corpus is the one of :doc:`/lessons/01_tokenization/30_byte_pair_encoding`, where
# the most frequent pair, e and a, is merged first. **WordPiece**, the tokenizer of
# BERT, is usually described by another rule. It merges the pair with the highest score,
# which is its count divided by the product of the counts of its parts:
#
# .. math::
#    \operatorname{score}(a, b) = \frac{n_{ab}}{n_a \, n_b} , \qquad
#    N \operatorname{score}(a, b) = \frac{n_{ab} / N}{(n_a / N)(n_b / N)} ,
#
# where :math:`n` counts pieces and pairs, and :math:`N` is the number of pieces in the
# corpus. The second form says how many times more often the pair occurs than it would
# by chance. The table has both, and the count. Its last column is the count times the
# binary logarithm of the second form: roughly the *bits* that a merge saves on the
# whole corpus. Pieces that continue a word begin with ``##``.
import math
from collections import Counter
from itertools import pairwise, product

import lmviz
from lmviz import plots, tokenization

corpus = {"eat": 8, "tea": 6, "sea": 4, "steam": 3, "seat": 2}
pieces, pairs = Counter(), Counter()
for word, n in corpus.items():
    split = [word[0], *(f"##{letter}" for letter in word[1:])]
    pieces.update(split * n)
    pairs.update([*pairwise(split)] * n)
scores = {(a, b): n / (pieces[a] * pieces[b]) for (a, b), n in pairs.items()}
print("pair     count  score  times chance  bits")
for pair in sorted(scores, key=scores.get, reverse=True):
    n, ratio = pairs[pair], pieces.total() * scores[pair]
    row = f"{' '.join(pair):7}  {n:5}  {scores[pair]:.3f}  {ratio:12.2f}"
    print(f"{row}  {n * math.log2(ratio):4.1f}")

# %%
# By its score, the pair t ``##e`` is merged first. It occurs only 6 times, but 5.13
# times as often as by chance. The most frequent pair, ``##e`` ``##a``, has frequent
# parts and a lower score.
#
# There are two other rules. The paper (Schuster and Nakajima, 2012) merges the pair
# that makes the corpus most probable, roughly the one that saves most bits: ``##e``
# ``##a``, with 26.1. The library ``tokenizers`` counts pairs, as byte pair encoding
# does. All three variants split words in the same way.
#
# WordPiece: longest match first
# ------------------------------
# To split a word, WordPiece does not replay the merges. It takes the longest piece that
# the word begins with, then the longest one that fits after it, and so on. If none
# fits, the whole word is unknown.


def longest_match(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        ends = range(len(word), start, -1)
        fits = [end for end in ends if prefix + word[start:end] in vocabulary]
        if not fits:
            return ["[UNK]"]
        pieces.append(prefix + word[start : fits[0]])
        start = fits[0]
    return pieces


vocabulary, merges = tokenization.train_wordpiece(corpus, n_merges=6)
for (a, b), score in merges:
    print(f"{a} + {b} = {a + b.removeprefix('##')}, score {score:.3f}")
for word in ("eat", "seat", "steam", "steak"):
    print(f"{word:6}  {' '.join(longest_match(word, vocabulary))}")

# %%
# Each merge changes other scores. The pair ``##t`` ``##e`` was last in the table. After
# two merges, ``##e`` remains only in *steam*, after ``##t``, and the pair is third. A
# ratio favours rare pairs: *steam* occurs 3 times and is a piece after six merges;
# *eat* occurs 8 times and is not. The whole word *steak* is unknown, since no piece has
# a k.
#
# Unigram: the most probable segmentation
# ---------------------------------------
# **Unigram** has no merges. Each piece has a probability, and a word is split so that
# their product is largest, that is, the sum of the bits :math:`-\log_2 p` is smallest:
#
# .. math::
#    x^* = \underset{x_1 \dots x_k = w}{\mathrm{argmin}}\; \sum_{i=1}^k -\log_2 p(x_i) .
#
# The **Viterbi algorithm** finds it in one pass from left to right. It keeps the best
# segmentation of each prefix, since the best one of a longer prefix is one of these
# plus one more piece. We take nine pieces whose probabilities are powers of two.
BITS = {"eat": 2, "s": 3, "t": 3, "sea": 3, "tea": 3, "e": 4, "a": 4, "m": 4, "ea": 4}
assert sum(2**-bits for bits in BITS.values()) == 1


def viterbi(word, bits):
    best = [(0, [])]  # for each prefix: its bits and its pieces
    for end in range(1, len(word) + 1):
        costs = [best[i][0] + bits.get(word[i:end], math.inf) for i in range(end)]
        start = costs.index(min(costs))
        best.append((costs[start], [*best[start][1], word[start:end]]))
    return best


print("prefix  bits  best segmentation")
for cost, split in viterbi("seat", BITS)[1:]:
    print(f"{''.join(split):6}  {cost:4}  {' + '.join(split)}")

# %%
import matplotlib.pyplot as plt

spans = [(s, e) for s, e in product(range(4), range(1, 5)) if "seat"[s:e] in BITS]
best, chosen = viterbi("seat", BITS)[-1]
_, ax = plt.subplots(figsize=(6.08, 2.8), layout="constrained")
for row, (s, e) in enumerate(sorted(spans, key=lambda span: span[1] - span[0])):
    piece = "seat"[s:e]
    color = plots.COLORS["weight" if piece in chosen else "key"]
    ax.barh(row, e - s - 0.06, left=s + 0.03, color=color, alpha=0.35)
    ax.text((s + e) / 2, row, f"{piece}: {BITS[piece]}", ha="center", va="center")
ax.set(title="The pieces of “seat” and their bits", xlim=(0, 4), yticks=[])
ax.set_xticks([0.5, 1.5, 2.5, 3.5], "seat")
plots.caption(
    f"The best segmentation of “seat” is {' + '.join(chosen)}, {best} bits. Each bar "
    "covers the letters of one piece; a segmentation covers every letter once.",
    alt=f"{len(spans)} bars with pieces and bits over the letters s, e, a and t.",
)
plt.show()

# %%
# In the last row, *sea* + t takes 3 + 3 bits and s + *eat* takes 3 + 2. The second is
# chosen. The longest match would take the first.
#
# Training is **pruning**. It starts with all frequent substrings and repeats two steps.
# The first estimates the probability of each piece from how often it is used, in all
# segmentations, weighted by their probability. (The chapter's exercises have a simpler
# step, which counts only the best segmentation.) The second removes the pieces of least
# *loss*: the number of extra bits that the corpus takes without the piece.


def corpus_bits(*removed):
    bits = {piece: b for piece, b in BITS.items() if piece not in removed}
    return sum(n * viterbi(word, bits)[-1][0] for word, n in corpus.items())


total = corpus_bits()
print(f"all pieces           {total} bits")
for removed in (["eat"], ["tea"], ["sea"], ["ea"], ["sea", "ea"], ["m"]):
    print(f"without {' and '.join(removed):11}  +{corpus_bits(*removed) - total} bits")
log_probs = {piece: -bits for piece, bits in BITS.items()}
losses = tokenization.pruning_losses(corpus, log_probs)
assert all(losses[piece] == corpus_bits(piece) - total for piece in BITS)

# %%
# The corpus takes 86 bits, and 42 more without *eat* (36 without *tea*). Nothing is
# lost without *ea*. But without both *sea* and *ea* the loss is 32, instead of 16
# without *sea* alone, since *ea* was the substitute for *sea*. So a round removes only
# a part of the pieces, by default about a quarter in SentencePiece, and then estimates
# again. Single letters stay: without m, *steam* has no segmentation, and the loss is
# infinite (inf).
#
# The three side by side
# ----------------------
# The table compares the three methods, with byte pair encoding (BPE) after three
# merges: ``ea``, ``eat`` and ``tea``. The last rows are the splits of two words.
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

bpe = tokenization.train_bpe(corpus, n_merges=3)
print("method         BPE             WordPiece      Unigram")
print("learned by     pair counts     pair scores    pruning")
print("splits by      merges by rank  longest match  most probable")
print("unknown k      k, or its byte  all is [UNK]   <unk>, or its byte")
print("used by        GPT-2, Llama 3  BERT           T5, XLNet")
for word in ("seat", "steak"):
    rows = bpe.encode(word), longest_match(word, vocabulary)
    last = " ".join(tokenization.encode_unigram(word, log_probs))
    print(f"{word:13}  {' '.join(rows[0]):14}  {' '.join(rows[1]):13}  {last}")

# %%
# BPE and Unigram find *eat* in *seat*. WordPiece has learned other pieces. In *steak*,
# BPE and Unigram lose only the k, which has no piece. Our functions, which the package
# has as ``encode_wordpiece`` and ``segment_unigram``, agree with the library
# ``tokenizers`` on all words of five letters:
known = dict.fromkeys(["[UNK]", "[CLS]", "[SEP]", *vocabulary])
wordpiece = models.WordPiece({p: i for i, p in enumerate(known)})
unigram = models.Unigram([("<unk>", 0.0), *log_probs.items()], unk_id=0)
words = ["".join(letters) for letters in product("aemst", repeat=5)]
for word in words:
    theirs = [[t.value for t in model.tokenize(word)] for model in (wordpiece, unigram)]
    assert theirs == [longest_match(word, vocabulary), viterbi(word, BITS)[-1][1]]

# %%
# SentencePiece: the text as a stream
# -----------------------------------
# **SentencePiece** is a library that learns byte pair encoding or Unigram from raw
# text. It writes a space as ``▁`` (where GPT-2's files have ``Ġ``), and adds one before
# the first word. Then it treats the text as one stream. No language needs a
# pre-tokenizer of its own, and the pieces, joined, give the normalised text back. By
# default, training allows ``▁`` only at the beginning of a piece, and so no piece
# contains two words. With **byte fallback**, a character without a piece is written as
# its bytes. We add ``▁``, ``▁tea`` and the 256 bytes to our pieces, with bit counts
# that we made up.
more = {"▁": 3, "▁tea": 2} | {f"<0x{byte:02X}>": 9 for byte in range(256)}
stream = {piece: -bits for piece, bits in (BITS | more).items()}
text = "▁" + "tea  eat thé".replace(" ", "▁")
print(text, "->", tokenization.encode_unigram(text, stream, byte_fallback=True))

# %%
# Both spaces remain here; by default, SentencePiece's normalizer would merge them. The
# letters hé have no pieces, and become three bytes. T5 uses SentencePiece with Unigram,
# Llama 2 with byte pair encoding and byte fallback.
#
# A whole tokenizer, and its normalization
# ----------------------------------------
# In the four stages of a tokenizer (:doc:`/lessons/01_tokenization/10_tokens_and_ids`),
# each of the three rules is a *model*. Here is our WordPiece model in the pipeline of
# BERT (uncased). Its normalizer removes capitals and accents, its pre-tokenizer cuts at
# spaces and punctuation, and its post-processor adds the special tokens ``[CLS]`` at
# the beginning and ``[SEP]`` at the end.
bert = Tokenizer(wordpiece)
bert.normalizer = normalizers.BertNormalizer()
bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
bert.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
print(bert.encode("Séat STEAM").tokens)

# %%
# NFC and NFKC are two of Unicode's normal forms. We try them on the word thé, whose
# last letter is one code point, or an e and a combining accent.
smollm2, nfc = lmviz.load_tokenizer("smollm2"), normalizers.NFC()
for text in ("thé", "the\u0301"):
    ids, after = smollm2.encode(text).ids, smollm2.encode(nfc.normalize_str(text)).ids
    print(f"{text!a:12}  {ids}, after NFC {after}")
print(f"after NFKC: {normalizers.NFKC().normalize_str('ﬁne x²')}")

# %%
# SmolLM2's tokenizer does not normalise, so two texts that look the same get different
# ids. NFC composes the accent with its letter, and both get the same ids. NFKC also
# replaces ﬁ by fi and x² by x2, which cannot be undone; SentencePiece uses a variant of
# NFKC by default (``nmt_nfkc``). The library loads all stages of a published tokenizer
# by ``AutoTokenizer.from_pretrained("bert-base-uncased")``.
#
# Summary
# -------
# WordPiece, as it is usually described, merges the pair with the highest count relative
# to its parts. It splits by the longest match, and one unknown character makes the
# whole word ``[UNK]``. Unigram splits by the most probable segmentation (*seat*: 5
# bits), and its training removes pieces of least loss. SentencePiece learns one of the
# rules from raw text, with spaces written ``▁``.
#
# Exercises
# ---------
# How do WordPiece and Unigram split *seat* with the pieces ``sea``, ``se``, ``(##)at``?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    WordPiece gives ``[UNK]``: the longest match is sea, no piece continues with t, and
#    it never goes back. Unigram tries all ways, and finds se + at.
#
# Further reading
# ---------------
# Schuster and Nakajima, *Japanese and Korean Voice Search* (ICASSP 2012), section 3.
# Devlin, Chang, Lee and Toutanova, *BERT* (NAACL 2019). Kudo, *Subword Regularization*
# (ACL 2018), section 3. Kudo and Richardson, *SentencePiece* (EMNLP 2018).
