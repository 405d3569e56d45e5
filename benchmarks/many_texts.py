"""Statistics over many texts: throughput, memory, processes, and the serial parts."""

import itertools
import tempfile
from functools import partial
from pathlib import Path

import torch

import lmviz
from lmviz import attention, corpus
from lmviz.corpus._checkpoint import Checkpoint
from lmviz.toy import language

from .measure import MEMORY_RUNS, interleaved, processes, row
from .peers import nnsight, surprisal, transformer_lens
from .tracing import some_ids

SENTENCES = 10_000
# SmolLM2 would take minutes for as many; lengths vary as those of sentences do.
SAMPLE = 100
BATCH_TOKENS = 1024
EQUAL = 1.05


def toy_sentences(n):
    """Return sentences of the toy's language, as ids."""
    lm = lmviz.load("toy")
    stories = language.stories("benchmark")
    sentences = (
        f"{sentence.strip()} ."
        for story in stories
        for sentence in " ".join(story.words[1:-1]).split(" .")
        if sentence.strip()
    )
    return [lm.ids(sentence) for sentence in itertools.islice(sentences, n)]


def random_sentences(n):
    """Return random ids; half of the texts have 12 to 30 tokens, as sentences do."""
    generator = torch.Generator().manual_seed(0)
    lengths = (3 + 0.7 * torch.randn(n, generator=generator)).exp().clamp(4, 128)
    return [some_ids(int(length), seed) for seed, length in enumerate(lengths)]


def padded(batches):
    """Yield each batch of ids as lmviz pads it, and its texts."""
    for batch in batches.batches:
        texts = [batches.ids[index] for index in batch]
        yield torch.nn.utils.rnn.pad_sequence(texts, batch_first=True), texts


def each(run, batches):
    """Run each batch and forget its result before the next one."""
    for ids, _ in padded(batches):
        run(ids)


def nothing_kept(lm):
    return partial(lm.module, use_cache=False, logits_to_keep=1)


def kept(lm):
    def run(ids):
        return nothing_kept(lm)(ids, output_attentions=True).attentions

    return run


def losses(lm):
    def run(ids):
        return surprisal(lm.module(input_ids=ids, use_cache=False).logits, ids)

    return run


def scores(run, batches):
    """Return the sums of all scores of the weights that `run` keeps of each batch."""
    total = 0
    for padded_ids, texts in padded(batches):
        every = torch.stack(run(padded_ids), 1)
        for weights, ids in zip(every, texts, strict=True):
            n = len(ids)
            weights = weights[..., :n, :n]
            found = [attention.entropy(weights)[..., 1:].sum(-1)]
            for pattern in attention.PATTERNS.values():
                keys, queries = pattern(ids)
                found.append((weights * keys)[..., queries, :].sum((-1, -2)))
            total = total + torch.stack(found).double()
    return total


def throughput(runs, models=("toy", "smollm2")):
    """Time both statistics on each model beside loops that a user could write."""
    cases = {
        "toy": (f"{SENTENCES:,} sentences", toy_sentences(SENTENCES)),
        "smollm2": (f"{SAMPLE} texts", random_sentences(SAMPLE)),
    }
    rows = []
    for name in models:
        described, texts = cases[name]
        lm = lmviz.load(name)
        batches = corpus.Batches(lm, texts, BATCH_TOKENS)
        n_tokens = sum(map(len, texts))
        ours = partial(
            corpus.head_scores,
            lm,
            texts,
            batch_tokens=BATCH_TOKENS,
            progress=False,
        )
        ways = {
            "head_scores": ours,
            "transformers": partial(scores, kept(lm), batches),
            "transformers, no scores": partial(each, kept(lm), batches),
            "floor: nothing kept": partial(each, nothing_kept(lm), batches),
        }
        # All run the same passes, whose times vary by a few percent.
        limits = {"transformers": EQUAL}
        if name == "smollm2":  # in the toy, scores take as long as a pass
            limits["floor: nothing kept"] = 1.11
        # Peers put their modules into the model that they get, so it is another one.
        makers = {"TransformerLens": transformer_lens, "nnsight": nnsight}
        made = {peer: make(lmviz.load(name)) for peer, make in makers.items()}
        peers = {peer: functions for peer, functions in made.items() if functions}
        for peer, (attentions, _) in peers.items():
            ways[peer] = partial(scores, attentions, batches)
        limits |= dict.fromkeys(peers, EQUAL)
        found = interleaved(no_gradients(ways), runs=runs)
        what = f"Head scores of {described}, {name}, in tokens"
        rows.append(row(what, "s", found, limits=limits, at=n_tokens))

        ours = partial(corpus.surprisals, *ours.args, **ours.keywords)
        ways = {
            "surprisals": ours,
            "transformers": partial(each, losses(lm), batches),
        }
        for peer, (_, nats) in peers.items():
            ways[peer] = partial(each, nats, batches)
        limits = dict.fromkeys(("transformers", *peers), EQUAL)
        found = interleaved(no_gradients(ways), runs=runs)
        what = f"Surprisals of {described}, {name}, in tokens"
        rows.append(row(what, "s", found, limits=limits, at=n_tokens))
    return rows


