"""What an entry of the table of model families says."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """One family: the paths of its components, and its peculiarities.

    A path may list alternatives, separated by ``|``, of which a model uses the first
    that it has: ``"ln_attn|input_layernorm"``. With an empty one at the end, a model
    may lack the component: ``"self_attn.q_norm|"``.

    Parameters
    ----------
    blocks, final_norm : str
        Paths from the model to the list of blocks, and to the norm after the last one.
    query, key, value, output : str
        Paths from a block to the projections of attention. With ``fused``, `query`
        holds the weights of queries, keys and values.
    up, down : str
        Paths from a block to the projections of the MLP; optional in a family whose
        blocks all have ``experts``.
    positions : str
        Type of positional encoding: ``"learned"``, ``"rotary"`` or ``"ALiBi"``.
    norm, mlp_norm, attention_after, mlp_after : str, optional
        Paths from a block to the norms before and after attention and MLP.
    fused : str, optional
        Layout of the fused projection. ``"thirds"``: the queries of all heads, then
        their keys, then their values; ``"heads"``: for each key/value head its queries,
        its key and its value; ``"quarters"``: for each quarter of the heads the
        queries, the values and the keys (CodeGen).
    gate : str, optional
        Path from a block to the gate of the MLP. With the path of ``up``, the first
        half of that projection is the gate (Phi-3).
    query_norm, key_norm, sinks : str, optional
        Paths from a block.
    norm_rotated : bool, default False
        Whether queries and keys are normalised after their rotation (HunYuan).
    router, experts, shared, shared_gate : str, optional
        Paths from a block to the parts of a mixture of experts, in the blocks that
        have one. The names of the weights within the shared expert are those within
        the MLP.
    position_table, embedding_norm : str, optional
        Paths from the model.
    first_position : int, default 0
        The row of the position table that belongs to the first position.
    rotary_dim : str, optional
        The config option with the number of rotated dimensions, if the config has no
        ``rope_parameters`` (GPT-J).
    rope_base : float, default 10000
        The base of the rotary frequencies, together with ``rotary_dim``.
    interleaved : bool, default False
        Whether rotary positions rotate neighbouring dimensions.
    partial : bool, default False
        Whether the config may leave some dimensions of each head unrotated.
    rotary_in_windows : bool, default False
        Whether only layers with a sliding window rotate, if there are any (Cohere 2).
    parallel : bool or str, default False
        Whether attention and MLP read the same input, or the config option that says
        so.
    activation : str, default "hidden_act"
        The config option with the name of the MLP's activation, or that name.
    scaled : bool, default True
        Whether scores are divided by the square root of d_head.
    scale_embeddings : bool, default False
        Whether embeddings are multiplied by the square root of d (Gemma).
    uses : tuple of str
        Config options that scale or clip what the model computes, such as Granite's
        ``residual_multiplier``. Others with such names are refused.
    requires : tuple of (str, object)
        Config options, each with the only value that is supported. A string names
        another option that must have the same value.

    Examples
    --------
    >>> from lmviz.transformer.architectures import FAMILIES
    >>> FAMILIES["gpt2"].query, FAMILIES["gpt2"].fused
    ('attn.c_attn', 'thirds')
    >>> FAMILIES["llama"].query, FAMILIES["llama"].key, FAMILIES["llama"].value
    ('self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj')
    >>> FAMILIES["gpt2"].model_paths()
    ['transformer.ln_f', 'transformer.wpe']
    >>> FAMILIES["gpt2"].block_paths()
    ['ln_1', 'attn.c_attn', 'attn.c_proj', 'ln_2', 'mlp.c_fc', 'mlp.c_proj']
    """

    blocks: str
    final_norm: str
    query: str
    output: str
    positions: str
    up: str = ""
    down: str = ""
    norm: str = ""
    mlp_norm: str = ""
    key: str = ""
    value: str = ""
    fused: str = ""
    gate: str = ""
    query_norm: str = ""
    key_norm: str = ""
    norm_rotated: bool = False
    sinks: str = ""
    attention_after: str = ""
    mlp_after: str = ""
    router: str = ""
    experts: str = ""
    shared: str = ""
    shared_gate: str = ""
    position_table: str = ""
    embedding_norm: str = ""
    first_position: int = 0
    rotary_dim: str = ""
    rope_base: float = 10_000.0
    interleaved: bool = False
    partial: bool = False
    rotary_in_windows: bool = False
    parallel: bool | str = False
    activation: str = "hidden_act"
    scaled: bool = True
    scale_embeddings: bool = False
    uses: tuple[str, ...] = ()
    requires: tuple[tuple[str, object], ...] = ()

    def __post_init__(self):
        needed = {"blocks", "final_norm", "query", "output"}
        needed |= {"router"} if self.experts else {"up", "down"}
        needed |= set() if self.fused else {"key", "value"}
        needed |= set() if self.attention_after else {"norm"}
        needed |= set() if self.mlp_after else {"mlp_norm"}
        if empty := sorted(name for name in needed if not getattr(self, name)):
            raise ValueError(f"`{empty[0]}` must be a path, got ''")

    def model_paths(self) -> list[str]:
        """Return the paths from the model to its modules outside of the blocks."""
        paths = (self.final_norm, self.position_table, self.embedding_norm)
        return [path for path in paths if path]

    def block_paths(self) -> list[str]:
        """Return the paths from a block to its modules and parameters."""
        return [path for name in _IN_A_BLOCK if (path := getattr(self, name))]


_IN_A_BLOCK = (
    "norm",
    "query",
    "key",
    "value",
    "output",
    "query_norm",
    "key_norm",
    "sinks",
    "attention_after",
    "mlp_norm",
    "up",
    "down",
    "gate",
    "router",
    "experts",
    "shared",
    "shared_gate",
    "mlp_after",
)


def find(module, path):
    """Return what is at a path, a module or a parameter; None if it may be missing.

    Examples
    --------
    >>> import torch
    >>> module = torch.nn.Sequential(torch.nn.ReLU())
    >>> find(module, "first|0"), find(module, "1|")
    (ReLU(), None)
    """
    for alternative in path.split("|"):
        if not alternative:
            return None
        part = module
        for name in alternative.split("."):
            part = getattr(part, name, None)
        if part is not None:
            return part
    raise AttributeError(f"{type(module).__name__} has no {path.replace('|', ' or ')}")
