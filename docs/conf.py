"""How the book is built: every lesson runs, and no warning passes."""

import gc
import os
import sys
import warnings
from pathlib import Path
from urllib.parse import urlparse

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

from lmviz_book import inventories  # noqa: E402
from lmviz_book.versions import book_version  # noqa: E402

# So many lessons and notebooks run at a time, each on one thread: the numbers do not
# depend on how many cores there are. More of them need more memory than many have.
WORKERS = 2
os.environ["OMP_NUM_THREADS"] = "1"
# What a lesson, or a cell of a notebook, may take: many times what any of them needs.
SECONDS = int(os.environ.setdefault("LMVIZ_SECONDS", "300"))

# joblib replaces a worker whose memory grows, as one does that loads a model.
warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")

# Pages are trees of many small objects: to look for garbage as often as Python does by
# default took a quarter of the time of reading and writing them.
gc.set_threshold(100_000, 50, 1000)

project = "lmviz"
author = "the lmviz authors"
copyright = f"2026, {author}"
version = release = book_version()

extensions = [
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
    "sphinxext.opengraph",
    "notfound.extension",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "lmviz_book",
]
exclude_patterns = [
    "_build",
    "locales",
    # MyST-NB would render the downloads beside the lessons, without their output.
    "lessons/**/*.ipynb",
    # These pages load their tables' scripts from a third party.
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]

# Where the book will stand, if that is known: for sitemaps, previews and install lines.
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL") or os.environ.get(
    "LMVIZ_BASEURL", ""
)
if html_baseurl:
    # GitHub's has no slash at its end, and then the last folder would be left out.
    html_baseurl = f"{html_baseurl.rstrip('/')}/"
    extensions.append("sphinx_sitemap")
    sitemap_url_scheme = "{link}"
    # A sitemap has the pages of one language.
    sitemap_locales = [None]
    sitemap_excludes = ["404.html", "search.html"]
ogp_site_url = html_baseurl
ogp_site_name = "lmviz: how language models work, computed"
ogp_image = "_static/one-head.png"
ogp_image_alt = "Attention weights of one head: a row per query, a column per key"
ogp_social_cards = {"enable": False}
ogp_enable_meta_description = True
# On the page for wrong addresses every link starts where the book stands.
notfound_urls_prefix = f"{urlparse(html_baseurl).path.rstrip('/')}/"
notfound_template = "404.html"
notfound_context = {"title": "Page not found"}

# Where the source is, for links to a page's own, and on GitHub to the notebooks that
# Colab and Binder open; its continuous integration knows.
lmviz_repository = os.environ.get("LMVIZ_REPOSITORY", "")
lmviz_notebooks = os.environ.get("LMVIZ_NOTEBOOKS", "notebooks")
# The code of what is in the reference; lmviz_book.code_links says why.
extensions.append(f"sphinx.ext.{'linkcode' if lmviz_repository else 'viewcode'}")
viewcode_line_numbers = True
# Whether the editions are published side by side, and link to each other.
lmviz_editions = bool(os.environ.get("LMVIZ_EDITIONS"))
# The address of the site's list of versions, versions.json, if it has several.
lmviz_versions = os.environ.get("LMVIZ_VERSIONS", "")

# Where the page "Inside the model" gets its weights, 97 MB: "site", the URL of another
# host that has the folder smollm2 of _static, or "none", for small previews.
IS_PREVIEW = os.environ.get("READTHEDOCS_VERSION_TYPE") == "external"
lmviz_model_files = os.environ.get("LMVIZ_MODEL_FILES") or (
    "none" if IS_PREVIEW else "site"
)

# The language of the pages: project/translating.md has what that takes.
language = os.environ.get("LMVIZ_LANGUAGE") or "en"
locale_dirs = ["locales"]
# Those that are published side by side, such as "en es", and link to each other.
lmviz_languages = os.environ.get("LMVIZ_LANGUAGES", "").split()
if lmviz_languages == ["all"]:
    begun = [path.name for path in HERE.glob("locales/*") if path.is_dir()]
    lmviz_languages = ["en", *sorted(begun)]
