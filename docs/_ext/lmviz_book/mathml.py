"""Mathematics as MathML: written by the build, shown by the browser, no script."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.math import get_node_equation_number

# Lessons and docstrings write these as code does.
LETTER = re.compile(r"\b(T_[qk]|H_kv|d_head|d_value)\b")
CODE = (nodes.literal, nodes.math, nodes.FixedTextElement, addnodes.desc_signature)


def register(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.add_post_transform(Subscripts)


class Subscripts(SphinxPostTransform):
    """Set letters like T_q as mathematics, except in code."""

    # Before sphinx-gallery takes code apart.
    default_priority = 4

    def run(self, **kwargs):
        for text in list(self.document.findall(nodes.Text)):
            parts = LETTER.split(text.astext())
            above = text.parent
            while above and not isinstance(above, CODE):
                above = above.parent
            if len(parts) == 1 or above:
                continue
            made = [nodes.Text(part) for part in parts]
            for i in range(1, len(parts), 2):
                letter, below = parts[i].split("_")
                made[i] = nodes.math("", rf"{letter}_\text{{{below}}}")
            text.parent.replace(text, [node for node in made if node.astext()])


def visit_inline(self, node):
    self.body.append(convert(node.astext()))
    raise nodes.SkipNode


def visit_block(self, node):
    self.body.append(self.starttag(node, "div", CLASS="math"))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})</span>')
    self.body.append(convert(node.astext(), display="block"))
    self.body.append("</div>")
    raise nodes.SkipNode
