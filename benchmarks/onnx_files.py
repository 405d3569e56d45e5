"""SmolLM2 as ONNX, in float32 and in 4 bit, from the weights of its GGUF file.

Both graphs return all attention weights and have a cache of keys and values. Neither
changes a weight: MatMulNBits has the blocks of Q4_1 if its zero points are floats, and
those of Q8_0 for the embedding. (Zero points of 4 bits are no faster in a browser, and
change logits by up to 13.)
"""

import gguf
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lmviz.models._gguf import _halves, config_of, read_gguf

LONGEST, BLOCK = 128, 32
MICROSOFT = {"domain": "com.microsoft"}
# Bytes of scale and minimum in a block of 32 weights.
HEADS = {"Q4_1": 4, "Q8_0": 2}


def write(gguf_file, path, *, quantized):
    """Write a model of the Llama family as ``path`` and its weights beside it.

    From a file of their own, the browser loads weights without a second copy.
    """
    fields, tensors = read_gguf(gguf_file)
    graph = Graph(config_of(fields), tensors, quantized=quantized).build()
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    weights = path.with_suffix(".bin")
    for file in (path, weights):  # onnx appends to a file that is there
        file.unlink(missing_ok=True)
    onnx.save(model, path, save_as_external_data=True, location=weights.name)


def angles(config):
    """Return cos and sin of the rotary angles, (LONGEST, d_head) each."""
    size = config["head_dim"]
    powers = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
    base = np.float32(config["rope_parameters"]["rope_theta"])
    found = np.outer(np.arange(LONGEST, dtype=np.float32), 1 / base**powers)
    found = np.concatenate([found, found], axis=1)
    return np.cos(found), np.sin(found)


