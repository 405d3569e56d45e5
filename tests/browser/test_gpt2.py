"""The toy in the page equals torch, and its language equals the grammar."""

import copy
import itertools
import json
import random
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import lmviz
from lmviz import attention, prediction, transformer
from lmviz.toy import WEIGHTS, grammar, language
from lmviz.views import explorer
from lmviz.views._bundle import STATIC


@pytest.fixture(scope="module")
def toy():
    return lmviz.load("toy")


@pytest.fixture
def site(tmp_path):
    """Return a folder with the scripts, the weights and an empty page."""
    folder = tmp_path / "site"
    shutil.copytree(STATIC, folder)
    shutil.copy(WEIGHTS / "model.safetensors", folder)
    shutil.copy(WEIGHTS / "config.json", folder)
    icon = '<link rel="icon" href="data:,">'
    (folder / "index.html").write_text(f"<!DOCTYPE html><title>x</title>{icon}")
    return folder


@pytest.fixture
def page(site, open_page, serve):
    return open_page(url=f"{serve(site)}/index.html")


def told(n):
    return list(itertools.islice(language.stories("browser"), n))


RUN = """async ({texts, off}) => {
    const { Model } = await import("./gpt2.js");
    const get = async (name) => (await fetch(name)).arrayBuffer();
    const config = await (await fetch("config.json")).json();
    const model = new Model(await get("model.safetensors"), config);
    const wanted = new Float32Array(await get("wanted.bin"));
    let at = 0, most = 0, seen = 0;
    for (const ids of texts) {
        for (const row of model.forward(ids, {ablate: off}).logits) {
            for (const x of row) {
                const far = Math.abs(x - wanted[at++]);
                most = far <= most ? most : far;  // NaN is kept
                seen += 1;
            }
        }
    }
    return {most, seen, wanted: wanted.length};
}"""


def compare(page, site, toy, texts, off=()):
    # Without some heads, rounding to 32 bits alone moves torch's logits by 2e-4.
    module = copy.deepcopy(toy.module).double() if len(off) > 1 else toy.module
    lm = lmviz.LanguageModel.from_module(module, toy.tokenizer)
    with torch.no_grad(), attention.ablate_heads(lm, off):
        rows = [module(torch.tensor([ids])).logits[0] for ids in texts]
    wanted = torch.cat(rows).numpy().astype("<f4")
    (site / "wanted.bin").write_bytes(wanted.tobytes())
    found = page.evaluate(RUN, {"texts": texts, "off": [list(head) for head in off]})
    assert found["seen"] == found["wanted"] == wanted.size
    assert found["most"] <= 1e-4


def test_the_logits_equal_torch(page, site, toy):
    texts = [toy.encode(" ".join(story.words[1:])).tolist() for story in told(500)]
    compare(page, site, toy, texts)


@pytest.mark.parametrize("off", [[(0, 3)], [(1, 2)], [(2, 0), (0, 1), (2, 3)]])
def test_ablated_logits_equal_torch(page, site, toy, off):
    texts = [toy.encode(" ".join(story.words[1:])).tolist() for story in told(20)]
    compare(page, site, toy, texts, off)


def test_words_in_any_order_and_number_equal_torch(page, site, toy):
    source = random.Random(0)
    size = toy.card.vocabulary
    texts = [[source.randrange(size) for _ in range(n)] for n in (1, 2, 33, 64)]
    compare(page, site, toy, texts)


