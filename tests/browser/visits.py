"""Visits to a page that loads the files of the model, from a server with faults."""

import collections
import contextlib
import email.utils
import http.server
import json
import shutil
import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar, NamedTuple

import pytest

from lmviz.views._bundle import STATIC

START = """async ({ worker, model, ...more }) => {
    const { Remote } = await import("./lmviz/remote.js");
    const at = (name) => new URL(name, location).href;
    const index = { ...await (await fetch(`${model}index.json`)).json(), ...more };
    window.received = [];
    window.layers = [];
    window.remote = new Remote(at(worker), ({ kind, received, layer }) =>
        kind === "progress" ? window.received.push(received) : layers.push(layer));
    const load = () => remote.ask("load", {
        code: at("lmviz/llama.wasm"), address: at(model), ids: [1, 1500], index });
    window.read = async (ids) => {
        const found = await remote.ask("read", { ids, off: [[], []] });
        return found && [found.surprisal[2], ...found.best.flat(2)];
    };
    const late = (_, fail) => setTimeout(() => fail(Error("no answer")), 30000);
    window.tell = async () => {
        const asked = [load(), read([1, 1500, 2])];
        try {
            return (await Promise.race([Promise.all(asked), new Promise(late)]))[1];
        } catch (error) {
            if (error.message === "no answer") return error.message;
            const numbers = await asked[1].catch(() => null);
            return numbers === null ? error.message : ["computed", numbers];
        }
    };
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Answer(NamedTuple):
    """What a server sends in place of a file, the body some times."""

    body: bytes = b""
    headers: Mapping = {}
    status: int = HTTPStatus.OK
    times: int = 1


class Faulty(Quiet):
    """A server that records the names it is asked for, and follows a list of faults."""

    asked: ClassVar = collections.Counter()
    faults: ClassVar = {}  # of a name, what happens to it at the next requests

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        self.asked[name] += 1
        faults = self.faults.get(name)
        fault = faults.pop(0) if faults else None
        if fault == "missing":
            return self.send_error(HTTPStatus.NOT_FOUND)
        if isinstance(fault, Answer):
            return self.send_answer(fault)
        if isinstance(fault, threading.Event):
            assert fault.wait(30)
        elif isinstance(fault, tuple):
            return self.send_half(*fault)
        elif fault is not None:
            return self.send_damaged(fault)
        return super().do_GET()

    def send_answer(self, answer):
        self.send_response(answer.status)
        for header, value in answer.headers.items():
            self.send_header(header, value)
        self.end_headers()
        # The browser may close the connection before it has all.
        with contextlib.suppress(ConnectionError):
            for _ in range(answer.times):
                self.wfile.write(answer.body)
        self.close_connection = True

    def send_half(self, until):
        """Send half of a file, and the connection stays open until an event."""
        with open(self.translate_path(self.path), "rb") as file:  # noqa: PTH123
            body = file.read()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", len(body))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        until.wait(30)
        self.close_connection = True

    def send_damaged(self, fault):
        path = self.translate_path(self.path)
        with open(path, "rb") as file:  # noqa: PTH123
            body = bytearray(file.read())
        size = len(body)
        if fault == "flipped":
            body[size // 2] ^= 1
        else:
            del body[-100:]
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", size if fault == "broken off" else len(body))
        # Newer than the file: a browser that asks whether its copy is current keeps it.
        self.send_header("Last-Modified", email.utils.formatdate(usegmt=True))
        self.end_headers()
        self.wfile.write(body)
        if fault == "broken off":
            self.close_connection = True


class Visits:
    """A reader who visits the page, in a browser with its own storage."""

    def __init__(self, context, address):
        self.context, self.address, self.errors = context, address, []
        self.urls = []
        context.on("request", lambda request: self.urls.append(request.url))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def open(self, worker="lmviz/worker.js", model="model/", **more):
        page = self.context.new_page()
        page.goto(f"{self.address}/index.html")
        page.evaluate(START, {"worker": worker, "model": model, **more})
        return page

    def load(self, worker="lmviz/worker.js", **more):
        """Load and read a text; returns the numbers, or the message of the error."""
        page = self.open(worker, **more)
        found = page.evaluate("tell()")
        received = page.evaluate("received")
        page.close()
        return found, received


@pytest.fixture(scope="module", name="folder")
def make_folder(tmp_path_factory, model_files):
    """A site with the first two layers of the model, and 2,048 of its words."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(STATIC, folder / "lmviz")
    index = json.loads((model_files / "index.json").read_text("utf-8"))
    index["files"] = [
        each
        for each in index["files"]
        if each.get("layer", 0) < 2 and each.get("first", 0) < 2048
    ]
    words = index["config"]["words"]
    row = words["bytes"] // words["rows"]
    words |= {"rows": 2048, "bytes": 2048 * row}
    index["config"]["layers"] = 2
    (folder / "model").mkdir()
    for each in (*index["files"], index["tokenizer"]):
        shutil.copy(model_files / each["name"], folder / "model")
    (folder / "model" / "index.json").write_text(json.dumps(index))
    icon = '<link rel="icon" href="data:,">'
    (folder / "index.html").write_text(f"<!DOCTYPE html><title>x</title>{icon}")
    return folder


@pytest.fixture(scope="module", name="index")
def make_index(folder):
    return json.loads((folder / "model" / "index.json").read_text("utf-8"))


@pytest.fixture(name="server")
def make_server(folder, serve, monkeypatch):
    monkeypatch.setattr(Faulty, "asked", collections.Counter())
    monkeypatch.setattr(Faulty, "faults", {})
    return serve(folder, Faulty)


@pytest.fixture(name="visits")
def make_visits(browser, server):
    context = browser.new_context()
    visits = Visits(context, server)
    yield visits
    context.close()
    assert visits.errors == []
    assert [url for url in visits.urls if not url.startswith(f"{server}/")] == []


@pytest.fixture(scope="module", name="numbers")
def make_numbers(browser, folder, serve):
    """The numbers of two layers, when nothing goes wrong."""
    context = browser.new_context()
    found, _ = Visits(context, serve(folder)).load()
    context.close()
    assert len(found) == 1 + 3 * 10 * 3
    return found
