"""Text that attacks.

Through everything that takes text: it comes back as it was, or is refused in a line.
"""

import html
import importlib
import inspect
import json
import re
import time
import unicodedata
from html.parser import HTMLParser
from xml.etree import ElementTree

import hostile
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

import lmviz
from lmviz import attention, corpus, plots, prediction, tokenization, views
from lmviz._text import bytes_of, visible
from lmviz.plots._fonts import fit
from lmviz.tokenization._coverage import encode_whole
from lmviz.toy import evaluate, language
from lmviz.views._payload import as_html

ANY = st.characters(exclude_categories=())
WHOLE = st.characters(exclude_categories=["Cs"])
ATTACKS = (*hostile.SHORT, *hostile.HALVES, *hostile.LONG)
BPE = tokenization.ByteLevelBPE.train("low lower lowest", n_merges=3)
BASIC = tokenization.BasicTokenizer.train(["low lower"])
HALF = "a lone surrogate"


def texts(characters, n=100):
    """Try n texts over some characters, and those of the list mixed in."""
    some = st.lists(
        st.text(characters, max_size=20) | st.sampled_from(hostile.SHORT), max_size=4
    )
    tries = settings(derandomize=True, max_examples=n, deadline=None, database=None)
    return lambda test: tries(given(some.map("".join))(test))


def legible_figure(text):
    """Make a figure with a text in each of its parts legible."""
    ax = plt.figure().subplots()
    ax.set(title=text, xlabel=text, ylabel=text)
    ax.set_xticks([0], [text])
    ax.text(0, 0, text)
    plots.make_legible(ax)
    plt.close(ax.figure)


def refusal(function, *arguments):
    """Call a function; return None, or its error message, one short line of ours."""
    try:
        function(*arguments)
    except (TypeError, ValueError) as error:
        said = str(error)
        assert said
        assert said.isprintable(), "one line, with nothing to run in a terminal"
        assert len(said) < 300, said[:300]
        return said


