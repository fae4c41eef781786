"""Sizes of downloads, from a server that tells and one that doesn't."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair import download_sizes


class Telling(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200 if "there" in self.path else 404)
        self.send_header("Content-Length", "1234")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Telling) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_a_server_and_a_disk_tell_and_what_is_not_told_is_left_out(
    server: str, tmp_path: Path
) -> None:
    wheel = tmp_path / "a b.whl"
    wheel.write_bytes(bytes(7))
    there, gone = f"{server}/there.whl", f"{server}/gone.whl"
    urls = [there, gone, wheel.as_uri(), "http://127.0.0.1:9/closed.whl"]
    assert download_sizes.of(urls) == {there: 1234, wheel.as_uri(): 7}
