"""The history of the toy's training: evaluations and position embeddings over time."""

import json

import torch
from safetensors import safe_open

from . import WEIGHTS


def learning_curve() -> list[dict]:
    """Return the evaluations that were recorded during training.

    Returns
    -------
    list of dict
        For each evaluation the ``"step"``, the divergence from the true distribution
        (``"kl"``, in nats per word), and the accuracy for each kind of question.

    Examples
    --------
    >>> curve = learning_curve()
    >>> curve[0]["step"], curve[0]["kl"] > curve[-1]["kl"]
    (0, True)
    """
    with _open() as file:
        return json.loads(file.metadata()["curve"])


def position_tables() -> dict[int, torch.Tensor]:
    """Return the table of position embeddings at each evaluation.

    Returns
    -------
    dict of int to torch.Tensor, shape (CONTEXT, d)
        By training step, in ascending order; step 0 is before training.

    Examples
    --------
    >>> tables = position_tables()
    >>> next(iter(tables)), tables[0].shape
    (0, torch.Size([64, 96]))
    """
    with _open() as file:
        names = sorted(file.keys(), key=lambda name: int(name.rpartition(".")[2]))
        return {
            int(name.rpartition(".")[2]): file.get_tensor(name).float()
            for name in names
        }


def _open():
    return safe_open(WEIGHTS / "history.safetensors", "pt")
