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
# e and a are merged first, the most frequent pair. **WordPiece**, the tokenizer of
# BERT, divides the count of a pair by those of its parts,
#
# .. math::
#    \operatorname{score}(a, b) = \frac{n_{ab}}{n_a \, n_b} , \qquad
#    N \operatorname{score}(a, b) = \frac{n_{ab} / N}{(n_a / N)(n_b / N)} ,
#
# where :math:`n` counts pieces and pairs, and :math:`N` is the number of pieces in the
# corpus. The second form is how many times more often a pair occurs than by chance.
# Pieces that continue a word begin with ``##``.
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
# WordPiece merges t and ``##e`` first: they meet only 6 times, but 5.13 times as often
# as by chance. The most frequent pair, ``##e`` ``##a``, has frequent parts. This is the
# rule as it is usually given. The paper (Schuster and Nakajima, 2012) merges the pair
# that raises the likelihood of the corpus most, roughly the count times the logarithm
# of the ratio; by this last column, ``##e`` ``##a`` is first, with 26.1 bits. It is
# first in the library, too, whose trainer counts pairs as byte pair encoding does. What
# makes a tokenizer WordPiece is how it splits words.
#
# WordPiece: longest match first
# ------------------------------
# To split a word, WordPiece does not replay the merges. It takes the longest piece that
# fits, and goes on after it. Where none fits, the whole word is unknown.


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
print("merged ", *(a + b.removeprefix("##") for (a, b), score in merges))
for word in ("eat", "seat", "steam", "steak"):
    print(f"{word:6}  {' '.join(longest_match(word, vocabulary))}")

# %%
# A ratio favours rare pairs: *steam* occurs 3 times and is a piece after six merges;
# *eat* occurs 8 times and is not. Nothing remains of *steak*, since no piece has a k.
#
# Unigram: the most probable segmentation
# ---------------------------------------
# **Unigram** has no merges. Each piece has a probability, and a word is split so that
# the product is largest, or the sum of the bits :math:`-\log_2 p` smallest:
#
# .. math::
#    x^* = \underset{x_1 \dots x_k = w}{\mathrm{argmin}}\; \sum_{i=1}^k -\log_2 p(x_i) .
#
# The best way to end at a letter extends a best way to end before it, so one pass from
# left to right finds it: the **Viterbi algorithm**. We take nine pieces whose
# probabilities are powers of two.
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
# The segmentation s + eat takes 5 bits; the longest match, sea + t, would take 6.
#
# Training is **pruning**. It starts with all frequent substrings and repeats two steps:
# estimate the probabilities from the segmentations, and remove the pieces of least
# loss. The loss of a piece is how many bits the corpus takes more without it.


def corpus_bits(*removed):
    bits = {piece: b for piece, b in BITS.items() if piece not in removed}
    return sum(n * viterbi(word, bits)[-1][0] for word, n in corpus.items())


print(f"all pieces           {corpus_bits()} bits")
for removed in (["eat"], ["tea"], ["sea"], ["ea"], ["sea", "ea"], ["m"]):
    print(f"without {' and '.join(removed):11}  +{corpus_bits(*removed) - 86} bits")
log_probs = {piece: -bits for piece, bits in BITS.items()}
losses = tokenization.pruning_losses(corpus, log_probs)
assert all(losses[piece] == corpus_bits(piece) - 86 for piece in BITS)

# %%
# The corpus takes 86 bits, and 42 more without *eat*. Nothing is lost without *ea*, but
# without *sea* and *ea* the loss is 32 instead of 16, since *ea* was the substitute. So
# only a few pieces are removed at a time. Single letters stay, as *steam* needs its m.
#
# The three side by side
# ----------------------
# Byte pair encoding with three merges (``ea``, ``eat``, ``tea``) joins the table.
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

