"""A Content-Security-Policy in every page: only the site's own scripts run.

Each page carries it, since not every host lets its users set headers. Those that do
read the file ``_headers``; a header also says who may frame a page.
"""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

from sphinx.util.logging import getLogger

from . import model_files
from .unchanged import digest

logger = getLogger(__name__)

# Pages without a word from a lesson: every script in them is the theme's.
THEMES_OWN = ("genindex.html", "search.html")
# A page opened from a disk has no origin in some browsers, and no self.
OWN = "'self' file:"
# Tables, drawings and code have style attributes, which can do little harm.
POLICY = (
    "default-src 'none'; "
    f"script-src {OWN} {{hashes}}; "
    f"style-src {OWN} 'unsafe-inline'; "
    f"img-src {OWN} data:; "
    f"font-src {OWN}; "
    "connect-src {connect}; "
    "object-src 'none'; "
    "base-uri 'self'; "
    f"form-action {OWN}"
)
COMPILE = "'wasm-unsafe-eval'"
META_OF = '\n    <meta http-equiv="Content-Security-Policy" content="{policy}" />'
META = re.compile(r'\n *<meta http-equiv="Content-Security-Policy"[^>]*>')
# The policy does not bind what precedes it.
CHARSET = re.compile(r'<meta charset="utf-8" ?/?>')


def write_policy(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    hashes = sorted(
        {hash_of(script) for name in THEMES_OWN for script in Page(site / name).scripts}
    )
    connect = " ".join(["'self'", *model_files.other_hosts(app)])
    policy = POLICY.format(hashes=" ".join(hashes), connect=connect)
    # What a page has under a policy was checked when it was written.
    record = Path(app.doctreedir, "pages-with-policy.txt")
    known = set(record.read_text("utf-8").split()) if record.is_file() else set()
    inputs = policy if app.config.lmviz_policy else "", *hashes
    checked = []
    for path in site.rglob("*.html"):
        if "_static" in path.parts:
            continue
        is_known = digest(*inputs, path) in known
        if is_known or complete(Page(path), inputs[0], hashes, path.relative_to(site)):
            checked.append(digest(*inputs, path))
    record.write_text("\n".join(checked), encoding="utf-8")
    # A worker has the policy of its own response, and no page's: it compiles the model.
    compiling = policy.replace("script-src ", f"script-src {COMPILE} ")
    header = f"/*\n  Content-Security-Policy: {compiling}; frame-ancestors 'self'\n"
    Path(site, "_headers").write_text(header, encoding="utf-8")


def complete(page, policy, hashes, name):
    """Write the policy into a page, and return whether it refuses nothing there."""
    refused = [s for s in page.scripts if hash_of(s) not in hashes] + page.handlers
    for script in refused[:1]:
        logger.warning(
            "%s: the policy of the pages refuses the inline script %r; put it in a "
            "file that `app.add_js_file` names",
            name,
            script.strip()[:60],
        )
    text = META.sub("", page.text)
    if policy:
        meta = META_OF.format(policy=policy)
        text = CHARSET.sub(rf"\g<0>{meta}", text, count=1)
    if text != page.text:
        page.path.write_text(text, encoding="utf-8")
    return not refused


def hash_of(script):
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


class Page(HTMLParser):
    """The scripts inside a page, and the attributes that are scripts."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.scripts, self.handlers, self.inside = [], [], False
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        data = attributes.get("type", "").endswith("json")
        self.inside = tag == "script" and "src" not in attributes and not data
        for name, value in attributes.items():
            if name.startswith("on") or value.strip().lower().startswith("javascript:"):
                self.handlers.append(f'{name}="{value}"')

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.scripts.append(data)
