"""Byte pair encoding: training and encoding, on Python code.

The text is the source of Python's library, followed by that of transformers: nothing is
repeated, so new words keep coming, as they do in any corpus.
"""

import os
import sysconfig
from collections import Counter
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

# The Rust trainer counts words on as many cores; ours uses one.
os.environ["RAYON_NUM_THREADS"] = "2"

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from lmviz.models import _wheels as wheels
from lmviz.tokenization import ByteLevelBPE
from lmviz.tokenization._byte_alphabet import alphabet_bytes

from .measure import interleaved, row

N_MERGES = 1000
SIZES = (10**5, 10**6, 5 * 10**6, 5 * 10**7)
PIECE = 10**5
ONE, TWO = "tokenizers, one thread", "tokenizers, two threads"


def some_text(size):
    """Return `size` characters of Python code."""
    library = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    more = sorted(Path(find_spec("transformers").origin).parent.rglob("*.py"))
    parts, length = [], 0
    for path in (*library, *more):
        parts.append(path.read_text(encoding="utf-8", errors="ignore"))
        length += len(parts[-1])
        if length >= size:
            break
    return "".join(parts)[:size]


@contextmanager
def threads(parallel):
    """Let tokenizers use its threads, or one alone; it asks for each call."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "true" if parallel else "false"
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def rust(text, parallel):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + N_MERGES,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Threads share out texts, not the words of one.
    texts = (text[i : i + PIECE] for i in range(0, len(text), PIECE))
    with threads(parallel):
        tokenizer.train_from_iterator(texts, trainer)
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
            ONE: lambda text=text: rust(text, parallel=False),
            TWO: lambda text=text: rust(text, parallel=True),
        }
        limits = {ONE: 1.3}
        if size == min(SIZES):
            ways["all pairs recounted"] = lambda text=text: recount(text)
            limits["all pairs recounted"] = 0.005
        # The largest takes half a minute.
        few = size == max(SIZES)
        found = interleaved(ways, runs=min(runs, 2) if few else runs, warm=not few)
        what = f"{N_MERGES} merges from a text of so many characters"
        rows.append(row(what, "s", found, limits=limits, at=size))
    return rows


def tiktoken(ours):
    """Return tiktoken with our vocabulary, or None if it isn't installed.

    By name, it would download GPT-2's.
    """
    try:
        import tiktoken
        from tiktoken_ext.openai_public import r50k_pat_str
    except ModuleNotFoundError as error:
        print(f"skipping tiktoken: {error}")
        return None
    to_byte = alphabet_bytes()
    special = {token: ours.vocabulary[token] for token in ours.special}
    ranks = {
        bytes(to_byte[character] for character in token): rank
        for token, rank in ours.vocabulary.items()
        if token not in special
    }
    return tiktoken.Encoding(
        "gpt2", pat_str=r50k_pat_str, mergeable_ranks=ranks, special_tokens=special
    )


def encoding(runs):
    files = wheels.gpt2_tokenizer_files()
    text = some_text(10**6)
    theirs = Tokenizer(models.BPE.from_file(*map(str, files)))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    theirs.decoder = decoders.ByteLevel()
    ours = ByteLevelBPE.from_files(*files)
    assert ours.encode(text[:5000]) == theirs.encode(text[:5000]).ids
    others, limits = {}, {}
    if third := tiktoken(ours):
        assert ours.encode(text) == third.encode(text)
        others = {"tiktoken, which keeps no words": lambda: third.encode(text)}
        limits = dict.fromkeys(others, 1.5)
    ways = {
        "ByteLevelBPE.encode, warm": lambda: ours.encode(text),
        "tokenizers": lambda: theirs.encode(text),
        **others,
    }
    found = interleaved(ways, runs=runs)
    limits |= {"tokenizers": 1}
    rows = [row("Encode 1 MB, words known", "s", found, limits=limits)]

    def cold():
        ours._word_ids.cache_clear()
        theirs.model._clear_cache()

    ways = {
        "ByteLevelBPE.encode, cold": lambda: (cold(), ours.encode(text)),
        "tokenizers, cold": lambda: (cold(), theirs.encode(text)),
        **others,
    }
    found = interleaved(ways, runs=runs)
    limits = {"tokenizers, cold": 1}
    return [*rows, row("Encode 1 MB, words new", "s", found, limits=limits)]
