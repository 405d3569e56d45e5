"""Models with more embeddings than tokens, as most have: a stand-in names the rest.

QwenLM/Qwen3#29 (151,936 rows for 151,669 tokens), EleutherAI/pythia#68 and
meta-llama/llama3#276.
"""

import matplotlib.pyplot as plt
import pytest
import tokenizer_folders
import torch
from tiny_families import build, config
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

from lmviz import corpus, plots, prediction, views
from lmviz.models import LanguageModel

ROWS, WORDS = 12, ["[UNK]", "the", "dog", "barks", "<pad>"]


@pytest.fixture(scope="module")
def tokenizer():
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


@pytest.fixture(scope="module")
def lm(tokenizer):
    module = build(config("llama", vocab_size=ROWS))
    return LanguageModel.from_module(module, tokenizer)


def test_every_row_has_a_name(lm):
    names = [*WORDS, *(f"<id {i}>" for i in range(len(WORDS), ROWS))]
    assert lm.tokens(range(ROWS)) == names
    with pytest.raises(ValueError, match="id 12 is not in the vocabulary of 5 tokens"):
        lm.tokens([ROWS])


@pytest.mark.parametrize(
    ("rows", "n_words"),
    [
        (151_936, 151_665),  # Qwen2.5: ai4sd/number-token-loss#19
        (262_208, 262_145),  # Gemma 3: unslothai/unsloth-zoo#923
        (32_128, 32_100),  # T5's vocabulary: huggingface/transformers#4875
    ],
)
def test_each_logit_of_a_padded_vocabulary_has_a_name(rows, n_words):
    words = {f"w{i}": i for i in range(n_words)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    lm = LanguageModel.from_module(build(config("llama", vocab_size=rows)), tokenizer)
    trace = lm.trace([1, n_words - 1, n_words, rows - 1])
    last = f"w{n_words - 1}", f"<id {n_words}>", f"<id {rows - 1}>"
    assert trace.tokens == ("w1", *last)
    assert trace.logits.shape == (4, rows)
    names = lm.tokens(range(rows))
    assert len(names) == len(set(names)) == rows


def test_ids_without_a_token_are_traced_decoded_and_generated(lm):
    assert lm.trace([1, 9, 2]).tokens == ("the", "<id 9>", "dog")
    assert lm.decode([1, 9, 10, 2]) == "the<id 9><id 10>dog"
    assert lm.decode(9) == "<id 9>"
    biased = torch.zeros(ROWS)
    biased[9] = 1e4
    with lm.module.lm_head.register_forward_hook(lambda *a: a[2] + biased):
        assert lm.generate("the dog", n_tokens=2) == "<id 9><id 9>"


def test_views_and_plots_show_them(lm, tokenizer):
    trace = lm.trace("the dog barks")
    steps = trace.logits.expand(2, -1, -1)
    shown = {"tokens": trace.tokens, "vocabulary": lm.tokens}
    pages = (
        views.prediction(trace.logits, **shown),
        views.lens(steps, trace.ids, **shown),
        views.surprisal(trace.logits, trace.ids, **shown),
        views.embeddings(lm.module.get_input_embeddings().weight, lm.tokens(range(12))),
    )
    for page in pages:
        assert "id 11" in page._repr_html_()
    ax = plots.token_bars(lm.tokens(range(ROWS)), [1 / ROWS] * ROWS, title="")
    assert "<id 11>" in [label.get_text() for label in ax.get_yticklabels()]
    plt.close("all")


def test_views_name_what_transformers_has_no_name_for(lm, tokenizer, tmp_path):
    tokenizer_folders.save(tokenizer, tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert theirs.convert_ids_to_tokens([11]) == [None]
    trace = lm.trace("the dog")
    name = theirs.convert_ids_to_tokens
    page = views.prediction(trace.logits, trace.tokens, vocabulary=name)
    assert "id 11" in page._repr_html_()
    with pytest.raises(ValueError, match="must have length 12, got 5; .* lm.tokens"):
        views.prediction(trace.logits, trace.tokens, vocabulary=WORDS)


def test_statistics_of_a_corpus_and_the_text_need_no_name(lm):
    assert len(prediction.text_surprisal(lm, "the dog barks")) == 2
    assert corpus.surprisals(lm, ["the dog barks"], progress=False)


def test_a_word_without_a_token_is_no_token(lm):
    assert lm.encode("the cat").tolist() == [1, 0]
    assert lm.token_id("[UNK]") == 0
    with pytest.raises(ValueError, match=r"'cat' is not .* where \[UNK\] stands for"):
        lm.token_id("cat")
