"""Memory and time bounds.

What a trace takes stays below what the book states, and what cannot fit is refused
before anything is allocated.
"""

import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from random_gpt2 import save_random_gpt2

import lmviz
from benchmarks import measure
from lmviz import attention, corpus
from lmviz.models import _memory as memory

ROOT = Path(__file__).parents[2]
# | model | tokens | kept | stays below |
BOUNDS = re.findall(
    r"^\| (\S+) .*?\| (\d+,\d+).*? \| (\w+) \| ([\d.]+) GB \|$",
    (ROOT / "docs" / "project" / "cost.md").read_text("utf-8"),
    re.MULTILINE,
)
SECONDS = 60
ONE_TEXT = """
import torch, lmviz
lm = lmviz.load({name!r})
lm.trace(torch.arange(2))  # reads the weights
began = time.perf_counter()
kept = lm.trace(torch.arange({n}), keep={keep})
"""


def no_pass(lm, monkeypatch):
    """Make every forward pass an error."""

    def stop(*_, **__):
        raise AssertionError("the pass began")

    monkeypatch.setattr(lm.module, "forward", stop)


@pytest.fixture
def available(monkeypatch):
    """Set how much memory psutil reports as available."""

    def set_kilobytes(kilobytes):
        report = SimpleNamespace(available=1024 * kilobytes)
        monkeypatch.setattr(psutil, "virtual_memory", lambda: report)

    return set_kilobytes


# Memory is measured on GPT-2's real sizes: with random weights it takes the same.
@pytest.fixture(
    scope="module",
    params=["SmolLM2", pytest.param("GPT-2", marks=pytest.mark.nightly)],
)
def measured(request, tmp_path_factory):
    """Measure passes in new processes: name, rows of the table, MB and seconds."""
    name = "smollm2"
    if request.param == "GPT-2":
        name = str(tmp_path_factory.mktemp("full-size") / "gpt2")
        save_random_gpt2(name)
    rows = [row for row in BOUNDS if row[0] == request.param]
    ways = {}
    for _, n, kept, _ in rows:
        keep = None if kept == "all" else kept
        n = int(n.replace(",", ""))
        ways[kept] = ONE_TEXT.format(name=name, n=n, keep=repr(keep))
    ways["nothing"] = ONE_TEXT.format(name=name, n=2, keep=())
    return name, rows, measure.processes(ways, runs=1)


together = pytest.mark.long("measured")
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells this peak")


@together
@linux
def test_a_pass_stays_below_what_the_book_states(measured, tried):
    _, rows, found = measured
    tried(len(rows))
    assert rows
    for _, _, kept, bound in rows:
        [peak], [seconds] = found["peak"][kept], found["inside"][kept]
        assert peak * 2**20 < float(bound) * 1e9
        assert seconds < SECONDS


def test_the_book_states_bounds_of_both_sizes_and_of_a_whole_context():
    assert {model for model, *_ in BOUNDS} == {"GPT-2", "SmolLM2"}
    assert ("GPT-2", "1,024", "all", "2.5") in BOUNDS


@together
@linux
def test_a_pass_takes_as_much_as_was_estimated(measured):
    name, _, found = measured
    lm = lmviz.load(name)
    peak, start = (found["peak"][kept][0] for kept in ("all", "nothing"))
    kept = ("hidden_states", "attentions", "logits")
    estimated = memory.needed(lm.card, 1024, kept) / 2**20
    assert 0.8 < (peak - start) / estimated < 1.6


@pytest.mark.nightly
@linux
def test_layer_by_layer_a_pass_takes_no_more_than_one_that_keeps_nothing():
    # All layers would take another 1.1 GB.
    start = "import torch, lmviz\nlm = lmviz.load('smollm2')\nids = torch.arange(1024)"
    ways = {
        "layers": f"{start}\nlm.map_attentions(ids, lambda weights: weights.sum())",
        "nothing": f"{start}\nlm.trace(ids, keep=())",
    }
    peak = measure.processes(ways, runs=1)["peak"]
    assert peak["layers"][0] < peak["nothing"][0] + 100


def test_a_trace_that_does_not_fit_is_refused_before_it_starts(
    smollm2, monkeypatch, available
):
    no_pass(smollm2, monkeypatch)
    available(20_000_000)
    pairs = 30 * 9 * 8192**2 * 4 / 1e9
    began = time.monotonic()
    with pytest.raises(ValueError) as error:
        smollm2.trace(torch.zeros(8192, dtype=torch.int64))
    assert time.monotonic() - began < 5
    message = str(error.value)
    takes = float(re.search(r"takes ([\d.]+) GB", message)[1])
    assert pairs < takes < 1.2 * pairs
    assert "only 20.5 GB is available" in message
    assert 'keep="logits" (4.8 GB)' in message
    assert "lm.map_attentions" in message
    assert "\n" not in message
    assert len(message) < 300


def test_a_text_too_long_for_attentions_keeps_logits(smollm2, monkeypatch, available):
    no_pass(smollm2, monkeypatch)
    available(20_000_000)
    ids = torch.zeros(8192, dtype=torch.int64)
    with pytest.raises(AssertionError, match="the pass began"):
        smollm2.trace(ids, keep="logits")
    available(4_000_000)
    with pytest.raises(ValueError, match="keeping logits .* shorten the text"):
        smollm2.trace(ids, keep="logits")


def test_the_alternatives_that_the_error_suggests_work(toy, available):
    whole = toy.trace(torch.arange(64))
    available(300)  # enough for the pass, not for the attentions of all layers
    with pytest.raises(ValueError, match="lm.map_attentions"):
        toy.trace(whole.ids)
    assert torch.equal(toy.trace(whole.ids, keep="logits").logits, whole.logits)
    means = toy.map_attentions(whole.ids, lambda weights: weights.mean(0))
    for layer, mean in means.items():
        assert torch.equal(mean, whole.attention(layer).mean(0))
    available(100)  # less than a layer takes
    with pytest.raises(ValueError, match="keeping nothing of 64 tokens takes"):
        toy.map_attentions(whole.ids, len)
    available(300)
    scores = corpus.head_scores(toy, [whole.ids], progress=False)
    assert scores["entropy"].shape == (3, 4)


def test_batches_and_heads_that_do_not_fit_are_refused(toy, monkeypatch, available):
    no_pass(toy, monkeypatch)
    texts = [torch.arange(64)] * 20
    available(900)
    message = "of 16 texts of 64 tokens takes [1-9] MB .* 1 MB .*; pass fewer texts"
    for function in (corpus.head_scores, corpus.surprisals):
        with pytest.raises(ValueError, match=message):
            function(toy, texts, progress=False)
        with pytest.raises(AssertionError, match="the pass began"):
            function(toy, texts, batch_tokens=64, progress=False)
    available(400)
    with pytest.raises(ValueError, match="of 4 texts of 64 tokens takes"):
        attention.head_effects(toy, texts[0], 0)
