"""Models of the Hugging Face hub: from its cache on this machine, or fetched.

The hub may be away, slow or broken: whatever it does, an answer comes in bounded time,
and a file counts only if its content has the hash that it was asked for by.
"""

import contextlib
import fnmatch
import functools
import re
import sys
import threading
from collections import Counter
from pathlib import Path

from . import _checksums as cache
from . import _local as folders
from .errors import ModelError, first_line

GPT2_REPO = "openai-community/gpt2"
GPT2_REVISION = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
# The SHA-256 of that revision's files.
GPT2_FILES = {
    "config.json": "0daed7749b4f02b8f76240d5444551d7b08712dab4d0adb8239c56ba823bb7b4",
    "merges.txt": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    "model.safetensors": (
        "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707"
    ),
    "tokenizer.json": (
        "8414cab924d8b9b33013f0d221c5862f365ee9be39c5c2bfae8a5a9e970478a6"
    ),
    "tokenizer_config.json": (
        "5e04eb606e3a1583530a42e36c2a6b6615c86f34fe77e44d9ddeb43ff940931f"
    ),
    "vocab.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
}

_TOKENIZER_FILES = ["config.json", "tokenizer*", "vocab*", "merges.txt"]
_MODEL_FILES = [*_TOKENIZER_FILES, "*.safetensors", "*.index.json", "README.md"]
# Names that Git or SHA-256 give to content: so are files called in the hub's cache.
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PROBE_SECONDS = 3.0
_TRIES = 2


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
            answer = huggingface_hub.get_session().head(
                constants.ENDPOINT, timeout=_PROBE_SECONDS
            )
            if answer.status_code < 500 and answer.status_code != 429:
                answered.set()

    # In a thread of its own, as no timeout covers the look-up of the host's name.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    return answered.is_set()


def fetch(repo, revision, *, weights):
    """Bring a repository's files to this machine, if they are not there already.

    Parameters
    ----------
    repo, revision : str
    weights : bool
        Whether the weights are needed, or only the tokenizer.

    Returns
    -------
    Path
        The folder of the snapshot, named by its revision.

    Raises
    ------
    ModelError
        If it cannot be had from here; the message says what to do.
    """
    try:
        if folder := cached(repo, revision, weights=weights):
            return folder
    except ModelError as error:
        if not hub_answers():
            raise
        print(f"lmviz: {error}; fetching it again", file=sys.stderr)
    if not hub_answers():
        raise ModelError(
            f"{repo} is not in the local cache and no hub answers; load "
            '"smollm2" or "toy", a folder with safetensors, or try again with a network'
        )
    print(f"lmviz: fetching {repo} from the hub", file=sys.stderr)
    folder = _download(repo, revision, weights=weights)
    _check_hashes(folder, repo, weights=weights)
    try:
        folders.check_folder(folder, repo, weights=weights)
    except ModelError as error:
        # A list of files that came in parts would be believed for ever.
        (folder.parents[1] / "trees" / f"{folder.name}.json").unlink(missing_ok=True)
        raise ModelError(f"{error}; if the hub has it, try again") from None
    return folder


def cached(repo, revision, *, weights):
    """Return the folder of a cached revision if it holds all we need, else None.

    Parameters
    ----------
    repo, revision : str
    weights : bool
        Whether the weights are needed, or only the tokenizer.

    Returns
    -------
    Path or None

    Raises
    ------
    ModelError
        If one of its files was damaged; it is deleted.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repo, revision=revision, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError, OSError):
        return None
    _check_hashes(folder, repo, weights=weights)
    try:
        folders.check_folder(folder, repo, weights=weights)
    except ModelError:
        return None
    return folder


def _check_hashes(folder, repo, *, weights):
    """Delete the first file that is not what its hash says, and tell."""
    patterns = _MODEL_FILES if weights else _TOKENIZER_FILES
    pinned = GPT2_FILES if (repo, folder.name) == (GPT2_REPO, GPT2_REVISION) else {}
    wanted = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        stored = path.resolve().name
        if not path.is_file() or not any(fnmatch.fnmatch(name, p) for p in patterns):
            continue
        if name in pinned:
            wanted[path] = pinned[name]
        elif _HASH.fullmatch(stored):
            wanted[path] = stored
    damaged = cache.first_damaged(wanted)
    if damaged is None:
        return
    what = f"{damaged.name} of {repo} is damaged or another file"
    stored = damaged.resolve()
    try:
        # Somebody's own file, linked into the cache, is theirs.
        if stored.is_relative_to(folder.resolve().parents[1]):
            stored.unlink()
        damaged.unlink(missing_ok=True)
    except OSError:
        raise ModelError(f"{what}; delete {stored}, then load again") from None
    raise ModelError(f"{what}, so it was deleted from the cache; load again")


def _download(repo, revision, *, weights):
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        RepositoryNotFoundError,
    )

    try:
        with _patience(repo):
            return Path(
                snapshot_download(
                    repo,
                    revision=revision,
                    allow_patterns=_MODEL_FILES if weights else _TOKENIZER_FILES,
                )
            )
    except GatedRepoError:
        raise ModelError(
            f"{repo} asks for a licence to be accepted; do that on its page on the "
            "hub, then run: hf auth login"
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise ModelError(f"the hub has no model {repo!r}; check the id") from None
    except (HfHubHTTPError, OSError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            f"{repo} could not be downloaded ({first_line(error)}); try again, or "
            'load "smollm2"'
        ) from error


@contextlib.contextmanager
def _patience(repo):
    """Ask for nothing more than twice, and never wait long for an answer.

    huggingface_hub tries again for minutes, or for as long as a server tells it to.
    """
    from huggingface_hub import constants, get_session

    asked = Counter()

    def ask(request):
        # A download that goes on where it broke off asks for another range.
        question = request.method, request.url, request.headers.get("range")
        asked[question] += 1
        if asked[question] > _TRIES:
            raise ModelError(
                f"{repo} could not be downloaded: the hub has failed {_TRIES} times at "
                f'{request.url.path:.80}; try again later, or load "smollm2"'
            )
        limits = request.extensions.get("timeout") or {}
        for phase in ("connect", "read", "write", "pool"):
            given = limits.get(phase) or constants.DEFAULT_DOWNLOAD_TIMEOUT
            limits[phase] = min(given, constants.DEFAULT_DOWNLOAD_TIMEOUT)
        request.extensions["timeout"] = limits

    def answer(response):
        if response.status_code == 429 or "retry-after" in response.headers:
            wait = response.headers.get("retry-after", "some")
            raise ModelError(
                f"{repo} could not be downloaded: the hub answers "
                f"{response.status_code} and asks to wait {wait:.20} seconds; try "
                'again then, or load "smollm2"'
            )

    hooks = get_session().event_hooks
    hooks["request"].append(ask)
    hooks["response"].append(answer)
    try:
        yield
    finally:
        hooks["request"].remove(ask)
        hooks["response"].remove(answer)
