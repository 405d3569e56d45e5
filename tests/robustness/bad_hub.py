"""A hub on this machine that serves one tiny model, and misbehaves as it is told.

It speaks what huggingface_hub asks of the real one: the list of a revision's files, and
each file with its size and hash.
"""

import hashlib
import http.server
import json
import threading
import time
from pathlib import Path

REPO = "some-one/tiny"
COMMIT = "5" * 40
# A file that Git holds itself is named as Git names it, a large one by SHA-256.
LARGE = ".safetensors"


class BadHub(http.server.ThreadingHTTPServer):
    """Serves a folder; `misbehave(request)` may answer first, and returns True then."""

    daemon_threads = True

    def __init__(self, folder, misbehave=None):
        self.folder, self.commit = Path(folder), COMMIT
        self.files = {p.name: p.read_bytes() for p in sorted(self.folder.iterdir())}
        self.misbehave = misbehave or (lambda request: False)
        self.seen = []
        super().__init__(("127.0.0.1", 0), _Request)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Say nothing of clients that hang up: killed ones do."""

    def gone(self):
        """Disappear: nothing listens any more."""
        threading.Thread(target=self.close, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


def name_of(file, content):
    """Return the hash by which the hub calls a file."""
    if file.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def file(self):
        """Return the name of the file that is asked for, or None."""
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
                self.send_file(file, content)
        else:
            self.send(b"a hub")

    def list_files(self):
        if "/tree/" not in self.path:
            info = {"id": REPO, "sha": self.server.commit, "siblings": []}
            self.send(json.dumps(info).encode())
            return
        files = []
        for file, content in self.server.files.items():
            record = {"type": "file", "path": file, "size": len(content)}
            record["oid"] = name_of("", content)
            if file.endswith(LARGE):
                sha256, size = name_of(file, content), len(content)
                record["lfs"] = {"oid": sha256, "size": size, "pointerSize": 134}
            files.append(record)
        self.send(json.dumps(files).encode())

    def send_file(self, file, content, *, said=None):
        """Send a file as the one that it is said to be."""
        name = name_of(file, self.server.files[file] if said is None else said)
        headers = {"ETag": f'"{name}"', "X-Repo-Commit": self.server.commit}
        self.send(content, 200, headers)

    def send(self, content, status=200, headers=(), *, length=None):
        """Answer, perhaps with less than the length that is announced."""
        self.send_response(status)
        for key, value in dict(headers).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def hang(self, seconds=60):
        """Take the question and never answer."""
        time.sleep(seconds)
        self.close_connection = True
        return True

    def refuse(self, status, headers=()):
        self.send(b"no", status, headers)
        return True
