"""The site serves the scripts of the views, and the toy's weights, from itself."""

import base64
import os
import shutil
from pathlib import Path

from lmviz.toy import WEIGHTS
from lmviz.views import _view as base

# Browsers load no modules from a disk, so there each view has a plain script.
FROM_DISK = """\
if (location.protocol === "file:") {
  const here = document.currentScript.src;
  addEventListener("DOMContentLoaded", () => {
    for (const name of NAMES) {
      if (!document.querySelector(`lmviz-${name}`)) continue;
      const script = document.createElement("script");
      script.src = new URL(`from-disk/${name}.js`, here);
      document.head.append(script);
    }
  });
}
"""


def register(app):
    # A view leaves its script out, since the site has it.
    os.environ[base.LINKED] = "1"
    # No loading method: a script of type module waits for the page by itself.
    app.add_js_file("lmviz/lmviz.js", type="module")
    app.add_js_file("from-disk.js")


def lay_out(app, config):
    """Lay out the scripts and the toy's weights as one more static folder."""
    served = Path(app.srcdir, "_build", "served")
    shutil.rmtree(served, ignore_errors=True)
    shutil.copytree(base.STATIC, served / "lmviz")
    toy = served / "toy"
    toy.mkdir()
    shutil.copy(WEIGHTS / "model.safetensors", toy)
    serve_from_disk(served)
    config.html_static_path.append(str(served))


def serve_from_disk(served):
    (served / "from-disk").mkdir()
    names = sorted(
        path.stem
        for path in base.STATIC.glob("*.js")
        if f'define("lmviz-{path.stem}"' in path.read_text(encoding="utf-8")
    )
    for name in names:
        script = f"(() => {{\n{base.bundle(name)}}})();\n"
        if name == "explorer":
            weights = base64.b64encode((WEIGHTS / "model.safetensors").read_bytes())
            script = f'globalThis.lmvizWeights = "{weights.decode()}";\n{script}'
        (served / "from-disk" / f"{name}.js").write_text(script, encoding="utf-8")
    (served / "from-disk.js").write_text(FROM_DISK.replace("NAMES", repr(names)))
