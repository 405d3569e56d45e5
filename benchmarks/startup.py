"""Start-up: imports, the first load of a model, later loads."""

import tempfile

from safetensors.torch import load_file
from tokenizers import Tokenizer

import lmviz
from lmviz.models import _resolve

from .measure import interleaved, processes, row

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
"""


_TOKENIZER = """
import lmviz, sys
lmviz.load_tokenizer("smollm2").encode("The capital of France is")
assert "torch" not in sys.modules
"""
_BARE_TOKENIZER = """
from tokenizers import Tokenizer
Tokenizer.from_file({file!r}).encode("The capital of France is")
"""


def imports(runs):
    ways = {"import lmviz": "import lmviz", "bare Python": ""}
    found = processes(ways, runs=runs)["wall"]
    return [row("Start Python", "s", found, goal="at most 0.05 s more")]


def first_load(runs):
    seconds = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as cache:
            found = processes(
                {"load": _FIRST}, runs=1, environment={"LMVIZ_CACHE": cache}
            )
        seconds += found["inside"]["load"]
    found = {"lmviz.load": seconds}
    return [row("First load, conversion included", "s", found, most=5)]


def later_loads(runs):
    from transformers import AutoModelForCausalLM

    folder = _resolve.resolve("smollm2").make_local().folder
    file = str(folder / "tokenizer.json")

    def ours():
        lm = lmviz.load("smollm2")
        return lm, lm.tokenizer

    def transformers():
        return AutoModelForCausalLM.from_pretrained(folder), Tokenizer.from_file(file)

    def files():
        return load_file(folder / "model.safetensors"), Tokenizer.from_file(file)

    ways = {
        "lmviz.load": ours,
        "from_pretrained, Tokenizer.from_file": transformers,
        "floor: the files alone, no model": files,
    }
    found = interleaved(ways, runs=runs)
    limits = {"from_pretrained, Tokenizer.from_file": 1.3}
    rows = [row("Later load", "s", found, limits=limits)]
    ways = {"lmviz": _OURS, "bare transformers": _BARE.format(folder=str(folder))}
    found = processes(ways, runs=runs)["wall"]
    limits = {"bare transformers": 1.1}
    rows.append(row("Import, load, trace", "s", found, limits=limits))
    ways = {"lmviz": _TOKENIZER, "bare tokenizers": _BARE_TOKENIZER.format(file=file)}
    found = processes(ways, runs=runs)["wall"]
    return [*rows, row("Tokenize in a new process", "s", found, goal="no torch")]
