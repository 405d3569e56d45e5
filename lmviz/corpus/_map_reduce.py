"""Parallel batches with checkpointing.

`lmviz.corpus` defines what is computed for a batch and how the results add up.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from .. import _validation
from .._extras import needs
from .._progress import progress_bar
from ._checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._types import PathLike, Text
    from ..models import LanguageModel

with needs("corpus", "statistics over many texts"):
    import joblib


class Batches:
    """Batches of texts of similar length, the longest first.

    Its ``ids`` are the ids of each text, its ``batches`` the indices of the texts in
    each batch.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    texts : iterable of str, list of int, or torch.Tensor of int, shape (T,)
        Each of two tokens or more.
    batch_tokens : int
        Maximum number of tokens in a batch, including padding.

    Examples
    --------
    >>> import lmviz, torch
    >>> texts = [torch.arange(3), torch.arange(8), torch.arange(2)]
    >>> batches = Batches(lmviz.load("toy"), texts, 8)
    >>> batches.batches
    [[1], [0, 2]]

    `reduce` adds up a result per batch, here its number of tokens including padding:

    >>> def area(lm, batch):
    ...     return {"tokens": torch.tensor(len(batch) * max(map(len, batch)))}
    >>> start = {"tokens": torch.tensor(0)}
    >>> add = lambda total, _, sums: {"tokens": total["tokens"] + sums["tokens"]}
    >>> batches.reduce(area, add, start, progress=False)
    {'tokens': tensor(14)}
    """

    def __init__(self, lm: LanguageModel, texts: Iterable[Text], batch_tokens: int):
        if isinstance(texts, str):
            raise TypeError("`texts` must be a list of texts, got one string")
        batch_tokens = _validation.integer(batch_tokens, "batch_tokens", 1)
        self.lm = lm
        self.ids = _Texts(self._checked(i, text) for i, text in enumerate(texts))
        if not self.ids:
            raise ValueError("`texts` must have at least one text, got none")
        self.batches = []
        room, lengths = 0, self.ids.lengths
        for index in np.argsort(-lengths, kind="stable").tolist():
            if not room:
                self.batches.append([])
                room = max(1, batch_tokens // int(lengths[index]))
            self.batches[-1].append(index)
            room -= 1

    def _checked(self, index, text):
        try:
            ids = self.lm.ids(text)
        except (TypeError, ValueError) as error:
            raise type(error)(f"text {index}: {error}") from None
        if len(ids) < 2:
            raise ValueError(f"text {index} must have two tokens or more, got one")
        return ids

    def reduce(
        self,
        work: Callable[[LanguageModel, list[torch.Tensor]], dict[str, torch.Tensor]],
        add: Callable[
            [dict[str, torch.Tensor], list[int], dict[str, torch.Tensor]],
            dict[str, torch.Tensor],
        ],
        start: dict[str, torch.Tensor],
        *,
        key: Iterable[bytes] = (),
        n_jobs: int | None = None,
        file: PathLike | None = None,
        progress: bool = True,
    ) -> dict[str, torch.Tensor]:
        """Compute a result for each batch and add them up, always in the same order.

        Parameters
        ----------
        work : callable
            ``work(lm, list of ids)`` for one batch, possibly in another process,
            returns tensors by name.
        add : callable
            ``add(total, indices, result)`` returns the next total; runs in this
            process.
        start : dict of str to torch.Tensor
            The first total.
        key : iterable of bytes, default ()
            What the total depends on beside the work, the model and the texts. It is
            read only if there is a checkpoint.
        n_jobs, file, progress
            As `lmviz.corpus.head_scores` describes them.

        Returns
        -------
        dict of str to torch.Tensor
            The last total.
        """
        if joblib.effective_n_jobs(n_jobs) != 1:
            self.lm.__reduce__()  # raises a clearer error than joblib would
        key = "" if file is None else self._key(work, key)
        with Checkpoint(file, key) as checkpoint:
            done, total = checkpoint.resume(self.batches, add, start)
            todo = self.batches[done:]
            results = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(
                joblib.delayed(work)(self.lm, [self.ids[i] for i in batch])
                for batch in todo
            )
            bar = progress_bar(
                total=len(self.ids),
                initial=sum(map(len, self.batches[:done])),
                desc="Texts",
                unit="text",
                disable=not progress,
            )
            with bar:
                for batch, result in zip(todo, results, strict=True):
                    total = add(total, batch, result)
                    done += 1
                    checkpoint.append(done, result, total)
                    bar.update(len(batch))
        return total

    def _key(self, work, more):
        """Hash what the total depends on: the work, the model and the texts."""
        name = getattr(work, "func", work).__name__  # of a partial function
        dtype = str(self.lm.module.dtype)
        job = json.dumps([name, str(self.lm.card), dtype, self.batches])
        digest = hashlib.sha256(job.encode())
        for part in _weights(self.lm):
            digest.update(part)
        for ids in self.ids:
            digest.update(ids.numpy().tobytes())
        for part in more:
            digest.update(part)
        return digest.hexdigest()


class _Texts(Sequence):
    """The ids of many texts, end to end: a tensor of its own takes 700 bytes more."""

    def __init__(self, texts):
        self._ids, self._ends = array("i"), array("q", [0])
        for ids in texts:
            self._ids.frombytes(ids.int().numpy().tobytes())
            self._ends.append(len(self._ids))

    def __len__(self):
        return len(self._ends) - 1

    def __getitem__(self, index):
        chosen = range(len(self))[index]
        if isinstance(chosen, range):
            return [self[i] for i in chosen]
        start, end = self._ends[chosen : chosen + 2]
        return torch.tensor(self._ids[start:end], dtype=torch.long)

    @property
    def lengths(self):
        return np.diff(self._ends)


def _weights(lm):
    """Yield the bytes of all weights, which someone may have changed in memory."""
    if any(map(_changes_it, lm.module.modules())):
        raise ValueError(
            f"{lm.card.name} has hooks (are some of its heads ablated?), which a "
            "checkpoint cannot tell from the model without them; leave out `file`"
        )
    for tensor in lm.module.state_dict().values():
        yield tensor.cpu().contiguous().flatten().view(torch.uint8).numpy()


def _changes_it(module):
    """Return whether a module has hooks beside those of transformers, which record."""
    hooks = *module._forward_pre_hooks.values(), *module._forward_hooks.values()
    return any(not hook.__module__.startswith("transformers.") for hook in hooks)
