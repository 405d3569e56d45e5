"""The editions of the book: the same pages on another model, published side by side."""

from .languages import ORIGINAL

# The model whose results the text discusses.
DISCUSSED = "smollm2"
# Of each edition the name of its model, what readers call it, and its folder.
EDITIONS = [("smollm2", "SmolLM2", ""), ("gpt2", "GPT-2", "gpt2/")]


def show(app, pagename, templatename, context, doctree):
    """Name the model of another edition on its pages, and link the editions."""
    if doctree is None:
        return
    model = app.config.lmviz_model["name"]
    context["edition"] = model if model != DISCUSSED else ""
    context["editions"] = []
    base = app.config.html_baseurl
    own = {name: folder for name, _, folder in EDITIONS}.get(model)
    if not app.config.lmviz_editions or own is None or not base.endswith(f"/{own}"):
        return
    if app.config.language != ORIGINAL:  # translations are of the first edition alone
        return
    page = app.builder.get_target_uri(pagename)
    root = base.removesuffix(own)
    context["editions"] = [
        {"title": title, "address": f"{root}{folder}{page}", "is_this": name == model}
        for name, title, folder in EDITIONS
    ]
