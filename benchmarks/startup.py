"""From nothing to a model: imports, the first load, later loads."""

import tempfile

from measure import interleaved, processes, row
from safetensors.torch import load_file
from tokenizers import Tokenizer

import lmviz
from lmviz import sources

_OURS = """
import lmviz
lm = lmviz.load("smollm2")
lm.trace("The capital of France is")
"""
_BARE = """
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM
folder = {folder!r}
module = AutoModelForCausalLM.from_pretrained(
    folder, attn_implementation="eager", dtype=torch.float32
)
ids = torch.tensor(Tokenizer.from_file(folder + "/tokenizer.json").encode(
    "The capital of France is").ids)
with torch.no_grad():
    module(ids[None], output_hidden_states=True, output_attentions=True)
"""
_FIRST = """
import torch, transformers, gguf, tokenizers, safetensors, lmviz
from transformers import AutoModelForCausalLM, LlamaForCausalLM
began = time.perf_counter()
lmviz.load("smollm2")
print(json.dumps([time.perf_counter() - began, 0]))
raise SystemExit
"""


def imports(runs):
    found, _ = processes({"import lmviz": "import lmviz", "bare Python": ""}, runs=runs)
    return [row("Start Python", "s", found, goal="at most 0.05 s more")]


def first_load(runs):
    seconds = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as cache:
            _, took = processes(
                {"lmviz.load": _FIRST}, runs=1, environment={"LMVIZ_CACHE": cache}
            )
        # The child says seconds where it would say megabytes.
        seconds += took["lmviz.load"]
    return [row("First load, conversion included", "s", {"load": seconds}, goal="5 s")]


def later_loads(runs):
    folder = sources.find("smollm2").folder

    def bare():
        weights = load_file(folder / "model.safetensors")
        return weights, Tokenizer.from_file(str(folder / "tokenizer.json"))

    def ours():
        lm = lmviz.load("smollm2")
        return lm, lm.tokenizer

    found = interleaved({"lmviz.load": ours, "bare files": bare}, runs=runs)
    rows = [row("Later load", "s", found, goal="at most 1.3 of the bare files")]
    ways = {"lmviz": _OURS, "bare transformers": _BARE.format(folder=str(folder))}
    found, _ = processes(ways, runs=runs)
    return [*rows, row("Import, load, trace", "s", found, goal="at most 1.1")]
