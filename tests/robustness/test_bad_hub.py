"""A hub that misbehaves.

A hub on this machine refuses, hangs, lies and goes away while a process of its own
loads a model from it. The process must say something soon, end in bounded time with one
line that helps, and leave a cache from which the next attempt succeeds.
"""

import functools
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bad_hub
import pytest
import tiny_families

from lmviz.models import _hub

# The clock starts when imports are over: they take seconds on a busy machine.
LOAD = """
import importlib.metadata, sys
import huggingface_hub, huggingface_hub.hf_api
from lmviz.models import ModelError, _resolve
if {no_wheels}:
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)
    importlib.metadata.distribution = missing
print("began", file=sys.stderr, flush=True)
try:
    source = _resolve.resolve({name!r}).make_local()
except ModelError as error:
    print("refused", type(error).__name__, error)
else:
    print("loaded", source.name, source.reason)
    print(source.folder)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    tiny_families.save("gpt2", folder)
    return folder


@pytest.fixture
def served(folder):
    hub = bad_hub.BadHub(folder)
    yield hub
    hub.close()


def load_from(hub, caches, name=bad_hub.REPO, no_wheels=False, **environment):
    """Load in another process and return its output, with limits on its time."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOAD.format(name=name, no_wheels=no_wheels)],
        env={
            **os.environ,
            "HF_ENDPOINT": hub.address,
            "HF_HOME": str(caches / "huggingface"),
            "LMVIZ_CACHE": str(caches / "lmviz"),
            "PYTHONUNBUFFERED": "1",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line == "began\n":
            break
    began = time.monotonic()
    first = process.stderr.readline()
    waited = time.monotonic() - began
    output, more = process.communicate(timeout=90)
    took = time.monotonic() - began
    assert first == "" or waited < 10, f"{waited:.0f} s to the first message"
    assert took < 60, f"{took:.0f} s in all"
    assert "Traceback" not in more, more
    return output.strip()


@pytest.fixture
def load(served, tmp_path):
    """Load from the served hub, as `load_from` does."""
    return functools.partial(load_from, served, tmp_path)


def refused(output):
    """Check that the output is one helpful line, and return it."""
    assert output.startswith("refused ")
    assert "\n" not in output
    assert len(output) < 350
    assert "try again" in output or "load" in output
    return output


def is_whole(output, served):
    """Check that the served model was loaded, byte by byte."""
    assert output.startswith("loaded"), output
    snapshot = Path(output.splitlines()[-1])
    for name, content in served.files.items():
        if not name.startswith("generation"):
            assert (snapshot / name).read_bytes() == content, name


def only_whole_files(cache, served):
    """Check that what the cache holds under a file's name is that file."""
    for file in cache.glob("lmviz/hub/*/*/*"):
        if file.name in served.files:
            assert file.read_bytes() == served.files[file.name], file.name


def test_model_is_downloaded_from_a_good_hub(load, served, tmp_path):
    is_whole(load(), served)
    assert not list(tmp_path.glob("huggingface/hub/models--*")), "only read by lmviz"


def test_downloaded_model_is_loaded_without_the_hub(load, served):
    is_whole(load(), served)
    served.seen.clear()
    is_whole(load(), served)
    assert not served.seen
    is_whole(load(HF_HUB_OFFLINE="1"), served)


def test_damaged_download_is_downloaded_again(load, served, tmp_path):
    is_whole(load(), served)
    [weights] = tmp_path.glob("lmviz/hub/*/*/model.safetensors")
    weights.write_bytes(b"damaged")
    assert "CorruptFile" in refused(load(HF_HUB_OFFLINE="1"))
    is_whole(load(), served)


def of_files(act, *, ending=""):
    """Misbehave when a file is requested, not before."""

    def misbehave(request):
        file = request.file()
        return bool(file and file.endswith(ending)) and act(request, file)

    return misbehave


def half(request, file):
    content = request.server.files[file]
    request.send(content[: len(content) // 2], 200, length=len(content))
    request.close_connection = True
    return True


def another(request, file):
    content = bytearray(request.server.files[file])
    content[len(content) // 2] ^= 1
    request.send_file(bytes(content))
    return True


def shorter(request, file):
    request.send_file(b"{}")
    return True


def longer(request, file):
    request.send_file(request.server.files[file] * 2)
    return True


def lists_some(request):
    """List all files but the tokenizer."""
    files = request.server.files.items()
    return request.list_files({n: c for n, c in files if n != "tokenizer.json"})


def lists_paths(request):
    """List a file that would be written elsewhere."""
    return request.list_files({**request.server.files, "tokenizer/../../x": b""})


def stalls(request, file):
    content = request.server.files[file]
    request.send(content[:100], 200, length=len(content))
    return request.hang()


def of_list(act):
    return lambda request: "/api/" in request.path and act(request)


FAULTS = {
    "hangs before the list": of_list(lambda r: r.hang()),
    "hangs before each file": of_files(lambda r, f: r.hang()),
    "answers 429": of_list(lambda r: r.refuse(429)),
    "answers 429 for a day": of_list(lambda r: r.refuse(429, {"Retry-After": "86400"})),
    "answers 429 for a day for a file": of_files(
        lambda r, f: r.refuse(429, {"Retry-After": "86400"})
    ),
    "answers 503": of_list(lambda r: r.refuse(503)),
    "answers 503 for a day": of_files(
        lambda r, f: r.refuse(503, {"Retry-After": "86400"})
    ),
    "answers 503 for each file": of_files(lambda r, f: r.refuse(503)),
    "answers 500 while it sends": of_files(lambda r, f: r.refuse(500)),
    "answers 401": of_list(lambda r: r.refuse(401)),
    "answers 403": of_list(lambda r: r.refuse(403)),
    "answers 404": of_list(lambda r: r.refuse(404)),
    "answers 404 for each file": of_files(lambda r, f: r.refuse(404)),
    "lists no JSON": of_list(lambda r: r.send(b"<html>log in</html>") or True),
    "lists nothing": of_list(lambda r: r.list_files({})),
    "lists some": of_list(lists_some),
    "lists no checksums": of_list(lambda r: r.list_files(blobId=None, lfs=None)),
    "sends half of the weights": of_files(half, ending=".safetensors"),
    "sends half of the tokenizer": of_files(half, ending="tokenizer.json"),
    "sends other weights": of_files(another, ending=".safetensors"),
    "sends another tokenizer": of_files(another, ending="tokenizer.json"),
    "sends another config": of_files(another, ending="config.json"),
    "sends a short config": of_files(shorter, ending="config.json"),
    "sends a long config": of_files(longer, ending="config.json"),
    "stalls in the weights": of_files(stalls, ending=".safetensors"),
    "redirects in a circle": of_list(lambda r: r.refuse(307, {"Location": r.path})),
    "redirects to nowhere": of_files(
        lambda r, f: r.refuse(302, {"Location": "http://127.0.0.1:9/" + f})
    ),
}


# Loads that wait for timeouts wait side by side.
PATIENT = [fault for fault in FAULTS if fault.startswith(("hangs", "stalls"))]
ALONE = [[fault] for fault in FAULTS if fault not in PATIENT]


@pytest.mark.parametrize(
    "faults", [pytest.param(PATIENT, marks=pytest.mark.long), *ALONE], ids=", ".join
)
def test_fault_is_reported_and_the_next_load_succeeds(faults, folder, tmp_path, tried):
    tried(2 * len(faults))

    def survive(fault):
        hub, caches = bad_hub.BadHub(folder, FAULTS[fault]), tmp_path / fault
        try:
            refused(load_from(hub, caches))
            only_whole_files(caches, hub)
            asked = Counter((command, path) for command, path, _ in hub.seen)
            # A hub that asks to wait for a day is not asked again.
            most = 50 if "circle" in fault else 1 if "for a day" in fault else 2
            assert max(asked.values()) <= most
            hub.misbehave = lambda request: False
            is_whole(load_from(hub, caches), hub)
        finally:
            hub.close()

    with ThreadPoolExecutor() as pool:
        list(pool.map(survive, faults))


def test_files_outside_of_the_folder_are_not_downloaded(load, served, tmp_path):
    served.misbehave = of_list(lists_paths)
    is_whole(load(), served)
    assert not [path for _, path, _ in served.seen if ".." in path]
    assert not list(tmp_path.rglob("x"))


def test_broken_download_continues_where_it_stopped(load, served):
    broke = []

    def break_once(request, file):
        return not broke and (broke.append(file) or half(request, file))

    served.misbehave = of_files(break_once, ending=".safetensors")
    is_whole(load(), served)
    size = len(served.files["model.safetensors"])
    ranges = [headers.get("range") for _, _, headers in map(_lower, served.seen)]
    assert f"bytes={size // 2}-" in ranges


def _lower(seen):
    command, path, headers = seen
    return command, path, {name.lower(): value for name, value in headers.items()}


def test_connection_lost_between_files(load, served, tmp_path):
    sent = []

    def go_away(request, file):
        if sent:
            served.gone()
            request.close_connection = True
            return True
        sent.append(file)
        return False

    served.misbehave = of_files(go_away)
    refused(load())
    only_whole_files(tmp_path, served)
    again = bad_hub.BadHub(served.folder)
    try:
        is_whole(load(HF_ENDPOINT=again.address), again)
        # A file that was complete the first time is not sent again.
        asked = [path for command, path, _ in again.seen if command == "GET"]
        assert not [path for path in asked if path.endswith(f"/{sent[0]}")]
    finally:
        again.close()


def elsewhere(address):
    """Redirect the weights to another host, as the hub does."""
    return of_files(
        lambda r, f: r.refuse(302, {"Location": address + r.path}),
        ending=".safetensors",
    )


def test_access_token_is_not_sent_to_another_host(load, served, folder):
    other = bad_hub.BadHub(folder)
    served.misbehave = elsewhere(other.address.replace("127.0.0.1", "localhost"))
    try:
        is_whole(load(HF_TOKEN="hf_secret"), served)
        assert any("hf_secret" in str(headers) for *_, headers in served.seen)
        assert other.seen
        assert not any("hf_secret" in str(seen) for seen in other.seen)
    finally:
        other.close()


def test_another_host_cannot_send_another_file(load, served, folder, tmp_path):
    other = bad_hub.BadHub(folder, of_files(another))
    served.misbehave = elsewhere(other.address)
    try:
        assert "deleted" in refused(load())
        only_whole_files(tmp_path, served)
    finally:
        other.close()


@pytest.mark.parametrize(
    "fault", ["refuses", "answers 503", "answers 429", "hangs", "sends other files"]
)
def test_auto_falls_back_to_the_toy_and_says_why(fault, load, served):
    if fault == "refuses":
        served.close()
    served.misbehave = {
        "answers 503": lambda request: request.refuse(503),
        "answers 429": lambda request: request.refuse(429),
        "hangs": lambda request: request.hang(),
    }.get(fault, lambda request: False)
    # The files of this hub are not those of the pinned GPT-2.
    served.commit = _hub.GPT2_REVISION
    output = load("auto", no_wheels=True).splitlines()
    assert output[0].startswith("loaded toy")
    why = "deleted" if fault == "sends other files" else "the hub does not answer"
    assert why in output[0]


def test_only_the_pinned_files_are_gpt2(load, served):
    # Each file has the checksum that this hub lists, not the pinned one.
    served.commit = _hub.GPT2_REVISION
    assert "corrupt or wrong" in refused(load("gpt2"))
    assert "corrupt or wrong" in refused(load("gpt2"))
