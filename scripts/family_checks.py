"""Check what lmviz computes of a tiny random model against transformers' own pass.

Each check takes a `Pair` and returns nothing if lmviz is right. `Wrong` says that it
is not; an error that lmviz raises itself is a refusal; any other error is a crash.
"""

import functools
import json
import re
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.overrides import TorchFunctionMode

import lmviz
from lmviz import attention, corpus, prediction, transformer

N_TOKENS, N_NEW = 12, 6
SCORES = ("previous token", "first token", "duplicate token", "induction", "entropy")
_SOFTMAXES = {torch.softmax, torch.Tensor.softmax, torch.nn.functional.softmax}
_FINAL_NORM = re.compile(r"(?!.*head)(.*\.)?((final_?)?(layer_?)?norm(_f)?|ln_(f|out))")


class Wrong(Exception):  # noqa: N818 (it is a verdict)
    """What lmviz computed is not what transformers computes."""


class Pair:
    """A model as lmviz loads it, and as transformers does."""

    def __init__(self, folder):
        from transformers import AutoModelForCausalLM

        options = {"attn_implementation": "eager", "dtype": torch.float32}
        self.theirs = AutoModelForCausalLM.from_pretrained(folder, **options).eval()
        self.folder = folder
        generator = torch.Generator().manual_seed(3)
        # Repeated, so that there is something to score.
        self.ids = torch.randint(9, 90, (N_TOKENS // 2,), generator=generator).repeat(2)

    @functools.cached_property
    def lm(self):
        """The model as lmviz loads it."""
        return lmviz.load(self.folder)

    @functools.cached_property
    def output(self):
        """What transformers returns."""
        self.run(self.ids)  # BigBird changes its attention in its first pass
        return self.run(self.ids, output_hidden_states=True, output_attentions=True)

    def run(self, ids, **options):
        """Run the model of transformers."""
        with torch.no_grad():
            return self.theirs(input_ids=ids[None], use_cache=False, **options)

    @functools.cached_property
    def weights(self):
        """The attention weights that transformers returns, of layers that have some."""
        n = len(self.ids)
        kept = [x for x in self.output.get("attentions") or () if x is not None]
        return [x[0] for x in kept if x.shape[2:] == (n, n) and x.ndim == 4]

    @functools.cached_property
    def trace(self):
        """The attention weights as lmviz traces them."""
        return self.lm.trace(self.ids, keep="attentions")


def save(config, module, folder):
    """Save a model with a tokenizer of one word per id."""
    module.save_pretrained(folder)
    config.save_pretrained(folder)  # of a model that may also take images
    words = {f"w{i}": i for i in range(99)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(Path(folder, "tokenizer.json")))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "w0"}
    Path(folder, "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")


def _equal(ours, theirs, what):
    if ours.shape != theirs.shape:
        raise Wrong(f"{what}: shape {tuple(ours.shape)}, not {tuple(theirs.shape)}")
    if not torch.equal(ours.isnan(), theirs.isnan()):
        raise Wrong(f"{what}: NaN elsewhere")
    ours, theirs = ours.nan_to_num(), theirs.nan_to_num()
    difference = float((ours - theirs).abs().max())
    if difference > 1e-5 * max(1, float(theirs.abs().max())):
        raise Wrong(f"{what}: off by {difference:.1g}")


def is_causal(pair):
    """Whether other tokens in the second half leave the logits of the first alone."""
    half = len(pair.ids) // 2
    changed = torch.cat([pair.ids[:half], pair.ids[half:].flip(0)])
    before, after = pair.output.logits[0, :half], pair.run(changed).logits[0, :half]
    return float((before - after).abs().max()) < 1e-4 * float(before.abs().max())


def check_load(pair):
    """Check that it is causal, and the logits."""
    if pair.lm is not None and not is_causal(pair):
        raise Wrong("earlier logits depend on later tokens")
    trace = pair.lm.trace(pair.ids, keep="logits")
    _equal(trace.logits, pair.output.logits[0], "logits")


def check_states(pair):
    """Compare the hidden states; transformers may leave out the first."""
    trace = pair.lm.trace(pair.ids, keep="hidden_states")
    ours, theirs = list(trace.hidden_states), [x[0] for x in pair.output.hidden_states]
    _equal(ours[-1], theirs[-1], "the last hidden state")
    if len(trace.depths) != len(ours) or trace.depths[-1] != pair.lm.n_layers:
        raise Wrong(f"{len(ours)} hidden states at {trace.depths}")
    # Mamba returns the state after the last layer, too; Llama 3.2 Vision none after
    # layers that run only for images.
    if not _among(ours[1:], theirs) and not _among(theirs, ours):
        raise Wrong("hidden states are not those of transformers")


def _among(states, others):
    """Whether states are among others, in the same order."""
    rest = iter(others)
    return all(
        any(state.shape == x.shape and torch.equal(state, x) for x in rest)
        for state in states
    )


def check_attentions(pair):
    """Compare the attention weights, and their layers with the config."""
    trace = pair.lm.trace(pair.ids, keep="attentions")
    if len(trace.attention_layers) != len(pair.weights):
        raise Wrong(f"{len(trace.attention_layers)} layers, not {len(pair.weights)}")
    for layer, their in zip(trace.attention_layers, pair.weights, strict=True):
        _equal(trace.attention(layer), their, f"attention weights of layer {layer}")
    expected = _layers_in_config(pair.theirs.config.get_text_config(decoder=True))
    if expected and list(trace.attention_layers) != expected:
        raise Wrong(f"layers {trace.attention_layers}, not {expected}")


def _layers_in_config(config):
    kinds = getattr(config, "layer_types", None) or []
    known = {"full_attention", "sliding_attention", "chunked_attention"}
    none = {"linear_attention", "conv", "mamba", "recurrent", "moe", "mlp"}
    if not set(kinds) <= known | none:
        return None
    return [layer for layer, kind in enumerate(kinds) if kind in known]


def check_head_scores(pair):
    """Compare scores with those of the weights that transformers returns."""
    scores = corpus.head_scores(pair.lm, [pair.ids], progress=False)
    layers = pair.trace.attention_layers
    for name in SCORES:
        expected = torch.full_like(scores[name], torch.nan)
        for layer, weights in zip(layers, pair.weights, strict=True):
            expected[layer] = _score(name, weights.double(), pair.ids)
        _equal(scores[name], expected, name)


def _score(name, weights, ids):
    """Score the heads of a layer by the definition of the score, query by query."""
    if name == "entropy":
        rest = (1 - weights.sum(-1, keepdim=True)).clamp(min=0)
        shares = torch.cat([weights, rest], -1)  # the rest is that of a learned sink
        return torch.special.entr(shares).sum(-1)[:, 1:].mean(-1)
    ids, found = ids.tolist(), []
    for query in range(len(ids)):
        copies = [key for key in range(query) if ids[key] == ids[query]]
        keys = {
            "previous token": [query - 1] if query else [],
            "first token": [0] if query else [],
            "duplicate token": copies,
            "induction": [key + 1 for key in copies if key + 1 < query],
        }[name]
        if keys or (name == "induction" and copies):
            found.append(weights[:, query, keys].sum(-1))
    return torch.stack(found).mean(0)


def check_ablation(pair):
    """Compare the ablation of a head with zeros as its weights after the softmax."""
    layers = pair.trace.attention_layers
    call = len(layers) // 2
    layer = layers[call]
    with attention.ablate_heads(pair.lm, (layer, 1)):
        ours = pair.lm.trace(pair.ids, keep="logits").logits
    with _ZeroHead(len(pair.ids), call, head=1) as zeroed:
        theirs = pair.run(pair.ids).logits[0]
    if zeroed.calls != len(layers):
        raise Wrong(f"no reference: {zeroed.calls} softmaxes in {len(layers)} layers")
    _equal(ours, theirs, f"logits without head 1 of layer {layer}")
    if torch.allclose(theirs, pair.output.logits[0], atol=1e-4):
        raise Wrong("the head that was ablated has no effect")


class _ZeroHead(TorchFunctionMode):
    """Zero a head's attention weights in one layer, where they are computed."""

    def __init__(self, n_tokens, call, head):
        super().__init__()
        self._shapes = {(n_tokens, n_tokens), (n_tokens, n_tokens + 1)}
        self._call, self._head, self.calls = call, head, 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function not in _SOFTMAXES or result.ndim < 3:
            return result
        if tuple(result.shape[-2:]) in self._shapes:
            if self.calls == self._call:
                result[..., self._head, :, :] = 0
            self.calls += 1
        return result


def check_lens(pair):
    """Compare the lens of the last state with the logits, others with the norm."""
    lens = prediction.text_logit_lens(pair.lm, pair.ids)
    _equal(lens[-1], pair.output.logits[0], "lens of the last state")
    read = _readout(pair)
    if read is None:
        return
    trace = pair.lm.trace(pair.ids, keep="hidden_states")
    for row, state in zip(lens[:-1], trace.hidden_states, strict=False):
        with torch.no_grad():
            _equal(row, read(state), "lens of an early state")


def _readout(pair):
    """Return the final norm and the unembedding, None if more follows the blocks."""
    head = pair.theirs.get_output_embeddings()
    for name, part in pair.theirs.named_modules():
        if name.count(".") > 2 or not _FINAL_NORM.fullmatch(name):
            continue
        given = []
        handle = part.register_forward_hook(lambda _, args, __: given.append(args[0]))  # noqa: B023
        logits = pair.run(pair.ids).logits
        handle.remove()
        with torch.no_grad():
            if len(given) == 1 and torch.equal(head(part(given[0])), logits):
                return lambda state, part=part: head(part(state[None]))[0]
    return None


def check_generation(pair):
    """Compare greedy tokens with those of passes over the whole text.

    Beyond its window, Moshi computes something else with a cache than without. Then
    transformers' own generation, which uses one, has the right answer.
    """
    ends = prediction.end_tokens(pair.lm)
    ours = [step.id for step in prediction.generate(pair.lm, pair.ids, n_tokens=N_NEW)]
    ids = pair.ids
    while len(ids) < N_TOKENS + N_NEW and (len(ids) == N_TOKENS or ids[-1] not in ends):
        ids = torch.cat([ids, pair.run(ids).logits[0, -1:].argmax(-1)])
    theirs = ids[N_TOKENS:].tolist()
    if ours == theirs:
        return
    options = {"do_sample": False, "max_new_tokens": N_NEW}
    cached = pair.theirs.generate(pair.ids[None], **options)[0, N_TOKENS:].tolist()
    if ours != cached:
        raise Wrong(f"{ours}, not {theirs}, nor with a cache {cached}")


def check_rebuild(pair):
    """Compare the logits of the rebuilt model."""
    ours = transformer.logits(transformer.extract(pair.lm), pair.ids)
    _equal(ours, pair.output.logits[0], "rebuilt logits")


CHECKS = {
    "load": check_load,
    "states": check_states,
    "attentions": check_attentions,
    "head scores": check_head_scores,
    "ablation": check_ablation,
    "lens": check_lens,
    "generation": check_generation,
    "rebuild": check_rebuild,
}