# Everything public that takes text, called with one that the attacker chose.
TAKES_TEXT = {
    "attention.head_effects": lambda t, lm: attention.head_effects(lm, t, t),
    "attention.mean_head_outputs": lambda t, lm: attention.mean_head_outputs(lm, t),
    "corpus.Batches": lambda t, lm: corpus.Batches(lm, [t], 64),
    "corpus.head_scores": lambda t, lm: corpus.head_scores(lm, [t], progress=False),
    "corpus.surprisals": lambda t, lm: corpus.surprisals(lm, [t], progress=False),
    "models.LanguageModel.encode": lambda t, lm: lm.encode(t),
    "models.LanguageModel.generate": lambda t, lm: lm.generate(t, n_tokens=1),
    "models.LanguageModel.ids": lambda t, lm: lm.ids(t),
    "models.LanguageModel.map_attentions": lambda t, lm: lm.map_attentions(t, len),
    "models.LanguageModel.pieces": lambda t, lm: list(lm.pieces(t)),
    "models.LanguageModel.token_id": lambda t, lm: lm.token_id(t),
    "models.LanguageModel.tokens": lambda t, lm: lm.tokens(t),
    "models.LanguageModel.trace": lambda t, lm: lm.trace(t, keep=[t]),
    "plots.tokenizations": lambda t, _: plots.tokenizations(t, ["toy"]),
    "models.Trace.where": lambda t, lm: lm.trace("Anna has").where(t),
    "plots.caption": lambda t, _: plots.caption(t, alt=t, figure=Figure()),
    "plots.make_legible": lambda t, _: legible_figure(t),
    "prediction.bits_per_byte": lambda t, _: prediction.bits_per_byte(torch.ones(3), t),
    "prediction.beam_search": lambda t, lm: prediction.beam_search(
        lm, t, n_tokens=1, n_beams=2
    ),
    "prediction.generate": lambda t, lm: prediction.generate(lm, t, n_tokens=1),
    "prediction.generate_steps": lambda t, lm: list(
        prediction.generate_steps(lm, t, n_tokens=1)
    ),
    "prediction.text_logit_lens": lambda t, lm: prediction.text_logit_lens(lm, t),
    "prediction.text_surprisal": lambda t, lm: prediction.text_surprisal(lm, t),
    "tokenization.BasicTokenizer": lambda t, _: tokenization.BasicTokenizer([t]),
    "tokenization.BasicTokenizer.encode": lambda t, _: BASIC.encode(t),
    "tokenization.BasicTokenizer.train": lambda t, _: BASIC.train([t]),
    "tokenization.ByteLevelBPE": lambda t, _: tokenization.ByteLevelBPE(
        {**BPE.vocabulary, t: 999}, BPE.pairs.merges, special=[t]
    ).encode(f"a{t}b"),
    "tokenization.ByteLevelBPE.encode": lambda t, _: BPE.encode(t),
    "tokenization.ByteLevelBPE.steps": lambda t, _: BPE.steps(t),
    "tokenization.ByteLevelBPE.train": lambda t, _: tokenization.ByteLevelBPE.train(
        t, n_merges=5
    ),
    "tokenization.BytePairEncoding": lambda t, _: (
        tokenization.BytePairEncoding((t,), (tokenization.Merge((t, t)),)).vocabulary
    ),
    "tokenization.BytePairEncoding.encode": lambda t, _: BPE.pairs.encode(t),
    "tokenization.BytePairEncoding.steps": lambda t, _: BPE.pairs.steps(t),
    "tokenization.Merge": lambda t, _: tokenization.Merge((t, t)).token,
    "tokenization.basic_tokenize": lambda t, _: tokenization.basic_tokenize(t),
    "tokenization.encode_whole": lambda t, lm: encode_whole(lm.tokenizer, t),
    "tokenization.encode_unigram": lambda t, _: tokenization.encode_unigram(
        t, {t: -1.0, "a": -2.0}, byte_fallback=True
    ),
    "tokenization.encode_wordpiece": lambda t, _: tokenization.encode_wordpiece(
        t, {t, "a", "##a"}, unknown=t
    ),
    "tokenization.merge_pair": lambda t, _: tokenization.merge_pair((t, t), (t, t)),
    "tokenization.naive_encode_bpe": lambda t, _: tokenization.naive_encode_bpe(t, []),
    "tokenization.naive_train_bpe": lambda t, _: tokenization.naive_train_bpe(
        {t: 1}, n_merges=5
    ),
    "tokenization.pruning_losses": lambda t, _: tokenization.pruning_losses(
        {t: 1}, {t: -1.0, "a": -2.0}
    ),
    "tokenization.readable": lambda t, _: tokenization.readable(t),
    "tokenization.segment_unigram": lambda t, _: tokenization.segment_unigram(
        t, {t: -1.0, "a": -2.0}
    ),
    "tokenization.split_words": lambda t, _: tokenization.split_words(t),
    "tokenization.to_alphabet": lambda t, _: tokenization.to_alphabet(t),
    "tokenization.train_bpe": lambda t, _: tokenization.train_bpe({t: 1}, n_merges=5),
    "tokenization.train_wordpiece": lambda t, _: tokenization.train_wordpiece(
        {t: 1}, n_merges=5
    ),
    "tokenization.wordpiece_scores": lambda t, _: tokenization.wordpiece_scores(
        {t: [t, t]}, {t: 1}
    ),
    "toy.evaluate.pad": lambda t, _: evaluate.pad([[t]]),
    "toy.language.is_held_out": lambda t, _: language.is_held_out([t]),
    "toy.language.next_word_probs": lambda t, _: language.next_word_probs(
        ["<story>", t]
    ),
    "toy.language.parse": lambda t, _: language.parse(["<story>", t]),
    "toy.language.stories": lambda t, _: next(language.stories(t)),
}
N = 3
LOGITS = np.random.default_rng(0).normal(size=(2, N, N))
EYE = np.eye(N)[None, None]
VIEWS = {
    "attention": lambda t: views.attention(EYE, [t, "b", "c"], title=t),
    "continuations": lambda t: views.continuations(
        t[:2000], {(): ([t, "b"], [0.5, 0.2]), (0,): (["c", t], [0.5, 0.2])}, title=t
    ),
    "embeddings": lambda t: views.embeddings(np.eye(N), [t, "b", "c"], title=t),
    "lens": lambda t: views.lens(
        LOGITS, range(N), [t, "b", "c"], vocabulary=[t, "b", "c"], title=t
    ),
    "prediction": lambda t: views.prediction(
        LOGITS[0], [t, "b", "c"], vocabulary=[t, "b", "c"], title=t
    ),
    "merges": lambda t: views.merges({f"{t}x": 2, "b": 1}, [(f"{t}y", t[:1] or "x")]),
    "positions": lambda t: views.positions(n=4, d=2, title=t),
    "surprisal": lambda t: views.surprisal(
        LOGITS[0], range(N), [t, "b", "c"], vocabulary=[t, "b", "c"], title=t
    ),
    "tokens": lambda t: views.tokens({t: [t, "b"]}, title=t),
    "explorer": lambda t: views.explorer({t: "Anna has a"}, embed=False),
    "model": lambda t: views.model(examples={t: t}, title=t),
}
PLOTS = {
    "attention_map": lambda t: plots.attention_map(EYE[0, 0], [t, "b", "c"], title=t),
    "head_mosaic": lambda t: plots.head_mosaic(EYE, title=t),
    "heatmap": lambda t: plots.heatmap(EYE[0, 0], title=t, xlabel=t, ylabel=t, label=t),
    "token_strips": lambda t: plots.token_strips({t: [t, "b"]}, title=t, faded=[t]),
    "labelled_scatter": lambda t: plots.labelled_scatter(
        [[0, 1], [2, 3]], [t, "b"], title=t, xlabel=t, ylabel=t
    ),
    "token_bars": lambda t: plots.token_bars([t, "b"], [0.5, 0.2], title=t),
    "shared_colorbar": lambda t: (
        plots.shared_colorbar([plots.heatmap(EYE[0, 0], title=t, colorbar=False)], t).ax
    ),
}
# They take names of models, parts or files, which the code looks up, or records of what
# is known. The attacks on those are in other rows.
NO_TEXT = {
    *("corpus.Batches.reduce", "models.LanguageModel.from_module", "models.ModelCard"),
    *("models.LocalModel", "models.Trace", "models.load", "models.load_tokenizer"),
    *("tokenization.ByteLevelBPE.from_files", "toy.evaluate.evaluate"),
    *("toy.grammar.Choice", "toy.grammar.event", "toy.grammar.one_of"),
    *("toy.grammar.phrase", "toy.grammar.pronouns", "toy.grammar.story"),
    *("toy.language.Story", "toy.language.entropy"),
    *("views.AttentionView", "views.View"),
}
ROOMS = (
    *("attention", "corpus", "embeddings", "models", "plots", "positions"),
    *("prediction", "tokenization", "toy.evaluate", "toy.grammar", "toy.history"),
    *("toy.language", "toy.train", "transformer", "views"),
)
NAMES = {"text", "texts", "word", "words", "token", "tokens", "title", "label"}
NAMES |= {"labels", "vocabulary", "rows", "stories", "prefix", "special", "character"}


