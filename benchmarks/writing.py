"""Text generation, one token at a time."""

import torch

import lmviz
from lmviz import prediction
from lmviz.prediction._stepping import cache_name

from .measure import interleaved, row

N_TOKENS = 40


def with_a_cache(runs):
    lm = lmviz.load("smollm2")
    name = cache_name(lm.module)
    ids = lm.encode("Once upon a time there was a")

    def bare():
        pending, cache, ids_out = ids, None, []
        with torch.no_grad():
            for _ in range(N_TOKENS):
                output = lm.module(
                    input_ids=pending[None],
                    use_cache=True,
                    logits_to_keep=1,
                    **{name: cache},
                )
                cache = getattr(output, name)
                pending = output.logits[0, -1].argmax()[None]
                ids_out.append(int(pending))
        return ids_out

    found = interleaved(
        {
            "prediction.generate": lambda: prediction.generate(
                lm, ids, n_tokens=N_TOKENS, eos=[]
            ),
            "a bare loop": bare,
            "without a cache": lambda: prediction.generate(
                lm, ids, n_tokens=N_TOKENS, eos=[], use_cache=False
            ),
        },
        runs=runs,
    )
    limits = {"a bare loop": 1.1}
    return [row(f"{N_TOKENS} tokens written", "s", found, limits=limits)]
