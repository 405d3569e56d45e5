"""A causal language model with its tokenizer and model card, ready to be traced."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from .. import _validation
from .._text import checked_text
from ..tokenization import readable_tokens
from ..tokenization._coverage import encode_whole
from ..tokenization._ids import decode, id_list
from ..tokenization._pipeline import unknown_id
from . import _read_tokenizer
from ._card import ModelCard, card_of
from ._causal import check_causal
from ._resolve import Source
from .errors import CorruptFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import tokenizers
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast
    from transformers.modeling_utils import PreTrainedModel

    from .._types import GenerateOptions, Ids, Text
    from ._trace import Trace


@dataclass(frozen=True, repr=False)
class LanguageModel:
    """A causal language model with its tokenizer and model card.

    Parameters
    ----------
    card : lmviz.ModelCard
        What it is and where it came from.
    module : torch.nn.Module
        The transformers model, in evaluation mode, frozen, with eager attention, so
        that it returns attention weights.
    source : object, optional
        Its files on this machine. None for a model created in memory.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> ids = lm.encode("Anna has a red ball")
    >>> lm.tokens(ids)
    ['<story>', 'Anna', 'has', 'a', 'red', 'ball']
    >>> lm.trace(ids).logits.shape == (6, lm.card.vocabulary)
    True
    >>> lm.n_layers, lm.n_heads, lm.d_model, lm.context
    (3, 4, 96, 64)
    >>> lm.tokenizer.token_to_id("<story>")
    0
    """

    card: ModelCard
    module: PreTrainedModel
    source: Source | None = None
    _tokenizer: tokenizers.Tokenizer | None = None

    @classmethod
    def from_module(
        cls,
        module: torch.nn.Module,
        tokenizer: Tokenizer | PreTrainedTokenizerFast | None = None,
        name: str = "custom",
    ) -> LanguageModel:
        """Wrap a causal transformers model that was created in memory.

        Parameters
        ----------
        module : torch.nn.Module
            A causal model on any device, created with
            ``attn_implementation="eager"``. It is put into evaluation mode and run on
            a few ids, to test that it is causal.
        tokenizer : tokenizers.Tokenizer or fast tokenizer of transformers, optional
            Without one, the model takes only ids, and displays them as its tokens.
        name : str, default "custom"

        Returns
        -------
        LanguageModel

        Examples
        --------
        >>> from transformers import AutoModelForCausalLM, GPT2Config
        >>> config = GPT2Config(n_layer=2, n_head=2, n_embd=8, vocab_size=10)
        >>> module = AutoModelForCausalLM.from_config(
        ...     config, attn_implementation="eager"
        ... )
        >>> LanguageModel.from_module(module).trace([1, 2, 3]).attentions.shape
        torch.Size([2, 2, 3, 3])
        """
        if tokenizer is not None:
            tokenizer = _read_tokenizer.backend(tokenizer, shared=True)
        check_causal(module.eval(), name)
        card = card_of(_Memory(name), module)
        return cls(card, module, None, tokenizer)

    @functools.cached_property
    def tokenizer(self) -> tokenizers.Tokenizer:
        """The tokenizer, a ``tokenizers.Tokenizer``, which is read on first use."""
        if self.source is None and self._tokenizer is None:
            raise ValueError(
                f"{self.card.name} has no tokenizer; pass ids, or pass a tokenizer to "
                "LanguageModel.from_module"
            )
        tokenizer = self._tokenizer or _read_tokenizer.read_tokenizer(self.source)
        size = tokenizer.get_vocab_size(with_added_tokens=False)
        if size > self.card.vocabulary:
            raise CorruptFile(
                f"the tokenizer of {self.card.name} has {size} tokens, but there are "
                f"{self.card.vocabulary} embeddings, so they belong to different models"
            )
        return tokenizer

    @property
    def n_layers(self) -> int:
        """Number of blocks, L."""
        return self.card.n_layers

    @property
    def n_heads(self) -> int:
        """Number of attention heads in a block, H."""
        return self.card.n_heads

    @property
    def d_model(self) -> int:
        """Width of the residual stream, d."""
        return self.card.d_model

    @property
    def context(self) -> int | None:
        """Maximum number of tokens T, None if the model sets no limit."""
        return self.card.context

    def __repr__(self):
        """Show the card."""
        return f"LanguageModel({self.card})"

    def __reduce__(self):
        """Pickle the name and revision, from which another process loads the model."""
        # Only pre-hooks are certainly ours: transformers has other hooks itself.
        if any(module._forward_pre_hooks for module in self.module.modules()):
            raise ValueError(
                f"{self.card.name} has hooks (are some of its heads ablated?), which "
                "cannot be sent to another process; use n_jobs=1"
            )
        if self.source is None:
            raise ValueError(
                f"{self.card.name} was made in memory and cannot be sent to another "
                "process; save it and load it from its folder, or use n_jobs=1"
            )
        from ._load import load_revision

        dtype = str(self.module.dtype).removeprefix("torch.")
        source = self.source.spec, self.source.revision
        return load_revision, (*source, str(self.module.device), dtype)

    def encode(self, text: str, *, truncate: bool | int = False) -> torch.Tensor:
        """Return the ids of a text.

        Parameters
        ----------
        text : str
            Must not be blank.
        truncate : bool or int, default False
            The number of tokens to keep of a longer text. True: as many as the context
            holds. False: all; a text longer than the context is an error.

        Returns
        -------
        torch.Tensor of int64, shape (T,)

        Examples
        --------
        >>> import lmviz
        >>> lm = lmviz.load("toy")
        >>> lm.encode("Anna has a red ball", truncate=3)
        tensor([ 0, 21,  5])
        """
        ids = self._all_ids(text)[: self._limit(truncate)]
        _validation.check_context(len(ids), self.context)
        return ids

    def decode(self, ids: int | Ids) -> str:
        """Return the text of some ids, without special tokens.

        Parameters
        ----------
        ids : int, sequence of int, or torch.Tensor of int, shape (T,)
            For one that has no token, see `tokens`.

        Returns
        -------
        str

        Examples
        --------
        >>> import lmviz
        >>> lm = lmviz.load("smollm2")
        >>> lm.decode(lm.encode("The dog")), lm.decode(lm.token_id(" Paris"))
        ('The dog', ' Paris')
        """
        single = isinstance(ids, int) or getattr(ids, "ndim", 1) == 0
        ids = [int(ids)] if single else id_list(ids)
        return decode(self.tokenizer, ids, size=self.card.vocabulary)

    def tokens(self, ids: Ids) -> list[str]:
        """Return the tokens of some ids as displayed: ␣ is a space, ↵ a newline.

        Many models have more embeddings than tokens. An id without a token is displayed
        as ``<id 151700>``.

        Parameters
        ----------
        ids : iterable of int

        Returns
        -------
        list of str
        """
        if self.source is None and self._tokenizer is None:
            return [str(int(i)) for i in ids]
        return readable_tokens(self.tokenizer, ids, size=self.card.vocabulary)

    def token_id(self, text: str) -> int:
        """Return the id of a single token.

        Parameters
        ----------
        text : str
            As in a text, ``" Paris"``, or as displayed, ``"␣Paris"``. In most
            vocabularies, a word with a preceding space is a different token.

        Returns
        -------
        int

        Examples
        --------
        >>> import lmviz
        >>> lm = lmviz.load("smollm2")
        >>> lm.token_id(" Paris")
        7042
        >>> lm.token_id(" Parisian")
        Traceback (most recent call last):
            ...
        ValueError: ' Parisian' must be a single token, got 2: '␣Paris', 'ian'
        """
        if not isinstance(text, str):
            raise TypeError(f"`text` must be a string, got {type(text).__name__}")
        text = text.replace("␣", " ")
        ids = encode_whole(self.tokenizer, text, add_special_tokens=False).ids
        if len(ids) != 1:
            tokens = ", ".join(map(repr, self.tokens(ids)[:20])) or "nothing"
            raise ValueError(
                f"{text!r:.60} must be a single token, got {len(ids)}: {tokens}"
            )
        if ids[0] == unknown_id(self.tokenizer) and text != self.tokens(ids)[0]:
            raise ValueError(
                f"{text!r:.60} is not in the model's vocabulary, where "
                f"{self.tokens(ids)[0]} stands for what is unknown"
            )
        return ids[0]

    def ids(self, text: Text) -> torch.Tensor:
        """Return the ids of a text, or validate ids that are given.

        Parameters
        ----------
        text : str, list of int, or torch.Tensor of int, shape (T,)
            At most as many tokens as the context holds.

        Returns
        -------
        torch.Tensor of int64, shape (T,)

        Examples
        --------
        >>> import lmviz
        >>> lm = lmviz.load("toy")
        >>> lm.ids("Anna has"), lm.ids([0, 21, 5])
        (tensor([ 0, 21,  5]), tensor([ 0, 21,  5]))
        """
        ids = self._all_ids(text)
        _validation.check_context(len(ids), self.context)
        return ids

    def pieces(
        self, text: Text, *, length: int | None = None, stride: int | None = None
    ) -> list[torch.Tensor]:
        """Split a text into windows that fit the context.

        Without `stride` they don't overlap, so ``torch.cat(lm.pieces(text))`` are the
        ids of a text of any length.

        Parameters
        ----------
        text : str, list of int, or torch.Tensor of int, shape (T,)
            Of any length.
        length : int, optional
            Number of tokens in a window. Default: as many as the context holds.
        stride : int, optional
            Number of tokens between the starts of two windows. The overlap of
            ``length - stride`` tokens gives the later one context. Default: `length`.

        Returns
        -------
        list of torch.Tensor of int64
            In order; the last one may be shorter.

        Examples
        --------
        >>> import lmviz
        >>> lm = lmviz.load("toy")
        >>> [ids.tolist() for ids in lm.pieces([1, 2, 3, 4, 5], length=3, stride=2)]
        [[1, 2, 3], [3, 4, 5]]
        """
        ids = self._all_ids(text)
        if length is None:
            length = self.context or len(ids)
        length = _validation.integer(length, "length", 1, self.context)
        stride = length if stride is None else stride
        stride = _validation.integer(stride, "stride", 1, length)
        last = max(0, len(ids) - length)
        starts = [*range(0, last, stride), -(-last // stride) * stride]
        return [ids[start : start + length] for start in starts]

    def trace(
        self,
        text: Text,
        *,
        keep: str | Sequence[str] | None = None,
        layers: int | Sequence[int] | None = None,
    ) -> Trace:
        """Run the model once on a text and keep what it computed.

        Parameters
        ----------
        text : str, list of int, or torch.Tensor of int, shape (T,)
            As for `ids`.
        keep : str or sequence of str, optional
            Which of ``"hidden_states"``, ``"attentions"`` and ``"logits"`` to keep.
            Default: all that the model has. The memory of the attentions grows with T
            squared: 1.1 GB for 1,024 tokens of SmolLM2.
        layers : int or sequence of int, optional
            The layers whose attentions are kept, together with the hidden states
            before and after them. Only these are held in memory, so that a large model
            can be examined layer by layer; for all layers in one pass, see
            `map_attentions`. Default: all layers.

        Returns
        -------
        lmviz.Trace

        Examples
        --------
        >>> import lmviz
        >>> lmviz.load("toy").trace("Anna has a", keep="attentions")
        Trace(4 tokens: embeddings (4, 96), attentions (3, 4, 4, 4))

        One layer at a time:

        >>> trace = lmviz.load("toy").trace("Anna has a", layers=2)
        >>> trace.attention_layers, trace.depths, trace.hidden_states.shape
        ((2,), (2, 3), torch.Size([2, 4, 96]))
        """
        from ._trace import trace

        return trace(self, self.ids(text), keep=keep, layers=layers)

    def map_attentions(
        self,
        text: Text,
        function: Callable[[torch.Tensor], Any],
        *,
        layers: int | Sequence[int] | None = None,
    ) -> dict[int, Any]:
        """Call a function with the attention weights of each layer, in a single pass.

        The weights of a layer are freed before the next layer is computed, so a text
        can be much longer than one whose trace fits into memory.

        Parameters
        ----------
        text : str, list of int, or torch.Tensor of int, shape (T,)
            As for `ids`.
        function : callable
            Takes the weights of a layer, a tensor of shape (H, T_q, T_k), which it must
            not change. What it returns is kept; don't return the weights themselves or
            a view of them.
        layers : int or sequence of int, optional
            Default: all that have attention weights.

        Returns
        -------
        dict of int to object
            For each layer, by its number, what the function returned.

        Examples
        --------
        The weight of the first token, averaged over all queries, for each head:

        >>> import lmviz
        >>> lm = lmviz.load("toy")
        >>> found = lm.map_attentions("Anna has a", lambda x: x[..., 0].mean(-1))
        >>> list(found), found[2].shape
        ([0, 1, 2], torch.Size([4]))
        """
        from ._trace import map_attentions

        return map_attentions(self, self.ids(text), function, layers=layers)

    def generate(
        self, text: Text, *, n_tokens: int = 20, **options: Unpack[GenerateOptions]
    ) -> str:
        """Continue a text, by default with the most likely token at each step.

        Parameters
        ----------
        text : str, list of int, or torch.Tensor of int, shape (T,)
        n_tokens : int, default 20
            Number of tokens to add, at most; together with the text they must fit the
            context. The model's own end tokens end it earlier.
        **options
            Further options of `lmviz.prediction.generate`, which also returns the
            probabilities of each step. With
            ``choose=lmviz.prediction.sampler(temperature=0.7)``, tokens are sampled.

        Returns
        -------
        str
            The continuation, without the text itself.

        Examples
        --------
        >>> import lmviz
        >>> lmviz.load("smollm2").generate("The capital of France is", n_tokens=2)
        ' Paris.'
        """
        from .. import prediction
        from ..prediction._stopping import continuation_text

        ids = self.ids(text)
        steps = prediction.generate(self, ids, n_tokens=n_tokens, **options)
        written = [*ids.tolist(), *(step.id for step in steps)]
        return continuation_text(self, ids, written)

    def _all_ids(self, text):
        """Return checked ids of any length."""
        if isinstance(text, str):
            text = encode_whole(self.tokenizer, checked_text(text)).ids
        if not isinstance(text, list | tuple) and not hasattr(text, "__array__"):
            raise TypeError(
                "`text` must be a string, a list of ids or an array of ids, got "
                f"{type(text).__name__}"
            )
        return _validation.ids(text, "ids", ("T",), size=self.card.vocabulary)

    def _limit(self, truncate):
        """Return the number of tokens to keep, None for all."""
        if isinstance(truncate, bool):
            return self.context if truncate else None
        return _validation.integer(truncate, "truncate", 1, self.context)


@dataclass(frozen=True)
class _Memory:
    """The source of a model without files."""

    name: str
    origin: str = "made in memory"
    revision: str = "not stated"
    license: str = "not stated"