def public_callables():
    """Yield all public functions, classes and methods, by module and name."""
    for room in ROOMS:
        module = importlib.import_module(f"lmviz.{room}")
        for name in getattr(module, "__all__", vars(module)):
            thing = getattr(module, name)
            if name[0] == "_" or not callable(thing):
                continue
            if not thing.__module__.startswith(module.__name__):
                continue
            yield f"{room}.{name}", thing
            for part in vars(thing) if inspect.isclass(thing) else ():
                if part[0] != "_" and callable(getattr(thing, part)):
                    yield f"{room}.{name}.{part}", getattr(thing, part)


def _has_text(thing):
    doc = inspect.getdoc(thing) or ""
    given = re.search(r"Parameters\n-+\n(.*?)(?:\n\n\w[\w ]*\n---|\Z)", doc, re.DOTALL)
    typed = given and re.search(r"^\S.* : .*\bstr\b", given[1], re.MULTILINE)
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return False
    return bool(typed) or bool(NAMES & set(inspect.signature(thing).parameters))


def test_every_function_that_takes_text_is_covered():
    known = set(TAKES_TEXT) | NO_TEXT
    known |= {f"plots.{name}" for name in PLOTS}
    known |= {f"views.{name}" for name in VIEWS}
    found = {name for name, thing in public_callables() if _has_text(thing)}
    assert len(found) > 40
    assert found - known == set()
    assert known - found <= set(TAKES_TEXT)


@pytest.mark.parametrize("name", TAKES_TEXT)
def test_every_function_accepts_it_or_raises_a_one_line_error(tried, toy, name):
    began = time.monotonic()
    for text in ATTACKS:
        refusal(TAKES_TEXT[name], text, toy)
    tried(len(ATTACKS))
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("model", ["toy", "smollm2"])
def test_the_error_for_a_lone_surrogate_names_its_index(request, model):
    lm = request.getfixturevalue(model)
    for half in hostile.HALVES:
        for function in (lm.encode, lm.ids, lm.trace):
            assert HALF in refusal(function, half)
        assert HALF in refusal(corpus.surprisals, lm, [half])


