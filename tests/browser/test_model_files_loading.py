"""The files of the model arrive whole in the page, or the page says which did not."""

import threading

import pytest
from visits import Faulty

# What may go wrong in the storage of a browser, in the worker that uses it.
STORAGES = {
    "undefined": "Object.defineProperty(globalThis, 'caches', { value: undefined });",
    "forbidden": """Object.defineProperty(globalThis, "caches", { get: () => {
        throw new DOMException("The operation is insecure.", "SecurityError");
    } });""",
    "full": """Cache.prototype.put = async () => {
        throw new DOMException("Quota exceeded.", "QuotaExceededError");
    };""",
    "not opening": "CacheStorage.prototype.open = async () => { throw new Error(); };",
    "not reading": "Cache.prototype.match = async () => { throw new Error(); };",
}


@pytest.fixture(scope="module", autouse=True)
def storages(folder):
    """Workers that begin with something that goes wrong in their storage."""
    for name, code in STORAGES.items():
        (folder / f"{name}.js").write_text(code)
        imports = f'import "./{name}.js";\nimport "./lmviz/worker.js";\n'
        (folder / f"worker of {name}.js").write_text(imports)


def weights(index):
    return {each["name"]: 1 for each in index["files"]}


def asked_for_weights():
    return {name: n for name, n in Faulty.asked.items() if name.endswith(".bin")}


def test_progress_reaches_the_total_of_the_index(visits, index, numbers):
    found, received = visits.load()
    assert found == numbers
    assert received == sorted(received)
    assert len(received) == len(index["files"])
    assert received[-1] == sum(each["bytes"] for each in index["files"])
    assert asked_for_weights() == weights(index)


def test_a_second_visit_fetches_no_weights(visits, index, numbers):
    visits.load()
    Faulty.asked.clear()
    found, received = visits.load()
    assert found == numbers
    assert received[-1] == sum(each["bytes"] for each in index["files"])
    assert asked_for_weights() == {}


def test_only_the_folder_of_the_site_is_asked(visits):
    visits.load()
    own = ("/index.html", "/lmviz/", "/model/")
    paths = [url.removeprefix(visits.address) for url in visits.urls]
    assert any(path.startswith("/model/layer") for path in paths)
    assert [path for path in paths if not path.startswith(own)] == []


@pytest.mark.parametrize("kind", ["application/wasm", "application/octet-stream"])
def test_any_media_type_of_the_kernel_will_do(visits, numbers, monkeypatch, kind):
    types = {**Faulty.extensions_map, ".wasm": kind}
    monkeypatch.setattr(Faulty, "extensions_map", types)
    assert visits.load()[0] == numbers


@pytest.mark.parametrize("fault", ["missing", "shorter", "broken off", "flipped"])
def test_files_that_are_damaged_once_are_fetched_again(visits, index, numbers, fault):
    Faulty.faults |= {name: [fault] for name in weights(index)}
    found, received = visits.load()
    assert found == numbers
    assert received[-1] == sum(each["bytes"] for each in index["files"])
    assert min(asked_for_weights().values()) == 2
    Faulty.asked.clear()
    assert visits.load()[0] == numbers
    assert asked_for_weights() == {}


def test_a_connection_that_stalls_is_given_up_and_the_file_fetched_again(
    visits, numbers
):
    over = threading.Event()
    Faulty.faults["layer-01.bin"] = [(over,)]
    found, _ = visits.load(silence=2000)
    over.set()
    assert found == numbers
    assert Faulty.asked["layer-01.bin"] == 2


SENTENCES = {
    "stalled": "{} could not be loaded: the server stopped sending.",
    "missing": "{} could not be loaded: the server answered 404.",
    "shorter": "{} could not be loaded: it has {} bytes, not {}.",
    "flipped": "{} could not be loaded: its checksum is wrong.",
}


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("layer-00.bin", "flipped"),
        ("layer-01.bin", "missing"),
        ("norm.bin", "shorter"),
        ("norm.bin", "stalled"),
    ],
)
def test_a_file_that_stays_damaged_is_named_until_it_is_repaired(
    visits, index, numbers, name, fault
):
    [size] = [each["bytes"] for each in index["files"] if each["name"] == name]
    over = threading.Event()
    Faulty.faults[name] = [(over,) if fault == "stalled" else fault] * 3
    page = visits.open(silence=2000)
    wanted = SENTENCES[fault].format(name, size - 100, size)
    assert page.evaluate("tell()") == wanted
    over.set()
    before = set(asked_for_weights()) - {name}
    Faulty.asked.clear()
    assert page.evaluate("tell()") == numbers
    # What has arrived is not asked for again; the first layer comes before all others.
    missing = {each["name"] for each in index["files"]} - before
    assert asked_for_weights() == dict.fromkeys(missing, 1)
    received = page.evaluate("received")
    assert received[-1] == sum(each["bytes"] for each in index["files"])


def test_a_missing_kernel_is_named_until_it_is_there(visits, numbers):
    Faulty.faults["llama.wasm"] = ["missing"] * 3
    page = visits.open()
    wanted = "llama.wasm could not be loaded: the server answered 404."
    assert page.evaluate("tell()") == wanted
    assert page.evaluate("tell()") == numbers


@pytest.mark.parametrize("name", ["worker.js", "llama.js"])
def test_a_missing_script_is_an_error_until_it_is_there(visits, numbers, name):
    Faulty.faults[name] = ["missing"]
    page = visits.open()
    assert page.evaluate("tell()") == "The script of the model could not be loaded."
    assert page.evaluate("tell()") == numbers


@pytest.mark.parametrize("storage", STORAGES)
def test_a_browser_without_storage_loads_all_the_same(visits, numbers, storage):
    for _ in range(2):
        assert visits.load(f"worker of {storage}.js")[0] == numbers


def test_a_stored_file_that_is_cut_is_fetched_again(visits, index, numbers):
    visits.load()
    page = visits.open()
    page.evaluate(
        """async (release) => {
            const storage = await caches.open(`lmviz/${release}`);
            const name = new URL("model/layer-00.bin", location);
            await storage.put(name, new Response(new Uint8Array(5)));
        }""",
        index["release"],
    )
    page.close()
    Faulty.asked.clear()
    assert visits.load()[0] == numbers
    assert asked_for_weights() == {"layer-00.bin": 1}


def test_only_older_releases_are_deleted(visits, index):
    page = visits.open()
    page.evaluate(
        """async () => {
            for (const name of ["lmviz/0123456789ab", "another", "lmvizualization"])
                await (await caches.open(name)).put("x", new Response("x"));
        }"""
    )
    assert isinstance(page.evaluate("tell()"), list)
    kept = set(page.evaluate("caches.keys()"))
    assert kept == {f"lmviz/{index['release']}", "another", "lmvizualization"}


def test_a_text_is_read_while_files_still_arrive(visits):
    """Its layers are shown, and a newer text does not wait for the older one."""
    arrives = threading.Event()
    Faulty.faults["norm.bin"] = [arrives]
    page = visits.open()
    page.evaluate("void (window.told = tell())")
    page.wait_for_function("layers.length === 2")
    page.evaluate("void (window.newer = read([3, 4, 5]))")
    page.wait_for_function("layers.length === 4")
    arrives.set()
    assert page.evaluate("told") is None
    assert len(page.evaluate("newer")) == 1 + 3 * 10 * 3
    assert page.evaluate("layers") == [0, 1, 0, 1]
