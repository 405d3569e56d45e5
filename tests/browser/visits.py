"""Visits to a page that loads the files of the model, from a server with faults."""

import collections
import email.utils
import threading
from http import HTTPStatus
from typing import ClassVar

from conftest import Quiet

START = """async ({ worker, ...more }) => {
    const { Remote } = await import("./lmviz/remote.js");
    const at = (name) => new URL(name, location).href;
    const index = { ...await (await fetch("model/index.json")).json(), ...more };
    window.received = [];
    window.layers = [];
    window.remote = new Remote(at(worker), ({ kind, received, layer }) =>
        kind === "progress" ? window.received.push(received) : layers.push(layer));
    const load = () => remote.ask("load", {
        code: at("lmviz/llama.wasm"), address: at("model/"), ids: [1, 1500], index });
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


class Faulty(Quiet):
    """A server that records the names it is asked for, and follows a list of faults."""

    asked: ClassVar = collections.Counter()
    faults: ClassVar = {}  # of a name, what happens to it at the next requests

    def do_GET(self):  # noqa: N802
        name = self.path.rpartition("/")[2]
        self.asked[name] += 1
        faults = self.faults.get(name)
        fault = faults.pop(0) if faults else None
        if fault == "missing":
            return self.send_error(HTTPStatus.NOT_FOUND)
        if isinstance(fault, threading.Event):
            assert fault.wait(30)
        elif isinstance(fault, tuple):
            return self.send_half(*fault)
        elif fault is not None:
            return self.send_damaged(fault)
        return super().do_GET()

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

    def open(self, worker="lmviz/worker.js", **more):
        page = self.context.new_page()
        page.goto(f"{self.address}/index.html")
        page.evaluate(START, {"worker": worker, **more})
        return page

    def load(self, worker="lmviz/worker.js", **more):
        """Load and read a text; returns the numbers, or the message of the error."""
        page = self.open(worker, **more)
        found = page.evaluate("tell()")
        received = page.evaluate("received")
        page.close()
        return found, received
