import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from lmviz.models import UnsupportedModel, _gguf, _resolve, _wheels


@pytest.fixture(scope="module")
def gguf_file():
    return _wheels._file_in_wheel(_wheels.SMOLLM2_WHEEL, _wheels.SMOLLM2_FILE)


@pytest.mark.nightly  # transformers takes 18 s to read them
def test_weights_equal_those_of_transformers(gguf_file):
    logging.disable_progress_bar()
    theirs = AutoModelForCausalLM.from_pretrained(
        gguf_file.parent, gguf_file=gguf_file.name, dtype=torch.float32
    ).state_dict()
    ours = load_file(
        _resolve.resolve("smollm2").make_local().folder / "model.safetensors"
    )
    assert set(theirs) - set(ours) == {"lm_head.weight"}  # tied to the embedding
    assert set(ours) <= set(theirs)
    for name, weight in ours.items():
        assert torch.equal(weight, theirs[name]), name


def test_tokenizer_equals_that_of_transformers_but_for_digits(gguf_file, smollm2):
    theirs = AutoTokenizer.from_pretrained(gguf_file.parent, gguf_file=gguf_file.name)
    for text in (
        "The capital of France is Paris.",
        "  two  spaces,\ttabs and\nnew lines\n\n",
        "Größe, 数量, количество, كمية, 🦜!",
        "def f(x):\n    return x['a'] != None",
        "<|im_start|>user\nIt's so<|im_end|>",
    ):
        assert smollm2.tokenizer.encode(text).ids == theirs.encode(text), text


def test_each_digit_is_a_token(smollm2):
    # The pre-tokenizer "smollm" of llama.cpp splits at every single digit first, so
    # that spaces before a number stay together.
    ids = smollm2.tokenizer.encode("in  2026").ids
    assert smollm2.tokens(ids) == ["in", "␣␣", "2", "0", "2", "6"]


def test_other_architecture_is_refused():
    with pytest.raises(UnsupportedModel, match="must be 'llama', got 'mamba'"):
        _gguf.config_of({"general.architecture": "mamba"})


def test_another_tokenizer_is_refused():
    with pytest.raises(UnsupportedModel, match="the tokenizer of a GGUF .*'spm'"):
        _gguf.tokenizer_of({"tokenizer.ggml.model": "spm"})
