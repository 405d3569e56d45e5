"""Chromium for benchmarks of pages: a site that counts and throttles, tabs, memory."""

import contextlib
import http.server
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
PATIENCE = 300  # seconds


def program():
    """Return the path of a Chromium, or None."""
    found = filter(None, map(shutil.which, NAMES))
    return os.environ.get("LMVIZ_BROWSER") or next(found, None)


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    extensions_map = {  # noqa: RUF012 (as in the class above)
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def translate_path(self, path):
        root, _, name = urlsplit(path).path.lstrip("/").partition("/")
        self.directory = str(self.server.folders.get(root, os.devnull))
        return super().translate_path(f"/{name}")

    def do_POST(self):
        size = int(self.headers["Content-Length"])
        self.server.told.put(json.loads(self.rfile.read(size)))
        self.send_response(204)
        self.end_headers()

    def end_headers(self):
        self.send_header("Cache-Control", "max-age=3600")
        super().end_headers()

    def copyfile(self, source, outputfile):
        while part := source.read(2**14 if self.server.rate else 2**20):
            self.server.wait(len(part))
            outputfile.write(part)

    def log_message(self, *_):
        pass


class Site(http.server.ThreadingHTTPServer):
    """Serve folders on localhost, each below its name.

    ``sent`` counts the bytes of all answers. ``rate`` limits the bytes per second of
    all connections together, as a reader's own connection does. ``told`` has what pages
    have posted.
    """

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, folders):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folders, self.rate, self.sent = folders, None, 0
        self.told = queue.SimpleQueue()
        self._lock, self._free = threading.Lock(), 0.0
        self.address = f"http://127.0.0.1:{self.server_port}"

    def wait(self, n_bytes):
        with self._lock:
            self.sent += n_bytes
            if not self.rate:
                return
            self._free = max(self._free, time.perf_counter()) + n_bytes / self.rate
            until = self._free
        time.sleep(max(0, until - time.perf_counter()))

    def handle_error(self, request, client_address):
        pass  # a tab was closed while it loaded

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


@contextlib.contextmanager
def tab(playwright, address, profile):
    """Open a page in a browser of its own, whose caches are in the folder `profile`."""
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=program(),
        args=["--no-sandbox"],
        viewport={"width": 1280, "height": 900},
    )
    context.set_default_timeout(120_000)
    try:
        page = context.pages[0]
        page.goto(address)
        yield page
    finally:
        context.close()


@contextlib.contextmanager
def bare_tab(site, path, profile, patience=PATIENCE):
    """Open a page without any tools, and return what it tells the site.

    Playwright's tools keep a copy of each download in the tab, as text.
    """
    command = (program(), "--headless", "--no-sandbox", "--remote-debugging-port=0")
    browser = subprocess.Popen(
        (*command, f"--user-data-dir={profile}", f"{site.address}{path}"),
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # the program may be a script that starts the browser
    )
    try:
        yield site.told.get(timeout=patience)
    except queue.Empty:
        raise RuntimeError(f"{path} did not finish in {patience} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


def private_memory(profile):
    """Return the private dirty memory of a browser's largest renderer in MB (Linux).

    It belongs to the tab alone: pages shared with other processes and files that are
    mapped are not included.
    """
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            commands[folder.name] = (folder / "cmdline").read_text(errors="replace")
            stat = (folder / "stat").read_text(errors="replace")
            parents[folder.name] = stat.rpartition(")")[2].split()[1]
    own = f"--user-data-dir={profile}"
    browsers = {pid for pid, command in commands.items() if own in command}
    sizes = [0.0]
    for pid, command in commands.items():
        if "--type=renderer" not in command:
            continue
        ancestor = pid
        while ancestor in parents and ancestor not in browsers:
            ancestor = parents[ancestor]
        if ancestor in browsers:
            with contextlib.suppress(OSError):
                sizes.append(_private_dirty(pid))
    return max(sizes)


def _private_dirty(pid):
    text = Path("/proc", pid, "smaps_rollup").read_text("ascii")
    return int(text.partition("Private_Dirty:")[2].split()[0]) * 1024 / 1e6
