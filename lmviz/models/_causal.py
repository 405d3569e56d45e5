"""Test that a model is causal: no prediction may depend on later tokens.

A masked model computes attention weights, logits and probabilities like a causal one,
so its config is not enough: its predictions are compared for two texts that differ only
in their later half.
"""

from .._module import forward, text_config
from . import _kind
from .errors import ModelError, UnsupportedModel, _first_line

_N_TOKENS = 16
# Both texts are in one batch, where all causal families give equal numbers; those of
# masked models, even before training, differ by 1e-3 or more of the largest change.
_ROUNDING = 1e-5
# Rounding of float32, as a share of the largest logit.
_EPSILONS = 1e-6


def check_causal(module, name):
    """Raise an error if a model's predictions depend on later tokens.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    name : str

    Examples
    --------
    >>> from transformers import BertConfig, BertLMHeadModel
    >>> sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1}
    >>> module = BertLMHeadModel(BertConfig(vocab_size=99, **sizes)).eval()
    >>> check_causal(module, "bert")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    lmviz.models.errors.UnsupportedModel: bert is not causal, ...
    """
    import torch

    _kind.check(module.config, name)
    ids = _two_texts(module)
    if ids is None or module.device.type == "meta":
        return
    try:
        output = forward(module, ids, use_cache=False)
    except ModelError:
        raise
    except Exception as error:
        dtype = str(module.dtype).removeprefix("torch.")
        other = "" if dtype == "float32" else 'it with dtype="float32", or '
        raise UnsupportedModel(
            f"{name} cannot read a text in {dtype} on {module.device} "
            f"({type(error).__name__}: {_first_line(error)}); load {other}another model"
        ) from error
    logits = getattr(output, "logits", None)
    if not isinstance(logits, torch.Tensor):
        raise UnsupportedModel(
            f"{name} is a {type(module).__name__}, which has no logits; create it with "
            "AutoModelForCausalLM"
        )
    change = (logits[0] - logits[1]).float().abs().amax(-1).nan_to_num()
    early, late = change.tensor_split(2)
    # An untrained model's predictions may hardly depend on its input: late is small.
    largest = logits.float().abs().max()
    if early.max() > max(_ROUNDING * late.max(), _EPSILONS * largest):
        raise UnsupportedModel(
            f"{name} is not causal, since its predictions depend on later tokens: it "
            f"is {_kind.bidirectional(module.config)}; load a model that predicts each "
            'token from those before it, such as "gpt2"'
        )


def _two_texts(module):
    """Return ids (2, T) that differ in their later half; None if there are too few."""
    import torch

    config = text_config(module)
    size = min(config.vocab_size, 10_000)
    allowed = sorted(set(range(size)) - _kind.special_ids(module.config))
    context = getattr(config, "max_position_embeddings", None) or 0
    n = min(_N_TOKENS, context) if context > 0 else _N_TOKENS  # XLNet's is -1
    if n < 2 or len(allowed) < 2:
        return None
    generator = torch.Generator().manual_seed(0)
    picks = torch.randint(len(allowed), (2, n), generator=generator)
    half = n - n // 2
    other = 1 + torch.randint(len(allowed) - 1, (n,), generator=generator)
    picks[1] = picks[0]
    picks[1, half:] = (picks[0] + other)[half:] % len(allowed)
    return torch.tensor(allowed)[picks]
