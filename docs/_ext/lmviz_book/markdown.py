"""A page as Markdown: prose, equations as LaTeX, code, what it printed, tables.

A figure becomes its caption and description, with a link to the place on the page. The
functions take nodes of a page whose links are resolved. A node of an unknown kind gives
its content, so a new extension loses its look here, and no text.
"""

import re
from html import escape
from html.parser import HTMLParser

from docutils import nodes

SPECIAL = re.compile(r"([\\`*\[\]<$])")
FENCE = re.compile("`{3,}")
# They keep the directions of a view's title and of the text around it apart.
ISOLATES = "\u2068\u2069 \n"
# What is on a page only for its look, or for the build.
SILENT = ("comment", "index", "meta", "pending", "substitution_definition", "target")
SILENT += ("tabular_col_spec", "toctree", "colspec", "system_message")


def to_markdown(doctree, page, number=""):
    """Return a page, of which `page` is the address, as Markdown."""
    return "\n\n".join(Writer(page, number).blocks(doctree)) + "\n"


def inline(node):
    """Return what is inside a line."""
    if isinstance(node, nodes.Text):
        return SPECIAL.sub(r"\\\1", node.astext())
    if isinstance(node, nodes.literal):
        return code(node.astext())
    if isinstance(node, nodes.math):
        return f"${' '.join(node.astext().split())}$"
    if isinstance(node, nodes.image):
        return f"![{node.get('alt', '')}]({node['uri']})"
    name = node.__class__.__name__
    if isinstance(node, nodes.raw) or name in SILENT or name == "download_reference":
        return ""
    text = "".join(map(inline, node.children))
    if isinstance(node, nodes.reference) and text:
        return f"[{text}]({node.get('refuri') or '#' + node.get('refid', '')})"
    for kind, sign in ((nodes.strong, "**"), (nodes.emphasis, "*")):
        if isinstance(node, kind) and text.strip():
            return f"{sign}{text}{sign}"
    return text


def code(text):
    """Return a span of code, in more backticks than it has.

    Examples
    --------
    >>> code("a ` b")
    '`` a ` b ``'
    """
    longest = max(map(len, re.findall("`+", text)), default=0)
    space = " " if longest else ""
    return f"{'`' * (longest + 1)}{space}{text}{space}{'`' * (longest + 1)}"


def fenced(text, language):
    fence = max(("```", *(f"{found}`" for found in FENCE.findall(text))), key=len)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def indented(text, first, others):
    head, *rest = text.split("\n")
    return "\n".join([first + head, *(f"{others}{line}".rstrip() for line in rest)])


