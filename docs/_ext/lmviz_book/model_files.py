"""The weights of the model that runs in a page: the site serves them, or another."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from sphinx.errors import ConfigError

from lmviz.models import ModelError
from lmviz.models._checksums import digest
from lmviz.models._wheels import smollm2_gguf
from lmviz.views import write_model_files
from lmviz.views.model import FOLDER, URL

from . import unchanged
from .unchanged import package, unless_unchanged

NAME = "smollm2"


def lay_out(app, config):
    """Write the files once, and serve them as one more static folder."""
    for variable in (FOLDER, URL):
        os.environ.pop(variable, None)
    where = config.lmviz_model_files
    if where == "none":
        return
    try:
        gguf_file = smollm2_gguf()
    except ModelError:  # a book on another model alone; its page shows the toy
        return
    folder = Path(app.srcdir, "_build", "model-files", NAME)
    record, release = unchanged.record(app, NAME), digest(gguf_file)
    written = folder / release[:12]
    with unless_unchanged(record, release, package(), makes=[written]) as is_due:
        if is_due:
            written = write_model_files(gguf_file, folder)
    os.environ[FOLDER] = str(written)
    if where == "site":
        config.html_static_path.append(str(folder.parent))
    elif other_hosts(app):
        os.environ[URL] = f"{where.rstrip('/')}/{NAME}/{written.name}/"
    else:
        raise ConfigError(
            'lmviz_model_files must be "site", "none" or a URL that begins with '
            f"https://, got {where!r}"
        )


def other_hosts(app):
    """Return the other host that serves the weights, for the policy of the pages."""
    address = urlsplit(app.config.lmviz_model_files)
    return [f"https://{address.netloc}"] if address.scheme == "https" else []
