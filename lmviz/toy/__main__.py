"""``python -m lmviz.toy``: train the toy, or evaluate the one that is there."""

import argparse
import sys
from pathlib import Path

from ..models._language_model import load
from . import WEIGHTS, evaluate, train


def main(arguments=None):
    """Train, export and evaluate; or only evaluate."""
    parser = argparse.ArgumentParser(prog="python -m lmviz.toy", description=__doc__)
    parser.add_argument(
        "--evaluate",
        action="store_true",
        help="train nothing: measure the toy on unseen stories and print the figures",
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=Path("toy-training"),
        help="folder with the state of the training; a killed run goes on from there "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=WEIGHTS,
        help="folder for weights, tokenizer and history (default: inside the package)",
    )
    options = parser.parse_args(arguments)
    if options.evaluate:
        found = evaluate.evaluate(load(options.out).module)
    else:
        found = train.export(options.out, *_train(options.state))
    print(f"KL(true || model): {found.pop('kl'):.4f} nats per word")
    for kind, share in found.items():
        print(f"{kind}: {share:.2%} right")


def _train(state):
    from tqdm import tqdm

    with tqdm(total=train.STEPS, unit="step", disable=not sys.stderr.isatty()) as bar:

        def watch(found):
            bar.update(found["step"] - bar.n)
            bar.set_postfix_str(f"loss {found['loss']:.3f}, floor {found['floor']:.3f}")

        return train.train(state, steps=train.STEPS, watch=watch)


if __name__ == "__main__":
    main()