def test_everything_the_page_computes_equals_torch(page, toy):
    text = "Anna has a red ball . Tom has a blue kite . now it is"
    # In 32 bits, torch rounds a residual of 457 by 3e-4.
    toy = lmviz.LanguageModel.from_module(
        copy.deepcopy(toy.module).double(), toy.tokenizer
    )
    trace = toy.trace(text)
    module = toy.module.transformer
    ids = trace.ids
    found = page.evaluate(
        """async (ids) => {
            const { Model } = await import("./gpt2.js");
            const bytes = await (await fetch("model.safetensors")).arrayBuffer();
            const config = await (await fetch("config.json")).json();
            const all = new Model(bytes, config).forward(ids);
            const plain = (x) => x.length === undefined ? x : Array.from(x, plain);
            const entries = Object.entries(all).map(([k, v]) => [k, plain(v)]);
            return Object.fromEntries(entries);
        }""",
        ids.tolist(),
    )
    seen = []
    hook = module.ln_f.register_forward_pre_hook(lambda _, x: seen.append(x[0][0]))
    with torch.no_grad():
        toy.module(ids[None])
        hook.remove()
        residual = torch.stack([*trace.hidden_states[:-1], seen[0]])
        lens = prediction.logit_lens(
            trace.hidden_states,
            transformer.extract(toy).final_norm,
            transformer.extract(toy).unembedding,
        )
    wanted = {
        "tokens": module.wte.weight[ids],
        "positions": module.wpe.weight[: len(ids)],
        "residual": residual,
        "attentions": trace.attentions,
        "lens": lens,
        "logits": trace.logits,
    }
    found.pop("outputs")  # those of heads, from which the view computes what it tests
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(
            np.array(found[name]), values.detach().numpy(), 0, 1e-4, err_msg=name
        )


def test_every_half_and_every_float_is_read(page, site):
    halves = torch.arange(65536, dtype=torch.int32).to(torch.uint16).view(torch.float16)
    floats = torch.randn(3, 5)
    save_file({"halves": halves, "floats": floats}, site / "numbers.safetensors")
    found = page.evaluate(
        """async () => {
            const { readTensors } = await import("./gpt2.js");
            const bytes = await (await fetch("numbers.safetensors")).arrayBuffer();
            const { halves, floats } = readTensors(bytes);
            return [Array.from(halves), floats.map((row) => Array.from(row))];
        }"""
    )
    np.testing.assert_array_equal(np.array(found[0], float), halves.float().numpy())
    np.testing.assert_array_equal(np.array(found[1]), floats.numpy())


def test_tensors_of_another_type_are_errors(page, site):
    save_file({"whole": torch.ones(2, dtype=torch.int64)}, site / "numbers.safetensors")
    found = page.evaluate(
        """async () => {
            const { readTensors } = await import("./gpt2.js");
            const bytes = await (await fetch("numbers.safetensors")).arrayBuffer();
            try { readTensors(bytes); } catch (error) { return error.message; }
        }"""
    )
    assert found == "whole must be F16 or F32, got I64"


READ = """async ({lists, texts}) => {
    const { Language } = await import("./language.js");
    const language = new Language(lists);
    return texts.map((words) => {
        const { probs, kind, wrong } = language.nextToken(words);
        return [probs && [...probs], kind, wrong];
    });
}"""


def read(page, texts):
    lists = json.loads(json.dumps(explorer(embed=False).data["language"]))
    return page.evaluate(READ, {"lists": lists, "texts": texts})


def test_the_probs_equal_the_grammar_at_every_prefix(page):
    stories = told(100)
    assert {kind for story in stories for kind in story.kinds} >= set(grammar.KINDS)
    texts = [s.words[: n + 1] for s in stories for n in range(len(s.words))]
    for words, (probs, kind, wrong) in zip(texts, read(page, texts), strict=True):
        wanted = language.next_word_probs(words)
        assert wrong is None
        assert probs == [list(pair) for pair in wanted.items()]
        choices = language.parse(words)
        assert kind == (choices[-1].kind if wanted else None)


def test_an_invalid_word_is_found_at_the_position_that_the_grammar_gives(page):
    source = random.Random(1)
    texts = [["Anna"], ["<story>", "<story>"]]
    for story in told(100):
        words = list(story.words)
        words[source.randrange(len(words))] = source.choice(grammar.WORDS)
        texts += [words, [*story.words, source.choice(grammar.WORDS)]]
    for words, (probs, kind, wrong) in zip(texts, read(page, texts), strict=True):
        try:
            language.parse(words)
        except ValueError as error:
            place = 0 if words[0] != "<story>" else int(str(error).split()[1])
            assert (probs, kind, wrong) == (None, None, place)
        else:
            assert wrong is None
    assert read(page, [[]])[0] == [[["<story>", 1]], None, None]