bpe = tokenization.train_bpe(corpus, n_merges=3)
print("method         BPE             WordPiece      Unigram")
print("learned by     pair counts     pair scores    pruning")
print("splits by      merges by rank  longest match  most probable")
print("unknown k      k, or a byte    all is [UNK]   <unk>, or bytes")
print("used by        GPT-2, Llama 3  BERT           T5, XLNet")
for word in ("seat", "steak"):
    rows = bpe.encode(word), longest_match(word, vocabulary)
    last = " ".join(tokenization.encode_unigram(word, log_probs))
    print(f"{word:13}  {' '.join(rows[0]):14}  {' '.join(rows[1]):13}  {last}")

# %%
# Two methods find *eat* in *seat*; the third has learned other pieces. Do our functions
# split as the library ``tokenizers``? We try all words of five letters.
known = dict.fromkeys(["[UNK]", "[CLS]", "[SEP]", *vocabulary])
wordpiece = models.WordPiece({p: i for i, p in enumerate(known)})
unigram = models.Unigram([("<unk>", 0.0), *log_probs.items()], unk_id=0)
words = ["".join(letters) for letters in product("aemst", repeat=5)]
for word in words:
    theirs = [[t.value for t in model.tokenize(word)] for model in (wordpiece, unigram)]
    assert theirs == [longest_match(word, vocabulary), viterbi(word, BITS)[-1][1]]
print(f"{len(words):,} words are split as by the library")

# %%
# They do, for all 3,125 words. The package's functions are
# ``tokenization.encode_wordpiece`` and ``tokenization.segment_unigram``.
#
# SentencePiece: the text as a stream
# -----------------------------------
# **SentencePiece** is a library that learns byte pair encoding or Unigram from raw
# text. It writes a space as ``▁``, also before the first word, and takes the text as
# one stream: no language needs a pre-tokenizer of its own, and the pieces, joined, give
# the normalised text back. (By default, no piece is learned across a space.) With
# **byte fallback**, a character without a piece is written as its bytes.
more = {"▁": 3, "▁tea": 2} | {f"<0x{byte:02X}>": 9 for byte in range(256)}
stream = {piece: -bits for piece, bits in (BITS | more).items()}
text = "▁" + "tea  eat thé".replace(" ", "▁")
print(text, "->", tokenization.encode_unigram(text, stream, byte_fallback=True))

# %%
# Both spaces remain. The letters hé have no pieces, and become three bytes. T5 uses
# SentencePiece with Unigram, Llama 2 with byte pair encoding and byte fallback.
#
# A whole tokenizer, and its normalization
# ----------------------------------------
# In the four stages of a tokenizer (:doc:`/lessons/01_tokenization/10_tokens_and_ids`),
# each of the three rules is a *model*. Here is ours in a tokenizer like BERT's: the
# normalizer removes capitals, the pre-tokenizer cuts at spaces and punctuation, and the
# post-processor adds special tokens.
bert = Tokenizer(wordpiece)
bert.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
bert.pre_tokenizer = pre_tokenizers.Whitespace()
bert.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
print(bert.encode("Seat STEAM").tokens)
smollm2, nfc = lmviz.load_tokenizer("smollm2"), normalizers.NFC()
for text in ("thé", "the\u0301"):
    ids, after = smollm2.encode(text).ids, smollm2.encode(nfc.normalize_str(text)).ids
    print(f"{text!a:12}  {ids}, after NFC {after}")
print(f"after NFKC: {normalizers.NFKC().normalize_str('ﬁne x²')}")

# %%
# The letter é is one code point, or two: e and a combining accent. SmolLM2's tokenizer
# does not normalise, and gives texts that look alike two lists of ids; after NFC they
# have one. NFKC also replaces ﬁ by fi and x² by x2, which cannot be undone;
# SentencePiece does that by default (``nmt_nfkc``). The library loads all stages of a
# published tokenizer by ``AutoTokenizer.from_pretrained("bert-base-uncased")``.
#
# Summary
# -------
# - WordPiece merges the pair with the highest count relative to its parts, and splits
#   by the longest match; one unknown character makes the whole word ``[UNK]``.
# - Unigram splits by the most probable segmentation (*seat*: 5 bits); training removes
#   pieces of least loss.
# - SentencePiece learns one of the rules from raw text, with spaces written ``▁``.
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
