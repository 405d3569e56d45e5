"""What the page reads from a run of SmolLM2: lens, attribution, effects of heads."""

import pytest
import torch
from inside import in_time
from llama_checks import (
    CAPITAL,
    LOGITS,
    STORY,
    answer,
    ask,
    assert_best,
    assert_near,
    trace_without,
)

from lmviz import prediction, transformer

pytestmark = pytest.mark.long("SmolLM2 in a page")
# Three to five times what was measured on these texts.
LENS, CHANGES = 5e-4, 6e-5


def logs_of(lm, ids):
    """Return the logit lens of all states as logits, and their log-probabilities."""
    model, trace = transformer.extract(lm), lm.trace(ids)
    lens = prediction.logit_lens(
        trace.hidden_states, model.final_norm, model.unembedding
    )
    return lens, lens.log_softmax(-1)


@pytest.mark.parametrize("text", [CAPITAL, STORY])
def test_the_lens_equals_logit_lens(model_page, smollm2, text):
    ids = smollm2.encode(text).tolist()
    lens, logs = logs_of(smollm2, ids)
    n = len(ids)
    answer(model_page, "read", ids=ids)
    for q in sorted({0, 1, n // 2, n - 1}):
        words = lens[-1, q].topk(2).indices.tolist()
        states = answer(model_page, "look", q=q, words=words)["lens"]
        assert len(states) == 31
        for layer, state in enumerate(states):
            assert_best(state["best"], lens[layer, q], LENS)
            best = [each[0] for each in state["best"]]
            probs = [each[2] for each in state["best"]]
            assert_near(probs, logs[layer, q, best].exp(), 4e-5)
            assert_near(state["logs"], logs[layer, q, words], LENS)
            above = lens[layer, q] - lens[layer, q, words[0]]
            least, most = ((above > far).sum() + 1 for far in (LENS, -LENS))
            assert least <= state["rank"] <= most
            # The word itself is not above itself.
            if best[0] == words[0]:
                assert state["rank"] == 1
        assert states[-1]["rank"] == 1


def test_the_lens_of_the_whole_text_equals_that_of_each_position(model_page, smollm2):
    ids = smollm2.encode(CAPITAL).tolist()
    lens, _ = logs_of(smollm2, ids)
    answer(model_page, "read", ids=ids)
    found = answer(model_page, "lens")["rows"]
    assert len(found) == len(ids)
    for q, states in enumerate(found):
        for layer, best in enumerate(states):
            assert_best(best, lens[layer, q], LENS)


def test_surprisals_and_best_words_equal_torch(model_page, smollm2):
    ids = smollm2.encode(STORY).tolist()
    logits = smollm2.trace(ids).logits
    wanted = prediction.surprisal(logits, torch.tensor(ids))
    found = answer(model_page, "read", ids=ids)
    assert_near(found["surprisal"][1:], wanted, 8e-5)
    for best, each in zip(found["best"], logits, strict=True):
        assert_best(best, each, LOGITS)


def test_contributions_equal_logit_attribution(model_page, smollm2):
    ids = smollm2.encode(CAPITAL).tolist()
    logits = smollm2.trace(ids).logits
    answer(model_page, "read", ids=ids)
    for q in (0, 2, len(ids) - 1):
        first, second = logits[q].topk(2).indices.tolist()
        shares = transformer.logit_attribution(
            transformer.extract(smollm2),
            torch.tensor(ids),
            first,
            runner_up=second,
            position=q,
        )
        found = answer(model_page, "look", q=q, words=[first, second])["contributions"]
        parts = {"embedding": found["embedding"]}
        for layer, each in enumerate(found["layers"]):
            parts |= {f"head {layer}.{i}": x for i, x in enumerate(each["heads"])}
            parts[f"MLP {layer}"] = each["mlp"]
        assert parts.keys() == shares.keys()
        assert_near([parts[name] for name in shares], [*shares.values()], CHANGES)
        difference = float(logits[q, first] - logits[q, second])
        assert_near(sum(parts.values()), difference, CHANGES)


@pytest.mark.parametrize(("layer", "head"), [(0, 0), (23, 4), (29, 8)])
def test_a_head_writes_the_words_of_its_direct_contribution(
    model_page, smollm2, layer, head
):
    trace, model = smollm2.trace(CAPITAL), transformer.extract(smollm2)
    *_, last = transformer.stream(model, trace.ids)
    norm = model.final_norm
    answer(model_page, "read", ids=trace.ids.tolist())
    for q in (1, len(trace.ids) - 1):
        part = transformer.head_contributions(
            model.blocks[layer].attention, trace.hidden_states[layer]
        )[head, q]
        divisor = (last[q].square().mean() + norm.eps).sqrt()
        wanted = part / divisor * norm.weight @ model.unembedding.weight
        found = answer(model_page, "head", layer=layer, head=head, q=q)["writes"]
        assert len(found) == 10
        assert_best(found, wanted, 5e-6)


@pytest.mark.parametrize(("layer", "head"), [(0, 0), (23, 4), (29, 8)])
def test_scores_and_lengths_of_a_head_equal_its_queries_keys_and_values(
    model_page, smollm2, layer, head
):
    trace = smollm2.trace(CAPITAL)
    attention = transformer.extract(smollm2).blocks[layer].attention
    heads = transformer.heads(attention, trace.hidden_states[layer])
    scores = heads.query[head] @ heads.key[head].T / 64**0.5
    output = attention.output.weight.unflatten(0, (9, 64))[head]
    lengths = (heads.value[head] @ output).norm(dim=-1)
    answer(model_page, "read", ids=trace.ids.tolist())
    for q in range(len(trace.ids)):
        found = answer(model_page, "head", layer=layer, head=head, q=q)
        assert_near(found["scores"], scores[q, : q + 1], 3e-5)
        assert_near(found["lengths"], lengths[: q + 1], 2e-4)


@pytest.mark.parametrize(("layer", "head"), [(0, 0), (23, 4), (29, 8)])
def test_the_keys_of_a_head_add_up_to_its_contribution(
    model_page, smollm2, layer, head
):
    trace, model = smollm2.trace(CAPITAL), transformer.extract(smollm2)
    *_, last = transformer.stream(model, trace.ids)
    attention, norm = model.blocks[layer].attention, model.final_norm
    heads = transformer.heads(attention, trace.hidden_states[layer])
    written = heads.value[head] @ attention.output.weight.unflatten(0, (9, 64))[head]
    answer(model_page, "read", ids=trace.ids.tolist())
    for q in (0, 2, 4):
        words = trace.logits[q].topk(2).indices.tolist()
        first, second = model.unembedding.weight[:, words].T
        divisor = (last[q].square().mean() + norm.eps).sqrt()
        direction = (first - second) * norm.weight / divisor
        weights = trace.attentions[layer, head, q, : q + 1]
        question = {"q": q, "words": words}
        one = answer(model_page, "head", layer=layer, head=head, **question)
        assert_near(one["added"], weights * (written[: q + 1] @ direction), 8e-6)
        layers = answer(model_page, "look", **question)["contributions"]["layers"]
        total = layers[layer]["heads"][head]
        assert sum(one["added"]) == pytest.approx(total, abs=1e-5)
    ids, off = trace.ids.tolist(), [[layer, head]]
    answer(model_page, "read", ids=ids, off=off)
    one = answer(model_page, "head", layer=layer, head=head, off=off, **question)
    assert one["added"] == [0] * 5


def logs_without(lm, ids, words, heads):
    return trace_without(lm, ids, heads).logits[-1].log_softmax(-1)[words].tolist()


def test_effects_equal_ablate_heads(model_page, smollm2):
    ids = smollm2.encode(CAPITAL).tolist()
    words = [smollm2.token_id(" Paris"), smollm2.token_id(" London")]
    heads = [(0, 0), (7, 3), (16, 8), (23, 4), (29, 8)]
    start, found = ask(
        model_page, "without", {"ids": ids, "words": words, "heads": heads}
    )
    assert_near(start, logs_without(smollm2, ids, words, []), CHANGES)
    wanted = [logs_without(smollm2, ids, words, [head]) for head in heads]
    assert_near(found, wanted, CHANGES)


def test_effects_come_from_the_last_layer_until_they_are_stopped(model_page, smollm2):
    ids = smollm2.encode(CAPITAL).tolist()
    words, off = [smollm2.token_id(" Paris"), 0], [(27, 1), (29, 2)]
    answer(model_page, "read", ids=ids, off=off)
    found = model_page.evaluate(
        in_time(
            """async (question) => {
            llama.heard.length = 0;
            const effects = llama.ask("effects", question);
            const later = () => new Promise((done) => setTimeout(done));
            while (llama.heard.length < 12) await later();
            llama.ask("stop");
            return effects;
            }""",
            60,
        ),
        {"q": len(ids) - 1, "words": words, "off": off},
    )
    assert found is None
    heard = model_page.evaluate("llama.heard")
    assert len(heard) < 200
    places = [(layer, head) for layer in (29, 28) for head in range(9)]
    found = [(each["layer"], each["head"]) for each in heard[:12]]
    assert found == places[:12]
    some = (0, 4, 9)
    logs = [logs_without(smollm2, ids, words, [*off, places[i]]) for i in some]
    assert_near([heard[i]["logs"] for i in some], logs, CHANGES)


def test_a_head_is_shown_while_all_heads_are_tried(model_page, smollm2):
    ids = smollm2.encode(CAPITAL).tolist()
    q, words = len(ids) - 1, [smollm2.token_id(" Paris")]
    answer(model_page, "read", ids=ids)
    before = answer(model_page, "head", layer=23, head=4, q=q)
    found = model_page.evaluate(
        in_time(
            """async ({ q, words }) => {
            let ended = false;
            const effects = llama.ask("effects", { q, words });
            effects.then(() => (ended = true));
            llama.heard.length = 0;
            const later = () => new Promise((done) => setTimeout(done));
            while (!llama.heard.length) await later();
            const head = await llama.answer("head", { layer: 23, head: 4, q });
            const was = ended;
            while (llama.heard.length < 12) await later();
            llama.ask("stop");
            await effects;
            return [was, head, llama.heard[11].logs];
        }""",
            60,
        ),
        {"q": q, "words": words},
    )
    assert found[:2] == [False, before]
    assert_near(found[2], logs_without(smollm2, ids, words, [(28, 2)]), CHANGES)
