"""Generated models.

Random configs of all families that can be rebuilt, with random weights and a random
tokenizer of any kind: what `load`, `trace` and `lmviz tokens` give equals what
transformers gives, to the bit, or it is refused in one sentence.
"""

import collections
import tempfile
from pathlib import Path

import pytest
import tiny_families
import tokenizer_folders
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

import lmviz
from lmviz._cli import _tokens
from lmviz.models import ModelError

pytestmark = pytest.mark.long("generated")
TEXTS = st.text(tokenizer_folders.LETTERS, min_size=1, max_size=12)
ROPES = (
    {"rope_type": "default", "rope_theta": 50.0},
    {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0},
    {"rope_type": "dynamic", "rope_theta": 500.0, "factor": 2.0},
    {"rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0},
    {
        "rope_type": "llama3",
        "rope_theta": 500.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    },
)


@st.composite
def configs(draw):
    """Draw a family and some of the options of its config."""
    family = draw(st.sampled_from(sorted(tiny_families.FAMILIES)))
    known = tiny_families.FAMILIES[family]
    heads = draw(st.sampled_from([1, 2, 4, 6]))
    size = draw(st.sampled_from([4, 6, 8, 16]))
    changes = {"num_attention_heads": heads, "hidden_size": heads * size}
    if "num_key_value_heads" in known:
        divisors = [n for n in range(1, heads + 1) if heads % n == 0]
        changes["num_key_value_heads"] = draw(st.sampled_from(divisors))
    if "head_dim" in known:
        changes["head_dim"] = draw(st.sampled_from([size, 2 * size]))
    if "sliding_window" in known:
        changes["sliding_window"] = draw(st.integers(1, 9))
    if "layer_types" not in known and family not in ("gpt_neo", "smollm3"):
        changes["num_hidden_layers"] = draw(st.integers(1, 3))
    if known.get("rope_parameters") == tiny_families._ROPE["rope_parameters"]:
        changes["rope_parameters"] = draw(st.sampled_from(ROPES))
    for name in ("tie_word_embeddings", "attention_bias", "mlp_bias"):
        if draw(st.booleans()):
            changes[name] = draw(st.booleans())
    return family, changes


def theirs(folder, ids):
    """Return what transformers computes, or the exception that it raises."""
    options = {"output_attentions": True, "output_hidden_states": True}
    try:
        module = AutoModelForCausalLM.from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32
        )
        with torch.no_grad():
            output = module(input_ids=torch.tensor([ids]), use_cache=False, **options)
    except Exception as error:
        return error
    return output


def refusal(error):
    """Return the message of an error that is a refusal: one sentence."""
    message = str(error)
    assert "\n" not in message
    assert 20 < len(message) < 400
    return message


def compare(folder, text, seen):
    """Compare a text's tokens and its trace."""
    try:
        found = _tokens.compute(text, str(folder))
        lm = lmviz.load(folder)
        trace = lm.trace(text)
    except (ModelError, ValueError, TypeError) as error:
        seen["refused", refusal(error)[:70]] += 1
        return
    expected = AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    assert [token["id"] for token in found["tokens"]] == expected
    assert trace.ids.tolist() == expected
    assert list(trace.tokens) == [token["token"] for token in found["tokens"]]
    output = theirs(folder, expected)
    assert not isinstance(output, Exception), f"we compute what fails: {output!r}"
    assert torch.equal(trace.logits, output.logits[0])
    states = zip(trace.hidden_states, output.hidden_states, strict=True)
    assert all(torch.equal(ours, other[0]) for ours, other in states)
    maps = zip(trace.attention_layers, output.attentions, strict=True)
    assert all(torch.equal(trace.attention(i), other[0]) for i, other in maps)
    seen["equal", ""] += 1


@pytest.mark.parametrize("n", [30, pytest.param(1000, marks=pytest.mark.nightly)])
def test_a_generated_model_gives_the_librarys_numbers_or_a_sentence(n, tried):
    tried(n)
    seen = collections.Counter()

    @settings(
        max_examples=n,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        configs(),
        tokenizer_folders.tokenizers(),
        st.none() | tokenizer_folders.SETTINGS,
        st.sampled_from([0, 0, 0, 3, 64, -1]),
        TEXTS,
    )
    def check(chosen, tokenizer, options, room, text):
        family, changes = chosen
        size = max(tokenizer.get_vocab().values(), default=0) + 1 + room
        try:
            config = tiny_families.config(family, vocab_size=max(size, 1), **changes)
            module = tiny_families.build(config)
        except Exception:
            seen["no config", family] += 1
            return
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            tokenizer_folders.save(tokenizer, folder, options, (), family)
            module.save_pretrained(folder)
            compare(folder, text, seen)

    check()
    kinds = collections.Counter()
    for (kind, _), number in seen.items():
        kinds[kind] += number
    print(seen)
    assert kinds["equal"] > n / 4, seen
    assert kinds["no config"] < n / 4, seen