@pytest.mark.parametrize("name", ["gpt2", "smollm2"])
def test_decoding_restores_the_encoded_text(tried, name):
    tokenizer = lmviz.load_tokenizer(name)
    ours = tokenization.ByteLevelBPE.from_files(
        *lmviz.models._wheels.gpt2_tokenizer_files()
    )

    def check(text):
        ids = tokenizer.encode(text).ids
        if refusal(encode_whole, tokenizer, text):  # rightly
            assert tokenizer.decode(ids, skip_special_tokens=False) != text
            return
        assert tokenizer.decode(ids, skip_special_tokens=False) == text
        if name == "gpt2":
            assert ours.decode(ours.encode(text)) == text
        # Every byte can be read off the displayed tokens.
        shown = tokenization.readable_tokens(tokenizer, ids)
        assert all(token.isprintable() for token in shown)
        if not set(text) & set("␣↵⇥⟨⟩"):
            assert b"".join(map(bytes_of, shown)) == text.encode()

    for text in (*hostile.SHORT, *hostile.LONG):
        check(text)
    texts(WHOLE)(check)()
    tried(100 + len(hostile.SHORT) + len(hostile.LONG))


ONE_FOR_EACH_CHANGE, *AT_NIGHT = "ab", "x", "dwtgmqe", "é", "🦜", "\u0301", "-"


@pytest.mark.parametrize(
    "letters",
    [
        ONE_FOR_EACH_CHANGE,
        *(pytest.param(letters, marks=pytest.mark.nightly) for letters in AT_NIGHT),
    ],
)
def test_a_word_of_100_000_letters_is_split_as_tokenizers_splits_it(letters):
    ours = tokenization.ByteLevelBPE.from_files(
        *lmviz.models._wheels.gpt2_tokenizer_files()
    )
    rng = np.random.default_rng(0)
    word = "".join(rng.choice([*letters], 100_000))
    began = time.monotonic()
    ids = ours.encode(word)
    assert time.monotonic() - began < 10
    assert ids == lmviz.load_tokenizer("gpt2").encode(word).ids


def test_a_long_word_is_split_as_its_steps_say():
    gpt2 = tokenization.ByteLevelBPE.from_files(
        *lmviz.models._wheels.gpt2_tokenizer_files()
    )

    def check(text):
        for pairs in (BPE.pairs, gpt2.pairs):
            word = tokenization.to_alphabet(text)[:1000]
            assert pairs.encode(word) == pairs.steps(word)[-1]

    texts(WHOLE)(check)()
    assert "at most 1,000 characters" in refusal(gpt2.steps, "x" * 1001)


@pytest.mark.parametrize(
    "n_letters", [10_000, pytest.param(100_000, marks=pytest.mark.nightly)]
)
def test_training_on_one_long_word_terminates(n_letters):
    rng = np.random.default_rng(0)
    word = "".join(rng.choice([*"abcdefgh"], n_letters))
    began = time.monotonic()
    bpe = tokenization.ByteLevelBPE.train(word, n_merges=50)
    assert time.monotonic() - began < 20
    assert bpe.decode(bpe.encode(word)) == word


def test_a_vocabulary_outside_the_byte_alphabet_is_an_error():
    for token in ("猫", "a b", "\n", "\ud800"):
        vocabulary = {**BPE.vocabulary, token: 999}
        said = refusal(tokenization.ByteLevelBPE, vocabulary, ())
        assert "is not spelled in the byte alphabet" in said
    with pytest.raises(ValueError, match="must not contain an empty token"):
        tokenization.ByteLevelBPE({**BPE.vocabulary, "": 9}, (), special=[""])


def test_the_basic_tokenizer_loses_only_spaces_and_capitals(tried):
    def check(text):
        if text.strip():
            words = tokenization.basic_tokenize(text)
            assert "".join(words) == re.sub(r"\s", "", text.lower())

    texts(WHOLE)(check)()
    tried(100)


def test_texts_in_figures_can_be_restored(tried):
    def check(text):
        text = text.replace("\n", " ")  # lines are cut
        (written,), _ = fit([text], longest=10**6)
        hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert not {unicodedata.category(c) for c in written.replace("\n", "")} & hidden
        back = re.sub(r"⟨U\+(\w+)⟩", lambda code: chr(int(code[1], 16)), written)
        assert back == text

    texts(ANY, 60)(check)()
    tried(60)


