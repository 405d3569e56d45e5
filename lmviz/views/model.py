"""Inside the model: a language model that runs in the page, on any text.

SmolLM2 runs in a worker (``static/worker.js``, ``static/llama.c``) on the files that
`write_model_files` writes; the toy runs in the page itself (``static/gpt2.js``).
"""

import json
import os
from pathlib import Path

from ..toy import WEIGHTS, grammar
from ._view import LINKED, View
from .explorer import SITE, STORIES, language_data

# The folder with the files of the book's model, set by a site that serves them.
FOLDER = "LMVIZ_MODEL_FOLDER"
EXAMPLES = {
    "A capital": "The capital of France is",
    "A repetition": "Mr Dursley and Mrs Dursley, of number four, said Mr Durs",
    "A pronoun": "The trophy does not fit in the suitcase because it is too",
    "A list": "red, green, blue, red, green,",
    "Code": "def add(a, b):\n    return a +",
}


def model(folder=None, *, url=None, examples=EXAMPLES, title="Inside the model"):
    """Show everything inside a model that runs in the page, on any text.

    Parameters
    ----------
    folder : path-like, optional
        What `write_model_files` returned. Default: the book's model, on a site that
        serves it; elsewhere the toy alone.
    url : str, optional
        The URL of these files, relative to the page, or to the root of the site on a
        page that Sphinx has built; or on another host. Default:
        ``"_static/smollm2/"`` and the name of the folder.
    examples : mapping of str to str
        Texts to choose from; the first is shown initially.
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
    folder = folder or os.environ.get(FOLDER)
    models = [_toy()]
    if folder:
        index = json.loads(Path(folder, "index.json").read_text("utf-8"))
        url = url or f"_static/smollm2/{index['release']}/"
        models.insert(
            0,
            {
                "kind": "llama",
                "id": "smollm2",
                "title": "SmolLM2",
                "index": index,
                "files": url,
                "longest": 128,
                "ends": [2],
                "start": [23, 4],
                "examples": dict(examples),
            },
        )
    return View("model", title, {"models": models}, "<p></p>")


def _toy():
    config = json.loads((WEIGHTS / "config.json").read_text("utf-8"))
    embed = not os.environ.get(LINKED)
    return {
        "kind": "gpt2",
        "id": "toy",
        "title": "toy",
        "language": language_data(),
        "words": list(grammar.WORDS),
        "config": {k: config[k] for k in ("n_layer", "n_head", "layer_norm_epsilon")},
        "weights": _embedded() if embed else None,
        "weights_url": SITE,
        "longest": grammar.CONTEXT,
        "ends": [],
        "start": [2, 0],
        "examples": STORIES,
    }


def _embedded():
    import numpy as np

    return np.frombuffer((WEIGHTS / "model.safetensors").read_bytes(), np.uint8)
