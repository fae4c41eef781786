"""Sizes of downloads, from servers that answer and that do not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from parakeet_cli.doctor import download_sizes as module
from parakeet_cli.doctor.download_sizes import download_sizes


class Server(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.asked.append(self.path)
        self.send_response(200 if "there" in self.path else 404)
        self.send_header("Content-Length", "1234")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Server) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_sizes_are_asked_of_servers_and_disks_and_unknown_ones_are_left_out(
    server: str, tmp_path: Path
) -> None:
    wheel = tmp_path / "a b.whl"
    wheel.write_bytes(bytes(7))
    there, gone = f"{server}/there.whl", f"{server}/gone.whl"
    urls = [there, gone, wheel.as_uri(), "http://127.0.0.1:9/closed.whl"]
    sizes = download_sizes(urls, tmp_path / "cache" / "sizes.json")
    assert sizes == {there: 1234, wheel.as_uri(): 7}


def test_a_server_is_asked_once_for_a_file(server: str, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "sizes.json"
    there = f"{server}/there.whl"
    before = len(Server.asked)
    assert [download_sizes([there], cache) for _ in range(3)] == [{there: 1234}] * 3
    assert Server.asked[before:] == ["/there.whl"]
    assert server not in cache.read_text("utf-8")


def test_no_more_sizes_are_remembered_than_the_newest(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_REMEMBERED", 2)
    cache = tmp_path / "cache" / "sizes.json"
    for number in range(4):
        download_sizes([f"{server}/there-{number}.whl"], cache)
    assert len(json.loads(cache.read_text("utf-8"))["sizes"]) == 2
    before = len(Server.asked)
    download_sizes([f"{server}/there-{number}.whl" for number in (0, 3)], cache)
    assert Server.asked[before:] == ["/there-0.whl"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"[" * 100_000, b'{"schema": 1, "sizes": [1]}', b"\xff\xfe", bytes(2 << 20)],
)
def test_a_cache_that_is_no_cache_is_replaced(server: str, tmp_path: Path, content: bytes) -> None:
    cache = tmp_path / "cache" / "sizes.json"
    cache.parent.mkdir(mode=0o700)
    cache.write_bytes(content)
    there = f"{server}/there.whl"
    assert download_sizes([there], cache) == {there: 1234}
    assert len(json.loads(cache.read_text("utf-8"))["sizes"]) == 1
