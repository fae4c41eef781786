"""Sizes of downloads, from servers that answer and that do not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair.resolve import download_sizes


class Server(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
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
    assert download_sizes(urls) == {there: 1234, wheel.as_uri(): 7}
