"""A file of finished batches, from which an interrupted call resumes.

Its first line names the call that it belongs to. Then comes a record for each batch, in
order: its result, or the total so far, which keeps the file short. The hash of a record
covers all bytes before it, so a record that is damaged, moved, repeated or missing ends
the part of the file that is used.
"""

from __future__ import annotations

import hashlib
import struct
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes

from .._files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from .._types import PathLike

    Tensors = dict[str, torch.Tensor]

_HEADER = b"lmviz checkpoint "
# Number of bytes, number of finished batches, whether it is the total; then the hash.
_FRAME = struct.Struct("<QQ?")
_HASH = hashlib.sha256().digest_size
# A file that is this much larger than twice the total is replaced by the total.
_SLACK = 2**24


class Checkpoint:
    """A file with the results of finished batches; without a path, it keeps nothing.

    Each result is in the file before the next one is asked for, so that not even
    ``SIGKILL`` loses one. The file is not secret, and the hash has no key: it protects
    against accidents, not against a person who computes a new hash.

    Parameters
    ----------
    path : path-like or None
    key : str
        Hash of everything that the total depends on.

    Examples
    --------
    >>> import tempfile, torch
    >>> add = lambda total, batch, result: {"n": total["n"] + result["n"]}
    >>> start, batches = {"n": torch.tensor(0)}, [[0], [1], [2]]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Checkpoint(Path(folder, "sums"), "0a1b") as checkpoint:
    ...         checkpoint.resume(batches, add, start)
    ...         checkpoint.append(1, {"n": torch.tensor(5)}, {"n": torch.tensor(5)})
    ...     with Checkpoint(Path(folder, "sums"), "0a1b") as checkpoint:
    ...         checkpoint.resume(batches, add, start)
    (0, {'n': tensor(0)})
    (1, {'n': tensor(5)})
    """

    def __init__(self, path: PathLike | None, key: str):
        self._path = None if path is None else Path(path)
        self._header = _HEADER + key.encode() + b"\n"
        self._file = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._file is not None:
            self._file.close()

    def resume(
        self,
        batches: list[list[int]],
        add: Callable[[Tensors, list[int], Tensors], Tensors],
        start: Tensors,
    ) -> tuple[int, Tensors]:
        """Return the number of finished batches and their total.

        Parameters
        ----------
        batches, add, start
            As of `lmviz.corpus.Batches` and its method ``reduce``.
        """
        done, total = 0, start
        if self._path is None:
            return done, total
        if not self._path.exists():
            write_whole(self._path, self._header)
        self._file = self._path.open("r+b")
        self._check_header()
        self._hash = hashlib.sha256(self._header)
        end = len(self._header)
        for done, is_total, tensors in self._records():
            total = tensors if is_total else add(total, batches[done - 1], tensors)
            end = self._file.tell()
        if self._file.seek(0, 2) > end:
            warnings.warn(
                f"the checkpoint {self._path} is damaged after {done} of "
                f"{len(batches)} batches, perhaps because the machine stopped while it "
                "was written; the other batches are computed again",
                stacklevel=4,
            )
            self._file.truncate(end)
        self._size = self._file.seek(end)
        return done, total

    def append(self, done: int, result: Tensors, total: Tensors) -> None:
        """Write the result of the next batch.

        Parameters
        ----------
        done : int
            Number of finished batches, this one included.
        result, total : dict of str to torch.Tensor
        """
        if self._file is None:
            return
        self._write(self._record(done, False, result))
        size = sum(tensor.nbytes for tensor in total.values())
        if self._size > _SLACK + 2 * size:
            self._hash = hashlib.sha256(self._header)
            record = self._record(done, True, total)
            self._file.close()  # Windows replaces no open file
            write_whole(self._path, self._header + record)
            self._file = self._path.open("r+b")
            self._size = self._file.seek(0, 2)

    def _write(self, record):
        self._file.write(record)
        self._file.flush()
        self._size += len(record)

    def _record(self, done, is_total, tensors):
        content = to_bytes({name: x.contiguous() for name, x in tensors.items()})
        content = _FRAME.pack(len(content), done, is_total) + content
        self._hash.update(content)
        return content[: _FRAME.size] + self._hash.digest() + content[_FRAME.size :]

    def _records(self):
        """Yield the number of batches, whether it is a total, and the tensors."""
        while len(frame := self._file.read(_FRAME.size)) == _FRAME.size:
            size, done, is_total = _FRAME.unpack(frame)
            expected = self._file.read(_HASH)
            here = self._file.tell()
            if size > self._file.seek(0, 2) - here:
                return
            self._file.seek(here)
            content = self._file.read(size)
            following = self._hash.copy()
            following.update(frame + content)
            if following.digest() != expected:
                return
            self._hash = following
            yield done, is_total, from_bytes(content)

    def _check_header(self):
        header = self._file.read(len(self._header))
        if header == self._header:
            return
        if header.startswith(_HEADER):
            raise ValueError(
                f"the checkpoint {self._path} belongs to another call (other texts, "
                "batches, patterns or model); pass another file or delete it"
            )
        raise ValueError(
            f"the checkpoint {self._path} cannot be read, since it does not begin as "
            "one; pass another file or delete it"
        )
