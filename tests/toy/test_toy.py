"""The toy that ships with the package, and its training."""

import itertools
import json
import math

import pytest
import torch
from safetensors import safe_open

import lmviz
from lmviz import embeddings, prediction, transformer
from lmviz.toy import WEIGHTS, evaluate, grammar, history, language, train
from lmviz.toy.__main__ import main


@pytest.fixture(
    scope="module", params=[300, pytest.param(2000, marks=pytest.mark.nightly)]
)
def result(request, toy):
    return evaluate.evaluate(toy, n_stories=request.param)


def test_the_toy_is_as_accurate_as_its_page_states(result):
    assert result["kl"] <= 0.02
    assert result["agreement"] >= 0.999
    for kind in ("reference", "recall", "owner", "position", "song"):
        assert result[kind] >= 0.99, kind


def test_the_toy_is_small_and_has_a_card(toy):
    size = sum(path.stat().st_size for path in WEIGHTS.iterdir())
    assert size <= 2_000_000
    assert toy.card.parameters <= 1_000_000
    assert toy.card.positions == "learned"
    assert toy.card.vocabulary == len(grammar.WORDS)


def test_the_tokenizer_has_the_vocabulary_of_the_grammar(toy):
    story = next(language.stories(5))
    text = " ".join(story.words[1:-1])
    ids = toy.encode(text)
    assert ids.tolist() == [evaluate.IDS[word] for word in story.words[:-1]]
    assert toy.tokenizer.decode(ids.tolist()) == text
    assert toy.tokens(ids[:2]) == ["<story>", story.words[1]]


def test_the_toy_answers_questions(toy):
    facts = "Anna has a red ball . Tom has a blue kite ."
    chase = "the dog saw the cup because it was {0} . the {0} one was the"
    for beginning, answer in (
        (chase.format("new"), "cup ."),
        (chase.format("hungry"), "dog ."),
        ("Anna still has her", "red ball ."),
        ("Tom still has his", "blue kite ."),
        ("the kite", "Tom has is blue ."),
    ):
        ids = toy.encode(f"{facts} {beginning}")
        steps = prediction.generate(toy, ids, n_tokens=len(answer.split()))
        assert toy.tokenizer.decode([step.id for step in steps]) == answer


def test_nearby_positions_become_similar():
    tables = history.position_tables()
    differences = {}
    for step, table in tables.items():
        rows = table[13:44] - table[:44].mean(0)
        similarity = embeddings.cosine(rows, rows)
        near, far = (
            torch.stack([similarity.diagonal(d).mean() for d in distances]).mean()
            for distances in (range(1, 5), range(16, 21))
        )
        differences[step] = float(near - far)
    first, last = min(differences), max(differences)
    assert abs(differences[first]) < 0.1
    assert differences[last] > 0.3


def test_the_weights_were_trained_with_the_current_settings_and_grammar():
    """The settings contain the corpus hash: a new grammar requires retraining."""
    with safe_open(WEIGHTS / "model.safetensors", "pt") as file:
        settings = json.loads(file.metadata()["training"])
    assert settings == json.loads(train._settings(train.STEPS))


def test_the_history_ends_with_the_trained_toy(toy):
    steps = [row["step"] for row in history.learning_curve()]
    assert (
        steps
        == sorted(train.evaluation_steps(train.STEPS))
        == list(history.position_tables())
    )
    assert torch.equal(
        history.position_tables()[train.STEPS], transformer.extract(toy).position_table
    )


def test_a_word_outside_the_vocabulary_is_an_error(toy):
    with pytest.raises(ValueError, match="'London' is not in .* of 78 words"):
        toy.trace("Anna went to London .")


def test_true_probs_cover_the_stories_and_nothing_else():
    batch = list(itertools.islice(language.stories(6), 3))
    ids, mask = evaluate.pad([story.words for story in batch])
    true = evaluate.true_probs(batch)
    assert torch.allclose(true.sum(-1)[mask], torch.ones(int(mask.sum())))
    assert true[~mask].eq(0).all()
    chosen = true.gather(-1, ids[:, 1:, None])[..., 0]
    assert chosen[mask].gt(0).all()


