"""Lessons that run once for all tests."""

import json

import pytest
import run_lessons


@pytest.fixture
def run_lesson(made_once, model_named):
    """Run a lesson on a model, unless another test has, and return its result."""

    def run(path, model):
        def make(folder):
            result = run_lessons.run(path, model_named(model), folder)
            (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")

        lesson = run_lessons.name(path).replace("/", "-")
        folder = made_once(f"{lesson}-{model}", make)
        return json.loads((folder / "result.json").read_text(encoding="utf-8"))

    return run
