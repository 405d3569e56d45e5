"""A hub on this machine that serves one tiny model, and misbehaves as a test asks.

It implements what lmviz requests of the real one: a revision's list of files with their
checksums, and each file.
"""

import hashlib
import http.server
import json
import threading
import time
from pathlib import Path

REPO = "some-one/tiny"
COMMIT = "5" * 40
# Git stores a small file itself and names it by SHA-1, a large one by SHA-256.
LARGE = ".safetensors"


class BadHub(http.server.ThreadingHTTPServer):
    """Serve a folder; `misbehave(request)` may answer first, and returns True then."""

    daemon_threads = True

    def __init__(self, folder, misbehave=None):
        self.folder, self.commit = Path(folder), COMMIT
        self.files = {p.name: p.read_bytes() for p in sorted(self.folder.iterdir())}
        self.misbehave = misbehave or (lambda request: False)
        self.seen = []
        super().__init__(("127.0.0.1", 0), _Request)
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Ignore clients that hang up, as killed ones do."""

    def gone(self):
        """Stop listening, without waiting for the requests in progress."""
        threading.Thread(target=self.close, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


def checksum_of(file, content):
    """Return the checksum that the hub lists for a file."""
    if file.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def file(self):
        """Return the name of the requested file, None for another request."""
        parts = self.path.partition("?")[0].split("/")
        return parts[-1] if "resolve" in parts else None

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def _answer(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        if self.server.misbehave(self):
            return
        if "/api/models/" in self.path:
            self.list_files()
        elif file := self.file():
            content = self.server.files.get(file)
            if content is None:
                self.send(b"", 404, {"X-Error-Code": "EntryNotFound"})
            else:
                self.send_file(content)
        else:
            self.send(b"a hub")

    def list_files(self, files=None, **changes):
        """List files as the API does with ``?blobs=true``."""
        siblings = []
        for file, content in (self.server.files if files is None else files).items():
            record = {"rfilename": file, "size": len(content)}
            record["blobId"] = checksum_of("", content)
            if file.endswith(LARGE):
                sha256, size = checksum_of(file, content), len(content)
                record["lfs"] = {"sha256": sha256, "size": size, "pointerSize": 134}
            siblings.append({**record, **changes})
        info = {"id": REPO, "sha": self.server.commit, "siblings": siblings}
        self.send(json.dumps(info).encode())
        return True

    def send_file(self, content):
        """Send a file, or the rest of it that a Range asks for."""
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").partition("-")[0])
            if start >= len(content):
                self.send(b"", 416)
                return
            place = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.send(content[start:], 206, {"Content-Range": place})
        else:
            self.send(content)

    def send(self, content, status=200, headers=(), *, length=None):
        """Answer, perhaps with less than the announced length."""
        self.send_response(status)
        for key, value in dict(headers).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def hang(self, seconds=60):
        """Accept the request and never answer."""
        time.sleep(seconds)
        self.close_connection = True
        return True

    def refuse(self, status, headers=()):
        self.send(b"no", status, headers)
        return True
