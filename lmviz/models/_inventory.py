"""Which models are on this machine, found without loading any of them.

Their sizes are read from ``config.json`` and from the headers of their safetensors, so
neither torch nor transformers is imported.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Literal

import psutil

from .. import toy
from . import _architecture, _checksums, _hub, _local, _wheels
from .errors import ModelError, ModelNotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import PathLike

_BYTES = 4  # of a float32
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
_WIDTHS = ("hidden_size", "n_embd", "d_model", "dim")
# The text part of a model of texts and images.
_TEXT = ("text_config", "llm_config", "language_config", "thinker_config")
#: The sizes of built-in models that are not here yet.
_SIZES = {
    "smollm2": ("llama", 30, 9, 576, 134_515_008),
    "gpt2": ("gpt2", 12, 12, 768, 124_439_808),
}


@dataclass(frozen=True)
class LocalModel:
    """A model that is on this machine, or a built-in one that could be.

    Parameters
    ----------
    name : str
        What `lmviz.load` takes.
    status : {"ready", "convertible", "absent", "refused"}
        Whether `lmviz.load` reads it, converts it first (SmolLM2, once), cannot find
        it, or refuses it.
    reason : str
        How to get an absent model, or why one is refused; otherwise empty.
    folder : Path or None
        Where it is.
    family : str or None
        Its type of model in transformers, such as ``"llama"``. This and the sizes are
        None if they are unknown.
    n_layers, n_heads, d_model, parameters : int or None
        As in `lmviz.ModelCard`. The parameters are those of its files, and unknown if
        they are quantized.

    Examples
    --------
    >>> model = next(model for model in local_models() if model.name == "toy")
    >>> model.status, model.family, model.n_layers, model.n_heads
    ('ready', 'gpt2', 3, 4)
    >>> model.memory, model.fits
    (1397376, True)
    """

    name: str
    status: Literal["ready", "convertible", "absent", "refused"] = "ready"
    reason: str = ""
    folder: Path | None = None
    family: str | None = None
    n_layers: int | None = None
    n_heads: int | None = None
    d_model: int | None = None
    parameters: int | None = None

    @property
    def memory(self) -> int | None:
        """Bytes of its weights as float32."""
        return None if self.parameters is None else _BYTES * self.parameters

    @property
    def fits(self) -> bool | None:
        """Whether that much memory is free now."""
        if self.memory is None:
            return None
        return self.memory <= psutil.virtual_memory().available


def local_models(folders: Sequence[PathLike] = ()) -> list[LocalModel]:
    """Return the models on this machine, without loading them.

    These are the built-in ones, those in the caches of lmviz and of the hub, and those
    in the given folders. A model is verified only when it is loaded.

    Parameters
    ----------
    folders : sequence of path-like, optional
        Folders of models, or folders that contain some.

    Returns
    -------
    list of LocalModel

    Examples
    --------
    >>> [model.name for model in local_models()][:3]
    ['smollm2', 'gpt2', 'toy']
    """
    found = [_smollm2(), _gpt2(), _inspect("toy", toy.WEIGHTS)]
    found += [_in_cache(repo) for repo in cached_repos() if repo != _hub.GPT2_REPO]
    for folder in map(Path, folders):
        inner = sorted(path.parent for path in folder.glob("*/config.json"))
        if (folder / "config.json").exists() or not inner:
            inner = [folder]
        found += [_in_folder(path) for path in inner]
    return found


def cached_repos():
    """Return the ids of the repositories in the caches of lmviz and of the hub."""
    from huggingface_hub import constants

    hub = Path(constants.HF_HUB_CACHE)
    names = [path.name.removeprefix("models--") for path in hub.glob("models--*--*")]
    own = _checksums.cache_dir() / "hub"
    names += [path.name for path in own.glob("*--*") if path.is_dir()]
    return sorted({name.replace("--", "/", 1) for name in names})


def _smollm2():
    family, *sizes = _SIZES["smollm2"]
    here = LocalModel("smollm2", "convertible", "", None, family, *sizes)
    folder = _wheels.smollm2_folder()
    if folder.is_dir():
        return _inspect("smollm2", folder)
    try:
        _wheels.find_smollm2()
    except ModelNotFound as error:
        return replace(here, status="absent", reason=str(error))
    return here


def _gpt2():
    repo, revision = _hub.GPT2_REPO, _hub.GPT2_REVISION
    for folder, _ in _hub._cached(repo, revision, _hub.GPT2_FILES):
        if not _local.missing(folder, weights=True):
            return _inspect("gpt2", folder)
    reason = "loading it downloads it from the hub, once (0.5 GB)"
    return LocalModel("gpt2", "absent", reason, None, *_SIZES["gpt2"])


def _in_cache(repo):
    folders = [folder for folder, _ in _hub._cached(repo, "main", {})]
    whole = [path for path in folders if not _local.missing(path, weights=True)]
    if not folders:
        reason = f"the cache has no whole copy of {repo}; load it with a network"
        return LocalModel(repo, "refused", reason)
    return _inspect(repo, (whole or folders)[0])


def _in_folder(folder):
    name = str(folder)
    if not folder.expanduser().is_dir():
        return LocalModel(name, "absent", f"there is no folder {name!r:.80}")
    try:
        _local.check_links(folder.expanduser())
    except ModelError as error:
        return LocalModel(name, "refused", str(error), folder)
    return _inspect(name, folder.expanduser())


def _inspect(name, folder):
    """Describe a model's folder, and say why it would be refused."""
    model = LocalModel(name, folder=folder)
    source = SimpleNamespace(name=name, folder=folder)
    try:
        _local.verify(source, weights=True)
        config = _local._read_json(folder / "config.json")
        model = replace(model, **_sizes(config, folder))
        described = SimpleNamespace(**{"model_type": None, **config})
        _architecture.check(described, name)
        if _architecture.architecture(described).endswith("ForMaskedLM"):
            raise _architecture.masked(described, name)
    except ModelError as error:
        return replace(model, status="refused", reason=str(error))
    return model


def _sizes(config, folder):
    """Return what a config says about a model, and the number of its parameters."""
    text = next((config[k] for k in _TEXT if isinstance(config.get(k), dict)), config)

    def first(names):
        numbers = (text.get(name) for name in names)
        return next((n for n in numbers if isinstance(n, int)), None)

    family = config.get("model_type")
    quantized = "quantization_config" in config
    return {
        "family": family if isinstance(family, str) else None,
        "n_layers": first(_local._LAYERS),
        "n_heads": first(_HEADS),
        "d_model": first(_WIDTHS),
        "parameters": None if quantized else _n_weights(folder),
    }


def _n_weights(folder):
    from safetensors import safe_open

    # Some folders hold the weights twice, or those of other states of the training.
    names = ["model.safetensors"]
    if (folder / _local._INDEX).is_file():
        names = _local._shards(folder)
    elif not (folder / names[0]).is_file():
        names = [path.name for path in sorted(folder.glob("*.safetensors"))]
    total = 0
    for shard in names:
        with safe_open(folder / shard, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                total += math.prod(file.get_slice(name).get_shape())
    return total