class Graph:
    def __init__(self, config, tensors, *, quantized):
        self.config, self.tensors, self.quantized = config, tensors, quantized
        self.nodes, self.constants, self.shapes = [], [], {}
        self.n_heads = config["num_attention_heads"]
        self.n_kv = config["num_key_value_heads"]
        self.size = config["head_dim"]

    def constant(self, values, name=None):
        name = name or f"constant.{len(self.constants)}"
        values = np.ascontiguousarray(values)
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def node(self, kind, *inputs, out=None, **attributes):
        """Add a node with one output, and return its name."""
        out = out or f"{kind}.{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        return out

    def integers(self, *values):
        if values not in self.shapes:
            self.shapes[values] = self.constant(np.array(values, np.int64))
        return self.shapes[values]

    def reshape(self, x, *shape):
        return self.node("Reshape", x, self.integers(*shape))

    def norm(self, x, name):
        weight = self.constant(self.tensors[name].data, name)
        epsilon = self.config["rms_norm_eps"]
        return self.node(
            "SimplifiedLayerNormalization", x, weight, axis=-1, epsilon=epsilon
        )

    def linear(self, x, name, heads=None):
        """Return x Wᵀ; a number of heads is given where they are rotated."""
        tensor = self.tensors[name]
        if self.quantized:
            data = _halves(tensor.data, heads) if heads else tensor.data
            return self.of_blocks(x, self.blocks(tensor, data, name))
        weight = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        weight = _halves(weight, heads) if heads else weight
        return self.node("MatMul", x, self.constant(weight.T, name))

    def blocks(self, tensor, data, name):
        """Store quantized rows for MatMulNBits: inputs, bits, rows and columns."""
        kind = tensor.tensor_type.name
        head = HEADS[kind]
        data = data.reshape(len(data), -1, head + (16 if kind == "Q4_1" else 32))
        of_block = data[..., :head].copy().view(np.float16).astype(np.float32)
        numbers, scale = data[..., head:], of_block[..., 0]
        shape = len(data), data.shape[1] * BLOCK
        if kind == "Q8_0":  # signed there; here, 128 is the zero
            found = [self.constant(numbers ^ 0x80, name)]
            return [*found, self.constant(scale, f"{name}.scale")], 8, *shape
        least = of_block[..., 1]
        zero = np.divide(-least, scale, where=scale != 0, out=np.full_like(scale, -1))
        scale = np.where(scale == 0, least, scale)  # all weights are the minimum
        # There, a byte has weights i and i + 16; here, 2i and 2i + 1.
        nibbles = np.concatenate([numbers & 15, numbers >> 4], axis=-1)
        numbers = nibbles[..., ::2] | nibbles[..., 1::2] << 4
        found = {"": numbers, ".scale": scale, ".zero": zero}
        return [self.constant(v, name + k) for k, v in found.items()], 4, *shape

    def of_blocks(self, x, stored, out=None):
        inputs, bits, rows, columns = stored
        attributes = {"bits": bits, "block_size": BLOCK, "N": rows, "K": columns}
        return self.node("MatMulNBits", x, *inputs, out=out, **attributes, **MICROSOFT)

    def embed(self):
        """Return the embeddings of the ids; the table is the unembedding, too."""
        tensor = self.tensors["token_embd.weight"]
        if not self.quantized:
            table = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            self.words = self.constant(table, "words")
            return self.node("Gather", self.words, "ids")
        self.words = self.blocks(tensor, tensor.data, "words")
        numbers, scales = (self.node("Gather", t, "ids") for t in self.words[0])
        numbers = self.node("Cast", numbers, to=TensorProto.FLOAT)
        zero = self.constant(np.float32(128))
        scales = self.node("Unsqueeze", scales, self.integers(-1))
        rows = self.node("Mul", self.node("Sub", numbers, zero), scales)
        return self.reshape(rows, -1, self.config["hidden_size"])

    def unembed(self, x):
        if self.quantized:
            return self.of_blocks(x, self.words, out="logits")
        return self.node("Gemm", x, self.words, transB=1, out="logits")

    def per_head(self, x, n):
        """Split (T, n d_head) into (n, T, d_head)."""
        return self.node("Transpose", self.reshape(x, -1, n, self.size), perm=[1, 0, 2])

    def rotate(self, x, cos, sin):
        half = self.size // 2
        last = self.integers(-1)
        first, second = (
            self.node("Slice", x, self.integers(a), self.integers(b), last)
            for a, b in ((0, half), (half, self.size))
        )
        turned = self.node("Concat", self.node("Neg", second), first, axis=-1)
        return self.node("Add", self.node("Mul", x, cos), self.node("Mul", turned, sin))

    def attend(self, x, i, cos, sin):
        name = f"blk.{i}.attn_{{}}.weight".format
        x = self.norm(x, name("norm"))
        query, key, value = (
            self.per_head(self.linear(x, name(kind), heads), n)
            for kind, n, heads in (
                ("q", self.n_heads, self.n_heads),
                ("k", self.n_kv, self.n_kv),
                ("v", self.n_kv, None),
            )
        )
        query, key = self.rotate(query, cos, sin), self.rotate(key, cos, sin)
        key, value = (
            self.node("Concat", f"past_{kind}.{i}", new, axis=1, out=f"{kind}.{i}")
            for kind, new in (("key", key), ("value", value))
        )
        # The heads of a group share their keys: rows of one matrix.
        query = self.reshape(query, self.n_kv, -1, self.size)
        scores = self.node("MatMul", query, self.node("Transpose", key, perm=[0, 2, 1]))
        scores = self.reshape(scores, self.n_heads, -1, 0)
        scale = self.constant(np.float32(self.size**-0.5))
        scores = self.node("Add", self.node("Mul", scores, scale), "mask")
        weights = self.node("Softmax", scores, axis=-1, out=f"attention.{i}")
        grouped = self.reshape(weights, self.n_kv, -1, 0)
        mixed = self.node("MatMul", grouped, value)
        mixed = self.reshape(mixed, self.n_heads, -1, self.size)
        mixed = self.node("Transpose", mixed, perm=[1, 0, 2])
        mixed = self.reshape(mixed, -1, self.n_heads * self.size)
        return self.linear(mixed, name("output"))

    def mlp(self, x, i):
        name = f"blk.{i}.ffn_{{}}.weight".format
        x = self.norm(x, name("norm"))
        gate = self.linear(x, name("gate"))
        gate = self.node("Mul", gate, self.node("Sigmoid", gate))
        gated = self.node("Mul", gate, self.linear(x, name("up")))
        return self.linear(gated, name("down"))

    def build(self):
        layers = range(self.config["num_hidden_layers"])
        tables = [self.constant(table) for table in angles(self.config)]
        cos, sin = (self.node("Gather", table, "positions") for table in tables)
        x = self.embed()
        for i in layers:
            x = self.node("Add", x, self.attend(x, i, cos, sin))
            x = self.node("Add", x, self.mlp(x, i))
        self.unembed(self.norm(x, "output_norm.weight"))
        kept = [f"{kind}.{i}" for i in layers for kind in ("key", "value")]
        inputs = [
            ("ids", TensorProto.INT64, ["T"]),
            ("positions", TensorProto.INT64, ["T"]),
        ]
        inputs.append(("mask", TensorProto.FLOAT, ["T", "S"]))
        past = [self.n_kv, "P", self.size]
        inputs += [(f"past_{name}", TensorProto.FLOAT, past) for name in kept]
        outputs = [("logits", ["T", self.config["vocab_size"]])]
        outputs += [(f"attention.{i}", [self.n_heads, "T", "S"]) for i in layers]
        outputs += [(name, [self.n_kv, "S", self.size]) for name in kept]
        value = helper.make_tensor_value_info
        return helper.make_graph(
            self.nodes,
            "smollm2",
            [value(*each) for each in inputs],
            [value(name, TensorProto.FLOAT, shape) for name, shape in outputs],
            self.constants,
        )
