"""Serves a model hub on loopback, with the few endpoints that huggingface_hub's client uses.

    with Hub() as hub:
        hub.add("nvidia/parakeet-tdt-1.1b", {"parakeet-tdt-1.1b.nemo": data})
        ... env={"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)}

Failures can be requested: a connection that breaks, other bytes than declared, a gated
repository, a server without range requests, a status instead of every answer.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from urllib.parse import unquote, urlsplit

_RESOLVE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
_INFO = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/]+))?")


@dataclass
class Repository:
    """Commits, the newest last; files of `lfs_from` bytes and more are in LFS."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    lfs_from: int = 1000
    gated: bool = False

    @property
    def main(self) -> str:
        return list(self.commits)[-1]

    def commit(self, revision: str) -> str | None:
        if revision == "main":
            return self.main
        return revision if revision in self.commits else None


@dataclass
class HubRequest:
    """One request that the server received."""

    method: str
    path: str
    start: int | None  # of a range


class Hub:
    """The server, in its own thread; use it in `with`."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[HubRequest] = []
        self.break_after: list[int] = []  # bytes, for each answer that breaks off
        self.served_instead: dict[str, bytes] = {}  # by file: the bytes that are sent in its place
        self.supports_ranges = True
        self.refusal: tuple[int, str] | None = None  # a status and its message, for each request
        self.paused = threading.Event()  # set while a download is paused
        self._resumed = threading.Event()
        self._pause_at: int | None = None
        hub = self

        class Handler(_Handler):
            owner = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Hub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add(
        self, name: str, files: Mapping[str, bytes], *, commit: str | None = None
    ) -> Repository:
        """Add a repository, or another commit to one."""
        repository = self.repositories.setdefault(name, Repository())
        text = json.dumps({name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
        repository.commits[commit or hashlib.sha1(text.encode()).hexdigest()] = dict(files)
        return repository

    def pause_at(self, count: int) -> None:
        """Pause the next download after that many bytes, until `resume`."""
        self._pause_at = count

    def resume(self) -> None:
        self._pause_at = None
        self._resumed.set()

    def send(self, data: bytes, stream: BufferedIOBase) -> bool:
        """Send a file's bytes or fail as requested; False if the connection must be closed."""
        if self._pause_at is not None:
            stream.write(data[: self._pause_at])
            stream.flush()
            self.paused.set()
            self._resumed.wait(120)
            return False
        if self.break_after:
            stream.write(data[: self.break_after.pop(0)])
            return False
        stream.write(data)
        return True

    def downloads(self, file: str) -> list[HubRequest]:
        """The requests for that file's bytes."""
        return [one for one in self.requests if one.method == "GET" and one.path.endswith(file)]


class _Handler(BaseHTTPRequestHandler):
    owner: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:  # http.server's name for it
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        given = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(given[1]) if given else None
        self.owner.requests.append(HubRequest(self.command, path, start))
        if self.owner.refusal is not None:
            status, message = self.owner.refusal
            self._error(status, "", message)
        elif match := _INFO.fullmatch(path):
            self._info(match["repo"], match["revision"] or "main")
        elif match := _RESOLVE.fullmatch(path):
            self._file(match["repo"], match["revision"], match["file"], start)
        else:
            self._error(404, "EntryNotFound")

    def _find(self, name: str, revision: str) -> tuple[Repository, str] | None:
        repository = self.owner.repositories.get(name)
        if repository is None:
            self._error(401, "RepoNotFound")  # as the hub answers, because it may be private
            return None
        commit = repository.commit(revision)
        if commit is None:
            self._error(404, "RevisionNotFound")
            return None
        return repository, commit

    def _info(self, name: str, revision: str) -> None:
        found = self._find(name, revision)
        if found is None:
            return
        repository, commit = found
        siblings = [
            _sibling(repository, file, data) for file, data in repository.commits[commit].items()
        ]
        self._send_json(
            {
                "id": name,
                "modelId": name,
                "sha": commit,
                "private": False,
                "gated": repository.gated and "manual",
                "tags": [],
                "siblings": siblings,
            }
        )

    def _file(self, name: str, revision: str, file: str, start: int | None) -> None:
        found = self._find(name, revision)
        if found is None:
            return
        repository, commit = found
        if repository.gated:
            self._error(401, "GatedRepo")
            return
        data = repository.commits[commit].get(file)
        if data is None:
            self._error(404, "EntryNotFound")
            return
        sent = self.owner.served_instead.get(file, data)
        first = start if start is not None and self.owner.supports_ranges else 0
        self.send_response(206 if first else 200)
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{_etag(repository, data)}"')
        if len(data) >= repository.lfs_from:
            self.send_header("X-Linked-Etag", f'"{_etag(repository, data)}"')
            self.send_header("X-Linked-Size", str(len(data)))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(sent) - 1}/{len(sent)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(sent) - first))
        self.end_headers()
        if self.command == "GET" and not self.owner.send(sent[first:], self.wfile):
            self.close_connection = True

    def _send_json(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _error(self, status: int, code: str, message: str | None = None) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code if message is None else message)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _etag(repository: Repository, data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if len(data) >= repository.lfs_from else _blob(data)


def _sibling(repository: Repository, file: str, data: bytes) -> dict[str, object]:
    lfs = {"sha256": _etag(repository, data), "size": len(data), "pointerSize": 130}
    more = {"lfs": lfs} if len(data) >= repository.lfs_from else {}
    return {"rfilename": file, "size": len(data), "blobId": _blob(data), **more}
