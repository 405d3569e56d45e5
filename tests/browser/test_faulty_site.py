"""The worker and its files.

Servers that send something else, networks and storages that fail, releases that change
while a page is open: the page has the right numbers, or says in one sentence what is
wrong with which file, and neither waits forever nor keeps what is old.
"""

import json
import shutil
import threading
from http import HTTPStatus

import pytest
from visits import Answer, Faulty, Visits

from lmviz.tokenization import readable_tokens

FILE = "layer-00.bin"
PAGE = b"<!DOCTYPE html><title>Log in</title><p>to this network</p>"
HTML = {"Content-Type": "text/html", "Content-Length": len(PAGE)}
ENDLESS = 2000
MEGABYTE = bytes(2**20)


def zipped(body):
    return {"Content-Encoding": "gzip", "Content-Length": len(body)}


# What a server may send for a file, given this and another one of the same size.
ANSWERS = {
    "a page": (lambda *_: Answer(PAGE, HTML), "it has {page} bytes, not {size}"),
    "nothing": (
        lambda *_: Answer(status=HTTPStatus.NO_CONTENT),
        "it has 0 bytes, not {size}",
    ),
    "another one": (lambda _, other: Answer(other), "its checksum is wrong"),
    "zeros": (lambda body, _: Answer(bytes(len(body))), "its checksum is wrong"),
    "endless": (
        lambda *_: Answer(MEGABYTE, times=ENDLESS),
        "it has more than {size} bytes",
    ),
    "a length that is too small": (
        lambda body, _: Answer(body, {"Content-Length": len(body) - 9}),
        "it has {less} bytes, not {size}",
    ),
    "a length that is too large": (
        lambda body, _: Answer(body, {"Content-Length": len(body) + 9}),
        "the connection failed",
    ),
    "an encoding that it does not have": (
        lambda body, _: Answer(body, zipped(body)),
        "the connection failed",
    ),
    "a loop": (
        lambda *_: Answer(b"", {"Location": FILE}, HTTPStatus.FOUND, 0),
        "the connection failed",
    ),
}


@pytest.fixture
def bodies(folder):
    """Two files of the same size."""
    found = [(folder / "model" / f"layer-0{i}.bin").read_bytes() for i in (0, 1)]
    assert len(found[0]) == len(found[1])
    return found


def named(text, body):
    size = len(body)
    text = text.format(size=size, less=size - 9, page=len(PAGE))
    return f"{FILE} could not be loaded: {text}."


@pytest.mark.parametrize("answer", ANSWERS)
def test_any_other_answer_is_named_until_the_file_is_there(
    visits, numbers, bodies, answer
):
    make, text = ANSWERS[answer]
    # A browser gives up a loop after some twenty requests of its own.
    Faulty.faults[FILE] = [make(*bodies)] * (100 if answer == "a loop" else 3)
    page = visits.open()
    assert page.evaluate("tell()") == named(text, bodies[0])
    Faulty.faults.clear()
    assert page.evaluate("tell()") == numbers


def test_files_in_the_wrong_order_are_refused(visits, numbers, bodies):
    first, second = bodies
    Faulty.faults |= {FILE: [Answer(second)] * 3, "layer-01.bin": [Answer(first)] * 3}
    page = visits.open()
    assert "its checksum is wrong" in page.evaluate("tell()")
    Faulty.faults.clear()
    assert page.evaluate("tell()") == numbers


@pytest.mark.parametrize("kind", ["a page", "cut", "silent"])
def test_a_damaged_kernel_is_named_until_it_is_there(visits, numbers, folder, kind):
    body = (folder / "lmviz" / "llama.wasm").read_bytes()
    over = threading.Event()
    fault = {"a page": Answer(PAGE, HTML), "cut": Answer(body[:-9]), "silent": (over,)}
    Faulty.faults["llama.wasm"] = [fault[kind]] * 3
    page = visits.open(silence=2000)
    said = page.evaluate("tell()")
    over.set()
    reason = "the server stopped sending" if kind == "silent" else "it is damaged"
    assert said == f"llama.wasm could not be loaded: {reason}."
    assert page.evaluate("tell()") == numbers


@pytest.mark.parametrize("fault", ["missing", "flipped", Answer(PAGE, HTML)])
def test_a_damaged_tokenizer_is_named_until_it_is_there(visits, smollm2, fault):
    Faulty.faults["tokenizer.json"] = [fault] * 3
    page = visits.open()
    said = page.evaluate(
        """async () => {
            const { LlamaEngine } = await import("./lmviz/llama_engine.js");
            const index = await (await fetch("model/index.json")).json();
            const address = new URL("model/", location).href;
            globalThis.lmvizFolder = new URL("lmviz/", location).href;
            window.engine = new LlamaEngine({ index, address, longest: 128 });
            return engine.words().catch((error) => error.message);
        }"""
    )
    assert said.startswith("tokenizer.json could not be loaded: ")
    assert said.count(".") == 2
    text = "The naïve cat"
    found = page.evaluate("(text) => engine.encode(text).wait", text)
    assert found is not None
    tokens = page.evaluate("(text) => engine.encode(text).tokens", text)
    ids = smollm2.tokenizer.encode(text).ids
    assert [token["id"] for token in tokens] == ids
    names = list(readable_tokens(smollm2.tokenizer, ids))
    assert [token["name"] for token in tokens] == names