def no_gradients(ways):
    return {name: torch.no_grad()(way) for name, way in ways.items()}


def in_processes(runs):
    lm = lmviz.load("smollm2")
    texts = [some_ids(128, seed) for seed in range(32)]
    cores = torch.get_num_threads()

    def run(n_jobs, threads):
        torch.set_num_threads(threads)
        try:
            return corpus.head_scores(lm, texts, n_jobs=n_jobs, progress=False)
        finally:
            torch.set_num_threads(cores)

    ways = {
        "n_jobs=2": lambda: run(2, 1),
        "one process on one core": lambda: run(1, 1),
        "one process on all cores": lambda: run(1, cores),
    }
    found = interleaved(ways, runs=runs)
    what = f"Head scores of {len(texts)} texts of 128 tokens, two processes"
    limits = {"one process on one core": 0.556}
    n_tokens = sum(map(len, texts))
    return [row(what, "s", found, limits=limits) | {"tokens": n_tokens}]


_RUN = """
import lmviz
from benchmarks import many_texts
from lmviz import corpus
lm = lmviz.load("{model}")
texts = many_texts.{texts}
corpus.head_scores(lm, texts, batch_tokens=256, progress=False)
"""
_ONLY_IDS = """
import lmviz
from benchmarks import many_texts
from lmviz import corpus
lm = lmviz.load("smollm2")
ids = many_texts.some_ids(20)
batches = corpus.Batches(lm, (ids for _ in range({n})), 1024)
"""


def memory(runs):
    """Compare peaks of few texts and of many, which should be equal."""
    rows = []
    cases = {
        "toy": ((10_000, 100), "toy_sentences({})"),
        "smollm2": ((300, 10), "random_sentences({})"),
    }
    runs = min(runs, MEMORY_RUNS)
    for model, (sizes, texts) in cases.items():
        ways = {
            f"{n:,} texts": _RUN.format(model=model, texts=texts.format(n))
            for n in sizes
        }
        found = processes(ways, runs=runs)["peak"]
        limits = {f"{sizes[1]:,} texts": 1.05}
        what = f"Peak memory of head scores, {model}"
        rows.append(row(what, "MB", found, limits=limits))
    ways = {f"{n:,} texts": _ONLY_IDS.format(n=n) for n in (100_000, 100)}
    found = processes(ways, runs=runs)["peak"]
    return [*rows, row("Peak memory of texts of 20 tokens, not yet run", "MB", found)]


def serial(runs):
    """Time what one process does for all others: encode, distribute, add and save."""
    lm = lmviz.load("smollm2")
    book = Path(__file__).parents[1] / "docs" / "guide" / "many_texts.md"
    texts = [line for line in book.read_text("utf-8").splitlines() if len(line) > 40]
    batches = corpus.Batches(lm, texts, BATCH_TOKENS)
    n_tokens = sum(map(len, batches.ids))
    found = interleaved(
        {"Batches": lambda: corpus.Batches(lm, texts, BATCH_TOKENS)}, runs=runs
    )
    size = {"characters": sum(map(len, texts))}
    rows = [row("Encode texts, in tokens", "s", found, at=n_tokens) | size]

    n = 1000
    many = corpus.Batches(lm, [some_ids(2)] * n, 1)
    start = {"sums": torch.zeros(5, 30, 9, dtype=torch.float64)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "sums")

        def save():
            file.unlink(missing_ok=True)
            with Checkpoint(file, "") as checkpoint:
                done, total = checkpoint.resume(many.batches, add, start)
                for done in range(1, n + 1):
                    total = add(total, None, start)
                    checkpoint.append(done, start, total)

        found = interleaved({"add and save": save}, runs=runs)
    rows.append(row("Results added and saved, for batches", "s", found, at=n))
    ways = {"n_jobs=2": lambda: many.reduce(same, add, start, n_jobs=2, progress=False)}
    found = interleaved(ways, runs=runs)
    what = "Batches handed to two processes and not run"
    return [*rows, row(what, "s", found, at=n)]


def same(lm, batch):
    """Return a result of the size of SmolLM2's, without computing it."""
    return {"sums": torch.zeros(5, 30, 9, dtype=torch.float64)}


def add(total, _, result):
    return {name: total[name] + result[name] for name in total}
