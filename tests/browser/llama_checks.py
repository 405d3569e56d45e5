"""Texts and comparisons for the tests of SmolLM2 in the page."""

import copy
import random
import re
import shutil
from pathlib import Path

import numpy as np
import torch

import lmviz
from lmviz import attention
from lmviz.views._bundle import STATIC

LOGITS, WEIGHTS = 2e-4, 1e-5
CAPITAL = "The capital of France is"
STORY = (
    "Once upon a time there was a small model that lived in a page. It read each text "
    "from left to right, and after each token it said which one might come next."
)
CODE = "def add(a, b):\n\treturn {a: [b + 1_000], 'x': a ** -2}  # 3.14\n"
POOLS = {
    "words": f"{STORY} It's naïve, isn't it? ".split(" "),
    "digits": [*"0123456789", " ", ".", ",", "-", "٣", "½", "Ⅷ"],
    "code": re.findall(r"\w+|\W", CODE),
    "Unicode": [*"éüß œ中文分词测试あいカ한국어абвгЖกขคनमस्ते"],
    "emoji": [*"😀🦜👍🏽🇫🇷❤️‍🔥👩‍👩‍👧‍👦 "],
    "right to left": [*"אבגד שלום حطي السلام \u202e\u2066\u2069"],
    "control": [*"\0\a\t\n\v\f\r\x1b\x7f\x85\u00ad\u200b\u2028\ufeff", "a", " b"],
    "special": ["<|endoftext|>", "<|im_start|>", "user", "\n", "<|im_end|>", " a"],
}


def random_text(source, kind=None):
    pool = POOLS[kind or source.choice([*POOLS])]
    joined = " " if pool is POOLS["words"] else ""
    return joined.join(source.choices(pool, k=source.randrange(1, 40)))


LENGTHS = (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 64, 65, 127, 128)


def cases(lm, n, seed=0):
    """Yield the kinds and ids of `n` texts, of 1 to 128 tokens."""
    source = random.Random(seed)
    kinds = [*POOLS, "any ids"]
    for i in range(n):
        kind = kinds[i % len(kinds)]
        length = LENGTHS[i] if i < len(LENGTHS) else source.randrange(1, 70)
        if kind == "any ids":
            yield kind, [source.randrange(lm.card.vocabulary) for _ in range(length)]
            continue
        ids = []
        while len(ids) < length:
            ids += lm.tokenizer.encode(random_text(source, kind)).ids
        yield kind, ids[:length]


def in_double_precision(lm):
    module = copy.deepcopy(lm.module).double()
    return lmviz.LanguageModel.from_module(module, lm.tokenizer)


def rounding(lm, exact, ids):
    """Return how far torch's own logits and weights are from double precision."""
    traces = lm.trace(ids), exact.trace(ids)
    return [
        float((getattr(traces[0], name) - getattr(traces[1], name)).abs().max())
        for name in ("logits", "attentions")
    ]


def ask(page, function, question):
    return page.evaluate(f"(question) => llama.{function}(question)", question)


def answer(page, kind, **question):
    """Return the worker's answer."""
    asked = [kind, question]
    return page.evaluate("([kind, question]) => llama.answer(kind, question)", asked)


def trace_without(lm, ids, off=()):
    with attention.ablate_heads(lm, off):
        return lm.trace(ids, keep=("logits", "attentions"))


def write_site(folder, model_files):
    """Add the scripts, a link to the files of the model and an empty page."""
    shutil.copytree(STATIC, folder / "lmviz")
    shutil.copy(Path(__file__).with_name("run_llama.js"), folder)
    (folder / "model").symlink_to(model_files.resolve())
    icon = '<link rel="icon" href="data:,">'
    (folder / "index.html").write_text(f"<!DOCTYPE html><title>x</title>{icon}")


def rows(maps):
    """Return the weights of one or more maps up to each query, row after row."""
    return maps[..., *torch.tril_indices(*maps.shape[-2:]).unbind()]


def numbers(lm, ids, off=()):
    """Return torch's logits and attention weights as the page compares them."""
    trace = trace_without(lm, ids, off)
    both = torch.cat([trace.logits.flatten(), rows(trace.attentions).flatten()])
    return both.numpy().astype("<f4").tobytes()


def assert_near(found, wanted, tolerance, **options):
    np.testing.assert_allclose(np.array(found), wanted, 0, tolerance, **options)


def assert_best(found, logits, tolerance):
    """Assert that words with logits are the largest ones, except for near ties."""
    ids, values = [each[0] for each in found], [each[1] for each in found]
    best = logits.topk(len(ids))
    assert len(set(ids)) == len(ids)
    assert values == sorted(values, reverse=True)
    assert_near(values, best.values, tolerance)
    assert_near(values, logits[ids], tolerance)
