"""
WordPiece, Unigram and SentencePiece
====================================

The tokenizers of BERT and T5 split words by rules other than byte pair encoding, and
many models use a tokenizer made with SentencePiece. What do these methods learn from
the same corpus? At the end of this lesson you can carry out each of them on paper, and
say how normalization changes their input.
"""

# %%
# WordPiece: merge what belongs together
# --------------------------------------
# The corpus is that of :doc:`lesson 1.3
# </lessons/01_tokenization/03_byte_pair_encoding>`, where the most frequent pair, e and
# a, is merged first. **WordPiece**, the tokenizer of BERT, is usually described by
# another rule. It merges the pair with the highest score, which is its count divided by
# the product of the counts of its parts:
#
# .. math::
#    \operatorname{score}(a, b) = \frac{n_{ab}}{n_a \, n_b} , \qquad
#    N \operatorname{score}(a, b) = \frac{n_{ab} / N}{(n_a / N)(n_b / N)} ,
#
# where :math:`n` counts pieces and pairs, and :math:`N` is the number of pieces in the
# corpus. The second form says how many times more often the pair occurs than it would
# by chance. The table lists the count, the score and this ratio. Its last column is the
# count times the binary logarithm of the ratio: roughly the *bits* that a merge saves
# on the whole corpus. Pieces that continue a word begin with ``##``.

# sphinx_gallery_start_ignore
import lmviz

lmviz.print_anywhere()
# sphinx_gallery_end_ignore
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
# times as often as expected by chance. The most frequent pair, ``##e`` ``##a``, has
# frequent parts and a lower score.
#
# Two other rules have the same name. The paper (Schuster and Nakajima, 2012) merges the
# pair that makes the corpus most probable, roughly the one that saves most bits:
# ``##e`` ``##a``, with 26.1. The library ``tokenizers`` counts pairs, as byte pair
# encoding does. All three variants split words in the same way.
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
# Each merge changes the scores of other pairs. The pair ``##t`` ``##e`` was last in the
# table. But after two merges, ``##e`` remains only in *steam*, after ``##t``, and so
# this pair is merged third. A ratio favours rare pairs: *steam* occurs 3 times and is a
# piece after six merges; *eat* occurs 8 times and is not. The whole word *steak* is
# unknown, since no piece contains a k.
#
# Unigram: the most probable segmentation
# ---------------------------------------
# **Unigram** has no merges. Each piece has a probability, and a word is split so that
# the product of its pieces' probabilities is largest. Equivalently, the sum of their
# bits :math:`-\log_2 p` is smallest:
#
# .. math::
#    x^* = \underset{x_1 \dots x_k = w}{\mathrm{argmin}}\; \sum_{i=1}^k -\log_2 p(x_i) .
#
# The **Viterbi algorithm** finds this segmentation in one pass from left to right. It
# keeps the best segmentation of each prefix, since the best segmentation of a longer
# prefix is one of these plus one more piece. We take nine pieces whose probabilities
# are powers of two.
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
# In the last row of the table, *sea* + t costs 3 + 3 bits and s + *eat* only 3 + 2, so
# the second is chosen. The longest match would choose the first.
#
# Training is **pruning**. It starts with all frequent substrings and repeats two steps.
# The first estimates the probability of each piece from how often it is used, in all
# segmentations, weighted by their probability. (The chapter's exercises use a simpler
# step, which counts only the best segmentation.) The second removes the pieces with the
# smallest *loss*, the number of extra bits that the corpus costs without the piece.


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
# The corpus costs 86 bits with all pieces, 42 more without *eat* and 36 more without
# *tea*. Without *ea* nothing is lost. But without both *sea* and *ea* the loss is 32,
# twice the 16 without *sea* alone, since *ea* was the substitute for *sea*. So a round
# removes only some of the pieces, by default about a quarter in SentencePiece, and then
# estimates the probabilities again. Single letters stay: without m, *steam* has no
# segmentation, and the loss is infinite (inf).
#
# The three side by side
# ----------------------
# The table compares the three methods, with byte pair encoding (BPE) after three
# merges: ``ea``, ``eat`` and ``tea``. Its last two rows show how each method splits
# *seat* and *steak*.
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
# provides as ``encode_wordpiece`` and ``segment_unigram``, agree with the library
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
# text. It writes a space as ``▁`` (GPT-2's files use ``Ġ``), and adds one before the
# first word. Then it treats the text as one stream. No language needs a pre-tokenizer
# of its own, and joining the pieces restores the normalised text. By default, training
# allows ``▁`` only at the beginning of a piece, so no piece contains two words. With
# **byte fallback**, a character without a piece is written as its bytes. We add ``▁``,
# ``▁tea`` and the 256 bytes to our pieces, with bit counts that we made up.
more = {"▁": 3, "▁tea": 2} | {f"<0x{byte:02X}>": 9 for byte in range(256)}
stream = {piece: -bits for piece, bits in (BITS | more).items()}
text = "▁" + "tea  eat thé".replace(" ", "▁")
print(text, "->", tokenization.encode_unigram(text, stream, byte_fallback=True))

