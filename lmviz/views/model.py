"""Inside the model: a language model that runs in the page, on any text.

SmolLM2 runs in a worker (``static/worker.js``, ``static/llama.c``) on the files that
`write_model_files` writes; the toy runs in the page itself (``static/gpt2.js``).
"""

from __future__ import annotations

import json
import os
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._validation import float_array, strings
from ..models._wheels import SMOLLM2_SHA256
from ..toy import WEIGHTS, grammar
from ._model_tour import TOUR
from ._payload import (
    check_mapping,
    check_rows,
    check_texts,
    vocabulary_ids,
    vocabulary_names,
)
from ._static import Lines, Table, count
from ._view import LINKED, View
from .explorer import SITE, STORIES, language_data

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._types import ArrayLike, PathLike, Vocabulary
    from ..models import Trace

# Set by a site that serves the book's model: the folder with its files, and their URL
# if that is elsewhere.
FOLDER, URL = "LMVIZ_MODEL_FOLDER", "LMVIZ_MODEL_URL"
LONGEST, BEST, KEPT = 128, 10, 50
INDEX = {"release", "name", "ends", "context", "config", "tokenizer", "files"}
# The book's model, whose heads the tour names.
BOOK = SMOLLM2_SHA256[:12]
EXAMPLES = {
    "A capital": "The capital of France is",
    "A repetition": "The cat sat on the mat. The dog ran home. The cat sat on the",
    "A pronoun": "The trophy doesn't fit in the suitcase because the suitcase is too",
    "A list": "red, green, blue, red, green,",
    "Code": "def add(a, b):\n    return a +",
}


def model(
    folder: PathLike | None = None,
    *,
    trace: Trace | None = None,
    lens: ArrayLike | None = None,
    shares: Mapping[str, float] | None = None,
    vocabulary: Vocabulary | None = None,
    url: str | None = None,
    examples: Mapping[str, str] = EXAMPLES,
    title: str = "Inside the model",
) -> View:
    """Show everything inside a model that runs in the page, on any text.

    Parameters
    ----------
    folder : path-like, optional
        What `write_model_files` returned. Default: the book's model on its site, and
        elsewhere the toy alone. The tour is only of the book's model.
    trace : lmviz.Trace, optional
        Of the first example: what is shown until a reader loads the model.
    lens : array-like, shape (L + 1, T, V), optional
        Its `lmviz.prediction.logit_lens`; required with ``trace``.
    shares : mapping of str to float, optional
        Its `lmviz.transformer.logit_attribution`, of the most likely token and the
        runner-up after the last one.
    vocabulary : sequence of V str, or callable
        The names of all ids, required with ``trace``; a callable takes an array of ids
        and returns as many strings.
    url : str, optional
        Where the files are, relative to the page, or to the root of the site on a page
        that Sphinx has built; or on another host. Default: ``_static/smollm2/`` and the
        name of the folder.
    examples : mapping of str to str
        Texts to choose from. The first is shown initially.
    title : str

    Returns
    -------
    View

    Examples
    --------
    >>> view = model()
    >>> [each["title"] for each in view.data["models"]]
    ['toy']
    """
    if folder is None:
        folder, url = os.environ.get(FOLDER), url or os.environ.get(URL)
    examples = _validate(examples, url)
    text = next(iter(examples.values()))
    stored = None
    if trace is not None:
        stored = _store(text, trace, lens, shares, vocabulary)
    data = _encode(folder, url, examples, stored)
    return View("model", title, data, _fallback(stored or {"text": text}))


def _validate(examples, url):
    if url is not None and not isinstance(url, str):
        raise TypeError(f"`url` must be a str, got {type(url).__name__}")
    check_texts(examples, "examples")
    return dict(examples)


def _encode(folder, url, examples, stored):
    """Gather the facts of each model that runs in the page.

    Returns
    -------
    dict
        ``models``: of each its ``kind``, which names the script that runs it, and what
        that needs: for one of a folder the ``index`` of its ``files`` and what is
        ``stored`` of the first example; for the toy its words, its grammar and its
        weights. ``tour``: its steps; none for a model other than the book's.
    """
    models = [_toy()]
    if folder:
        models.insert(0, _model_of(_index(folder), url, examples, stored))
    is_book = models[0]["id"] == "smollm2"
    return {"models": models, "tour": TOUR if is_book else []}


