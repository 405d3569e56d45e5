"""How the book is built: every lesson runs, and no warning passes."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "lmviz"
author = "the lmviz authors"
copyright = f"2026, {author}"

extensions = [
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
    "bibliography_style",
    "freshness",
    "mathml",
    "model_card",
    "reference_links",
    "views",
]
exclude_patterns = [
    "_build",
    # MyST-NB would render the downloads beside the lessons, without their output.
    "lessons/**/*.ipynb",
    # These pages load their tables' scripts from a third party.
    "**/sg_execution_times.rst",
    "sg_execution_times.rst",
]

html_theme = "pydata_sphinx_theme"
html_title = "lmviz"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": True,
    "secondary_sidebar_items": ["page-toc"],
}
# The theme warns in the reader's console where no mode is named.
html_context = {"default_mode": "auto"}
# The pages of the reference stand alone: a sidebar beside them would be empty.
html_sidebars = {page: [] for page in ("bibliography", "glossary", "notation")}
html_show_sourcelink = False
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath", "smartquotes"]
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "as_spelled"
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "notebook-cache")
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 300
nb_merge_streams = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "lessons",
    "filename_pattern": r"/\d+_\w+\.py$",
    "within_subsection_order": "FileNameSortKey",
    "nested_sections": True,
    "capture_repr": ("_repr_html_",),
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "show_signature": False,
    "reset_modules": ("matplotlib", "lesson_reset.reset"),
    "reset_modules_order": "both",
}
