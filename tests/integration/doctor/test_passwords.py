"""Plants passwords wherever pip takes an index from, and looks for them in all that is written."""

from __future__ import annotations

import base64
import http.server
import json
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.integration.doctor.repairing import IndexServer, RepairCase, index, pinned_wheels

pytestmark = pytest.mark.slow

SECRET = "S3CRETW0RD"
AUTHORISATION = "Basic " + base64.b64encode(f"user:{SECRET}".encode()).decode()


class Private(http.server.SimpleHTTPRequestHandler):
    """A package index that wants a name and a password."""

    def do_GET(self) -> None:
        if self.headers.get("Authorization") == AUTHORISATION:
            super().do_GET()
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def url(case: RepairCase) -> Iterator[str]:
    """The URL of an index of the good wheels, with its password."""
    folder = case.tmp / "index"
    index(folder, *pinned_wheels().values())
    server = IndexServer(("127.0.0.1", 0), partial(Private, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://user:{SECRET}@127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def written(case: RepairCase) -> Iterator[Path]:
    """Every file of the environment and of the home folder that holds the secret."""
    for root in (case.environment.prefix, case.tmp / "home"):
        for folder, _, names in os.walk(root):
            for name in names:
                path = Path(folder, name)
                if path.is_file() and SECRET.encode() in path.read_bytes():
                    yield path


def test_no_output_and_no_file_has_a_password_of_an_index(case: RepairCase, url: str) -> None:
    configuration = case.tmp / "pip.conf"
    configuration.write_text(f"[global]\nextra-index-url = {url}?token={SECRET}\n")
    case.variables = {"PIP_INDEX_URL": url, "PIP_CONFIG_FILE": str(configuration)}
    planted = next(case.environment.site.glob("*.dist-info")) / "direct_url.json"
    planted.write_text(json.dumps({"url": url, "archive_info": {}}))
    commands = {
        "report": ("report",),
        "json": ("--json",),
        "plan": ("--fix", "--dry-run", "--torch-index", url, "--verbose"),
        "plan as JSON": ("--fix", "--dry-run", "--json", "--torch-index", url),
        "nonsense": ("--fix", "--dry-run", "--torch-index", url.removeprefix("http:")),
        "repair": ("--fix", "--yes", "--torch-index", url, "--verbose"),
        "states": ("rollback", "--list"),
        "rollback": ("rollback",),
    }
    for name, words in commands.items():
        done = case.run(*words)
        assert SECRET not in done.stdout + done.stderr, name
        if name == "repair":
            assert done.returncode == 0, done.stderr
            assert case.versions()["numpy"] == "1.26.4"
    planted.unlink(missing_ok=True)
    assert list(written(case)) == []
