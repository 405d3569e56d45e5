"""Bundle the scripts of views into one module that imports no other file."""

import re
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"


def script_tag(name):
    """Return the script of a view, with all that it imports, as one HTML element.

    Parameters
    ----------
    name : str
        Name of the view, of its file and of its element ``lmviz-<name>``.

    Returns
    -------
    str
    """
    return f'<script type="module">{bundle(name)}</script>'


@cache
def bundle(*names):
    """Join the scripts of some views, each in its own scope.

    Imported scripts come first, once each; only their exports are visible to others.

    Parameters
    ----------
    *names : str

    Returns
    -------
    str
        One ES module without imports.
    """
    shared = dict.fromkeys(needed for name in names for needed in _imports(name))
    parts = [_module(name) for name in shared]
    parts += [f"{{\n{_source(name)}}}\n" for name in names if name not in shared]
    return "".join(parts)


def _imports(name):
    """Yield the scripts that a script imports, each after its own imports."""
    direct = re.findall(r'^import .* from "\./(\w+)\.js";$', _read(name), re.MULTILINE)
    for other in direct:
        yield from (*_imports(other), other)


def _module(name):
    exports = re.findall(r"^export \w+ (\w+)", _read(name), re.MULTILINE)
    visible = f"{{ {', '.join(exports)} }}"
    return f"const {visible} = (() => {{\n{_source(name)}return {visible};\n}})();\n"


def _source(name):
    text = re.sub(r"^import .*;\n", "", _read(name), flags=re.MULTILINE)
    return re.sub(r"^export ", "", text, flags=re.MULTILINE)


def _read(name):
    return (STATIC / f"{name}.js").read_text(encoding="utf-8")
