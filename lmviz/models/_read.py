"""Read a model from a verified folder.

No code from the folder is run, and a model without some of its weights is refused.
"""

import contextlib
import copy
import math
import re

from . import _kind, _memory, _options, _quantization
from ._causal import check_causal
from .errors import (
    CorruptFile,
    ModelError,
    UnsafeModel,
    UnsupportedModel,
    _first_line,
)


def read_module(source, *, device="cpu", dtype="float32"):
    """Read a causal model, frozen, with eager attention.

    Parameters
    ----------
    source : lmviz.models._resolve.Source
    device, dtype
        As for `lmviz.load`.

    Returns
    -------
    torch.nn.Module
    """
    device, dtype = _options.device(device), _options.dtype(dtype)
    with _silence(), _as_model_error(source), _no_kernels():
        config = _read_config(source)
        auto_class = _auto_class(config, source.name)
        if not source.pinned:
            _check_size(source, config, auto_class, device, dtype)
        options = {}
        if _quantization.method(config):
            _quantization.prepare(config, source.name)
            if device.type != "cpu":  # quantized modules cannot be moved afterwards
                options["device_map"] = {"": device}
        with _quantization.as_model_error(config, source.name):
            module, found = auto_class.from_pretrained(
                source.folder,
                config=config,
                attn_implementation="eager",  # others return no attention weights
                dtype=dtype,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                **options,
            )
        # transformers initialises missing weights at random, and goes on.
        if missing := sorted(found["missing_keys"]):
            raise _kind.lacks(missing, config, source.name)
        if left_out := _layers_left_out(module, found["unexpected_keys"]):
            raise CorruptFile(
                f"{source.name} has a weight {left_out}, in a layer that its "
                "config.json leaves out; save or download it again"
            )
        if unused := _unused(module, found["unexpected_keys"]):
            raise CorruptFile(
                f"{source.name} has a weight {unused}, which a {type(module).__name__} "
                "does not use (is it quantized?); load the model that it was made from"
            )
        module.eval().requires_grad_(False)
        if _quantization.is_dequantized(config):
            module.to(dtype)  # some weights are bfloat16, others as asked for
        if module.device != device:
            module.to(device)
        if not source.pinned:
            check_causal(module, source.name)
    return module


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
            raise UnsafeModel(
                f"{source.name} cannot be loaded (it includes code of its own, which "
                "lmviz does not run); load a version of it for the classes of "
                'transformers (its name often ends in "-hf"), or load another model'
            ) from error
        elif "does not recognize this architecture" in message:
            import transformers

            raise UnsupportedModel(
                f"{source.name} cannot be loaded (transformers "
                f"{transformers.__version__} doesn't have its family of models); "
                "upgrade transformers, or load another model"
            ) from error
        elif isinstance(error, ImportError):
            raise UnsupportedModel(
                f"{source.name} cannot be loaded ({_first_line(error)}); install what "
                "it needs, or load another model"
            ) from error
        else:
            reason = f"{type(error).__name__}: {_first_line(error)}"
        raise kind(
            f"{source.name} cannot be loaded ({reason}); save it again with a release "
            "of transformers that supports it, or load another model"
        ) from error


def _read_config(source):
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(
        source.folder, local_files_only=True, trust_remote_code=False
    )
    _kind.check(config, source.name)
    return config


def _auto_class(config, name):
    """Return the class of transformers that loads a model with its logits."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    for auto_class in (AutoModelForCausalLM, AutoModelForImageTextToText):
        if type(config) in auto_class._model_mapping:
            return auto_class
    raise _kind.unrecognized(config, name)


def _check_size(source, config, auto_class, device, dtype):
    """Raise an error unless a model's weights are there and fit, before allocating."""
    import torch
    from safetensors import safe_open

    found = 0
    for path in source.folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (it is no dict)
                found += math.prod(file.get_slice(name).get_shape())
    if _quantization.method(config):
        return
    with torch.device("meta"):
        empty = auto_class.from_config(
            copy.deepcopy(config), attn_implementation="eager", trust_remote_code=False
        )
    specified = sum(weight.numel() for weight in empty.parameters())
    if specified > found:
        if _kind.is_headless(config):
            raise _kind.headless(config, source.name)
        raise CorruptFile(
            f"config.json of {source.name} specifies {specified:,} weights, but there "
            f"are only {found:,}, so they belong to different models"
        )
    _memory.check_weights(source.name, specified, dtype, device)


@contextlib.contextmanager
def _no_kernels():
    """Keep transformers from downloading and running kernels while it loads a model."""
    from transformers.integrations import hub_kernels

    def refuse(*_, **__):
        raise ImportError("lmviz runs no kernels from the hub")

    original = hub_kernels.get_kernel
    hub_kernels.get_kernel = refuse
    try:
        yield
    finally:
        hub_kernels.get_kernel = original


def _unused(module, unexpected):
    """Return the first unexpected weight of a module that has others: it is needed."""
    owners = {name.rpartition(".")[0] for name, _ in module.named_parameters()}
    unused = (name for name in unexpected if name.rpartition(".")[0] in owners)
    return min(unused, default=None)


def _layers_left_out(module, unexpected):
    """Return the first unexpected weight that only its layer number makes unknown."""

    def pattern(name):
        return re.sub(r"\.\d+\.", ".N.", name)

    known = {pattern(name) for name, _ in module.named_parameters()}
    return min((name for name in unexpected if pattern(name) in known), default=None)
