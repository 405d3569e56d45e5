"""The table of model families: what lmviz does with each, and why it refuses the rest.

Families with which the same works are one group, folded, with one line for each family.
A page shows a summary first, whose counts come from the same data.
"""

from html import escape

#: The abilities in the order of the table, and how a sentence names them.
ABILITIES = {
    "load": "loading and logits",
    "states": "hidden states",
    "attentions": "attention weights",
    "head scores": "head scores",
    "ablation": "ablation of heads",
    "lens": "the logit lens",
    "generation": "generation",
    "rebuild": "the rebuild from its weights",
}
FAULTS = ("wrong", "crash")
SUMMARY = """<div class="table-wrapper container"><table class="numbers"><thead><tr>
<th scope="col">What</th><th scope="col">Right</th><th scope="col">Refused</th></tr>
</thead><tbody>{}</tbody></table></div>"""
COUNT = '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>'
GROUP = """<details class="fold"><summary>{}: {}</summary>{}</details>"""
NAMES = "<p>{}</p>"
REASON = "<dt>{}</dt><dd>{}</dd>"


class Families:
    """The result of ``nox -s families``, as a notebook shows it."""

    def __init__(self, saved):
        self.versions, families = saved["versions"], saved["families"]
        self.not_built = {
            name: found["build"] for name, found in families.items() if "build" in found
        }
        self.checked = {
            name: found for name, found in families.items() if "build" not in found
        }

    def faults(self):
        """Return the families of which something is wrong or crashes."""
        return [name for name, found in self.checked.items() if {*found} & {*FAULTS}]

    def right(self, ability):
        """Return the families with which something works."""
        return [
            name
            for name, found in self.checked.items()
            if ability in found and found[ability] is None
        ]

    def summary(self):
        """Say in a sentence what was found."""
        families = {name.partition(",")[0] for name in self.checked}
        total = len(families) + len(self.not_built)
        traced = len(self.right("load"))
        return (
            f"transformers {self.versions['transformers']} has {total} families of "
            f"causal model. A small model of {len(families)} of them was made and "
            f"checked, of some of them in two variants: {len(self.checked)} models. "
            f"lmviz loads {traced} of them with the logits of transformers and refuses "
            f"{len(self.checked) - traced}; {len(self.right('rebuild'))} can also be "
            f"rebuilt. Wrong results: {len(self.faults())}."
        )

    def _repr_html_(self):
        return f"<p>{escape(self.summary())}</p>{counts(self)}{groups(self)}"


def counts(families):
    """Return a table with a row for each ability."""
    loaded = len(families.right("load"))
    rows = []
    for ability, name in ABILITIES.items():
        of = len(families.checked) if ability == "load" else loaded
        right = len(families.right(ability))
        rows.append(COUNT.format(capitalized(name), right, of - right))
    return SUMMARY.format("".join(rows))


def groups(families):
    """Return the families, those with which the same works together."""
    by_refused = {}
    for name, found in families.checked.items():
        refused = tuple(key for key in ABILITIES if found.get(key))
        by_refused.setdefault(refused, []).append(name)
    parts = []
    for refused in sorted(by_refused, key=lambda keys: ("load" in keys, len(keys))):
        names = by_refused[refused]
        body = reasons(families, refused, names) if refused else ""
        body = body or NAMES.format(listed(names))
        parts.append(GROUP.format(title(refused), number(len(names)), body))
    built = "".join(
        REASON.format(code(name), escape(f"{capitalized(reason)}."))
        for name, reason in families.not_built.items()
    )
    if built:
        count = number(len(families.not_built))
        parts.append(GROUP.format("No small model was made", count, dl(built)))
    return "".join(parts)


def title(refused):
    if not refused:
        return "Everything works"
    if "load" in refused:
        return "Refused at loading"
    return f"Everything but {enumerated(ABILITIES[key] for key in refused)}"


def reasons(families, refused, names):
    """Return each family's reasons; nothing if the only one is that of the rebuild."""
    if refused == ("rebuild",):
        alike = [name for name in names if is_no_entry(families.checked[name])]
        others = [name for name in names if name not in alike]
        lines = lines_of(families, refused, others)
        no_entry = "These families have no entry in the table of the rebuild: "
        first = NAMES.format(no_entry + listed(alike)) if alike else ""
        return first + (dl(lines) if lines else "")
    return dl(lines_of(families, refused, names))


def lines_of(families, refused, names):
    lines = []
    for name in names:
        found = families.checked[name]
        # One reason often keeps several abilities out.
        said = dict.fromkeys(sentence(found[key]) for key in refused)
        lines.append(REASON.format(code(name), "<br>".join(map(escape, said))))
    return "".join(lines)


def is_no_entry(found):
    return "has no entry" in found["rebuild"]


def sentence(reason):
    if "has no entry" in reason:
        return "It has no entry in the table of the rebuild."
    return f"{capitalized(reason)}."


def dl(lines):
    return f'<dl class="simple">{lines}</dl>'


def listed(names):
    return f"{', '.join(map(code, names))}."


def code(name):
    """Set a family as code, and the option that makes a variant of it."""
    family, *option = (
        f'<code class="docutils literal notranslate">{escape(part)}</code>'
        for part in name.split(", ")
    )
    return f"{family} with {' and '.join(option)}" if option else family


def number(n):
    return "1 model" if n == 1 else f"{n} models"


def enumerated(parts):
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def capitalized(text):
    return text[:1].upper() + text[1:]
