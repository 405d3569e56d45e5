"""The site serves the scripts of the views, and the toy's weights, from itself."""

import os
import shutil
from pathlib import Path

from lmviz.toy import WEIGHTS
from lmviz.views import base


def setup(app):
    # Before any lesson runs: a view leaves its script out, since the site has it.
    os.environ[base.LINKED] = "1"
    app.connect("config-inited", serve)
    # No loading method: a script of type module waits for the page by itself.
    app.add_js_file("lmviz/lmviz.js", type="module")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def serve(app, config):
    """Lay out what has to stand beside the pages, as one more static folder."""
    served = Path(app.srcdir, "_build", "served")
    shutil.rmtree(served, ignore_errors=True)
    shutil.copytree(base.ASSETS, served / "lmviz")
    toy = served / "toy"
    toy.mkdir()
    shutil.copy(WEIGHTS / "model.safetensors", toy)
    config.html_static_path.append(str(served))