def _model_of(index, url, examples, stored):
    release, is_book = index["release"], index["release"] == BOOK
    return {
        "kind": "llama",
        "id": "smollm2" if is_book else release,
        "title": "SmolLM2" if is_book else index["name"][:40],
        "index": index,
        "files": url or f"_static/smollm2/{release}/",
        "stored": stored,
        "longest": min(LONGEST, index["context"]),
        "ends": index["ends"],
        "start": [23, 4] if is_book else [index["config"]["layers"] // 2, 0],
        "examples": examples,
    }


def _index(folder):
    try:
        index = json.loads(Path(folder, "index.json").read_text("utf-8"))
        if isinstance(index, dict) and index.keys() >= INDEX:
            return index
    except (OSError, ValueError):
        pass
    raise ValueError(
        f"`folder` must be one that `write_model_files` returned, got {str(folder)!r}"
    )


def _toy():
    config = json.loads((WEIGHTS / "config.json").read_text("utf-8"))
    weights = (WEIGHTS / "model.safetensors").read_bytes()
    return {
        "kind": "gpt2",
        "id": "toy",
        "title": "toy",
        "language": language_data(),
        "words": list(grammar.WORDS),
        "config": {k: config[k] for k in ("n_layer", "n_head", "layer_norm_epsilon")},
        "weights": None if os.environ.get(LINKED) else np.frombuffer(weights, np.uint8),
        "weights_url": SITE,
        "longest": grammar.CONTEXT,
        "ends": [],
        "start": [2, 0],
        "examples": STORIES,
    }


def _store(text, trace, lens, shares, vocabulary):
    """Keep of a trace what the page shows before the model is there."""
    if not all(hasattr(trace, name) for name in ("ids", "tokens", "attentions")):
        raise TypeError(
            f"`trace` must be what `trace` of a model returns, got {trace!r:.60}"
        )
    for name, value in (("lens", lens), ("vocabulary", vocabulary)):
        if value is None:
            raise TypeError(f"`{name}` must be given with `trace`, got None")
    n = len(float_array(trace.ids, "trace.ids", ("T",)))
    maps = float_array(trace.attentions, "trace.attentions", ("L", "H", n, n))
    lens = float_array(lens, "lens", (len(maps) + 1, n, "V"))
    check_rows(lens.reshape(-1, lens.shape[-1]))
    size = lens.shape[-1]
    ids = vocabulary_ids(trace.ids, n, size)
    tokens = strings(trace.tokens, "trace.tokens", n)
    rows = np.concatenate([maps[:, :, q, : q + 1] for q in range(n)], axis=-1)
    log_sums = np.logaddexp.reduce(lens, axis=-1)
    final, sums = lens[-1], log_sums[-1]
    looks = [_look(lens[:, q], log_sums[:, q]) for q in range(n)]
    if shares is not None:
        looks[-1]["contributions"] = _contributions(shares, *maps.shape[:2])
    used = {int(i) for look in looks for row in look["lens"] for i, *_ in row["best"]}
    used |= {int(i) for look in looks for i in look["top"]["ids"]} | set(ids.tolist())
    used = np.array(sorted(used))
    names = vocabulary_names(used, vocabulary, size)
    return {
        "text": text,
        "ids": ids.tolist(),
        "tokens": [
            {"id": int(i), "name": name, "bytes": ""}
            for i, name in zip(ids, tokens, strict=True)
        ],
        "maps": list(rows.astype(np.float32).reshape(len(maps), -1)),
        "surprisal": [
            None,
            *(float(sums[t] - final[t, ids[t + 1]]) for t in range(n - 1)),
        ],
        "best": [look["lens"][-1]["best"] for look in looks],
        "looks": looks,
        "names": {int(i): name for i, name in zip(used, names, strict=True)},
    }


def _look(states, log_sums):
    """Return what the page shows of one position: states (L + 1, V)."""
    order = np.argsort(-states, axis=-1, kind="stable")[:, :KEPT]
    words = order[-1, :2]

    def best(state, ids, total):
        return [
            [int(i), float(state[i]), float(np.exp(state[i] - total))]
            for i in ids[:BEST]
        ]

    rows = zip(states, order, log_sums, strict=True)
    return {
        "lens": [
            {
                "best": best(state, ids, total),
                "logs": [float(state[i] - total) for i in words],
                "rank": int((state > state[words[0]]).sum()) + 1,
            }
            for state, ids, total in rows
        ],
        "top": {
            "ids": order[-1].tolist(),
            "logits": states[-1, order[-1]].tolist(),
            "log_sum": float(log_sums[-1]),
        },
    }


def _contributions(shares, n_layers, n_heads):
    check_mapping(shares, "shares")

    def share(part):
        value = shares.get(part)
        if not isinstance(value, Real) or not np.isfinite(value):
            raise ValueError(
                "`shares` must map each part of the model to a finite number, got "
                f"{value!r:.60} for {part!r}"
            )
        return float(value)

    layers = [
        {
            "heads": [share(f"head {i}.{h}") for h in range(n_heads)],
            "mlp": share(f"MLP {i}"),
        }
        for i in range(n_layers)
    ]
    return {"embedding": share("embedding"), "layers": layers}


def _fallback(stored):
    """Tabulate what comes after the text, as far as that is known."""
    if "looks" not in stored:
        line = ["A model that runs in the page reads: ", ("", stored["text"])]
        return Lines("a model that runs in the page", [line])
    return Table(
        f"a model that runs in the page, {count(len(stored['tokens']), 'token')}",
        "The most likely tokens after “{}”",
        stored["text"],
        ("token", "probability"),
        [(stored["names"][i], p) for i, _, p in stored["best"][-1][:8]],
    )
