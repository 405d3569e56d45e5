"""What a model's folder must contain, and what makes it unsafe to load."""

import json
import os
from pathlib import Path

from .errors import CorruptFile, UnsafeModel, UnsupportedModel, _first_line

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.msgpack", "*.h5")
_TOKENIZERS = ("tokenizer*", "vocab*", "*.model", "tekken.json")
_LAYERS = (
    "num_hidden_layers",
    "n_layer",
    "n_layers",
    "num_layers",
    "num_blocks",
    "encoder_layers",
    "decoder_layers",
)
_INDEX = "model.safetensors.index.json"
#: The config of an adapter of PEFT, such as LoRA.
ADAPTER = "adapter_config.json"
# Files that tell why a folder has no config.json or no safetensors.
_OTHER_FORMATS = {
    "model_index.json": "a diffusion pipeline, which is no language model",
    "params.json": "in the format of its authors, not in that of transformers",
    "*.gguf": "in the format GGUF",
    "*.onnx": "in the format ONNX",
    "onnx/*.onnx": "in the format ONNX",
    "*.mlmodel*": "in the format Core ML",
}


def missing(folder, *, weights):
    """Return the name of a file that a model's folder lacks.

    Parameters
    ----------
    folder : Path
    weights : bool
        Whether the weights are needed, or only the tokenizer.

    Returns
    -------
    str or None
        None if the folder is complete.
    """
    if not (folder / "config.json").is_file():
        return "config.json"
    if not _has_tokenizer(folder):
        return "tokenizer.json"
    if not weights:
        return None
    if (folder / _INDEX).is_file():
        shards = _shards(folder)
        return next((name for name in shards if not (folder / name).is_file()), None)
    return None if _files(folder, "*.safetensors") else "*.safetensors"


def verify(source, *, weights):
    """Raise an error unless a folder contains a model that is safe to load.

    Parameters
    ----------
    source : lmviz.models._resolve.Source
    weights : bool
        Whether the weights are needed, or only the tokenizer.
    """
    folder, name = source.folder, source.name
    # transformers would load its base model, from whatever folder the adapter names.
    if (folder / ADAPTER).is_file():
        base = _read_json(folder / ADAPTER).get("base_model_name_or_path")
        raise adapter(name, base)
    if lacks := missing(folder, weights=weights):
        pickled = [path.name for kind in _PICKLED for path in _files(folder, kind)]
        if lacks == "*.safetensors" and pickled:
            raise UnsafeModel(
                f"{name} has its weights only in {pickled[0]}, a pickle, which could "
                "run any code when opened; save the model again as safetensors"
            )
        raise _other_kind(folder, name, lacks)
    config = _read_json(folder / "config.json")
    for part in _parts(config):
        for key in ("_attn_implementation", "attn_implementation"):
            # If this names a repository, transformers fetches and runs its kernels.
            if "/" in str(part.get(key, "")):
                raise UnsafeModel(
                    f"config.json of {name} requests the code of {part[key]!r:.60}, "
                    f"which lmviz does not run; remove {key} from it"
                )
    if weights:
        _check_layers(folder, config, name)


def adapter(name, base=None):
    """Return the error for a folder that holds an adapter (LoRA and others of PEFT)."""
    of_base = f" of {base!r:.80}" if isinstance(base, str) else ""
    return UnsupportedModel(
        f"{name} is an adapter{of_base}, not a whole model; merge it into its base "
        "model (merge_and_unload in peft), save that with its tokenizer, and load the "
        "new folder"
    )


def check_links(folder):
    """Raise an error if a file in a folder is a link that leads out of it.

    The links in the hub's own cache, from ``snapshots`` to ``blobs``, are allowed.
    """
    home = folder.resolve()
    homes = [home]
    if home.parent.name == "snapshots":
        homes.append(home.parents[1] / "blobs")
    for path in sorted(folder.iterdir()):
        # Path.resolve raises an error for a link to itself.
        target = Path(os.path.realpath(path))
        if not any(target.is_relative_to(allowed) for allowed in homes):
            raise UnsafeModel(
                f"{path.name} in {folder} is a link to {target}, outside of the "
                "folder; replace it by the file itself"
            )