def test_the_divergence_of_a_uniform_model_equals_theory():
    class Uniform(torch.nn.Module):
        def forward(self, input_ids):
            from types import SimpleNamespace

            return SimpleNamespace(logits=torch.zeros(*input_ids.shape, 78))

    result = evaluate.evaluate(Uniform(), n_stories=50, batch_size=25)
    batch = list(itertools.islice(language.stories("unseen", held_out=True), 50))
    entropies = [language.entropy(probs) for story in batch for probs in story.probs]
    expected = math.log(78) - sum(entropies) / len(entropies)
    assert result["kl"] == pytest.approx(expected, abs=1e-4)
    assert result["agreement"] < 0.1


@pytest.fixture
def short(monkeypatch):
    """A training run with few steps and an even smaller model."""
    monkeypatch.setattr(train, "SIZES", {**train.SIZES, "n_layer": 1, "n_embd": 16})
    monkeypatch.setattr(train, "BATCH", 8)
    monkeypatch.setattr(train, "SAVE_EVERY", 2)
    monkeypatch.setattr(train, "WARMUP_STEPS", 5)
    monkeypatch.setattr(train, "STEPS", 6)
    monkeypatch.setitem(evaluate.evaluate.__kwdefaults__, "n_stories", 100)


def test_training_lowers_the_loss_and_records_evaluations(short, tmp_path):
    losses = []
    _, history, tables = train.train(
        tmp_path, steps=40, on_step=lambda status: losses.append(status["loss"])
    )
    assert len(losses) == 40
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    assert [row["step"] for row in history] == [0, 25, 40] == list(tables)
    assert history[-1]["kl"] < history[0]["kl"]


def test_an_interrupted_training_resumes_identically(short, tmp_path):
    whole, history, _ = train.train(tmp_path / "whole", steps=6)

    def interrupt(status):
        if status["step"] == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.train(tmp_path / "interrupted", steps=6, on_step=interrupt)
    steps = []
    for rest in ([5, 6], []):  # and again when it is finished
        steps.clear()
        again, history_again, _ = train.train(
            tmp_path / "interrupted",
            steps=6,
            on_step=lambda status: steps.append(status["step"]),
        )
        assert steps == rest
        assert history_again == history
    for ours, theirs in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_resuming_with_other_settings_is_an_error(short, tmp_path, monkeypatch):
    train.train(tmp_path, steps=2)
    monkeypatch.setattr(train, "BATCH", 9)
    with pytest.raises(
        ValueError, match="state.safetensors is the checkpoint of a run with"
    ):
        train.train(tmp_path, steps=2)


def test_exactly_the_requested_number_of_stories_is_evaluated(toy):
    def lengths(**options):
        sizes = []
        hook = toy.module.register_forward_pre_hook(
            lambda _, __, kwargs: sizes.append(len(kwargs["input_ids"])),
            with_kwargs=True,
        )
        result = evaluate.evaluate(toy, **options)
        hook.remove()
        return sizes, result

    assert lengths(n_stories=70, batch_size=30)[0] == [30, 30, 10]
    sizes, result = lengths(n_stories=1)
    assert sizes == [1]
    assert any(math.isnan(value) for value in result.values())  # not all kinds occur


def test_an_exported_toy_can_be_loaded(short, tmp_path, capsys):
    state, out = tmp_path / "state", tmp_path / "out"
    main(["--state", str(state), "--out", str(out)])
    trained = capsys.readouterr().out
    assert "KL(true || model): " in trained
    main(["--evaluate", "--out", str(out)])
    # Half precision changes the last digits.
    assert capsys.readouterr().out.splitlines()[0][:24] == trained[:24]
    lm = lmviz.load(out)
    assert lm.trace("Anna has a").tokens == ("<story>", "Anna", "has", "a")
