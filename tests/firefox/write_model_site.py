"""Write a site with SmolLM2 and torch's numbers: python write_model_site.py FOLDER."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
from llama_checks import CAPITAL, CODE, STORY, numbers, write_site

import lmviz
from lmviz import prediction
from lmviz.models import _wheels
from lmviz.views import write_model_files

CASES = (
    ("The", ()),
    (CAPITAL, ()),
    (STORY, ()),
    (CODE, ()),
    ("naïve 数量 中文 👩\u200d👩\u200d👧 שלום \u202e السلام 3.14 ½", ()),
    (CAPITAL, ((0, 1), (12, 0), (12, 8), (29, 3))),
)


def main(folder):
    lm = lmviz.load("smollm2")
    folder = Path(folder)
    write_site(folder, write_model_files(_wheels.smollm2_gguf(), folder))
    cases = []
    for i, (text, off) in enumerate(CASES):
        ids = lm.encode(text).tolist()
        (folder / f"{i}.bin").write_bytes(numbers(lm, ids, off))
        cases.append({"text": text, "ids": ids, "off": off, "name": f"{i}.bin"})
    steps = prediction.generate(lm, CAPITAL, n_tokens=20)
    facts = {
        "cases": cases,
        "greedy": {"ids": cases[1]["ids"], "next": [step.id for step in steps]},
        "files": len([*folder.glob("model/*.bin")]),
    }
    (folder / "cases.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
