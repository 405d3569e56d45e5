"""Traces of one text."""

import torch

import lmviz

from .measure import MEMORY_RUNS, interleaved, processes, row
from .peers import lens_model

LENGTHS = (10, 128, 1024)
LONG = 4096


def bare(module, ids, keep=True):
    with torch.no_grad():
        return module(
            input_ids=ids[None],
            output_hidden_states=keep,
            output_attentions=keep,
            use_cache=False,
        )


def some_ids(n, seed=0, vocabulary=49152):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, vocabulary, (n,), generator=generator)


def of_one_text(runs):
    lm = lmviz.load("smollm2")
    # A separate model, since TransformerLens puts its modules into the one it gets.
    lens = lens_model(lmviz.load("smollm2"))
    of_lens = {"TransformerLens": 1} if lens else {}
    rows = []
    for n in LENGTHS:
        ids = some_ids(n)
        ways = {
            "lm.trace": lambda ids=ids: lm.trace(ids),
            "bare forward pass": lambda ids=ids: bare(lm.module, ids),
            "only attentions kept": lambda ids=ids: lm.trace(ids, keep="attentions"),
            "floor: nothing kept": lambda ids=ids: bare(lm.module, ids, keep=False),
        }
        if lens:
            with_cache = torch.no_grad()(lens.run_with_cache)
            ways["TransformerLens"] = lambda ids=ids, run=with_cache: run(ids[None])
        found = interleaved(ways, runs=runs)
        limits = {"bare forward pass": 1.05, **of_lens}
        rows.append(row("Trace of so many tokens", "s", found, limits=limits, at=n))
    ways = {
        "lm.trace": "kept = lm.trace(ids)",
        "bare forward pass": "kept = tracing.bare(lm.module, ids)",
        "only attentions kept": 'kept = lm.trace(ids, keep="attentions")',
        "floor: nothing kept": "kept = tracing.bare(lm.module, ids, keep=False)",
    }
    if lens:
        ways["TransformerLens"] = (
            "lens = tracing.lens_model(lm)\n"
            "with torch.no_grad(): kept = lens.run_with_cache(ids[None])"
        )
    ways = {name: _ONE_TEXT + code for name, code in ways.items()}
    found = processes(ways, runs=min(runs, MEMORY_RUNS))["peak"]
    what = f"Peak memory of a trace of {max(LENGTHS)} tokens"
    return [*rows, row(what, "MB", found, limits=of_lens)]


def of_a_long_text(runs):
    """Trace parts of a text whose attention weights take 18 GB together."""
    ways = {
        "lm.map_attentions": "lm.map_attentions(ids, lambda weights: weights.mean())",
        "one layer of lm.trace": 'lm.trace(ids, keep="attentions", layers=0)',
        "hidden states of lm.trace": 'lm.trace(ids, keep="hidden_states")',
        "bare forward pass": "tracing.bare(lm.module, ids, keep=False)",
    }
    # A pass takes most of a minute.
    ways = {name: _LONG_TEXT.format(code) for name, code in ways.items()}
    found = processes(ways, runs=1)
    what = "{} of a long text, without all its attentions".format
    return [
        row(what(name), unit, found[kind], limits={"bare forward pass": limit}, at=LONG)
        for name, unit, kind, limit in (
            ("Time", "s", "inside", 1.05),
            ("Peak memory", "MB", "peak", 1.1),
        )
    ]


def of_several_texts(runs):
    """Trace short texts one by one, against a padded batch of a bare model."""
    lm = lmviz.load("smollm2")
    texts = [some_ids(n, n) for n in range(8, 24)]
    padded = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([*map(torch.ones_like, texts)], True)
    options = {"output_hidden_states": True, "output_attentions": True}

    def batch():
        with torch.no_grad():
            lm.module(padded, attention_mask=mask, use_cache=False, **options)

    ways = {
        "a loop of lm.trace": lambda: [lm.trace(ids) for ids in texts],
        "a loop of bare forward passes": lambda: [bare(lm.module, i) for i in texts],
        "one padded batch, bare": batch,
    }
    found = interleaved(ways, runs=runs)
    what = f"{len(texts)} texts of 8 to 23 tokens, all activations"
    limits = {"a loop of bare forward passes": 1.05}
    return [row(what, "s", found, limits=limits)]


_START = """
import lmviz, torch
from benchmarks import tracing
lm = lmviz.load("smollm2")
"""
_LONG_TEXT = f"""{_START}
tracing.bare(lm.module, tracing.some_ids(8), keep=False)
ids = tracing.some_ids({LONG})
began = time.perf_counter()
kept = {{}}
"""
_ONE_TEXT = f"""{_START}
ids = tracing.some_ids({max(LENGTHS)})
"""
