"""Work on many texts: in batches, on all cores or machines, and to be taken up again.

What is done with a batch, and what the results add up to, `lmviz.corpus` says.
"""

import hashlib
import json
import time
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tqdm.auto import tqdm

from .._extras import needs

with needs("corpus", "statistics over many texts"):
    import joblib

_SAVE_SECONDS = 10.0


class Batches:
    """Texts of like length together, the longest first.

    ``ids`` holds the ids of each text in turn, ``batches`` the indices of the texts in
    each batch.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    texts : iterable of str, or of torch.Tensor of int, shape (T,)
        Each of two tokens or more.
    batch_tokens : int
        How many tokens a batch may have, filling included.

    Raises
    ------
    TypeError, ValueError
        If there is no text, or one cannot be used; the message says which.

    Examples
    --------
    >>> import lmviz, torch
    >>> texts = [torch.arange(3), torch.arange(8), torch.arange(2)]
    >>> batches = Batches(lmviz.load("toy"), texts, 8)
    >>> batches.batches
    [[1], [0, 2]]

    With `fold`, count what a pass computes, filling included:

    >>> def area(lm, batch):
    ...     return len(batch) * max(map(len, batch))
    >>> start = {"places": torch.tensor(0)}
    >>> add = lambda total, _, found: {"places": total["places"] + found}
    >>> batches.fold(area, add, start, progress=False)
    {'places': tensor(14)}
    """

    def __init__(self, lm, texts, batch_tokens):
        if isinstance(texts, str):
            raise TypeError("texts is one string, wanted several: put it into a list")
        if batch_tokens < 1:
            raise ValueError(f"batch_tokens is {batch_tokens}, wanted at least 1")
        self.lm = lm
        self.ids = [self._checked(i, text) for i, text in enumerate(texts)]
        if not self.ids:
            raise ValueError("no texts, wanted one or more")
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
            raise ValueError(f"text {index} is one token long, wanted two or more")
        return ids

    def fold(self, work, add, start, *, n_jobs=None, file=None, progress=True):
        """Work on each batch, and add the results up, always in the same order.

        Parameters
        ----------
        work : callable
            ``work(lm, list of ids)`` of one batch, maybe in another process.
        add : callable
            ``add(total, indices, result)`` to the next total, here.
        start : dict of str to torch.Tensor
            The first total.
        n_jobs, file, progress
            As `lmviz.corpus.head_scores` describes them.

        Returns
        -------
        dict of str to torch.Tensor
            The last total.

        Raises
        ------
        ValueError
            If `file` cannot be read, or holds what another call has done; or the
            model cannot go to another process.
        """
        if joblib.effective_n_jobs(n_jobs) != 1:
            self.lm.__reduce__()  # says what keeps it here; joblib would not
        kept = _Kept(file, self._key(work), start)
        todo = self.batches[kept.done :]
        results = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(
            joblib.delayed(work)(self.lm, [self.ids[i] for i in batch])
            for batch in todo
        )
        bar = tqdm(
            total=len(self.ids),
            initial=sum(map(len, self.batches[: kept.done])),
            desc="Texts",
            unit="text",
            disable=not progress,
        )
        try:
            with bar:
                for batch, result in zip(todo, results, strict=True):
                    kept.step(add(kept.total, batch, result))
                    bar.update(len(batch))
        finally:
            kept.save()
        return kept.total

    def _key(self, work):
        """Tell apart what does not add up: other work, another model, other texts."""
        what = json.dumps([work.__name__, str(self.lm.card), self.batches])
        digest = hashlib.sha256(what.encode())
        for ids in self.ids:
            digest.update(ids.numpy().tobytes())
        return digest.hexdigest()


class _Kept:
    """How far the work is, in memory and in a file: whole at any moment."""

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
        # One assignment: an interruption comes before it or after it.
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
            with safe_open(self._file, "pt") as kept:
                metadata = kept.metadata() or {}
                total = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ValueError(
                f"{self._file} cannot be read ({error}); delete it and start again"
            ) from None
        if metadata.get("key") != self._key:
            raise ValueError(
                f"{self._file} holds what another call has done, on other texts, in "
                "other batches or with another model; name another file or delete it"
            )
        return int(metadata["done"]), total
