"""One pass whose inside is kept, and statistics over many texts."""

import torch
from measure import interleaved, processes, row

import lmviz
from lmviz import corpus

LENGTHS = (10, 128, 1024)


def bare(module, ids):
    with torch.no_grad():
        return module(
            input_ids=ids[None],
            output_hidden_states=True,
            output_attentions=True,
            use_cache=False,
        )


def some_ids(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 49152, (n,), generator=generator)


def of_one_text(runs):
    lm = lmviz.load("smollm2")
    rows = []
    for n in LENGTHS:
        ids = some_ids(n)
        found = interleaved(
            {
                "lm.trace": lambda ids=ids: lm.trace(ids),
                "bare forward pass": lambda ids=ids: bare(lm.module, ids),
                'keep="attentions"': lambda ids=ids: lm.trace(ids, keep="attentions"),
            },
            runs=runs,
        )
        rows.append(
            row(
                f"Trace of {n} tokens", "s", found, goal="at most 1.05 of the bare pass"
            )
        )
    return rows


_START = """
import torch, lmviz
from lmviz import corpus
lm = lmviz.load("smollm2")
g = torch.Generator().manual_seed(0)
texts = [torch.randint(0, 49152, (128,), generator=g) for _ in range({n})]
"""


def of_many_texts(runs):
    lm = lmviz.load("smollm2")
    texts = [some_ids(128, seed) for seed in range(16)]

    def passes():
        with torch.no_grad():
            for i in range(0, len(texts), 8):
                batch = torch.stack(texts[i : i + 8])
                lm.module(input_ids=batch, use_cache=False, logits_to_keep=1)

    found = interleaved(
        {
            "head_scores": lambda: corpus.head_scores(lm, texts, progress=False),
            "bare forward passes": passes,
        },
        runs=runs,
    )
    rows = [row("Head scores of 16 texts of 128", "s", found, goal="at most 1.11")]
    score = "corpus.head_scores(lm, texts, progress=False)"
    _, memory = processes(
        {
            "200 texts": _START.format(n=200) + score,
            "10 texts": _START.format(n=10) + score,
        },
        runs=1,
    )
    rows.append(row("Peak memory of head scores", "MB", memory, goal="at most 1.05"))
    many = [some_ids(128, seed) for seed in range(48)]
    found = interleaved(
        {
            f"{n} jobs": lambda n=n: corpus.head_scores(
                lm, many, n_jobs=n, progress=False
            )
            for n in (2, 1)
        },
        runs=min(runs, 3),
    )
    rows.append(row("Head scores of 48 texts of 128", "s", found, goal="at most 0.59"))
    return rows
