"""Traces of one text, and statistics over many texts."""

import torch

import lmviz
from lmviz import corpus

from .measure import MEMORY_RUNS, interleaved, processes, row

LENGTHS = (10, 128, 1024)


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


def transformer_lens(lm):
    """Return TransformerLens's model around ours, or None if it isn't installed."""
    try:
        from transformer_lens.model_bridge import TransformerBridge
    except ModuleNotFoundError as error:
        print(f"skipping TransformerLens: {error}")
        return None
    return TransformerBridge.boot_transformers(
        str(lm.source.folder), hf_model=lm.module
    )


def of_one_text(runs):
    lm = lmviz.load("smollm2")
    # A separate model, since TransformerLens puts its modules into the one it gets.
    lens = transformer_lens(lmviz.load("smollm2"))
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
            "lens = tracing.transformer_lens(lm)\n"
            "with torch.no_grad(): kept = lens.run_with_cache(ids[None])"
        )
    ways = {name: _ONE_TEXT + code for name, code in ways.items()}
    found = processes(ways, runs=min(runs, MEMORY_RUNS))["peak"]
    what = f"Peak memory of a trace of {max(LENGTHS)} tokens"
    return [*rows, row(what, "MB", found, limits=of_lens)]


_START = """
import lmviz, torch
from benchmarks import tracing
lm = lmviz.load("smollm2")
"""
_ONE_TEXT = f"""{_START}
ids = tracing.some_ids({max(LENGTHS)})
"""
_MANY_TEXTS = f"""{_START}
texts = [tracing.some_ids(32, seed) for seed in range({{n}})]
tracing.corpus.head_scores(lm, texts, batch_tokens=256, progress=False)
"""


def of_many_texts(runs):
    lm = lmviz.load("smollm2")
    texts = [some_ids(128, seed) for seed in range(32)]

    def scores(n_jobs, threads):
        torch.set_num_threads(threads)
        try:
            return corpus.head_scores(lm, texts, n_jobs=n_jobs, progress=False)
        finally:
            torch.set_num_threads(cores)

    def passes():
        with torch.no_grad():
            for i in range(0, len(texts), 8):
                batch = torch.stack(texts[i : i + 8])
                lm.module(input_ids=batch, use_cache=False, logits_to_keep=1)

    cores = torch.get_num_threads()
    ways = {
        "head_scores": lambda: scores(1, cores),
        "bare forward passes": passes,
    }
    found = interleaved(ways, runs=runs)
    what = f"Head scores of {len(texts)} texts of 128 tokens"
    rows = [row(what, "s", found, limits={"bare forward passes": 1.11})]
    ways = {
        "n_jobs=2": lambda: scores(2, 1),
        "one process on one core": lambda: scores(1, 1),
        "one process on all cores": lambda: scores(1, cores),
    }
    found = interleaved(ways, runs=runs)
    limits = {"one process on one core": 0.59}
    rows.append(row(f"{what}, two processes", "s", found, limits=limits))
    ways = {f"{n:,} texts": _MANY_TEXTS.format(n=n) for n in (1000, 10)}
    found = processes(ways, runs=min(runs, MEMORY_RUNS))["peak"]
    limits = {"10 texts": 1.05}
    return [*rows, row("Peak memory of head scores", "MB", found, limits=limits)]