# A catalogue for each page, whose messages keep their order and have no line numbers.
gettext_compact = False
gettext_location = False

# A part of the names of the lessons and notebooks to run; the others wait.
lmviz_only = os.environ.get("LMVIZ_ONLY", "")

templates_path = ["_templates"]
html_theme = "furo"
html_title = "lmviz"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["tokens.css", "book.css", "figures.css"]
html_js_files = [
    (f"{name}.js", {"defer": "defer"})
    for name in ("book", "definitions", "ranking", "find")
]
if lmviz_versions:
    html_js_files.append(("versions.js", {"defer": "defer"}))
# The theme's names for what is in tokens.css, where each colour is a pair: light, dark.
_VARIABLES = {
    "font-stack": "var(--serif)",
    "font-stack--headings": "var(--display)",
    "font-stack--monospace": "var(--mono)",
    "color-foreground-primary": "var(--ink)",
    "color-foreground-secondary": "var(--soft)",
    "color-foreground-muted": "var(--soft)",
    "color-foreground-border": "var(--line-strong)",
    "color-background-primary": "var(--paper)",
    "color-background-secondary": "var(--sunk)",
    "color-background-border": "var(--line)",
    "color-brand-primary": "var(--weight)",
    "color-brand-content": "var(--weight)",
    "color-brand-visited": "var(--weight)",
    "color-api-name": "var(--weight)",
    "color-api-pre-name": "var(--soft)",
    "color-highlight-on-target": "var(--mark-wash)",
    "color-admonition-background": "var(--sunk)",
    "color-code-background": "var(--sunk)",
    "color-code-foreground": "var(--ink)",
    "header-height": "60px",
}
html_theme_options = {
    "light_css_variables": _VARIABLES,
    "dark_css_variables": _VARIABLES,
}
html_secnumber_suffix = " "
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"

# Publishers, to whom these lead, turn scripts away.
linkcheck_ignore = [r"https://doi\.org/"]
# Scripts may add the anchors to these pages.
linkcheck_anchors_ignore_for_url = [r"https://huggingface\.co/docs/"]
linkcheck_timeout = 15

# Code can be copied, and not what it printed.
copybutton_selector = ":not(.output):not(.sphx-glr-script-out) > .highlight > pre"
# Of a console, the commands without their prompts, and not what they print.
copybutton_prompt_text = "$ "

nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = ["attrs_inline", "dollarmath", "smartquotes"]
bibtex_bibfiles = ["references.bib"]
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "notebook-cache")
nb_execution_timeout = SECONDS
nb_execution_show_tb = True
# A part of the book is built without -W, and fails by this.
nb_execution_raise_on_error = bool(lmviz_only)
nb_merge_streams = True

# The reference. What docstrings set in single backticks is a link where it is a name of
# the package, and the name of a parameter otherwise.
default_role = "autolink"
autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "special-members": "__call__",
}
autodoc_preserve_defaults = True
autodoc_typehints = "none"
autosummary_generate = False
toc_object_entries_show_parents = "hide"
napoleon_google_docstring = False
# Types are sentences here, like "torch.Tensor, shape (T, d)", and no names to look up.
napoleon_use_param = False
napoleon_use_rtype = False

# The names of other projects that it links, from files: no other site is asked.
intersphinx_mapping = inventories.mapping()

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "lessons",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "nested_sections": True,
    "capture_repr": ("_repr_html_",),
    # The site has a better one: with the package in it.
    "download_all_examples": False,
    "image_scrapers": ("lmviz_book.figures.scraper",),
    "parallel": WORKERS,
    "junit": "../lessons.xml",
    # All else is built, and the build fails: by -W, or as `staleness.finish` says.
    "only_warn_on_example_error": True,
    "backreferences_dir": "_build/backreferences",
    "doc_module": ("lmviz",),
    "remove_config_comments": True,
    "show_signature": False,
    "reset_modules": ("matplotlib", "lmviz_book.reset.reset"),
    "reset_modules_order": "both",
}
