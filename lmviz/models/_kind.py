"""Tell a causal language model from other models by its config, and name those."""

import re

from . import _architecture
from ._architecture import architecture
from .errors import CorruptFile, UnsupportedModel

_MASKED = re.compile(r"ForMaskedLM|ForPreTraining|WithLMHeadModel$")
# Options that make a model attend to later tokens.
_BOTH_WAYS = (
    ("is_decoder", False),
    ("is_causal", False),
    ("causal", False),
    ("use_bidirectional_attention", True),
)


def check(config, name):
    """Raise an error if a config is that of an encoder-decoder or of a classifier.

    Parameters
    ----------
    config : transformers.PreTrainedConfig
    name : str
    """
    _architecture.check(config, name)
    if config.model_type == "falcon" and config.alibi:
        # huggingface/transformers: with eager attention, which alone returns weights.
        raise UnsupportedModel(
            f"{name} is a Falcon with ALiBi, whose penalties transformers subtracts "
            "twice when it returns attention weights; load a Falcon with rotary "
            "positions"
        )
    if not hasattr(config.get_text_config(decoder=True), "num_hidden_layers"):
        raise UnsupportedModel(
            f"{name} is a {architecture(config)}, which has several stacks of layers "
            "instead of one (BLT's encode, model and decode patches of bytes), so they "
            "cannot be numbered; load another model"
        )


def unrecognized(config, name):
    """Return the error for a config that transformers loads as no language model."""
    what = architecture(config)
    if _is_masked(config):
        return _architecture.masked(config, name)
    return UnsupportedModel(
        f"{name} is a {what} (model type {config.model_type!r}), which transformers "
        "does not load as a language model of text; load a causal model, such as "
        '"gpt2"'
    )


def bidirectional(config):
    """Return what a model is whose predictions depend on later tokens."""
    if _is_masked(config):
        kind = "a masked language model, an encoder"
    else:
        kind = "a prefix or bidirectional model"
    said = "".join(
        f", {option}={value}"
        for option, value in _BOTH_WAYS
        if getattr(config, option, None) is value
    )
    return f"{kind} ({architecture(config)}{said})"


def lacks(missing, config, name):
    """Return the error for a model without some of its weights.

    Parameters
    ----------
    missing : list of str
        The names of the weights.
    config, name
        As for `check`.
    """
    if len(missing) == 1 and is_headless(config):
        return headless(config, name)
    return CorruptFile(
        f"{name} lacks {len(missing)} of the weights that its config.json requires, "
        f"the first being {missing[0]}; save or download it again"
    )


def is_headless(config):
    """Return whether a model was saved without its unembedding."""
    return bool(re.search(r"(?<!Head)(?<!Heads)Model$", architecture(config)))


def headless(config, name):
    """Return the error for a model without its unembedding."""
    return UnsupportedModel(
        f"{name} has no unembedding: a {architecture(config)} embeds texts and "
        "predicts no tokens; load the language model that it was trained from"
    )


def special_ids(config):
    """Return the ids that a config names, such as that of an image or a padding."""
    ids = set()
    for option, value in config.to_dict().items():
        if re.search(r"_token_(id|index)s?$|_token_id_", option):
            ids.update(value if isinstance(value, list | tuple) else [value])
    return ids


def _is_masked(config):
    from transformers.models.auto import modeling_auto

    if _MASKED.search(architecture(config)):
        return True
    known = modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return config.model_type in known
