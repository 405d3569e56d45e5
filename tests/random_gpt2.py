"""A GPT-2 that has learned nothing: random weights, the real tokenizer.

GPT-2's weights are only on the hub. This replaces them where there is none: the same
architecture, with as many layers, heads and positions.
"""

from pathlib import Path

import lmviz

# Vectors of 96 numbers instead of 768: 26 MB instead of 500.
NARROW = {"n_embd": 96}


def save_random_gpt2(folder, **sizes):
    """Save a GPT-2 with random weights and GPT-2's tokenizer into a folder.

    Sizes that are not given are those of GPT-2 small.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    GPT2LMHeadModel(GPT2Config(**sizes)).save_pretrained(folder)
    lmviz.load_tokenizer("gpt2").save(str(folder / "tokenizer.json"))
