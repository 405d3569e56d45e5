"""Models in 16 bits and on other devices: results are float32 on the CPU."""

import functools
import pickle
from types import SimpleNamespace

import psutil
import pytest
import tiny_families
import torch
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForCausalLM

import lmviz
from lmviz import attention, corpus, prediction
from lmviz.models import LanguageModel, ModelError, _memory, _options
from lmviz.prediction._stepping import cache_name

IDS = torch.tensor([3, 5, 7, 9])
TEXTS = [[3, 5, 7, 9], [4, 6, 8], [5, 7]]
HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma2"])
@pytest.mark.parametrize("dtype", HALF)
def test_trace_in_16_bits_is_that_of_transformers_as_float32(
    family, dtype, tiny_folders
):
    """Public reports of what breaks in bfloat16 elsewhere, once it is an array.

    johnmarktaylor91/torchlens#26, guillaume-be/rust-bert#392,
    aws-neuron/aws-neuron-samples#33
    """
    lm = lmviz.load(tiny_folders[family], dtype=dtype)
    assert lm.module.dtype == HALF[dtype]
    theirs = AutoModelForCausalLM.from_pretrained(
        tiny_folders[family], dtype=HALF[dtype], attn_implementation="eager"
    ).eval()
    output = theirs(IDS[None], output_attentions=True, output_hidden_states=True)
    trace = lm.trace(IDS)
    assert trace.logits.numpy().dtype == "float32"
    assert torch.equal(trace.logits, output.logits[0].float())
    for ours, layers in (
        (trace.attentions, output.attentions),
        (trace.hidden_states, output.hidden_states),
    ):
        assert torch.equal(ours, torch.cat(layers).float())
    assert trace.embeddings.dtype == torch.float32


def test_dtype_of_torch_is_accepted(tiny_folders):
    lm = lmviz.load(tiny_folders["gpt2"], dtype=torch.bfloat16, device="cpu")
    assert lm.module.dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", HALF.values(), ids=str)
