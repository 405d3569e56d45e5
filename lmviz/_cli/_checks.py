"""The checks of ``lmviz doctor``, each a generator of results."""

import os
import platform
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

#: Shown with their versions; the others only if something is wrong with them.
_SHOWN = ("torch", "transformers", "tokenizers", "huggingface_hub", "numpy")
_PIP = "python -m pip install"
_CONVERSION = 0.6e9  # bytes that SmolLM2 takes in the cache, and some more


@dataclass(frozen=True)
class Result:
    """What a check found.

    Parameters
    ----------
    name : str
    status : {"ok", "missing", "error"}
        Something optional may be missing; with an error, lmviz does not work.
    value : str
        What was found.
    fix : str, optional
        The command or the advice that fixes it.
    """

    name: str
    status: str
    value: str
    fix: str | None = None


def _system():
    import lmviz

    here = Path(lmviz.__file__).parent
    yield Result("lmviz", "ok", f"{lmviz.__version__} in {here}")
    yield Result("Python", "ok", f"{platform.python_version()} in {sys.executable}")
    cores = f"{os.cpu_count()} cores"
    yield Result("system", "ok", f"{platform.platform(terse=True)}, {cores}")


def _packages():
    """Compare what is installed with what lmviz requires."""
    for requirement in requirements():
        name = requirement.name
        shown = name in _SHOWN
        found, wrong = _installed(requirement)
        if wrong:
            fix = f'{_PIP} "{name}{requirement.specifier}"'
            yield Result(name, "error", wrong, fix)
        elif shown and name != "torch":  # it has its own check
            yield Result(name, "ok", found)


def _torch():
    try:
        import torch
    except Exception as error:
        said = str(error).strip().partition("\n")[0]
        fix = f"{_PIP} --force-reinstall torch"
        yield Result("torch", "error", f"{type(error).__name__}: {said}", fix)
        return

    build = torch.__version__
    if torch.cuda.is_available():
        n = torch.cuda.device_count()
        found = ", ".join(torch.cuda.get_device_name(i) for i in range(n))
        device = f"{found}: --device cuda"
    elif torch.backends.mps.is_available():
        device = "Apple GPU: --device mps"
    else:
        device = "CPU only"
    yield Result("torch", "ok", f"{build}, {device}, {torch.get_num_threads()} threads")


def _toy():
    """Load and run the smallest model."""
    import lmviz

    lm = lmviz.load("toy")
    began = time.perf_counter()
    trace = lm.trace("Anna has a red ball")
    took = time.perf_counter() - began
    if not trace.logits.isfinite().all():
        fix = f"{_PIP} --force-reinstall torch"
        yield Result("toy", "error", "its logits are not finite", fix)
        return
    yield Result("toy", "ok", f"runs, in {took:.2f} seconds")


def _memory():
    import psutil

    memory = psutil.virtual_memory()
    value = f"{memory.available / 1e9:.1f} of {memory.total / 1e9:.1f} GB free"
    yield Result("memory", "ok", value)


def _cache():
    """Write into the cache folder, or check that it could be created."""
    from ..models import local_models
    from ..models._checksums import cache_dir

    folder = cache_dir()
    fix = "set the environment variable LMVIZ_CACHE to a folder that you can write to"
    if folder.is_dir():
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(1 << 16))
        except OSError as error:
            value = f"{folder} cannot be written to ({error.strerror})"
            yield Result("cache", "error", value, fix)
            return
    elif folder.exists():
        yield Result("cache", "error", f"{folder} is a file", fix)
        return
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(parent, os.W_OK):
        yield Result("cache", "error", f"{folder} cannot be created", fix)
        return
    free = shutil.disk_usage(parent).free
    value = f"{folder}, {free / 1e9:.1f} GB free on its disk"
    status, fix = "ok", None
    smollm2 = local_models()[0]
    if smollm2.status == "convertible" and free < _CONVERSION:
        status = "error"
        fix = f"free {_CONVERSION / 1e9:.1f} GB on the disk, where SmolLM2 is converted"
    yield Result("cache", status, value, fix)


def _hub():
    from ..models._hub import hub_answers

    if hub_answers():
        yield Result("the hub", "ok", "answers")
    else:
        value = "does not answer, so nothing can be downloaded from it"
        yield Result("the hub", "missing", value)


def _models():
    """List the built-in models, and count the others."""
    from ..models import local_models

    found = local_models()
    for model in found[:2]:  # the toy has been run
        if model.status == "absent":
            command = model.reason.partition("run: ")[2]
            fix = command or f"lmviz next Hello --model {model.name}"
            yield Result(model.name, "missing", "is not on this machine", fix)
        elif model.status == "refused":
            yield Result(model.name, "missing", model.reason)
        else:
            first = model.status == "convertible"
            value = "in its wheel, converted on first use" if first else "ready"
            yield Result(model.name, "ok", value)
    n_ready = sum(model.status == "ready" for model in found[3:])
    value = f"{n_ready} of {len(found) - 3} ready; lmviz models lists them"
    yield Result("hub's cache", "ok", value)


def _extras():
    """Look for the packages of each extra."""
    for extra in ("plots", "corpus", "smollm2"):
        name = f"lmviz[{extra}]"
        needed = requirements(extra)
        lacking = [r.name for r in needed if _installed(r)[1]]
        if lacking:
            fix = f'{_PIP} "{name}"'
            yield Result(name, "missing", f"lacks {', '.join(lacking)}", fix)
        elif needed:
            yield Result(name, "ok", ", ".join(r.name for r in needed))


def requirements(extra=""):
    """Return what lmviz requires, or what one of its extras adds.

    Parameters
    ----------
    extra : str, optional

    Returns
    -------
    list of packaging.requirements.Requirement
        Empty if lmviz itself is not installed, but run from a folder.
    """
    from packaging.requirements import Requirement

    try:
        lines = metadata.requires("lmviz") or ()
    except metadata.PackageNotFoundError:
        return []
    found = [Requirement(line) for line in lines]
    if extra:
        return [
            r
            for r in found
            if r.marker
            and r.marker.evaluate({"extra": extra})
            and not r.marker.evaluate({"extra": ""})
        ]
    return [r for r in found if not r.marker or r.marker.evaluate({"extra": ""})]


def _installed(requirement):
    """Return the version of a package, and what is wrong with it or None."""
    try:
        found = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return None, f"is not installed, but {requirement.specifier} is required"
    if not requirement.specifier.contains(found, prereleases=True):
        return found, f"{found} is installed, but {requirement.specifier} is required"
    return found, None


CHECKS = (_system, _packages, _torch, _toy, _memory, _cache, _hub, _models, _extras)
