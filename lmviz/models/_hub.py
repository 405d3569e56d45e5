"""Models from the Hugging Face hub: from a cache on this machine, or downloaded.

The cache of huggingface_hub is read, never written to. Missing files are downloaded
into lmviz's own cache, with at most two attempts and short timeouts for each, and a
file is kept only if it matches the checksum that the hub lists for it.
"""

import contextlib
import functools
import logging
import re
import threading
from pathlib import Path

from .._files import write_whole
from .._progress import progress_bar
from . import _checksums, _local
from .errors import CorruptFile, HubUnreachable, ModelError, ModelNotFound, _first_line

_log = logging.getLogger(__name__)

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

_TOKENIZER_FILE = re.compile(
    r"config\.json|(tokenizer|vocab)[\w.-]*|merges\.txt|[\w.-]+\.model|tekken\.json"
    r"|(added_tokens|special_tokens_map)\.json"
)
_WEIGHTS_FILE = re.compile(
    r"[\w.-]+\.(safetensors|index\.json)|generation_config\.json|README\.md"
)
_CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PROBE_SECONDS = 3.0
_READ_SECONDS = 10.0
_ATTEMPTS = 2


@functools.cache
def hub_answers():
    """Return whether the hub answers within three seconds, asked once per process."""
    import huggingface_hub
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answered = threading.Event()

    def probe():
        # Whatever goes wrong, the hub has not answered.
        with contextlib.suppress(Exception):
            answer = huggingface_hub.get_session().head(
                constants.ENDPOINT, timeout=_PROBE_SECONDS
            )
            if answer.status_code < 500 and answer.status_code != 429:
                answered.set()

    # In a thread of its own, as no timeout covers the DNS lookup.
    thread = threading.Thread(target=probe, daemon=True)
    thread.start()
    thread.join(_PROBE_SECONDS)
    return answered.is_set()


def snapshot(repo, revision, *, weights, checksums=None):
    """Return the folder with a repository's files, downloading what is missing.

    Parameters
    ----------
    repo, revision : str
    weights : bool
        Whether the weights are needed, or only the tokenizer.
    checksums : dict of str to str, optional
        The files of this revision and the SHA-256 of each. Default: as the hub lists
        them.

    Returns
    -------
    Path
        Its name is the commit.
    """
    corrupt = None
    for folder, expected in _cached(repo, revision, checksums or {}):
        needed = {p: c for p, c in expected.items() if _needed(p.name, weights=weights)}
        found = _checksums.corrupt_file(needed)
        if not found and not _local.missing(folder, weights=weights):
            return folder
        corrupt = corrupt or found
    if not hub_answers():
        if corrupt:
            raise CorruptFile(
                f"{corrupt} is corrupt or not a file of {repo}; delete it, then load "
                "the model again with a network"
            )
        raise HubUnreachable(
            f"{repo} is not in the local cache and the hub does not answer; load "
            '"smollm2" or "toy", a folder with safetensors, or try again with a network'
        )
    reason = f" again, as {corrupt} is corrupt" if corrupt else ""
    _log.warning("downloading %s from the hub%s", repo, reason)
    with _checksums.writing(_checksums.cache_dir()):
        return _download(repo, revision, checksums, weights=weights)


def _home(repo):
    return _checksums.cache_dir() / "hub" / repo.replace("/", "--")


def _needed(file, *, weights):
    kinds = (_TOKENIZER_FILE, _WEIGHTS_FILE) if weights else (_TOKENIZER_FILE,)
    return any(kind.fullmatch(file) for kind in kinds)


def _cached(repo, revision, pinned):
    """Yield each local folder of a revision, and the checksums of its files."""
    from huggingface_hub import try_to_load_from_cache

    with contextlib.suppress(OSError):
        commit = (_home(repo) / "refs" / revision).read_text(encoding="utf-8")
        folder = _home(repo) / commit
        recorded = _checksums.read_checksums(folder)
        if recorded:
            checksums = {**recorded, **pinned}
            yield folder, {folder / name: checksums[name] for name in recorded}
    config = try_to_load_from_cache(repo, "config.json", revision=revision)
    if isinstance(config, str):
        folder = Path(config).parent
        # In this cache, each file is a link to one that is named by its checksum.
        files = [path for path in folder.iterdir() if path.is_file()]
        checksums = {path: pinned.get(path.name, path.resolve().name) for path in files}
        yield folder, {p: c for p, c in checksums.items() if _CHECKSUM.fullmatch(c)}