def test_sharded_checkpoint_in_16_bits_is_loaded(dtype, tmp_path, tiny_folders):
    module = lmviz.load(tiny_folders["llama"]).module.to(dtype)
    module.save_pretrained(tmp_path, max_shard_size="2MB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    lmviz.load_tokenizer("gpt2").save(str(tmp_path / "tokenizer.json"))
    lm = lmviz.load(tmp_path)
    for name, weight in module.named_parameters():
        assert torch.equal(lm.module.get_parameter(name), weight.float())


@pytest.fixture
def half(tiny_folders):
    return lmviz.load(tiny_folders["llama"], dtype="bfloat16")


def test_generation_in_16_bits_is_that_of_transformers(half):
    steps = prediction.generate(half, IDS, n_tokens=6)
    theirs = half.module.generate(IDS[None], max_new_tokens=6, do_sample=False)
    ours = [step.id for step in steps]
    assert ours == theirs[0, len(IDS) :].tolist()[: len(ours)]
    best = prediction.beam_search(half, IDS, n_tokens=6, n_beams=1)[0]
    assert list(best.ids) == ours


def test_statistics_in_16_bits_are_those_of_traces(half):
    nats = corpus.surprisals(half, TEXTS[:1], progress=False)[0]
    expected = prediction.surprisal(half.trace(IDS).logits, IDS)
    assert torch.allclose(nats, expected)
    scores = corpus.head_scores(half, TEXTS[:1], progress=False)
    expected = attention.entropy(half.trace(IDS).attentions)[..., 1:].mean(-1)
    assert torch.allclose(scores["entropy"], expected)


def test_heads_are_ablated_in_16_bits(half):
    means = attention.mean_head_outputs(half, IDS)
    assert means.dtype == torch.float32
    effects = attention.head_effects(half, IDS, 7, replacement=means)
    with attention.ablate_heads(half, (0, 0), replacement=means):
        ablated = half.trace(IDS).logits[-1].log_softmax(-1)[7]
    whole = half.trace(IDS).logits[-1].log_softmax(-1)[7]
    assert torch.allclose(effects[0, 0], ablated - whole, atol=1e-5)


def test_another_process_loads_the_same_numbers(half):
    again = pickle.loads(pickle.dumps(half))
    assert again.module.dtype == torch.bfloat16
    assert again.module.device == half.module.device
    ours, theirs = (
        corpus.surprisals(half, TEXTS, n_jobs=n, batch_tokens=4, progress=False)
        for n in (1, 2)
    )
    assert all(map(torch.equal, ours, theirs))


def test_checkpoint_of_other_numbers_is_refused(half, tiny_folders, tmp_path):
    file = tmp_path / "scores"
    corpus.surprisals(half, TEXTS, file=file, progress=False)
    whole = lmviz.load(tiny_folders["llama"])
    with pytest.raises(ValueError, match="belongs to another call"):
        corpus.surprisals(whole, TEXTS, file=file, progress=False)


class Elsewhere(torch.Tensor):
    """A tensor that does not mix with those on the CPU, like one on another device."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.Tensor.cpu:
            return args[0].as_subclass(torch.Tensor)
        if func not in (torch.Tensor.__setitem__, torch.Tensor.copy_):
            for x in tree_leaves((args, kwargs)):
                if type(x) is torch.Tensor and x.ndim:
                    raise RuntimeError("tensors must be on the same device")
        return super().__torch_function__(func, types, args, kwargs or {})


class AnotherDevice:
    """The place of a model whose ids and outputs are `Elsewhere`."""

    type = "cpu"


@pytest.fixture
def elsewhere(tiny_folders, monkeypatch):
    """A model that takes only ids that were moved to it, and returns what it has."""
    lm = lmviz.load(tiny_folders["llama"])
    forward, to, place = lm.module.forward, torch.Tensor.to, AnotherDevice()

    def move(x, *args, **kwargs):
        return (
            x.as_subclass(Elsewhere) if args[:1] == (place,) else to(x, *args, **kwargs)
        )

    def run(input_ids, **options):
        output = forward(input_ids=here(input_ids), **options)
        output.logits = output.logits.as_subclass(Elsewhere)
        if cache := getattr(output, cache_name(lm.module)):
            reorder = type(cache).reorder_cache
            cache.reorder_cache = lambda beams: reorder(cache, here(beams))
        return output

    def here(ids):
        assert type(ids) is Elsewhere, "the ids were moved to the device"
        return ids.cpu()

    monkeypatch.setattr(torch.Tensor, "to", move)
    monkeypatch.setattr(type(lm.module), "device", place)
    monkeypatch.setattr(lm.module, "forward", functools.wraps(forward)(run))
    monkeypatch.setattr(_memory, "check", lambda *_, **__: None)
    return lm


@pytest.mark.parametrize(
    "work",
    [
        lambda lm: lm.trace(IDS, keep="logits").logits,
        lambda lm: prediction.generate(lm, IDS, n_tokens=3)[-1].alternative_probs,
        lambda lm: torch.tensor(prediction.beam_search(lm, IDS, n_tokens=3)[0].ids),
        lambda lm: prediction.text_surprisal(lm, IDS, window=3),
        lambda lm: corpus.surprisals(lm, TEXTS, progress=False)[0],
        lambda lm: corpus.head_scores(lm, TEXTS, progress=False)["entropy"],
        lambda lm: attention.head_effects(lm, IDS, 7),
        lambda lm: attention.mean_head_outputs(lm, IDS),
    ],
    ids=[
        "trace",
        "generate",
        "beam_search",
        "text_surprisal",
        "surprisals",
        "head_scores",
        "head_effects",
        "mean_head_outputs",
    ],
)
def test_texts_go_to_the_device_and_results_come_back(work, elsewhere, tiny_folders):
    result = work(elsewhere)
    assert type(result) is torch.Tensor
    assert result.dtype in (torch.float32, torch.int64)


@pytest.mark.parametrize("dtype", ["int8", "float64", torch.int32, 32, None])
def test_other_dtype_is_refused(dtype):
    with pytest.raises(
        ValueError, match="`dtype` must be one of 'float32', 'bfloat16'"
    ):
        lmviz.load("toy", dtype=dtype)


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "", 3.5, None])
def test_name_that_is_no_device_is_refused(device):
    with pytest.raises(ValueError, match='`device` must be "cpu" or an accelerator of'):
        lmviz.load("toy", device=device)


@pytest.mark.parametrize("device", ["meta", "xla"])
def test_device_that_is_not_there_is_refused(device):
    with pytest.raises(ValueError, match="an accelerator that torch finds here, got"):
        lmviz.load("toy", device=device)


def test_device_that_is_there_is_returned():
    assert _options.device(torch.device("cpu")) == torch.device("cpu")


def memory_of(monkeypatch, *, cpu, accelerator, reserved=0):
    """Let this machine have an accelerator, and set the free memory of both, in MB."""
    backend = SimpleNamespace(
        mem_get_info=lambda _: (accelerator * 10**6, 10**12),
        memory_reserved=lambda _: reserved * 10**6,
        memory_allocated=lambda _: 0,
    )
    monkeypatch.setattr(torch, "cuda", backend)
    report = SimpleNamespace(available=cpu * 10**6)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: report)


def on_cuda(lm, dtype=torch.float32):
    module = SimpleNamespace(device=torch.device("cuda", 0), dtype=dtype)
    return SimpleNamespace(card=lm.card, module=module)


def test_memory_of_a_pass_is_checked_on_the_device_and_for_the_results(
    smollm2, monkeypatch
):
    keep, lm = ("attentions",), on_cuda(smollm2)
    n, layer = 1000, 9 * 1000**2 * 4 / 1e6  # MB of a layer's attention weights
    kept, working = 30 * layer, 2 * layer
    memory_of(monkeypatch, cpu=kept + 1, accelerator=kept + working + 1)
    _memory.check(lm, n, keep)
    memory_of(monkeypatch, cpu=10**6, accelerator=kept + working - 1)
    with pytest.raises(ValueError, match=r"takes 1\.2 GB of memory on cuda:0, but"):
        _memory.check(lm, n, keep)
    memory_of(monkeypatch, cpu=10**6, accelerator=kept, reserved=working + 1)
    _memory.check(lm, n, keep)
    memory_of(monkeypatch, cpu=kept - 1, accelerator=10**6)
    with pytest.raises(ValueError, match=r"takes 1\.1 GB of memory, but only"):
        _memory.check(lm, n, keep)
    # In 16 bits, what a layer computes with is still float32.
    memory_of(monkeypatch, cpu=10**6, accelerator=kept / 2 + working + 1)
    _memory.check(on_cuda(smollm2, torch.bfloat16), n, keep)


def test_model_that_does_not_fit_is_refused_before_it_is_read(
    tiny_folders, monkeypatch, refusal
):
    monkeypatch.setattr(_memory, "available", lambda _: 5 * 10**6)
    message = refusal(lmviz.load, tiny_folders["llama"], kind=ModelError)
    assert "takes 13 MB of memory in float32, but only 5 MB is available" in message
    assert 'pass dtype="bfloat16" (6 MB)' in message


def test_module_in_16_bits_is_wrapped():
    module = tiny_families.build(tiny_families.config("gpt2")).to(torch.bfloat16)
    trace = LanguageModel.from_module(module).trace(IDS)
    assert trace.logits.dtype == trace.attentions.dtype == torch.float32
