"""How cost grows: with the length of the text, with the size of the model."""

import sys
import tempfile
from pathlib import Path

import torch
from measure import MEMORY_RUNS, interleaved, processes, row
from tracing import bare, some_ids

import lmviz

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from random_gpt2 import save_random_gpt2

LENGTHS = (16, 32, 64, 128, 256, 512, 1024, 2048)
# The toy holds no more, so that all models can be compared.
SHORT = 64
LONG = (256, 512, 1024, 2048)

_PASS = f"""
import sys
import torch, lmviz
sys.path.insert(0, {str(Path(__file__).parent)!r})
from tracing import bare, some_ids
lm = lmviz.load("smollm2")
bare(lm.module, some_ids(8), keep=False)
kept = bare(lm.module, some_ids({{n}}), keep={{keep}})
"""


def with_length(runs):
    """Time a pass, and the attention weights alone, against the number of tokens."""
    lm = lmviz.load("smollm2")
    config = lm.module.config
    rows = []
    for n in LENGTHS:
        ids = some_ids(n)
        generator = torch.Generator().manual_seed(0)
        shape = (config.num_attention_heads, n, config.head_dim)
        query, key, value = torch.randn(3, *shape, generator=generator)

        def heads(query=query, key=key, value=value):
            for _ in range(config.num_hidden_layers):
                (query @ key.mT).softmax(-1) @ value

        ways = {
            "forward pass": lambda ids=ids: bare(lm.module, ids, keep=False),
            "its attention": heads,
        }
        found = interleaved(ways, runs=runs)
        rows.append(row("Forward pass", "s", found, at=n))
    for n in LONG:
        ways = {
            "attentions and hidden states kept": _PASS.format(n=n, keep=True),
            "nothing kept": _PASS.format(n=n, keep=False),
        }
        found = processes(ways, runs=min(runs, MEMORY_RUNS))["peak"]
        rows.append(row("Peak memory of a pass", "MB", found, at=n))
    return rows


def with_size(runs):
    """Time a pass of the same length against the number of weights."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        save_random_gpt2(folder)
        models = {
            "toy": lmviz.load("toy"),
            "random GPT-2": lmviz.load(folder),
            "smollm2": lmviz.load("smollm2"),
        }
        for name, lm in models.items():
            ids = some_ids(SHORT, vocabulary=lm.card.vocabulary)
            ways = {name: lambda lm=lm, ids=ids: bare(lm.module, ids, keep=False)}
            found = interleaved(ways, runs=runs)
            n = sum(weight.numel() for weight in lm.module.parameters())
            rows.append(row(f"Forward pass of {SHORT} tokens", "s", found, at=n))
    return rows


def with_text_before(runs):
    """Time the next token, with and without a cache, against what stands before it."""
    lm = lmviz.load("smollm2")
    rows = []
    for n in LENGTHS[:-1]:
        ids = some_ids(n + 1)[None]
        with torch.no_grad():
            cache = lm.module(input_ids=ids[:, :-1], use_cache=True).past_key_values

        def cached(ids=ids, cache=cache):
            lm.module(
                input_ids=ids[:, -1:],
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            cache.crop(-1)  # forget the token again

        def whole(ids=ids):
            lm.module(input_ids=ids, use_cache=False, logits_to_keep=1)

        ways = {"with a cache": cached, "without a cache": whole}
        found = interleaved(
            {name: torch.no_grad()(way) for name, way in ways.items()}, runs=runs
        )
        rows.append(row("The next token", "s", found, at=n))
    return rows
