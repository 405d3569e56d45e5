"""Train the toy, or evaluate the existing one."""

import argparse
import sys
from pathlib import Path

from .._output import print_anywhere
from ..models import load
from . import WEIGHTS, evaluate, train


def main(arguments=None):
    """Train, export and evaluate; or only evaluate."""
    parser = argparse.ArgumentParser(prog="python -m lmviz.toy", description=__doc__)
    parser.add_argument(
        "--evaluate",
        action="store_true",
        help="only evaluate the existing toy on held-out stories",
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=Path("toy-training"),
        help="folder for checkpoints, from which an interrupted run resumes "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=WEIGHTS,
        help="folder with the weights, tokenizer and history, to write or to evaluate "
        "(default: inside the package)",
    )
    options = parser.parse_args(arguments)
    if options.evaluate:
        result = evaluate.evaluate(load(options.out))
    else:
        result = train.export(options.out, *_train(options.state))
    print(f"KL(true || model): {result.pop('kl'):.4f} nats per word")
    for kind, accuracy in result.items():
        print(f"{kind}: {accuracy:.2%} correct")


def _train(state):
    from tqdm import tqdm

    with tqdm(total=train.STEPS, unit="step", disable=not sys.stderr.isatty()) as bar:

        def on_step(status):
            bar.update(status["step"] - bar.n)
            bar.set_postfix_str(
                f"loss {status['loss']:.3f}, entropy {status['entropy']:.3f}"
            )

        return train.train(state, steps=train.STEPS, on_step=on_step)


if __name__ == "__main__":
    print_anywhere()
    main()
