"""Cut a GGUF file into the files that a page loads: the model runs there (llama.js).

The bytes of the tensors are not changed, so that the page computes with the very
numbers of the file. A layer is a file; so are every thousand rows of the embedding.
"""

import hashlib
import json
from pathlib import Path

from ..models._gguf import config_of, read_gguf, tokenizer_of
from ..models.errors import UnsupportedModel
from ._byte_pairs import pack

ROWS = 1024
_VECTORS = ("attn_norm", "ffn_norm")
_MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output")
_MATRICES += ("ffn_gate", "ffn_up", "ffn_down")
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
        Where the files are written, in a folder named after the file's checksum.

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
    """
    content = Path(gguf_file).read_bytes()
    release = hashlib.sha256(content).hexdigest()[:12]
    fields, tensors = read_gguf(gguf_file)
    config = _check(config_of(fields), tensors)
    target = Path(folder, release)
    target.mkdir(parents=True, exist_ok=True)
    files = [
        {"name": name, **facts, **_write(target / name, data)}
        for name, facts, data in _files(config, tensors)
    ]
    tokenizer = pack(tokenizer_of(fields).to_str())
    (target / "tokenizer.json").write_text(tokenizer, encoding="utf-8")
    index = {
        "release": release,
        "name": fields.get("general.name", Path(gguf_file).stem),
        "license": fields.get("general.license"),
        "config": _for_page(config, tensors["token_embd.weight"]),
        "files": files,
    }
    (target / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return target


def _files(config, tensors):
    """Yield name, facts and bytes of each file."""
    for layer in range(config["num_hidden_layers"]):
        parts, data = [], b""
        for kind in (*_VECTORS, *_MATRICES):
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


def _check(config, tensors):
    """Return the config of a model that the page can run."""
    layers = range(config["num_hidden_layers"])
    known = {f"blk.{i}.{k}.weight" for i in layers for k in (*_VECTORS, *_MATRICES)}
    known |= {"token_embd.weight", "output_norm.weight"}
    if other := sorted(set(tensors) ^ known):
        word = "has no" if other[0] in known else "must not have a"
        raise UnsupportedModel(
            f"to run in a page, a model {word} tensor {other[0]!r}: only those of a "
            "Llama with tied embeddings and no biases are computed"
        )
    for name, tensor in tensors.items():
        norm = name.removesuffix(".weight").endswith("norm")
        kind = int(tensor.tensor_type)
        if kind != _F32 if norm else kind not in _BLOCKS:
            raise UnsupportedModel(
                f"to run in a page, {name!r} must be of type "
                f"{'F32' if norm else 'Q4_1 or Q8_0'}, got {tensor.tensor_type.name}"
            )
    if config["head_dim"] % 4 or config["vocab_size"] % 4:
        raise UnsupportedModel(
            "to run in a page, a model must have a head dimension and a vocabulary "
            f"that are multiples of four, got {config['head_dim']} and "
            f"{config['vocab_size']}"
        )
    return config
