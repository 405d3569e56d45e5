"""Write a site with SmolLM2 and torch's numbers: python write_model_site.py FOLDER."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
from llama_checks import (
    CAPITAL,
    CODE,
    LOGITS,
    STORY,
    WEIGHTS,
    cases,
    in_double_precision,
    numbers,
    rounding,
    write_site,
)

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

N_TEXTS = 50


def main(folder):
    lm = lmviz.load("smollm2")
    folder = Path(folder)
    write_site(folder, write_model_files(_wheels.smollm2_gguf(), folder))
    asked = []

    def add(ids, model, limits, off=(), **more):
        name = f"{len(asked)}.bin"
        (folder / name).write_bytes(numbers(model, ids, off))
        asked.append({"ids": ids, "off": off, "name": name, "limits": limits, **more})

    for text, off in CASES:
        add(lm.encode(text).tolist(), lm, (LOGITS, 2 * WEIGHTS), off, text=text)
    # As in tests/browser/test_llama.py: where rounding alone moves torch's numbers
    # further, twice as far from double precision.
    exact = in_double_precision(lm)
    for _, ids in cases(lm, N_TEXTS):
        moved = rounding(lm, exact, ids)
        limits = [max(LOGITS, 2 * moved[0]), max(2 * WEIGHTS, 2 * moved[1])]
        add(ids, exact, limits)
    steps = prediction.generate(lm, CAPITAL, n_tokens=20)
    facts = {
        "cases": asked,
        "greedy": {"ids": asked[1]["ids"], "next": [step.id for step in steps]},
        "files": len([*folder.glob("model/*.bin")]),
    }
    (folder / "cases.json").write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
