"""A full-size GPT-2 that knows nothing: random weights, the real tokenizer.

GPT-2's weights are only on the hub. This stands in for them where there is none: the
same sizes, the same parts, and learned positions; only that nothing was learned.
"""

import argparse
from pathlib import Path

import lmviz


def save_random_gpt2(folder, **sizes):
    """Save a GPT-2 with random weights and GPT-2's tokenizer into a folder."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    GPT2LMHeadModel(GPT2Config(**sizes)).save_pretrained(folder)
    lmviz.load_tokenizer("gpt2").save(str(folder / "tokenizer.json"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where to save it (about 500 MB)")
    folder = parser.parse_args().folder
    save_random_gpt2(folder)
    print(f"saved into {folder}; build the book on it: nox -s docs -- --model {folder}")
