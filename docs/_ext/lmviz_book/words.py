"""The words of the site's scripts, styles and views, for pages in another language."""

import json
import shutil
from importlib import import_module
from pathlib import Path

from babel.messages import extract
from sphinx.locale import _
from sphinx.search import languages as searched

from lmviz.views import _words

from .languages import ORIGINAL


def lay_out(app, config):
    """Write words.js and words.css, and load them where pages are not in English."""
    language = config.language
    if language == ORIGINAL:
        return
    translations = {text: str(_(text)) for text in in_scripts(app.srcdir)}
    messages = {text: own for text, own in translations.items() if own != text}
    if language in _words.languages():
        messages |= _words.table(language)
    text = _words.script(messages)
    if fillers := words_without_content(language):
        text += f"globalThis.lmvizFillers = {json.dumps(fillers)};\n"
    served = Path(app.srcdir, "_build", "served-words")
    shutil.rmtree(served, ignore_errors=True)
    served.mkdir(parents=True)
    served.joinpath("words.js").write_text(text, encoding="utf-8")
    said = "; ".join(f"--say-{name}: {quoted(t)}" for name, t in in_styles().items())
    served.joinpath("words.css").write_text(f":root {{ {said} }}\n", encoding="utf-8")
    config.html_static_path.append(str(served))
    app.add_css_file("words.css")
    # Before all scripts that have words, and before modules, which wait.
    app.add_js_file("words.js", loading_method="defer", priority=100)


def quoted(text):
    """Return a text as styles write it."""
    return json.dumps(text, ensure_ascii=False)


def in_styles():
    """Return the words that styles add to a page, by the variables that have them."""
    return {
        "also": str(_("also")),
        "figure": str(_("Figure")),
        "press-again": str(_("Press again for the glossary.")),
    }


def in_scripts(folder):
    """Yield the messages in the scripts of the site."""
    for path in sorted(Path(folder, "_static").glob("*.js")):
        with path.open("rb") as file:
            for _line, message, *_rest in extract.extract(
                "javascript", file, {"translated": None}
            ):
                yield message


def words_without_content(language):
    """Return the words that Sphinx's own search in a language leaves out."""
    name = searched.get(language, "")
    if not isinstance(name, str) or "." not in name:
        return []
    module, _dot, name = name.rpartition(".")
    return sorted(getattr(import_module(module), name).stopwords)