class Writer:
    """Turn the parts of one page into blocks of Markdown."""

    def __init__(self, page, number=""):
        self.page, self.number = page, number
        self.depth, self.anchor = 0, ""

    def blocks(self, node):
        """Return the blocks of a node's children."""
        return [block for child in node.children for block in self.block(child)]

    def inner(self, node):
        return "\n\n".join(self.blocks(node))

    def block(self, node):
        """Return the blocks of one node."""
        name = node.__class__.__name__
        if name in SILENT:
            return []
        if method := getattr(self, f"on_{name}", None):
            return method(node)
        if isinstance(node, nodes.Text | nodes.Inline | nodes.TextElement):
            text = inline(node).strip()
            return [text] if text else []
        return self.blocks(node)

    def on_section(self, node):
        before = self.anchor
        self.depth, self.anchor = self.depth + 1, node["ids"][0] if node["ids"] else ""
        found = self.blocks(node)
        self.depth, self.anchor = self.depth - 1, before
        return found

    def on_title(self, node):
        number, self.number = self.number, ""
        text = " ".join(filter(None, [number, inline(node)]))
        return [f"{'#' * max(self.depth, 1)} {text}"]

    def on_lesson_line(self, node):
        parts = inline(node).split(" · ")
        return [" · ".join(part for part in parts if part)]

    def on_rubric(self, node):
        return [f"**{inline(node)}**"]

    def on_code_links_block(self, node):
        """Return code of a lesson, in which sphinx-gallery has linked names."""
        return self.on_literal_block(node)

    def on_literal_block(self, node):
        language = node.get("language") or node.get("lang", "")
        printed = "sphx-glr-script-out" in node["classes"] or language == "none"
        return [fenced(node.astext(), "text" if printed else language.lower())]

    def on_doctest_block(self, node):
        return [fenced(node.astext(), "pycon")]

    def on_math_block(self, node):
        formula = node.astext().strip()
        if r"\\" in formula and r"\begin" not in formula:
            formula = f"\\begin{{aligned}}\n{formula}\n\\end{{aligned}}"
        return [f"$$\n{formula}\n$$"]

    def on_bullet_list(self, node):
        items = [indented(self.inner(item), "- ", "  ") for item in node.children]
        return ["\n".join(items)]

    def on_enumerated_list(self, node):
        first = node.get("start", 1)
        items = [
            indented(self.inner(item), f"{number}. ", "   ")
            for number, item in enumerate(node.children, first)
        ]
        return ["\n".join(items)]

    def on_definition_list_item(self, node):
        terms = [inline(n).strip() for n in node.children if isinstance(n, nodes.term)]
        text = "\n\n".join(
            self.inner(n) for n in node.children if isinstance(n, nodes.definition)
        )
        return [indented(f"**{', '.join(terms)}**: {text}", "- ", "  ")]

    def on_field(self, node):
        name, body = node.children
        return [indented(f"**{inline(name)}**: {self.inner(body)}", "- ", "  ")]

    def on_block_quote(self, node):
        return [indented(self.inner(node), "> ", "> ")]

    def on_admonition(self, node):
        title, *rest = node.children
        text = f"**{inline(title)}**\n\n{self.inner(nodes.container('', *rest))}"
        return [indented(text, "> ", "> ")]

    def on_fold(self, node):
        summary = f"<details><summary>{node['summary']}</summary>"
        return [summary, *self.blocks(node), "</details>"]

    def on_table(self, node):
        head = [self.row(row) for part in node.findall(nodes.thead) for row in part]
        body = [self.row(row) for part in node.findall(nodes.tbody) for row in part]
        width = max(map(len, head + body))
        head = head[:1] or [[""] * width]
        lines = [*head, ["---"] * width, *body]
        caption = [c for child in node if isinstance(child, nodes.title) for c in child]
        before = [f"**{''.join(map(inline, caption))}**"] if caption else []
        return [*before, "\n".join(f"| {' | '.join(cells)} |" for cells in lines)]

    def row(self, row):
        texts = [" ".join(self.inner(entry).split()) for entry in row.children]
        return [text.replace("|", r"\|") for text in texts]

    def on_image(self, node):
        return [inline(node)]

    def on_transition(self, node):
        return ["---"]

    def on_raw(self, node):
        """Say what a figure or a view shows, and where it is."""
        found = Shown()
        if "html" in node.get("format", ""):
            found.feed(node.astext())
            found.close()
        place = f"{self.page}#{self.anchor}" if self.anchor else self.page
        return [block for thing in found.things for block in described(place, *thing)]


def described(place, kind, caption, alt):
    """Return a link to a figure with its caption, and its description if it differs."""
    caption, alt = (
        escape(text.strip(ISOLATES), quote=False) for text in (caption, alt)
    )
    yield f"[{kind}]({place}){': ' if caption else ''}{caption}"
    if alt and alt != caption:
        yield f"Description: {alt}"


class Shown(HTMLParser):
    """The figures and the views in HTML: kind, caption, description."""

    def __init__(self):
        super().__init__()
        self.things, self.inside = [], ""

    def handle_starttag(self, tag, attrs):
        told = {name: value or "" for name, value in attrs}
        if tag == "figure" and told.get("class", "").startswith("book-figure"):
            self.things.append(("Figure", "", ""))
        elif tag.startswith("lmviz-"):
            self.things.append(("Interactive figure", told.get("data-title", ""), ""))
        elif tag == "figcaption":
            self.inside = tag
        elif tag in ("svg", "img") and self.things and not self.things[-1][2]:
            alt = told.get("aria-label") or told.get("alt", "")
            self.things[-1] = (*self.things[-1][:2], alt)

    def handle_endtag(self, tag):
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data):
        if self.inside and self.things:
            kind, caption, alt = self.things[-1]
            self.things[-1] = (kind, caption + data, alt)
