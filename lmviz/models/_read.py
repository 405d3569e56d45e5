"""Read a model from a verified folder.

No code from the folder is run, and a model without some of its weights is refused.
"""

import contextlib
import math
import re

from .errors import (
    CorruptFile,
    ModelError,
    UnsafeModel,
    UnsupportedModel,
    _first_line,
)


def read_module(source):
    """Read a causal model: float32, on the CPU, frozen, with eager attention.

    Parameters
    ----------
    source : lmviz.models._resolve.Source

    Returns
    -------
    torch.nn.Module
    """
    import torch
    from transformers import AutoModelForCausalLM

    with _silence(), _as_model_error(source):
        if not source.pinned:
            _check_size(source)
        module, found = AutoModelForCausalLM.from_pretrained(
            source.folder,
            attn_implementation="eager",  # others return no attention weights
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    # transformers initialises missing weights at random, and goes on.
    if missing := sorted(found["missing_keys"]):
        raise CorruptFile(
            f"{source.name} lacks {len(missing)} of the weights that its config.json "
            f"requires, the first being {missing[0]}; save or download it again"
        )
    if left_out := _layers_left_out(module, found["unexpected_keys"]):
        raise CorruptFile(
            f"{source.name} has a weight {left_out}, in a layer that its config.json "
            "leaves out; save or download it again"
        )
    return module.eval().requires_grad_(False)


@contextlib.contextmanager
def _silence():
    """Suppress the progress bar and the loading report of transformers."""
    from transformers.utils import logging

    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def _as_model_error(source):
    """Convert failures to load a model into a `ModelError`."""
    try:
        yield
    except (MemoryError, ModelError):
        raise
    except Exception as error:
        message, kind = str(error), UnsupportedModel
        if "ignore_mismatched_sizes" in message:
            kind = CorruptFile
            reason = "the sizes in its config.json don't match its weights"
        elif "custom code" in message or "trust_remote_code" in message:
            kind = UnsafeModel
            reason = "it includes code of its own, which lmviz does not run"
        else:
            reason = f"{type(error).__name__}: {_first_line(error)}"
        raise kind(
            f"{source.name} cannot be loaded ({reason}); save it again with a release "
            "of transformers that supports it, or load another model"
        ) from error


def _check_size(source):
    """Raise an error if a config has more weights than there are, before allocating."""
    import torch
    from safetensors import safe_open
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(
        source.folder, local_files_only=True, trust_remote_code=False
    )
    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    specified = sum(weight.numel() for weight in empty.parameters())
    found = 0
    for path in source.folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                found += math.prod(file.get_slice(name).get_shape())
    if specified > found and not hasattr(config, "quantization_config"):
        raise CorruptFile(
            f"config.json of {source.name} specifies {specified:,} weights, but there "
            f"are only {found:,}, so they belong to different models"
        )


def _layers_left_out(module, unexpected):
    """Return the first unexpected weight that only its layer number makes unknown."""

    def pattern(name):
        return re.sub(r"\.\d+\.", ".N.", name)

    known = {pattern(name) for name, _ in module.named_parameters()}
    return min((name for name in unexpected if pattern(name) in known), default=None)
