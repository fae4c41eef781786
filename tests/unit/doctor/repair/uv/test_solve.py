"""The real uv, asked about packages that lie on an index made here."""

from __future__ import annotations

import base64
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.doctor.facts import Distribution
from parakeet_cli.doctor.repair.uv.configuration import PipConfiguration, UvSettings, for_uv
from parakeet_cli.doctor.repair.uv.solve import Uv, UvFailed, find_uv
from tests.integration.doctor.fake_stack import Wheel
from tests.integration.doctor.repairing import index
from tests.unit.doctor.repair.facts import facts

SECRET = "s3cret-w0rd"


class Server(SimpleHTTPRequestHandler):
    """Files for whoever has the password."""

    def do_GET(self) -> None:
        known = base64.b64encode(f"ann:{SECRET}".encode()).decode()
        if self.headers.get("Authorization") == f"Basic {known}":
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """An index of two packages, the first of which requires the second."""
    folder = tmp_path / "index"
    index(folder, Wheel("one", "2.0", ("two<3",)), Wheel("two", "2.5"))
    return folder


@pytest.fixture
def server(wheels: Path) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), partial(Server, directory=str(wheels))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))


def uv(*installed: Distribution) -> Uv:
    from uv import find_uv_bin

    return Uv(find_uv_bin(), sys.executable, installed)


def settings(**options: str) -> UvSettings:
    return for_uv(PipConfiguration({key.replace("_", "-"): options[key] for key in options}), {})


def installed(folder: Path, name: str, version: str, *requires: str) -> Distribution:
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    text = "".join(f"Requires-Dist: {one}\n" for one in requires)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{text}"
    )
    (info / "RECORD").write_text("")
    # Installed from a file, which is no reason to install it again.
    (info / "direct_url.json").write_text('{"url": "file:///gone.whl", "archive_info": {}}')
    return Distribution(name, version, str(folder), str(info), requires)


def test_an_index_that_only_pip_is_configured_for_is_asked(wheels: Path) -> None:
    said = settings(index_url=wheels.as_uri())
    assert uv().solve(["one"], said) == ["one==2.0", "two==2.5"]


def test_what_is_installed_and_suits_stays(wheels: Path, tmp_path: Path) -> None:
    said = settings(index_url=wheels.as_uri())
    two = installed(tmp_path / "site", "two", "2.1")
    before = sorted((tmp_path / "site").rglob("*"))
    assert uv(two).solve(["one"], said) == ["one==2.0"]
    new = installed(tmp_path / "newer", "two", "3.1")
    assert uv(new).solve(["one"], said) == ["one==2.0", "two==2.5"]
    assert sorted((tmp_path / "site").rglob("*")) == before


def test_uvs_own_variables_and_files_change_nothing(
    wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uv.toml").write_text("[pip]\nno-index = true\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_INDEX_STRATEGY", "nonsense")
    said = settings(index_url=wheels.as_uri())
    assert uv().solve(["two"], said) == ["two==2.5"]


def test_a_password_of_an_index_reaches_it_and_neither_a_log_nor_an_argument(
    server: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    popen = subprocess.Popen

    def watched(command: list[str], **more: Any) -> Any:
        commands.append(command)
        return popen(command, **more)

    monkeypatch.setattr(subprocess, "Popen", watched)
    caplog.set_level(logging.DEBUG)
    said = settings(index_url=f"http://ann:{SECRET}@{server}", retries="0")
    assert uv().solve(["one"], said) == ["one==2.0", "two==2.5"]
    with pytest.raises(UvFailed) as failed:
        uv().solve(["three"], said)
    assert len(commands) == 2
    assert all("--no-cache" in command for command in commands)  # uv would write it there
    assert SECRET not in f"{commands} {caplog.text} {failed.value}"


def test_what_is_not_there_or_cannot_be_reached_is_a_failure(wheels: Path) -> None:
    with pytest.raises(UvFailed):
        uv().solve(["one", "two>=3"], settings(index_url=wheels.as_uri()))
    with pytest.raises(UvFailed):
        closed = settings(index_url="http://127.0.0.1:9/simple", retries="0")
        uv().solve(["one"], closed)


def test_what_is_there_in_full_changes_nothing(wheels: Path, tmp_path: Path) -> None:
    both = installed(tmp_path, "one", "2.0", "two<3"), installed(tmp_path, "two", "2.5")
    assert uv(*both).solve(["one"], settings(no_index="1")) == []


def test_a_requirement_that_names_a_file_is_left_to_pip(wheels: Path) -> None:
    [wheel] = (wheels / "two").glob("*.whl")
    with pytest.raises(UvFailed, match="names a file"):
        uv().solve([f"two @ {wheel.as_uri()}"], settings(no_index="1"))


@pytest.mark.parametrize(
    "says",
    ["", "Would install 2 packages\\n + one==2.0", "Would change 1 package\\n + one==2.0"],
)
def test_an_answer_in_other_words_is_a_failure_and_never_an_empty_plan(
    says: str, tmp_path: Path
) -> None:
    program = tmp_path / "uv"
    program.write_text(f"#!/bin/sh\nprintf '{says}\\n'\n")
    program.chmod(0o755)
    with pytest.raises(UvFailed, match="isn't understood"):
        Uv(str(program), sys.executable, ()).solve(["one"], UvSettings())


def test_a_missing_an_old_and_an_unreadable_uv_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(metadata, "version", lambda name: "0.8.24")
        with pytest.raises(UvFailed, match=r"0\.8\.24 is older"):
            find_uv(facts())
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "uv", None)
        with pytest.raises(UvFailed, match="isn't installed"):
            find_uv(facts())
    broken = Uv(str(tmp_path / "none"), sys.executable, ())
    with pytest.raises(UvFailed, match="can't be started"):
        broken.solve(["one"], UvSettings())
