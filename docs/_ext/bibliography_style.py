"""How an entry of the bibliography looks: its title as the paper spells it."""

from pybtex.plugin import register_plugin
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.template import field, sentence


class Style(PlainStyle):
    def format_title(self, e, which_field, as_sentence=True):
        title = field(which_field)
        return sentence[title] if as_sentence else title


def setup(app):
    register_plugin("pybtex.style.formatting", "as_spelled", Style)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
