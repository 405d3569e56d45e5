import json

import pytest

import lmviz


@pytest.fixture
def saved(tmp_path):
    """Save a module with GPT-2's tokenizer and some options of its config changed."""

    def save(module, name="model", **changes):
        folder = tmp_path / name
        module.save_pretrained(folder)
        lmviz.load_tokenizer("gpt2").save(str(folder / "tokenizer.json"))
        file = folder / "config.json"
        config = {**json.loads(file.read_text(encoding="utf-8")), **changes}
        file.write_text(json.dumps(config), encoding="utf-8")
        return folder

    return save