@pytest.mark.parametrize("name", PLOTS)
def test_a_figure_shows_it_literally(tried, caplog, name):
    # Not all texts: a drawing for each would take a minute.
    for text in (*hostile.SHORT, *hostile.HALVES, hostile.LONG[0], hostile.LONG[3]):
        ax = PLOTS[name](text)
        ax.figure.draw_without_rendering()  # warnings are errors here
        drawn = ax.figure.findobj(plt.Text)
        (written,), _ = fit([text], longest=30)
        start = written.removesuffix("…").rstrip("\n")
        assert any(label.get_text().startswith(start) for label in drawn), text[:60]
        assert not [
            label
            for label in drawn
            if "$" in label.get_text() and label.get_parse_math()
        ]
        plt.close("all")
    assert not caplog.records
    tried(len(hostile.SHORT) + 5)


@pytest.mark.parametrize(
    "draw",
    [
        lambda n: plots.attention_map(np.ones((1, n)) / n, ["x"] * n),
        lambda n: plots.token_strips({"a": ["x"] * n}, title=""),
        lambda n: plots.token_bars(["x"] * n, [1 / n] * n, title=""),
        lambda n: plots.labelled_scatter(
            np.zeros((n, 2)), ["x"] * n, title="", xlabel="", ylabel=""
        ),
        lambda n: views.attention(np.ones((1, 1, 1, n)) / n, ["x"] * n),
        lambda n: views.continuations("x" * n, {(): (["a"], [1])}),
        lambda n: views.continuations("", {(): (["x"] * n, [1 / n] * n)}),
        lambda n: views.embeddings(np.ones((n, 2)), ["x"] * n),
        lambda n: views.lens(np.ones((1, n, 1)), [0] * n, ["x"] * n, vocabulary=["x"]),
        lambda n: views.prediction(np.ones((n, 1)), ["x"] * n, vocabulary=["x"]),
        lambda n: views.merges({"x" * n: 1}, []),
        lambda n: views.surprisal(np.ones((n, 1)), [0] * n, ["x"] * n, vocabulary="x"),
        lambda n: views.tokens({"a": ["x"] * n}),
    ],
)
def test_100_000_tokens_are_too_many_and_the_error_names_the_limit(draw):
    began = time.monotonic()
    said = refusal(draw, 100_000)
    assert re.search(r"at most [\d,]+ \w+, got 100,?000;", said)
    assert time.monotonic() - began < 5
    plt.close("all")


class Shape(HTMLParser):
    """The elements of a page, the attributes that could run, and its data."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.runs, self.data, self.inside = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = dict(attrs).get("type") or tag
        self.runs += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        if self.inside == "application/json":
            self.data.append(data)


def strings_in(data):
    """Yield every string in some JSON, including keys."""
    if isinstance(data, dict):
        data = [*data, *data.values()]
    if isinstance(data, list):
        return {string for part in data for string in strings_in(part)}
    return {data} if isinstance(data, str) else set()


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_the_same_elements_whatever_the_text(tried, tmp_path, name):
    wanted = Shape(VIEWS[name]("a")._repr_html_())
    for text in (*hostile.SHORT, *hostile.LONG, *hostile.HALVES):
        if name == "tokens" and text in hostile.HALVES:  # it shows bytes, and has none
            assert HALF in refusal(VIEWS[name], text)
            continue
        if name == "merges" and len(text) > 2000:
            assert "at most 2,000 characters" in refusal(VIEWS[name], text)
            continue
        view = VIEWS[name](text)
        written = view._repr_html_()
        got = Shape(written)
        assert got.tags == wanted.tags
        assert got.runs == []
        if name not in ("model", "positions"):  # these show no words of it
            kept = strings_in(json.loads(got.data[0]))
            assert any(text in string for string in kept)
        view.save(tmp_path / "page.html")
        saved = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert saved.endswith("</html>\n")
        if name != "explorer":  # its title is its own
            assert html.escape(visible(text)) in saved
    tried(len(ATTACKS))


def test_html_of_views_has_no_invisible_characters(tried):
    def check(text):
        shown = html.unescape(as_html(text)).removeprefix("\u2068")[:-1]
        hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert not {unicodedata.category(c) for c in shown} & hidden
        assert "<" not in as_html(text)

    texts(ANY)(check)()
    tried(100)


def test_a_drawing_of_a_head_is_valid_xml_whatever_the_text(tried):
    for text in (*hostile.SHORT, *hostile.HALVES):
        svg = VIEWS["attention"](text).to_svg(0, 0)
        ElementTree.fromstring(svg)
    tried(len(hostile.SHORT) + 3)
