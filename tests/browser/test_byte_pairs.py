"""Byte pair encoding in a page: the ids are those of `tokenizers`."""

import random
import shutil
import unicodedata

import hostile
import pytest

import lmviz
from lmviz.tokenization import readable_tokens
from lmviz.views import tokens
from lmviz.views._bundle import STATIC
from lmviz.views._byte_pairs import pack
from lmviz.views._view import LINKED
from lmviz.views.tokens import TOKENIZERS

WRITTEN = (
    "It's 1984 again,   isn't it? naïve WE'LL",
    "Small Language Models are powerful and efficient!",
    "数量 中文分词，测试。日本語のテキスト 한국어 텍스트",
    "👩‍👩‍👧‍👦 🦜🏽 🇫🇷 ❤️‍🔥",
    "  two  spaces   ",
    "\n\n\t x \u00a0y\u2003z\u0085w\ufeffv",
    "١٢٣ ½ Ⅷ 3.14159",
    "नमस्ते दुनिया",
    "<|endoftext|>a<|endoftext|> <|im_start|>user",
    "a" * 300,
    "",
)
POOLS = (
    *(
        "abcdefgh ABC'",
        "0123456789 .,-",
        "éüß œ",
        "中文分词测试数量 ",
        "あいカキク ",
        "한국 어",
    ),
    *(
        "😀🦜👍🏽🇫🇷❤️‍🔥 ",
        "  \t\n\u00a0\u2003x",
        "אבגד حطي",
        "абвг ЖЗ",
        "กขค ง",
        "_#{}()=+*&^%$<|>",
    ),
)


def texts():
    rng = random.Random(0)
    yield from (*WRITTEN, *hostile.SHORT)
    for _ in range(500):
        pool = "".join(rng.sample(POOLS, rng.randrange(1, 4)))
        yield "".join(rng.choices(pool, k=rng.randrange(1, 60)))
    characters = [
        c
        for c in map(chr, range(0x20, 0x20000))
        if unicodedata.category(c) not in ("Cn", "Cs", "Co")
    ]
    for _ in range(200):
        yield "".join(rng.choices(characters, k=12))


@pytest.fixture(scope="module")
def served(tmp_path_factory, serve):
    """Serve a page as the book does: scripts and tokenizers are files beside it."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(STATIC, folder / "lmviz")
    for name in TOKENIZERS:
        packed = pack(lmviz.load_tokenizer(name).to_str())
        (folder / "lmviz" / f"{name}.json").write_text(packed, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LINKED, "1")
        for page, names in (("page", ["gpt2"]), ("two", TOKENIZERS)):
            view = tokens({"A": ["x"]}, tokenizers=names)._repr_html_()
            (folder / f"{page}.html").write_text(
                '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
                '<title>Tokens</title><link rel="icon" href="data:,">'
                '<meta name="viewport" content="width=device-width">'
                '<script type="module" src="lmviz/lmviz.js"></script></head>'
                f"<body><main><h1>Tokens</h1>{view}</main></body></html>",
                encoding="utf-8",
            )
    return serve(folder)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_ids_are_those_of_tokenizers(open_page, served, name):
    tokenizer = lmviz.load_tokenizer(name)
    given = [*texts()]
    assert len(given) > 700
    want = [tokenizer.encode(t, add_special_tokens=False).ids for t in given]
    got = open_page(url=f"{served}/page.html").evaluate(
        """async ([name, texts]) => {
          const { tokenizer } = await import("./lmviz/bpe.js");
          const answer = await fetch(`lmviz/${name}.json`);
          const { encode } = tokenizer(await answer.json());
          return texts.map((text) => encode(text).map(({ id }) => id));
        }""",
        [name, given],
    )
    different = [t for t, a, b in zip(given, want, got, strict=True) if a != b]
    assert different == []


def field(page):
    return page.get_by_label("Your text, for the tokenizer of GPT-2")


@pytest.mark.parametrize("text", [WRITTEN[0], "🦜 数", "<img src=x onerror=alert(1)>"])
def test_a_typed_text_is_split_as_in_python(open_page, served, text):
    page = open_page(url=f"{served}/page.html")
    field(page).fill(text)
    page.wait_for_selector(".strip >> nth=1")
    gpt2 = lmviz.load_tokenizer("gpt2")
    ids = gpt2.encode(text).ids
    buttons = page.locator(".strip").first.locator("button")
    shown = [b.strip("\u2068\u2069") for b in buttons.all_text_contents()]
    assert [s.removeprefix("◌") for s in shown] == readable_tokens(gpt2, ids)
    assert (
        f"GPT-2, your text\u2069: {len(ids)} token"
        in page.locator(".name").first.inner_text()
    )
    buttons.last.hover()
    said = page.locator("output.say").inner_text()
    assert f"id {ids[-1]}, bytes " in said
    assert page.locator("img").count() == 0
    field(page).fill("")
    page.wait_for_selector(".strip >> nth=1", state="detached")


def test_the_tokenizer_is_fetched_on_first_use(open_page, served):
    page = open_page(url=f"{served}/page.html")
    asked = []
    page.on("request", lambda request: asked.append(request.url.split("/")[-1]))
    field(page).focus()
    assert asked == []
    for text in ("a", "ab"):
        field(page).fill(text)
        page.wait_for_selector(".strip >> nth=1")
    assert asked == ["gpt2.json"]


def test_a_missing_tokenizer_is_reported(open_page, served):
    page = open_page(url=f"{served}/page.html")
    page.route("**/gpt2.json", lambda route: route.fulfill(body="<h1>Not found</h1>"))
    field(page).fill("a")
    page.wait_for_selector("text=The tokenizer can’t be loaded.")
    page.unroute("**/gpt2.json")
    field(page).fill("ab")
    page.wait_for_selector(".strip >> nth=1")


def test_two_tokenizers_are_compared(open_page, served):
    page = open_page(url=f"{served}/two.html")
    page.get_by_label("Your text, for the tokenizer of GPT-2 and SmolLM2").fill("数 12")
    page.wait_for_selector(".strip >> nth=2")
    for i, name in enumerate(TOKENIZERS):
        tokenizer = lmviz.load_tokenizer(name)
        want = readable_tokens(tokenizer, tokenizer.encode("数 12").ids)
        row = page.locator(".strip").nth(i).locator("button").all_text_contents()
        assert [token.strip("\u2068\u2069") for token in row] == want


@pytest.mark.parametrize("width", [1280, 390])
def test_the_field_is_accessible(open_page, no_violations, served, width):
    page = open_page(url=f"{served}/page.html", width=width)
    field(page).fill("The quick brown fox jumps over the lazy dog. " * 4)
    page.wait_for_selector(".strip >> nth=1")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    no_violations(page)
