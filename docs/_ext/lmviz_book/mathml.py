"""Mathematics as MathML: written by the build, shown by the browser, no script."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

# Symbols that have the colour of their role, on the pages where they have the role.
ROLES = {"q": "query", "k": "key", "v": "value"}
SYMBOL = re.compile(r"<mi>([qkv])</mi>", re.IGNORECASE)
# Functions such as exp, which are upright.
NAME = re.compile(r"<mi>([a-zA-Z]{2,})</mi>")
# What the converter garbles, and what it leaves as it is.
UNKNOWN, LEFT = re.compile(r"(\\operatorname\*)"), re.compile(r">(\\\w+)<")
# A function whose argument has no parentheses, as in ln p or sin² x.
FUNCTION = r'<mi class="up">\w+</mi>'
RAISED = rf"<(msu[bp])>{FUNCTION}<m[in]>[^<]*</m[in]></\2>"
ARGUMENT = re.compile(
    rf"((?<!<msub>)(?<!<msup>)(?<!<msubsup>){FUNCTION}|{RAISED})(?=<m(?:i|n|sub)\b)"
)
ABOUT_ATTENTION = "lessons/04_attention/"

logger = logging.getLogger(__name__)


def register(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))


def mathml(self, node, **options):
    """Return a formula, with queries, keys and values in their colours."""
    formula = node.astext()
    if r"\\" in formula and r"\begin" not in formula:
        # Lines that are aligned at "&", as LaTeX and Sphinx's own renderers take them.
        formula = rf"\begin{{split}}{formula}\end{{split}}"
    text = convert(formula, **options)
    if unknown := UNKNOWN.search(formula) or LEFT.search(text):
        logger.warning(
            "a formula has %s, which cannot be shown", unknown[1], location=node
        )
    text = NAME.sub(r'<mi class="up">\1</mi>', text)
    text = ARGUMENT.sub(r'\1<mspace width="0.167em"/>', text)
    if not self.builder.current_docname.startswith(ABOUT_ATTENTION):
        return text
    return SYMBOL.sub(
        lambda found: f'<mi class="{ROLES[found[1].lower()]}">{found[1]}</mi>', text
    )


def visit_inline(self, node):
    self.body.append(mathml(self, node))
    raise nodes.SkipNode


def visit_block(self, node):
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})</span>')
    self.body.append(mathml(self, node, display="block"))
    self.body.append("</div>")
    raise nodes.SkipNode
