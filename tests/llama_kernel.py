"""The kernel that runs a model in a page (llama.wasm), run by wasmtime."""

import functools

import numpy as np
import wasmtime
from build_kernel import KERNEL

# The order of the fields of a layer in llama.c.
PARTS = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output")
PARTS += ("ffn_norm", "ffn_gate", "ffn_up", "ffn_down")


class Kernel:
    """An instance of the kernel; its functions are attributes.

    Arrays are addresses: `put` returns one, `get` copies from one. ``memory`` limits
    its bytes.
    """

    def __init__(self, memory=-1):
        self.store = wasmtime.Store()
        self.store.set_limits(memory_size=memory)
        module = wasmtime.Module.from_file(self.store.engine, str(KERNEL))
        self.exports = wasmtime.Instance(self.store, module, []).exports(self.store)

    def __getattr__(self, name):
        return functools.partial(self.exports[name], self.store)

    def room(self, *shape):
        at = self.alloc(4 * int(np.prod(shape)))
        assert at
        return at

    def put(self, array):
        content = np.ascontiguousarray(array).tobytes()
        at = self.alloc(len(content))
        assert at
        self.exports["memory"].write(self.store, content, at)
        return at

    def get(self, at, *shape, dtype=np.float32):
        end = at + int(np.prod(shape)) * np.dtype(dtype).itemsize
        content = self.exports["memory"].read(self.store, at, end)
        return np.frombuffer(content, dtype).reshape(shape)

    def fields(self, kind, data, columns):
        """Put the rows of a matrix, and return the fields that describe it."""
        return [self.put(data), int(kind), len(data), columns]

    def matrix(self, *fields):
        return self.put(np.array(self.fields(*fields), np.int32))


class Layers(Kernel):
    """Layers of a model in the kernel, and arrays for ``longest`` positions.

    ``tensors(layer, part)`` returns the type, the rows and the number of columns of one
    of the PARTS.
    """

    def __init__(self, config, tensors, longest=64):
        super().__init__()
        self.longest = longest
        self.width, self.heads = config["hidden_size"], config["num_attention_heads"]
        kv, self.d_head = config["num_key_value_heads"], config["head_dim"]
        sizes = self.width, config["intermediate_size"], self.heads, kv, self.d_head
        assert self.configure(*sizes, config["rms_norm_eps"], self.longest)
        self.weights = []
        for layer in range(config["num_hidden_layers"]):
            fields = []
            for part in PARTS:
                kind, data, columns = tensors(layer, part)
                vector = part.endswith("norm")
                fields += (
                    [self.put(data)] if vector else self.fields(kind, data, columns)
                )
            self.weights.append(self.put(np.array(fields, np.int32)))
        base = config["rope_parameters"]["rope_theta"]
        exponents = np.arange(0, self.d_head, 2, dtype=np.float32) / self.d_head
        inverse = 1 / (base ** exponents.astype(float)).astype(np.float32)
        angles = np.arange(self.longest, dtype=np.float32)[:, None] * inverse
        self.cos, self.sin = self.put(np.cos(angles)), self.put(np.sin(angles))
        n, self.rows = self.longest, self.longest * (self.longest + 1) // 2
        self.states = [self.room(n, self.width) for _ in range(len(self.weights) + 1)]
        # Keys, values, attention weights and outputs of the heads.
        shapes = (n, kv, self.d_head), (n, kv, self.d_head)
        shapes += (self.heads, self.rows), (n, self.heads, self.d_head)
        self.kept = [[self.room(*shape) for shape in shapes] for _ in self.weights]

    def read(self, start, end, ablated=()):
        """Compute the states of some positions; ``ablated`` has (layer, head) pairs."""
        for i, weights in enumerate(self.weights):
            mask = [(i, head) in ablated for head in range(self.heads)]
            more = self.cos, self.sin, self.put(np.array(mask, np.uint8)), start, end
            self.layer(weights, *self.states[i : i + 2], *self.kept[i], *more)

    def state(self, layer, n):
        return self.get(self.states[layer], n, self.width)

    def attentions(self, n):
        """Attention weights (L, H, n, n)."""
        weights = np.zeros((len(self.weights), self.heads, n, n), np.float32)
        for i, (_, _, at, _) in enumerate(self.kept):
            rows = self.get(at, self.heads, self.rows)
            weights[i][:, *np.tril_indices(n)] = rows[:, : n * (n + 1) // 2]
        return weights


class Model(Layers):
    """A whole model from what `read_gguf` returns."""

    def __init__(self, config, tensors):
        def find(name):
            tensor = tensors[f"{name}.weight"]
            return tensor.tensor_type, tensor.data, int(tensor.shape[0])

        super().__init__(config, lambda layer, part: find(f"blk.{layer}.{part}"))
        self.embeddings = self.matrix(*find("token_embd"))
        self.last_norm = self.put(find("output_norm")[1])
        self.vocabulary = config["vocab_size"]
        self.normed = self.room(self.longest, self.width)
        self.scores = self.room(self.longest, self.vocabulary)

    def run(self, ids, start=0, ablated=()):
        """Compute the positions from ``start`` on; return the logits of all."""
        for t in range(start, len(ids)):
            row = self.states[0] + 4 * t * self.width
            self.embedding(self.embeddings, int(ids[t]), row)
        self.read(start, len(ids), ablated)
        return self.logits(len(ids))

    def logits(self, n):
        self.norm(self.states[-1], self.last_norm, n, self.normed)
        self.linear(self.embeddings, self.normed, n, self.scores)
        return self.get(self.scores, n, self.vocabulary)
