"""The toy that ships, and how it is made."""

import itertools
import json
import math

import pytest
import torch
from safetensors import safe_open

import lmviz
from lmviz import embeddings, prediction
from lmviz.toy import WEIGHTS, evaluate, grammar, history, language, train
from lmviz.toy.__main__ import main
from lmviz.transformer import _extract as weights


@pytest.fixture(scope="module")
def found(toy):
    return evaluate.evaluate(toy.module)


def test_the_toy_knows_what_its_page_says(found):
    assert found["kl"] <= 0.02
    assert found["agreement"] >= 0.999
    for kind in ("reference", "recall", "owner", "position", "song"):
        assert found[kind] >= 0.99, kind


def test_the_toy_is_small_and_says_what_it_is(toy):
    size = sum(path.stat().st_size for path in WEIGHTS.iterdir())
    assert size <= 2_000_000
    assert toy.card.parameters <= 1_000_000
    assert toy.card.positions == "learned"
    assert toy.card.vocabulary == len(grammar.WORDS)


def test_the_tokenizer_has_the_words_of_the_language(toy):
    story = next(language.stories(5))
    text = " ".join(story.words[1:-1])
    ids = toy.encode(text)
    assert ids.tolist() == [evaluate.IDS[word] for word in story.words[:-1]]
    assert toy.tokenizer.decode(ids.tolist()) == text
    assert toy.tokens(ids[:2]) == ["<story>", story.words[1]]


def test_the_toy_answers_in_its_own_words(toy):
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
        steps = prediction.generate(toy.module, ids, n_tokens=len(answer.split()))
        assert toy.tokenizer.decode([step.id for step in steps]) == answer


def test_positions_close_by_have_become_alike():
    tables = history.positions()
    found = {}
    for step, table in tables.items():
        rows = table[13:44] - table[:44].mean(0)
        similarity = embeddings.cosine(rows, rows)
        near, far = (
            torch.stack([similarity.diagonal(d).mean() for d in distances]).mean()
            for distances in (range(1, 5), range(16, 21))
        )
        found[step] = float(near - far)
    first, last = min(found), max(found)
    assert abs(found[first]) < 0.1
    assert found[last] > 0.3


def test_the_weights_come_from_the_settings_and_the_stories_of_today():
    """The corpus hash stands in the settings: a changed grammar asks for a training."""
    with safe_open(WEIGHTS / "model.safetensors", "pt") as file:
        told = json.loads(file.metadata()["training"])
    assert told["corpus"] == train.corpus_hash()
    assert told["steps"] == train.STEPS
    assert told["sizes"] == train.SIZES
    assert told["learning_rates"] == train.LEARNING_RATES


def test_the_history_ends_with_what_the_toy_can_do(toy):
    steps = [look["step"] for look in history.curve()]
    assert steps == sorted(train.looks(train.STEPS)) == list(history.positions())
    assert torch.equal(
        history.positions()[train.STEPS], weights.position_table(toy.module)
    )


def test_a_word_that_the_toy_does_not_know_is_refused(toy):
    with pytest.raises(ValueError, match=r"knows 78 words, and 'London' is none"):
        toy.trace("Anna went to London .")


def test_the_truth_is_where_the_stories_are():
    told = list(itertools.islice(language.stories(6), 3))
    ids, mask = evaluate.pad([story.words for story in told])
    true = evaluate.truth(told)
    assert torch.allclose(true.sum(-1)[mask], torch.ones(int(mask.sum())))
    assert true[~mask].eq(0).all()
    chosen = true.gather(-1, ids[:, 1:, None])[..., 0]
    assert chosen[mask].gt(0).all()


def test_a_model_that_knows_nothing_is_measured_as_such():
    class Even(torch.nn.Module):
        def forward(self, input_ids):
            from types import SimpleNamespace

            return SimpleNamespace(logits=torch.zeros(*input_ids.shape, 78))

    found = evaluate.evaluate(Even(), n_stories=50, size=25)
    told = list(itertools.islice(language.stories("unseen", unseen=True), 50))
    chances = [chances for story in told for chances in story.chances]
    floor = sum(map(language.entropy, chances)) / len(chances)
    expected = float(torch.tensor(78.0).log()) - floor
    assert found["kl"] == pytest.approx(expected, abs=1e-4)
    assert found["agreement"] < 0.1


@pytest.fixture
def short(monkeypatch):
    """A training of a few steps, of a model that is smaller still."""
    monkeypatch.setattr(train, "SIZES", {**train.SIZES, "n_layer": 1, "n_embd": 16})
    monkeypatch.setattr(train, "BATCH", 8)
    monkeypatch.setattr(train, "SAVE_EVERY", 2)
    monkeypatch.setattr(train, "WARM_UP", 5)
    monkeypatch.setattr(train, "STEPS", 6)


def test_training_lowers_the_loss_and_keeps_what_it_looked_at(short, tmp_path):
    losses = []
    _, history, tables = train.train(
        tmp_path, steps=40, watch=lambda found: losses.append(found["loss"])
    )
    assert len(losses) == 40
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])
    assert [found["step"] for found in history] == [0, 25, 40] == list(tables)
    assert history[-1]["kl"] < history[0]["kl"]


def test_a_killed_training_goes_on_as_if_nothing_had_been(short, tmp_path):
    whole, history, _ = train.train(tmp_path / "whole", steps=6)

    def kill(found):
        if found["step"] == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.train(tmp_path / "killed", steps=6, watch=kill)
    steps = []
    for rest in ([5, 6], []):  # and once more, when all is done
        steps.clear()
        again, history_again, _ = train.train(
            tmp_path / "killed",
            steps=6,
            watch=lambda found: steps.append(found["step"]),
        )
        assert steps == rest
        assert history_again == history
    for ours, theirs in zip(again.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_state_of_other_settings_is_not_gone_on_from(short, tmp_path, monkeypatch):
    train.train(tmp_path, steps=2)
    monkeypatch.setattr(train, "BATCH", 9)
    with pytest.raises(ValueError, match="state.safetensors is of a training with"):
        train.train(tmp_path, steps=2)


def test_no_more_stories_are_measured_than_were_asked_for(toy):
    def lengths(**options):
        seen = []
        hook = toy.module.register_forward_pre_hook(
            lambda _, __, given: seen.append(len(given["input_ids"])), with_kwargs=True
        )
        found = evaluate.evaluate(toy.module, **options)
        hook.remove()
        return seen, found

    assert lengths(n_stories=70, size=30)[0] == [30, 30, 10]
    seen, found = lengths(n_stories=1)
    assert seen == [1]
    assert any(math.isnan(share) for share in found.values())  # five kinds in one story


def test_what_is_exported_loads_as_the_toy(short, tmp_path, capsys):
    state, out = tmp_path / "state", tmp_path / "out"
    main(["--state", str(state), "--out", str(out)])
    trained = capsys.readouterr().out
    assert "KL(true || model): " in trained
    main(["--evaluate", "--out", str(out)])
    # Half precision moves the last digits.
    assert capsys.readouterr().out.splitlines()[0][:24] == trained[:24]
    lm = lmviz.load(out)
    assert lm.trace("Anna has a").tokens == ("<story>", "Anna", "has", "a")
