"""Read a tokenizer so that the ids of a text are those of ``AutoTokenizer``.

Which tokenizer a folder holds is decided by many files: ``tokenizer.json``, the
settings and tokens in ``tokenizer_config.json``, ``special_tokens_map.json`` and
``added_tokens.json``, and the family in ``config.json``. So it is read by transformers.
"""

import contextlib
import copy
import importlib.util
import logging
import re

from ._read import _as_model_error, _silence
from .errors import UnsupportedModel

_log = logging.getLogger(__name__)
#: What transformers replaces when ``clean_up_tokenization_spaces`` is set, in order.
_CLEAN_UP = (
    *((f" {mark}", mark) for mark in ".?!,"),
    (" ' ", "'"),
    *((f" {end}", end) for end in ("n't", "'m", "'s", "'ve", "'re")),
)
_PROBE = "The dog's CAFÉ isn't cafe\u0301: 2023, 650841823\n\n  x=y  ...\t猫🦜"
_SENTENCEPIECE = {"sentencepiece": "sentencepiece", "protobuf": "google.protobuf"}
_TIKTOKEN = re.compile(rb"[A-Za-z0-9+/]+=* \d+\r?\n")  # a token in base64 and its rank


def read_tokenizer(source):
    """Read a tokenizer; that of a built-in model without importing transformers.

    Parameters
    ----------
    source : lmviz.models._resolve.Source

    Returns
    -------
    tokenizers.Tokenizer
        It neither truncates nor pads, whatever was set when it was saved.
    """
    if source.pinned:  # tests compare it with what transformers reads
        from tokenizers import Tokenizer

        with _as_model_error(source):
            return Tokenizer.from_file(str(source.folder / "tokenizer.json"))
    from transformers import AutoTokenizer

    with _silence(), _as_model_error(source), _explained(source):
        tokenizer = AutoTokenizer.from_pretrained(
            source.folder, local_files_only=True, trust_remote_code=False
        )
    if not getattr(tokenizer, "is_fast", False):
        raise UnsupportedModel(
            f"the tokenizer of {source.name}, {type(tokenizer).__name__}, has no "
            "tokenizer.json and cannot be converted to one; pass ids instead of a "
            "text, or save the model with a fast tokenizer"
        )
    own = tokenizer.get_vocab().keys() - tokenizer.get_added_vocab().keys()
    if not own and not (source.folder / "tokenizer.json").is_file():
        raise _no_vocabulary(source)
    _warn_of_another_tokenizer(source, tokenizer)
    return backend(tokenizer)


def backend(tokenizer, *, shared=False):
    """Return a tokenizer as a ``tokenizers.Tokenizer`` that takes a text as a whole.

    What is for training is switched off: truncation, padding and BPE dropout.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer or fast tokenizer of transformers
        Left as it is.
    shared : bool, default False
        Whether the user has it, too. That of transformers is then copied: each call
        of it sets whether it truncates and pads.

    Returns
    -------
    tokenizers.Tokenizer

    Examples
    --------
    >>> import lmviz
    >>> gpt2 = lmviz.load_tokenizer("gpt2")
    >>> gpt2.enable_truncation(2)
    >>> len(backend(gpt2).encode("a text of six tokens or").ids)
    6
    """
    from tokenizers import Tokenizer

    cleans_up = getattr(tokenizer, "clean_up_tokenization_spaces", False)
    plain = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not isinstance(plain, Tokenizer):
        raise TypeError(
            "`tokenizer` must be a tokenizers.Tokenizer or a fast tokenizer of "
            f"transformers, got {type(tokenizer).__name__}"
        )
    cleans_up = cleans_up and type(plain.model).__name__ != "BPE"
    dropout = getattr(plain.model, "dropout", None)
    shared = shared and plain is not tokenizer
    if shared or cleans_up or dropout or plain.truncation or plain.padding:
        splits_special = plain.encode_special_tokens
        plain = copy.deepcopy(plain)
        plain.encode_special_tokens = splits_special  # a copy forgets it
        plain.no_truncation()
        plain.no_padding()
    if dropout:  # the ids would be random
        plain.model.dropout = None
    if cleans_up:
        plain.decoder = _cleaning_up(plain.decoder)
    return plain


def gpt2_tokenizer(encoder, merges):
    """Build GPT-2's tokenizer from OpenAI's own two files.

    Parameters
    ----------
    encoder, merges : path-like
        ``encoder.json`` and ``vocab.bpe``.

    Returns
    -------
    tokenizers.Tokenizer
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE.from_file(str(encoder), str(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", normalized=False)])
    return tokenizer


def _warn_of_another_tokenizer(source, tokenizer):
    """Log a warning if a class of transformers replaces what tokenizer.json says.

    Some of the classes keep its vocabulary only, and split texts in their own way.
    """
    from tokenizers import Tokenizer

    file, kind = source.folder / "tokenizer.json", type(tokenizer).__name__
    if kind == "TokenizersBackend" or not file.is_file():
        return
    if _probe(Tokenizer.from_file(str(file))) != _probe(tokenizer.backend_tokenizer):
        _log.warning(
            "%s of transformers splits texts differently from the tokenizer.json of "
            "%s; if the model was trained with that, pass it to "
            "LanguageModel.from_module",
            kind,
            source.name,
        )


def _probe(tokenizer):
    """Return the tokens of a text with much that tokenizers treat differently."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    try:
        return tokenizer.encode(_PROBE, add_special_tokens=False).tokens
    except Exception as error:  # one that lacks an unknown token
        return str(error)


@contextlib.contextmanager
def _explained(source):
    """Say what transformers lacks if it finds no vocabulary."""
    try:
        yield
    except Exception as error:
        has_file = (source.folder / "tokenizer.json").is_file()
        no_backend = "instantiate the backend tokenizer" in str(error)
        if no_backend or (_absent_packages(source) and not has_file):
            raise _no_vocabulary(source) from error
        raise


def _no_vocabulary(source):
    """Return the error for a folder in which transformers finds no vocabulary."""
    if absent := _absent_packages(source):
        return UnsupportedModel(
            f"converting the tokenizer of {source.name} takes {' and '.join(absent)}; "
            f"run: python -m pip install {' '.join(absent)}"
        )
    return UnsupportedModel(
        f"{source.name} has settings of a tokenizer, but no vocabulary; save it again "
        "with its tokenizer.json"
    )


def _absent_packages(source):
    """Return the packages that a vocabulary needs and that are not installed."""
    file = next(source.folder.glob("*.model"), None)
    if file is None:
        return []
    with file.open("rb") as lines:
        is_tiktoken = _TIKTOKEN.fullmatch(lines.readline(200))
    packages = {"tiktoken": "tiktoken"} if is_tiktoken else _SENTENCEPIECE
    return [name for name, module in packages.items() if not _installed(module)]


def _installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that contains it
        return False


def _cleaning_up(decoder):
    """Return a decoder that also removes the spaces before punctuation."""
    from tokenizers import decoders

    # Without a decoder, tokens are joined by spaces: as words, none a continuation.
    joined = decoder or decoders.WordPiece(prefix="\0", cleanup=False)
    replacements = [decoders.Replace(old, new) for old, new in _CLEAN_UP]
    return decoders.Sequence([joined, decoders.Fuse(), *replacements])