# %%
# Both spaces remain here; by default, SentencePiece's normalizer would merge them. The
# letters hé have no pieces and become three bytes. T5 uses SentencePiece with Unigram,
# and Llama 2 uses it with byte pair encoding and byte fallback.
#
# A whole tokenizer, and its normalization
# ----------------------------------------
# In the four stages of a tokenizer (:doc:`lesson 1.1
# </lessons/01_tokenization/01_tokens_and_ids>`), BPE, WordPiece and Unigram are each a
# *model*. Here is our WordPiece model in the pipeline of BERT (uncased). Its normalizer
# removes capitals and accents, its pre-tokenizer cuts at spaces and punctuation, and
# its post-processor adds the special tokens ``[CLS]`` at the beginning and ``[SEP]`` at
# the end.
bert = Tokenizer(wordpiece)
bert.normalizer = normalizers.BertNormalizer()
bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
bert.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
print(bert.encode("Séat STEAM").tokens)

# %%
# NFC and NFKC are two of Unicode's normal forms. We try them on the word thé, whose
# last letter is either one code point or an e followed by a combining accent.
smollm2, nfc = lmviz.load_tokenizer("smollm2"), normalizers.NFC()
for text in ("thé", "the\u0301"):
    ids, after = smollm2.encode(text).ids, smollm2.encode(nfc.normalize_str(text)).ids
    print(f"{text!a:12}  {ids}, after NFC {after}")
print(f"after NFKC: {normalizers.NFKC().normalize_str('ﬁne x²')}")

# %%
# SmolLM2's tokenizer does not normalise, so two texts that look the same get different
# ids. NFC composes the accent with its letter, and both get the same ids. NFKC also
# replaces ﬁ with fi and x² with x2, which cannot be undone; SentencePiece uses a
# variant of NFKC by default (``nmt_nfkc``). The library ``transformers`` loads all
# stages of a published tokenizer with
# ``AutoTokenizer.from_pretrained("bert-base-uncased")``.
#
# Summary
# -------
# WordPiece, as it is usually described, merges the pair with the highest count relative
# to its parts. It splits by the longest match, and one unknown character makes the
# whole word ``[UNK]``. Unigram splits by the most probable segmentation (*seat*: 5
# bits), and its training removes the pieces with the smallest loss. SentencePiece
# learns byte pair encoding or Unigram from raw text, with spaces written ``▁``.
#
# Exercises
# ---------
# How do WordPiece and Unigram split *seat* with the pieces ``sea``, ``se``, ``(##)at``?
#
# .. admonition:: Answer
#    :class: dropdown
#
#    WordPiece gives ``[UNK]``: the longest match is sea, no piece continues with t, and
#    the algorithm never backtracks. Unigram considers every segmentation and finds se +
#    at.
#
# Further reading
# ---------------
# Schuster and Nakajima, *Japanese and Korean Voice Search* (ICASSP 2012), section 3.
# Devlin, Chang, Lee and Toutanova, *BERT* (NAACL 2019). Kudo, *Subword Regularization*
# (ACL 2018), section 3. Kudo and Richardson, *SentencePiece* (EMNLP 2018).