def _download(repo, revision, checksums, *, weights):
    import filelock

    commit = revision
    if checksums is None:
        commit, checksums = _list_files(repo, revision)
    checksums = {
        file: checksum
        for file, checksum in checksums.items()
        if _needed(file, weights=weights)
    }
    folder = _home(repo) / commit
    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_suffix(".lock")):
        for file, checksum in checksums.items():
            if _checksums.corrupt_file({folder / file: checksum}):
                _download_file(repo, commit, folder / file, checksum)
        if lacks := _local.missing(folder, weights=weights):
            raise ModelNotFound(
                f"the hub lists no {lacks} for {repo}; try again, or load another model"
            )
        _checksums.write_checksums(folder, checksums)
        ref = _home(repo) / "refs" / revision
        ref.parent.mkdir(exist_ok=True)
        write_whole(ref, commit.encode())
    return folder


def _list_files(repo, revision):
    """Return the commit of a revision and the checksum of each file, from the hub."""
    from huggingface_hub import HfApi

    def ask():
        return HfApi().model_info(
            repo, revision=revision, files_metadata=True, timeout=_READ_SECONDS
        )

    info = _attempt(ask, repo)
    if any(file.rfilename == _local.ADAPTER for file in info.siblings or ()):
        raise _local.adapter(repo)
    checksums = {
        file.rfilename: file.lfs.sha256 if file.lfs else file.blob_id
        for file in info.siblings or ()
    }
    good = all(_CHECKSUM.fullmatch(checksum or "") for checksum in checksums.values())
    if not good or not re.fullmatch(r"[0-9a-f]{40}", info.sha or ""):
        raise HubUnreachable(
            f"the hub's list of the files of {repo} lacks checksums; try again, or "
            'load "smollm2"'
        )
    return info.sha, checksums


def _download_file(repo, commit, path, checksum):
    """Download one file, resuming an earlier attempt that was interrupted."""
    partial = path.with_name(f"{path.name}.partial")

    def fetch():
        with partial.open("ab") as file:
            for chunk in _chunks(repo, commit, path.name, file):
                file.write(chunk)

    _attempt(fetch, repo)
    if _checksums.digest(partial, git=len(checksum) == 40) != checksum:
        partial.unlink()
        raise CorruptFile(
            f"the hub sent a corrupt or wrong {path.name} of {repo}, which was "
            "deleted; try again"
        )
    partial.replace(path)


def _chunks(repo, commit, name, file):
    """Yield the bytes of a file on the hub that `file` does not have yet."""
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    start = file.tell()
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    url = hf_hub_url(repo, name, revision=commit)
    # On a redirect to another host, the client drops the token.
    request = get_session().stream(
        "GET", url, headers=headers, timeout=_READ_SECONDS, follow_redirects=True
    )
    with request as response:
        if response.status_code == 416:  # the file is complete
            return
        hf_raise_for_status(response)
        if response.status_code != 206:
            file.truncate(start := 0)
        left = int(response.headers.get("Content-Length", 0))
        with progress_bar(
            total=start + left or None,
            initial=start,
            desc=name,
            unit="B",
            unit_scale=True,
            disable=None,
        ) as bar:
            for chunk in response.iter_bytes():
                bar.update(len(chunk))
                yield chunk


def _attempt(ask, repo):
    """Send a request to the hub, and retry it once if that may help."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return ask()
        except GatedRepoError:
            raise ModelError(
                f"{repo} requires its licence to be accepted; do that on its page on "
                "the hub, then run: hf auth login"
            ) from None
        except (RepositoryNotFoundError, RevisionNotFoundError):
            raise ModelNotFound(
                f"the hub has no model {repo!r}; check the id, or load another model"
            ) from None
        # What a failed connection raises depends on huggingface_hub's HTTP client.
        except Exception as error:
            if isinstance(error, OSError) and error.errno:
                raise  # the disk, not the hub
            answer = getattr(error, "response", None)
            status = answer.status_code if isinstance(error, HfHubHTTPError) else None
            if status == 429 or (status and "Retry-After" in answer.headers):
                wait = answer.headers.get("Retry-After", "some")
                raise HubUnreachable(
                    f"{repo} could not be downloaded: the hub answered {status} and "
                    f"asked to wait {wait:.20} seconds; try again then, or load "
                    '"smollm2"'
                ) from error
            if attempt == _ATTEMPTS or (status and status < 500):
                raise HubUnreachable(
                    f"{repo} could not be downloaded ({_first_line(error)}); try "
                    'again, or load "smollm2"'
                ) from error
