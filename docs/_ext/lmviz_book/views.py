"""The site serves the scripts of the views, and what they read, from itself."""

import base64
import os
import shutil
from pathlib import Path

from lmviz.models import ModelError, load_tokenizer
from lmviz.toy import WEIGHTS
from lmviz.views._bundle import STATIC, bundle
from lmviz.views._byte_pairs import pack
from lmviz.views._view import LINKED
from lmviz.views.tokens import TOKENIZERS


def register(app):
    # A view leaves its script out, since the site has it.
    os.environ[LINKED] = "1"
    # No loading method: a script of type module waits for the page by itself.
    app.add_js_file("lmviz/lmviz.js", type="module")
    app.add_js_file("from-disk.js")


def lay_out(app, config):
    """Lay out scripts, tokenizers and the toy's weights as one more static folder."""
    served, weights = (
        Path(app.srcdir, "_build", "served"),
        WEIGHTS / "model.safetensors",
    )
    shutil.rmtree(served, ignore_errors=True)
    shutil.copytree(STATIC, served / "lmviz")
    for folder in ("toy", "from-disk"):
        (served / folder).mkdir()
    shutil.copy(weights, served / "toy")
    for name in TOKENIZERS:
        try:
            packed = pack(load_tokenizer(name).to_str())
        except ModelError:  # the page says so where a reader asks for it
            continue
        (served / "lmviz" / f"{name}.json").write_text(packed, encoding="utf-8")
    # Plain scripts for pages that are opened from a disk.
    for path in STATIC.glob("*.js"):
        name = path.stem
        if f'define("lmviz-{name}"' not in path.read_text(encoding="utf-8"):
            continue
        script = f"(() => {{\n{bundle(name)}}})();\n"
        if name in ("explorer", "model"):
            packed = base64.b64encode(weights.read_bytes()).decode()
            script = f'globalThis.lmvizWeights = "{packed}";\n{script}'
        (served / "from-disk" / path.name).write_text(script, encoding="utf-8")
    config.html_static_path.append(str(served))
