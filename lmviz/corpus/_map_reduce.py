"""Parallel batches with checkpointing.

`lmviz.corpus` defines what is computed for a batch and how the results add up.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .. import _validation
from .._extras import needs
from .._progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._types import PathLike, Text
    from ..models import LanguageModel

with needs("corpus", "statistics over many texts"):
    import joblib

_SAVE_SECONDS = 10.0


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
    ...     return len(batch) * max(map(len, batch))
    >>> start = {"tokens": torch.tensor(0)}
    >>> add = lambda total, _, result: {"tokens": total["tokens"] + result}
    >>> batches.reduce(area, add, start, progress=False)
    {'tokens': tensor(14)}
    """

    def __init__(self, lm: LanguageModel, texts: Iterable[Text], batch_tokens: int):
        if isinstance(texts, str):
            raise TypeError("`texts` must be a list of texts, got one string")
        batch_tokens = _validation.integer(batch_tokens, "batch_tokens", 1)
        self.lm = lm
        self.ids = [self._checked(i, text) for i, text in enumerate(texts)]
        if not self.ids:
            raise ValueError("`texts` must have at least one text, got none")
        self.batches = []
        room = 0
        for index in sorted(range(len(self.ids)), key=lambda i: -len(self.ids[i])):
            if not room:
                self.batches.append([])
                room = max(1, batch_tokens // len(self.ids[index]))
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
        work: Callable[[LanguageModel, list[torch.Tensor]], Any],
        add: Callable[
            [dict[str, torch.Tensor], list[int], Any], dict[str, torch.Tensor]
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
            ``work(lm, list of ids)`` for one batch, possibly in another process.
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
        checkpoint = _Checkpoint(file, key, start)
        todo = self.batches[checkpoint.done :]
        results = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(
            joblib.delayed(work)(self.lm, [self.ids[i] for i in batch])
            for batch in todo
        )
        bar = progress_bar(
            total=len(self.ids),
            initial=sum(map(len, self.batches[: checkpoint.done])),
            desc="Texts",
            unit="text",
            disable=not progress,
        )
        try:
            with bar:
                for batch, result in zip(todo, results, strict=True):
                    checkpoint.step(add(checkpoint.total, batch, result))
                    bar.update(len(batch))
        finally:
            checkpoint.save()
        return checkpoint.total

    def _key(self, work, more):
        """Hash what the total depends on: the work, the model and the texts."""
        name = getattr(work, "func", work).__name__  # of a partial function
        dtype = str(self.lm.module.dtype)
        job = json.dumps([name, str(self.lm.card), dtype, self.batches])
        digest = hashlib.sha256(job.encode())
        for ids in self.ids:
            digest.update(ids.numpy().tobytes())
        for part in more:
            digest.update(part)
        return digest.hexdigest()


class _Checkpoint:
    """The number of finished batches and their total, consistent at any moment."""

    def __init__(self, file, key, start):
        self._file, self._key = None if file is None else Path(file), key
        self._point = 0, start
        self._saved = time.monotonic()
        if self._file is not None and self._file.exists():
            self._point = self._read()

    @property
    def done(self):
        return self._point[0]

    @property
    def total(self):
        return self._point[1]

    def step(self, total):
        # One assignment, so that an interruption cannot separate the two.
        self._point = self.done + 1, total
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self.save()

    def save(self):
        if self._file is None:
            return
        done, total = self._point
        partial = self._file.with_name(f"{self._file.name}.partial")
        save_file(total, partial, metadata={"key": self._key, "done": str(done)})
        partial.replace(self._file)
        self._saved = time.monotonic()

    def _read(self):
        try:
            with safe_open(self._file, "pt") as file:
                metadata = file.metadata() or {}
                total = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ValueError(
                f"the checkpoint {self._file} cannot be read ({error}); delete it and "
                "start again"
            ) from None
        if metadata.get("key") != self._key:
            raise ValueError(
                f"the checkpoint {self._file} belongs to another call (other texts, "
                "batches, patterns or model); pass another file or delete it"
            )
        return int(metadata["done"]), total
