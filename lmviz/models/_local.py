"""What a model's folder must hold, and what makes it one that is not opened."""

import json
import os
from pathlib import Path

from .errors import ModelError, first_line

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.msgpack", "*.h5")
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers")
_INDEX = "model.safetensors.index.json"


def check_folder(folder, origin, *, weights):
    """Refuse a folder that is no model's, or lacks what is needed.

    Parameters
    ----------
    folder : Path
    origin : str
        What to call it in an error.
    weights : bool
        Whether the weights are needed, or only the tokenizer.

    Raises
    ------
    ModelError
        The message says what to do.
    """
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"{origin} has no config.json, so it is not a model's folder; give the "
            "folder that save_pretrained wrote"
        )
    if not (_files(folder, "tokenizer*") or _files(folder, "vocab*")):
        raise ModelError(
            f"{origin} has no tokenizer.json; save the model's tokenizer there too"
        )
    config = _read_json(folder / "config.json", origin)
    for key in ("_attn_implementation", "attn_implementation"):
        # The name of a repository here makes transformers fetch and run its kernels.
        if "/" in str(config.get(key, "")):
            raise ModelError(
                f"config.json of {origin} asks for the code of {config[key]!r:.60}, "
                f"which is not run; take {key} out of it"
            )
    if not weights:
        return
    if missing := _missing_shards(folder, origin):
        raise ModelError(
            f"{origin} lacks {missing[0]}, which its index names; fetch it again"
        )
    if _files(folder, "*.safetensors"):
        _check_layers(folder, config, origin)
        return
    pickled = sorted(path.name for kind in _PICKLED for path in _files(folder, kind))
    if pickled:
        raise ModelError(
            f"{origin} has its weights only as {pickled[0]}, and a pickle can run "
            "any code, so it is not opened; save the model again as safetensors"
        )
    raise ModelError(f"{origin} has a config.json but no weights (*.safetensors)")


def check_links(folder, origin):
    """Refuse a folder some of whose files are links to another place.

    Parameters
    ----------
    folder : Path
    origin : str
        What to call it in an error.

    Raises
    ------
    ModelError
        If a file stands elsewhere. In the hub's own cache they do, in ``blobs``
        beside ``snapshots``.
    """
    home = folder.resolve()
    homes = [home]
    if home.parent.name == "snapshots":
        homes.append(home.parents[1] / "blobs")
    for path in sorted(folder.iterdir()):
        # A link to itself is an error for Path.resolve.
        target = Path(os.path.realpath(path))
        if not any(target.is_relative_to(allowed) for allowed in homes):
            raise ModelError(
                f"{path.name} of {origin} is a link to {target}, outside of the "
                "folder; put the file itself there"
            )


def licence(folder):
    """Read the licence from a model's README, where it has one.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    str
    """
    from huggingface_hub import metadata_load

    readme = folder / "README.md"
    try:
        metadata = metadata_load(readme) if readme.is_file() else None
    except Exception:  # the model is as good with a README that nobody can read
        metadata = None
    return str((metadata or {}).get("license", "not stated"))[:100]


def _files(folder, pattern):
    """Return the files of a pattern; a link whose target is gone is none."""
    return sorted(path for path in folder.glob(pattern) if path.is_file())


def _missing_shards(folder, origin):
    index = folder / _INDEX
    if not index.is_file():
        return []
    shards = _read_json(index, origin).get("weight_map")
    if not isinstance(shards, dict) or not all(map(_is_shard, shards.values())):
        raise ModelError(
            f"{_INDEX} of {origin} does not name safetensors beside it; save the model "
            "again"
        )
    return sorted(s for s in set(shards.values()) if not (folder / s).is_file())


def _is_shard(name):
    """Whether it is the name of a file in the same folder, of the kind we open."""
    plain = isinstance(name, str) and not set(name) & set("/\\\0")
    return plain and name.endswith(".safetensors")


def _check_layers(folder, config, origin):
    """Refuse a config with more layers than tensors: building them takes for ever."""
    from safetensors import SafetensorError, safe_open

    layers = next((config[key] for key in _LAYERS if key in config), 0)
    tensors = 0
    for path in _files(folder, "*.safetensors"):
        try:
            with safe_open(path, framework="numpy") as file:
                tensors += len(file.keys())
        except (SafetensorError, OSError) as error:
            raise ModelError(
                f"{path.name} of {origin} is damaged ({first_line(error)}); fetch or "
                "save it again"
            ) from error
    if not isinstance(layers, int) or not 0 <= layers <= tensors:
        raise ModelError(
            f"config.json of {origin} wants {layers!r:.40} layers, and its weights are "
            f"{tensors} tensors; they are not of one model"
        )


def _read_json(path, origin):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{path.name} of {origin} is damaged ({first_line(error)}); fetch or save "
            "it again"
        ) from error
    if not isinstance(content, dict):
        raise ModelError(f"{path.name} of {origin} holds no JSON object; save it again")
    return content
