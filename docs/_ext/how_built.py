"""On what the book was built: machine, versions, model and commit, as a table.

Nothing of it names a user, a folder or a host.
"""

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

import torch
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

# On whose versions a number or a page may depend.
PACKAGES = (
    "lmviz",
    "torch",
    "numpy",
    "transformers",
    "tokenizers",
    "safetensors",
    "gguf",
    "scikit-learn",
    "matplotlib",
    "Sphinx",
    "sphinx-gallery",
    "myst-nb",
)


def setup(app):
    app.add_directive("how-built", HowBuilt)
    app.connect("env-get-outdated", reread)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class HowBuilt(SphinxDirective):
    """A table of `facts`."""

    def run(self):
        app = self.env.app
        if not hasattr(self.env, "lmviz_how_built"):
            self.env.lmviz_how_built = {}
        self.env.lmviz_how_built[self.env.docname] = facts(app)
        rows = [
            nodes.row("", entry(what), entry(value))
            for what, value in facts(app).items()
        ]
        group = nodes.tgroup("", cols=2)
        group += [nodes.colspec(colwidth=width) for width in (1, 3)]
        group += nodes.tbody("", *rows)
        return [nodes.table("", group)]


def entry(text):
    return nodes.entry("", nodes.paragraph(text=text))


def reread(app, env, added, changed, removed):
    """Read a page anew that has another table now."""
    known = getattr(env, "lmviz_how_built", {})
    return [page for page, told in known.items() if told != facts(app)]


def facts(app):
    """Return what stands in the table."""
    source, root = app.lmviz_source, Path(app.srcdir).parent
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    # With the name of the build: another one has other instructions.
    versions["torch"] = torch.__version__
    told = {
        "Model": f"{source.name}: {source.origin}",
        "Its revision": source.revision,
        "Its licence": source.license,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "System": f"{platform.system()}, {platform.machine()}",
        "Processor": processor(),
        "Instructions that torch uses": torch.backends.cpu.get_cpu_capability(),
        "Threads of each lesson": os.environ["OMP_NUM_THREADS"],
        "Packages": ", ".join(f"{name} {v}" for name, v in versions.items()),
    }
    if commit := commit_of(root):
        told["Commit"] = commit
    return told


def processor():
    """Return the name of the processor, as far as the system tells it."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit_of(root):
    """Return the commit of the project, if there is one, and whether more changed."""
    if not (root / ".git").exists():
        return ""

    def git(*arguments):
        command = ["git", "-C", root, *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout

    try:
        commit = git("rev-parse", "--short=12", "HEAD").strip()
        changed = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{commit}, with changes" if changed else commit
