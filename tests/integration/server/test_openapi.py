"""Tests the server against its own OpenAPI description, with schemathesis."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.server.serving import Server, serving

# A schema can't say which bytes are a recording, or what the loaded engine can't honour: such
# requests are refused with 400, which this check counts as a fault.
EXCLUDED = "positive_data_acceptance"
_RUN = "from schemathesis.cli import schemathesis; schemathesis()"


def check(server: Server, folder: Path, *arguments: str) -> None:
    """Have schemathesis try the server; it must find no fault."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", _RUN, "run", f"{server.url}/openapi.json", "--no-color"),
            *("--exclude-checks", EXCLUDED, "--seed", "1", *arguments),
        ],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.slow
def test_the_server_does_what_its_description_says(server: Server, tmp_path: Path) -> None:
    check(server, tmp_path, "--max-examples", "10")
    assert server.left_behind == []


@pytest.mark.soak
def test_the_server_does_what_its_description_says_with_keys(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("secret\n")
    with serving(tmp_path, "--api-key", str(keys)) as server:
        key = ("--header", "Authorization: Bearer secret")
        check(server, tmp_path, "--max-examples", "500", *key)
        assert server.left_behind == []
