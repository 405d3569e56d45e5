"""How cost grows with the length of the text and the size of the model."""

import torch

import lmviz
from lmviz.prediction._stepping import cache_name

from .measure import MEMORY_RUNS, interleaved, processes, row
from .tracing import bare, some_ids

LENGTHS = (16, 32, 64, 128, 256, 512, 1024, 2048)
# The context of the toy, so that all models can be compared.
SHORT = 64
LONG = (256, 512, 1024, 2048)

_FORWARD = """
import lmviz
from benchmarks.tracing import bare, some_ids
lm = lmviz.load("smollm2")
bare(lm.module, some_ids(8), keep=False)
kept = bare(lm.module, some_ids({n}), keep={keep})
"""


def with_length(runs):
    """Time a forward pass, and its attention alone, for several numbers of tokens."""
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
            "attentions and hidden states kept": _FORWARD.format(n=n, keep=True),
            "nothing kept": _FORWARD.format(n=n, keep=False),
        }
        found = processes(ways, runs=min(runs, MEMORY_RUNS))["peak"]
        rows.append(row("Peak memory of a pass", "MB", found, at=n))
    return rows


def with_size(runs):
    """Time a forward pass of a fixed length for models of several sizes."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    modules = {
        "toy": lmviz.load("toy").module,
        "random GPT-2": GPT2LMHeadModel(GPT2Config(attn_implementation="eager")).eval(),
        "smollm2": lmviz.load("smollm2").module,
    }
    rows = []
    for name, module in modules.items():
        ids = some_ids(SHORT, vocabulary=module.config.vocab_size)
        ways = {name: lambda module=module, ids=ids: bare(module, ids, keep=False)}
        found = interleaved(ways, runs=runs)
        n = sum(weight.numel() for weight in module.parameters())
        rows.append(row(f"Forward pass of {SHORT} tokens", "s", found, at=n))
    return rows


def with_text_before(runs):
    """Time the next token with and without a cache, for prefixes of several lengths."""
    lm = lmviz.load("smollm2")
    argument = cache_name(lm.module)
    rows = []
    for n in LENGTHS[:-1]:
        ids = some_ids(n + 1)[None]
        with torch.no_grad():
            output = lm.module(input_ids=ids[:, :-1], use_cache=True)
        cache = getattr(output, argument)

        def cached(ids=ids, cache=cache):
            lm.module(
                input_ids=ids[:, -1:],
                use_cache=True,
                logits_to_keep=1,
                **{argument: cache},
            )
            cache.crop(-1)  # remove the token again

        def whole(ids=ids):
            lm.module(input_ids=ids, use_cache=False, logits_to_keep=1)

        ways = {"with a cache": cached, "without a cache": whole}
        found = interleaved(
            {name: torch.no_grad()(way) for name, way in ways.items()}, runs=runs
        )
        rows.append(row("The next token", "s", found, at=n))
    return rows
