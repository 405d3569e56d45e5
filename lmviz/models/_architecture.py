"""Tell by the class that saved a model, without transformers, if it is a causal one."""

import re

from .errors import UnsupportedModel

_CLASSIFIER = re.compile(
    r"For(Sequence|Token|Text|Image|Audio)\w*Classification|ForQuestionAnswering"
    r"|ForMultipleChoice|ForNextSentencePrediction|RewardModel"
)


def architecture(config):
    """Return the class that saved a model, or else its family.

    Parameters
    ----------
    config : object
        With the names in a config.json as its attributes.

    Returns
    -------
    str
    """
    names = getattr(config, "architectures", None)
    name = names[0] if isinstance(names, list) and names else config.model_type
    return str(name)[:60]


def check(config, name):
    """Raise an error if a config is that of an encoder-decoder or of a classifier.

    Parameters
    ----------
    config : object
        As for `architecture`.
    name : str
    """
    what = architecture(config)
    if getattr(config, "is_encoder_decoder", False):
        raise UnsupportedModel(
            f"{name} is an encoder-decoder ({what}), whose predictions depend on a "
            'second text; load a decoder-only model, such as "gpt2"'
        )
    if _CLASSIFIER.search(what):
        raise UnsupportedModel(
            f"{name} is a classifier ({what}), which predicts labels and no tokens; "
            "load the language model that it was trained from"
        )


def masked(config, name):
    """Return the error for a masked language model."""
    return UnsupportedModel(
        f"{name} is a masked language model ({architecture(config)}), which does not "
        'predict the next token; load a causal model, such as "gpt2"'
    )
