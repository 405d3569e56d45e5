"""What the toy knew at which step of its training, as it was looked at then."""

import json

from safetensors import safe_open

from . import WEIGHTS


def curve():
    """Return what was measured during the training.

    Returns
    -------
    list of dict
        For each look the step, the divergence from the truth (``"kl"``, in nats per
        word) and the share of right answers of each kind.

    Examples
    --------
    >>> looks = curve()
    >>> looks[0]["step"], looks[0]["kl"] > looks[-1]["kl"]
    (0, True)
    """
    with _open() as file:
        return json.loads(file.metadata()["curve"])


def positions():
    """Return the position table at each look.

    Returns
    -------
    dict of int to torch.Tensor, shape (CONTEXT, d)
        By step, the first of them before any training.

    Examples
    --------
    >>> tables = positions()
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