STORE = """async ([release, files]) => {
    const storage = await caches.open(`lmviz/${release}`);
    const at = (name) => new URL(`model/${name}`, location);
    const kept = async (name) => (await storage.match(at(name))).arrayBuffer();
    const bodies = await Promise.all(files.map(([, other]) => kept(other)));
    for (const [i, [name, , flipped]] of files.entries()) {
        if (flipped) new Uint8Array(bodies[i])[99] ^= 1;
        await storage.put(at(name), new Response(bodies[i]));
    }
}"""
DAMAGES = {
    "swapped": [[FILE, "layer-01.bin", False], ["layer-01.bin", FILE, False]],
    "forged": [["words-00.bin", "words-00.bin", True]],
    "another one": [["norm.bin", FILE, False]],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_stored_is_used_only_if_its_checksum_is_right(
    visits, index, numbers, damage
):
    visits.load()
    page = visits.open()
    page.evaluate(STORE, [index["release"], DAMAGES[damage]])
    page.close()
    for n_fetched in (len(DAMAGES[damage]), 0):
        Faulty.asked.clear()
        assert visits.load()[0] == numbers
        fetched = [name for name in Faulty.asked if name.endswith(".bin")]
        assert len(fetched) == n_fetched


KEPT = """async (release) => {
    const storage = await caches.open(`lmviz/${release}`);
    return (await storage.keys()).length;
}"""


def test_a_full_quota_costs_only_the_next_visit_its_speed(visits, index, numbers):
    page = visits.open()
    session = visits.context.new_cdp_session(page)
    quota = {"origin": visits.address, "quotaSize": 3_000_000}
    session.send("Storage.overrideQuotaForOrigin", quota)
    for _ in range(2):
        assert visits.load()[0] == numbers
    assert page.evaluate(KEPT, index["release"]) < len(index["files"])
    session.send("Storage.overrideQuotaForOrigin", {"origin": visits.address})
    assert visits.load()[0] == numbers
    # What has come in is stored beside the questions.
    page.wait_for_timeout(500)
    assert page.evaluate(KEPT, index["release"]) == len(index["files"])


def test_a_connection_that_is_lost_half_way_is_named_until_it_is_back(
    visits, index, numbers
):
    # It is asked for again after a second: without a connection by then.
    Faulty.faults["layer-01.bin"] = ["missing"]
    page = visits.open()
    page.evaluate("void (window.told = tell())")
    page.wait_for_function("received.length > 1")
    visits.context.set_offline(True)
    said = page.evaluate("told")
    assert said == "layer-01.bin could not be loaded: the connection failed."
    before = set(Faulty.asked)
    visits.context.set_offline(False)
    Faulty.asked.clear()
    assert page.evaluate("tell()") == numbers
    # What had arrived is there.
    assert FILE in before
    assert FILE not in Faulty.asked


def test_two_tabs_that_load_at_once_both_have_the_numbers(visits, numbers):
    pages = [visits.open(), visits.open()]
    for page in pages:
        page.evaluate("void (window.told = tell())")
    for page in pages:
        assert page.evaluate("told") == numbers
    Faulty.asked.clear()
    assert visits.load()[0] == numbers
    assert not [name for name in Faulty.asked if name.endswith(".bin")]


NEWER = "0123456789ab"


@pytest.fixture(scope="module")
def newer(folder, index):
    """Another release of the model at its own address: its layers are exchanged."""
    place = folder / "newer"
    shutil.copytree(folder / "model", place)
    names = [FILE, "layer-01.bin"]
    for name, other in zip(names, reversed(names), strict=True):
        shutil.copy(folder / "model" / other, place / name)
    sums = {each["name"]: each["sha256"] for each in index["files"]}
    sums |= {names[0]: sums[names[1]], names[1]: sums[names[0]]}
    files = [{**each, "sha256": sums[each["name"]]} for each in index["files"]]
    changed = {**index, "release": NEWER, "files": files}
    (place / "index.json").write_text(json.dumps(changed))
    return "newer/"


@pytest.fixture(scope="module")
def newer_numbers(browser, folder, serve, newer, numbers):
    """The numbers of that release, when nothing goes wrong."""
    context = browser.new_context()
    found, _ = Visits(context, serve(folder)).load(model=newer)
    context.close()
    assert found != numbers
    return found


@pytest.mark.parametrize("half", [False, True], ids=["loaded", "half loaded"])
def test_a_release_that_comes_while_a_tab_is_open_disturbs_neither(
    visits, numbers, newer, newer_numbers, half
):
    arrives = threading.Event()
    Faulty.faults["norm.bin"] = [arrives] if half else []
    page = visits.open()
    page.evaluate("void (window.told = tell())")
    page.wait_for_function("layers.length === 2")
    if not half:
        assert page.evaluate("told") == numbers
    assert visits.load(model=newer)[0] == newer_numbers
    arrives.set()
    assert page.evaluate("told") == numbers
    # The same text again, and what is kept is of the newer release alone.
    assert page.evaluate("read([1, 1500, 2])") == numbers
    assert page.evaluate("caches.keys()") == [f"lmviz/{NEWER}"]
    Faulty.asked.clear()
    assert visits.load(model=newer)[0] == newer_numbers
    assert not [name for name in Faulty.asked if name.endswith(".bin")]


def test_files_of_a_newer_release_at_the_same_address_are_refused(visits, index, newer):
    """A page of the old one is open, or comes from the browser's own cache."""
    page = visits.open(model=newer, release=index["release"], files=index["files"])
    assert (
        page.evaluate("tell()") == f"{FILE} could not be loaded: its checksum is wrong."
    )
