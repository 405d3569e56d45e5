"""Byte pair encoding: training and encoding, on the source code of Python's library."""

import os
import sysconfig
from collections import Counter
from itertools import pairwise
from pathlib import Path

# The Rust trainer counts words on all cores; ours uses one.
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from lmviz.models import _wheels as wheels
from lmviz.tokenization import ByteLevelBPE

from .measure import interleaved, row

N_MERGES = 1000
SIZES = (10**5, 10**6, 5 * 10**6)


def some_text(size):
    """Return `size` characters of the source files of Python's library."""
    parts, length = [], 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")) * 3:
        parts.append(path.read_text(encoding="utf-8", errors="ignore"))
        length += len(parts[-1])
        if length >= size:
            break
    return "".join(parts)[:size]


def rust(text):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + N_MERGES,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def recount(text):
    """Train on the whole text, counting all pairs again before each merge."""
    ids = list(text.encode())
    for new in range(256, 256 + N_MERGES):
        best = Counter(pairwise(ids)).most_common(1)[0][0]
        merged, i = [], 0
        while i < len(ids):
            if tuple(ids[i : i + 2]) == best:
                merged.append(new)
                i += 2
            else:
                merged.append(ids[i])
                i += 1
        ids = merged
    return ids


def training(runs):
    rows = []
    for size in SIZES:
        text = some_text(size)
        ways = {
            "ByteLevelBPE.train": lambda text=text: ByteLevelBPE.train(
                text, n_merges=N_MERGES
            ),
            "tokenizers, one thread": lambda text=text: rust(text),
        }
        if size == min(SIZES):
            ways["all pairs recounted"] = lambda text=text: recount(text)
        found = interleaved(ways, runs=runs)
        limits = {"tokenizers, one thread": 1.3}
        if "all pairs recounted" in ways:
            limits["all pairs recounted"] = 0.005
        what = f"{N_MERGES} merges from a text of so many characters"
        rows.append(row(what, "s", found, limits=limits, at=size))
    return rows


def encoding(runs):
    files = wheels.gpt2_tokenizer_files()
    text = some_text(10**6)
    theirs = Tokenizer(models.BPE.from_file(*map(str, files)))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.decoder = decoders.ByteLevel()
    ours = ByteLevelBPE.from_files(*files)
    assert ours.encode(text[:5000]) == theirs.encode(text[:5000]).ids
    ways = {
        "ByteLevelBPE.encode, warm": lambda: ours.encode(text),
        "tokenizers": lambda: theirs.encode(text),
    }
    found = interleaved(ways, runs=runs)
    rows = [row("Encode 1 MB, words known", "s", found, limits={"tokenizers": 1})]

    def cold():
        ours._word_ids.cache_clear()
        theirs.model._clear_cache()

    ways = {
        "ByteLevelBPE.encode, cold": lambda: (cold(), ours.encode(text)),
        "tokenizers, cold": lambda: (cold(), theirs.encode(text)),
    }
    found = interleaved(ways, runs=runs)
    limits = {"tokenizers, cold": 1}
    return [*rows, row("Encode 1 MB, words new", "s", found, limits=limits)]
