"""Quantized checkpoints: load those that transformers can run here, name the others.

What transformers can turn back into ordinary weights is, so that a pass needs no
special kernels; otherwise its kernels would be downloaded from the hub and run.
"""

import contextlib

from .errors import ModelError, UnsafeModel, UnsupportedModel, _first_line

_DEQUANTIZED = ("fp8", "mxfp8", "mxfp4", "metal", "compressed-tensors")
_NEEDS_KERNELS = ("eetq", "fbgemm_fp8", "nvfp4")


def method(config):
    """Return how a model is quantized, None if it isn't.

    Parameters
    ----------
    config : transformers.PreTrainedConfig
    """
    options = _options(config)
    if not options:
        return None
    if options.get("load_in_4bit") or options.get("load_in_8bit"):
        return "bitsandbytes"
    return str(options.get("quant_method") or "MLX")[:40]


def prepare(config, name):
    """Change a config so that what can be turned into ordinary weights is."""
    kind = method(config)
    from transformers.quantizers import auto

    if kind == "MLX":
        raise UnsupportedModel(
            f"{name} is quantized for MLX, which transformers doesn't read; load the "
            "model that it was made from"
        )
    if kind in _NEEDS_KERNELS:
        raise UnsafeModel(
            f"{name} is quantized with {kind}, which runs kernels that transformers "
            "downloads from the hub; load the model that it was made from"
        )
    if kind not in (*auto.AUTO_QUANTIZATION_CONFIG_MAPPING, "bitsandbytes"):
        # transformers would take the quantized numbers for the weights.
        raise UnsupportedModel(
            f"{name} is quantized with {kind!r}, which transformers doesn't know; load "
            "the model that it was made from"
        )
    if is_dequantized(config):
        config.quantization_config = {**_options(config), "dequantize": True}


def is_dequantized(config):
    """Return whether a model's weights are turned into ordinary ones."""
    return method(config) in _DEQUANTIZED


@contextlib.contextmanager
def as_model_error(config, name):
    """Name the quantization if a model cannot be loaded because of it."""
    try:
        yield
    except (MemoryError, ModelError):
        raise
    except Exception as error:
        if not method(config):
            raise
        raise UnsupportedModel(
            f"{name} is quantized with {method(config)}, which cannot run here "
            f"({_first_line(error)}); install what it needs, or load the model that it "
            "was made from"
        ) from error


def _options(config):
    """Return the options of the quantization as a dict; empty if there is none."""
    options = getattr(config, "quantization_config", None) or {}
    return options if isinstance(options, dict) else options.to_dict()