def read_license(folder):
    """Return the licence stated in a model's README, or "not stated"."""
    from huggingface_hub import metadata_load

    readme = folder / "README.md"
    try:
        metadata = metadata_load(readme) if readme.is_file() else None
    except Exception:  # a model is usable even if its README cannot be parsed
        metadata = None
    return str((metadata or {}).get("license", "not stated"))[:100]


def _other_kind(folder, name, lacks):
    """Return the error for a folder that lacks a file, saying what it holds instead."""
    if lacks == "config.json":
        inner = sorted([*folder.glob("*/config.json"), *folder.glob("*/" + ADAPTER)])
        inner += sorted(folder.glob("snapshots/*/config.json"))
        if inner:
            path = inner[-1].parent.relative_to(folder)
            return UnsupportedModel(
                f"{name} has no config.json, but its folder {str(path)!r:.80} has one; "
                "pass that folder"
            )
    if lacks in ("config.json", "*.safetensors"):
        for pattern, what in _OTHER_FORMATS.items():
            if _files(folder, pattern):
                return UnsupportedModel(
                    f"{name} is {what}; load the model's safetensors for transformers, "
                    "or another model"
                )
    settings = folder / "tokenizer_config.json"
    has_settings = lacks == "tokenizer.json" and settings.is_file()
    if has_settings and "auto_map" in _read_json(settings):
        return UnsafeModel(
            f"the tokenizer of {name} is code of its own, which lmviz does not run; "
            "save the model with a tokenizer.json"
        )
    return UnsupportedModel(
        f"{name} has no {lacks}; pass the folder that save_pretrained wrote, with "
        "the model's tokenizer, or load it again from the hub"
    )


def _parts(config):
    """Yield a config and all configs in it, such as that of the text part."""
    parts = [config]  # no recursion: they may be nested deeply
    while parts:
        yield (part := parts.pop())
        parts += [value for value in part.values() if isinstance(value, dict)]


def _files(folder, pattern):
    """Return the files that match a pattern, without broken links."""
    return sorted(path for path in folder.glob(pattern) if path.is_file())


def _has_tokenizer(folder):
    files = (file for kind in _TOKENIZERS for file in _files(folder, kind))
    return any(file.name != "tokenizer_config.json" for file in files)


def _shards(folder):
    """Return the names of the weight files that the index lists."""
    names = _read_json(folder / _INDEX).get("weight_map")
    if not isinstance(names, dict) or not all(map(_is_shard, names.values())):
        raise UnsafeModel(
            f"{_INDEX} in {folder} must list only safetensors files in the same "
            "folder; save the model again"
        )
    return sorted(set(names.values()))


def _is_shard(name):
    plain = isinstance(name, str) and not set(name) & set("/\\\0")
    return plain and name.endswith(".safetensors")


def _check_layers(folder, config, name):
    """Raise an error if a config has more layers than there are tensors."""
    # Building them would take forever.
    from safetensors import SafetensorError, safe_open

    layers = [config[key] for key in _LAYERS if key in config][:1]
    for part in _parts(config):
        layers += [part[k] for k in _LAYERS if isinstance(part.get(k), int)]
    tensors = 0
    for path in _files(folder, "*.safetensors"):
        try:
            with safe_open(path, framework="numpy") as file:
                tensors += len(file.keys())
        except (SafetensorError, OSError) as error:
            raise CorruptFile(
                f"{path.name} of {name} is corrupt ({_first_line(error)}); download or "
                "save it again"
            ) from error
    for number in layers:
        if not isinstance(number, int) or not 0 <= number <= tensors:
            raise CorruptFile(
                f"config.json of {name} specifies {number!r:.40} layers, but there are "
                f"{tensors} tensors, so they belong to different models"
            )


def _read_json(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CorruptFile(
            f"{path} is corrupt ({_first_line(error)}); download or save it again"
        ) from error
    if not isinstance(content, dict):
        raise CorruptFile(f"{path} must be a JSON object; download or save it again")
    return content
