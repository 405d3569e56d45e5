"""The reference leads to the lines of a function in the repository."""

from pathlib import Path

import pytest
from lmviz_book import code_links

ROOT = Path(__file__).parents[2]


def find(module, name):
    found = {"module": module, "fullname": name}
    return code_links.link("https://example.org/blob/abc", ROOT, "py", found)


@pytest.mark.parametrize(
    ("module", "name", "line"),
    [
        ("lmviz.attention", "attention_weights", "def attention_weights("),
        ("lmviz.tokenization", "BytePairEncoding", "class BytePairEncoding"),
        ("lmviz.tokenization", "BytePairEncoding.encode", "    def encode("),
    ],
)
def test_a_link_leads_to_the_first_and_the_last_line(module, name, line):
    address, _, lines = find(module, name).partition("#")
    path = address.removeprefix("https://example.org/blob/abc/")
    first, last = (int(part[1:]) for part in lines.split("-"))
    text = (ROOT / path).read_text("utf-8").splitlines()[first - 1 : last]
    # A decorator belongs to it.
    assert any(each.startswith(line) for each in text[:3])
    assert text[-1].strip()


def test_what_has_no_code_of_its_own_has_no_link():
    assert find("lmviz.attention", "missing") is None
    assert find("lmviz", "__version__") is None
    assert find("json", "loads") is None, "outside of the repository"


def test_the_list_of_modules_is_one_list():
    # As Sphinx writes it: a list in a list, where only items may be.
    body = "<h1>All</h1><ul><li>a</li>\n<ul><li>a.b</li>\n</ul><li>c</li>\n</ul>\n"
    items = "<li>a</li>\n<li>a.b</li>\n<li>c</li>\n\n"
    assert code_links.flatten(body) == f"<h1>All</h1><ul>{items}</ul>"


def test_code_leads_back_to_where_it_is_described():
    link = '<a class="viewcode-back" href="../models.html#lmviz.{}">[docs]</a>'
    names = ["lmviz.load", "lmviz.models.CorruptFile"]
    assert code_links.lead_back(link.format("load"), names) == link.format("load")
    corrected = code_links.lead_back(link.format("CorruptFile"), names)
    assert corrected == link.format("models.CorruptFile")


@pytest.mark.long
def test_a_book_shows_code_itself_unless_it_knows_the_repository(built_book):
    page = built_book.docs / "reference.md"
    function = "lmviz.attention.causal_mask"
    page.write_text(
        f"# Reference\n\n```{{eval-rst}}\n.. autofunction:: {function}\n```\n"
    )
    built_book.list("reference", after="notebook")
    _, code, printed = built_book.build()
    assert code == 0, printed
    assert 'href="_modules/lmviz/attention/' in built_book.page("reference.html")
    repository = "https://example.org/lmviz"
    _, code, printed = built_book.build(LMVIZ_REPOSITORY=repository)
    assert code == 0, printed
    shown = built_book.page("reference.html")
    assert f'href="{repository}/blob/HEAD/lmviz/attention/' in shown
    assert "_modules/" not in shown
    assert f"{repository}/issues/new?template=1_mistake.yml" in shown
