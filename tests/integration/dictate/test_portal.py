"""Runs a RemoteDesktop portal on a private bus, which presses keys in a real window."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.dictate.sinks import make_sink
from parakeet_cli.errors import SinkError, SinkUnavailable
from tests.integration.dictate.buses import bus
from tests.integration.dictate.desktop import Desktop, end, enter, until, x11

SERVICE = Path(__file__).parent / "portal_service.py"

Portal = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    """X11, and a session bus without any service."""
    with x11(tmp_path) as made, bus(tmp_path / "bus") as address:
        made.env["DBUS_SESSION_BUS_ADDRESS"] = address
        made.env["XDG_STATE_HOME"] = str(tmp_path / "state")
        enter(monkeypatch, made.env)
        yield made


@pytest.fixture
def portal(desktop: Desktop, tmp_path: Path) -> Portal:
    """Starts the portal, which answers as `allow`, `deny` or `plain` says."""

    def started(consent: str) -> subprocess.Popen[bytes]:
        (tmp_path / "portal.log").unlink(missing_ok=True)
        process = desktop.start(sys.executable, SERVICE, tmp_path / "portal.log", consent)
        assert until(lambda: bool(logged(tmp_path))), "the portal did not come up"
        return process

    return started


def logged(folder: Path, what: str = "ready") -> list[list[Any]]:
    path = folder / "portal.log"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [entry for line in lines if (entry := json.loads(line))[0] == what]


def test_any_text_is_pasted_with_the_portal_s_keys(
    desktop: Desktop, portal: Portal, tmp_path: Path
) -> None:
    portal("allow")
    desktop.run("setxkbmap", "ru")
    sink = make_sink("type:portal")
    assert sink.open() == (
        "type, by portal: the desktop's portal lets it press keys, pasting from xclip."
    )
    window = desktop.terminal("window")
    sink.insert("Größe: 5 €. Ж 🦜")
    assert window.shows("Größe: 5 €. Ж 🦜") == "Größe: 5 €. Ж 🦜"
    assert logged(tmp_path, "key") == [["key", place, down] for place, down in SHIFT_INSERT]
    sink.close()


SHIFT_INSERT = ((42, 1), (110, 1), (110, 0), (42, 0))


def test_the_user_is_asked_once_and_the_answer_is_stored_privately(
    portal: Portal, tmp_path: Path
) -> None:
    portal("allow")
    for _ in range(2):
        sink = make_sink("type:portal")
        sink.open()
        sink.close()
    asked = [options for _, options in logged(tmp_path, "devices")]
    assert [options["persist_mode"] for options in asked] == [2, 2]
    assert [options.get("restore_token") for options in asked] == [None, "token1"]
    kept = tmp_path / "state/parakeet/portal-session"
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("token2", 0o600)


def test_after_the_desktop_ends_a_session_one_text_goes_to_the_clipboard_and_a_new_one_is_requested(
    desktop: Desktop, portal: Portal, tmp_path: Path
) -> None:
    first = portal("allow")
    sink = make_sink("type:portal")
    sink.open()
    window = desktop.terminal("window")
    end(first)
    with pytest.raises(SinkError, match="no portal that presses keys"):
        sink.insert("One.")
    portal("allow")
    sink.insert("Two.")
    assert window.shows("Two.") == "Two."
    sink.close()


@pytest.mark.parametrize(
    ("consent", "reason"),
    [("deny", "not allowed to let parakeet press keys"), ("plain", "has no keyboard")],
)
def test_a_desktop_that_refuses_is_reported_at_once(
    portal: Portal, consent: str, reason: str
) -> None:
    portal(consent)
    with pytest.raises(SinkUnavailable, match=reason):
        make_sink("type:portal").open()


@pytest.mark.usefixtures("desktop")
def test_a_missing_portal_and_a_missing_bus_are_reported_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SinkUnavailable, match="no portal that presses keys"):
        make_sink("type:portal").open()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    with pytest.raises(SinkUnavailable, match="D-Bus can't be reached"):
        make_sink("type:portal").open()
