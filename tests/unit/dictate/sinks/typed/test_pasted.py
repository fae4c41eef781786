"""Replaces dotool and ydotool by scripts that record the keys they would press."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from parakeet_cli.dictate.sinks import make_sink
from parakeet_cli.dictate.sinks.typed import pasted
from parakeet_cli.dictate.sinks.typed.base import Focus
from parakeet_cli.dictate.sinks.typed.pasted import paste_chord
from parakeet_cli.errors import SinkError, SinkUnavailable

SWAY = '{"focused": false, "nodes": [{"id": 7, "pid": 1, "focused": true, "app_id": "%s"}]}'


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Wayland session whose programs are scripts, with the clipboard and the keys in files."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    scripts = {
        "wl-copy": 'case "$*" in *--clear*) rm -f clip;; *--primary*) cat > primary;;'
        " *) cat > clip;; esac",
        "wl-paste": "[ -e clip ] || { echo Nothing is copied >&2; exit 1; };"
        ' case "$*" in *list-types*) echo "text/plain;charset=utf-8";; *) cat clip;; esac',
        "ydotool": '[ "$*" = help ] || { echo "$*"; cat clip; echo; } >> keys',
        "dotool": "cat >> keys",
        "swaymsg": "cat tree",
    }
    for name, script in scripts.items():
        program = bin_folder / name
        program.write_text(f"#!/bin/sh\ncd '{tmp_path}'\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
    for name in ("DISPLAY", "SWAYSOCK", "HYPRLAND_INSTANCE_SIGNATURE", "NIRI_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    for name in ("cat", "rm"):
        (bin_folder / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(bin_folder))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-9")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(tmp_path / ".ydotool_socket"))
        yield tmp_path


def focus(session: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setenv("SWAYSOCK", "there")
    (session / "tree").write_text(SWAY % program, encoding="utf-8")


def test_ydotool_pastes_and_the_clipboard_is_as_before(session: Path) -> None:
    (session / "clip").write_text("copied before", encoding="utf-8")
    sink = make_sink("type:ydotool")
    assert "pasting from wl-copy" in sink.open()
    sink.insert("Zwölf €")
    keys = "key --key-delay 12 42:1 110:1 110:0 42:0"  # Shift+Insert
    assert (session / "keys").read_text(encoding="utf-8") == f"{keys}\nZwölf €\n"
    assert (session / "clip").read_text(encoding="utf-8") == "copied before"
    assert (session / "primary").read_text(encoding="utf-8") == "Zwölf €"


def test_a_ydotool_with_another_syntax_for_keys_is_not_used(session: Path) -> None:
    """Such as 0.1.8 of Debian 12, whose help this is."""
    usage = "Usage: ydotool <cmd> <args>\\nAvailable commands:\\n  type\\n  recorder\\n  key"
    (session / "bin/ydotool").write_text(f"#!/bin/sh\nprintf '{usage}' >&2\nexit 1\n")
    with pytest.raises(SinkUnavailable, match="ydotool is older than 1"):
        make_sink("type:ydotool").open()


def test_an_empty_clipboard_is_empty_again(session: Path) -> None:
    sink = make_sink("type:ydotool")
    sink.open()
    sink.insert("Zwölf €")
    assert not (session / "clip").exists()


def test_content_that_was_copied_meanwhile_stays(session: Path) -> None:
    (session / "clip").write_text("copied before", encoding="utf-8")
    with (session / "bin/ydotool").open("a", encoding="utf-8") as script:
        script.write("printf 'copied meanwhile' > clip\n")
    sink = make_sink("type:ydotool")
    sink.open()
    sink.insert("Zwölf €")
    assert (session / "clip").read_text(encoding="utf-8") == "copied meanwhile"


def test_the_clipboard_is_restored_even_if_the_keys_fail(session: Path) -> None:
    (session / "clip").write_text("copied before", encoding="utf-8")
    (session / "bin/ydotool").write_text("#!/bin/sh\necho no device >&2; exit 2\n")
    sink = make_sink("type:ydotool")
    sink.open()
    with pytest.raises(SinkError, match="no device"):
        sink.insert("Zwölf €")
    assert (session / "clip").read_text(encoding="utf-8") == "copied before"


@pytest.mark.parametrize(
    ("program", "chord"),
    [("foot", "29:1 42:1 47:1 47:0 42:0 29:0"), ("org.mozilla.firefox", "29:1 47:1 47:0 29:0")],
)
def test_a_terminal_is_pasted_into_with_shift(
    session: Path, monkeypatch: pytest.MonkeyPatch, program: str, chord: str
) -> None:
    focus(session, monkeypatch, program)
    sink = make_sink("type:ydotool")
    sink.open()
    sink.insert("Text")
    assert (session / "keys").read_text(encoding="utf-8").splitlines()[0].endswith(chord)
    assert not (session / "primary").exists()


@pytest.mark.parametrize(
    ("window", "chord"),
    [
        (None, ("shift", "insert")),
        (Focus("1"), ("shift", "insert")),
        (Focus("1", "XTerm"), ("ctrl", "shift", "v")),
        (Focus("1", "org.kde.konsole"), ("ctrl", "shift", "v")),
        (Focus("1", "Gnome-terminal"), ("ctrl", "shift", "v")),
        (Focus("1", "libreoffice-writer"), ("ctrl", "v")),
    ],
)
def test_which_keys_paste_where(window: Focus | None, chord: tuple[str, ...]) -> None:
    assert paste_chord(window) == chord


def test_undo_presses_backspace_if_the_window_is_known(
    session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    focus(session, monkeypatch, "gedit")
    sink = make_sink("type:ydotool")
    sink.open()
    sink.insert("Aß")
    (session / "keys").unlink()
    sink.undo("Aß")
    pressed = (session / "keys").read_text(encoding="utf-8").splitlines()[0]
    assert pressed == "key --key-delay 12 14:1 14:0 14:1 14:0"


def test_undo_is_refused_if_the_window_is_unknown(session: Path) -> None:
    sink = make_sink("type:ydotool")
    sink.open()
    sink.insert("Text")
    with pytest.raises(SinkError, match="doesn't say which window"):
        sink.undo("Text")


def test_no_window_is_an_error_before_anything_is_pasted(
    session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWAYSOCK", "there")
    (session / "tree").write_text('{"nodes": [{"focused": true, "type": "workspace"}]}')
    sink = make_sink("type:ydotool")
    sink.open()
    with pytest.raises(SinkError, match="No window"):
        sink.insert("Text")
    assert not (session / "keys").exists()


def test_a_missing_daemon_is_reported_with_what_to_do(session: Path) -> None:
    (session / ".ydotool_socket").unlink()
    with pytest.raises(SinkUnavailable, match="ydotoold is not running") as refused:
        make_sink("type:ydotool").open()
    assert refused.value.hint == "Start ydotoold (ydotool 1)."


def test_dotool_is_one_process_for_all_texts(
    session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (session / "uinput").touch()
    monkeypatch.setattr(pasted, "UINPUT", session / "uinput")
    with (session / "bin/dotool").open("a", encoding="utf-8") as script:
        script.write("echo end >> keys\n")
    sink = make_sink("type:dotool")
    sink.open()
    sink.insert("One")
    sink.insert("Two")
    sink.close()
    keys = (session / "keys").read_text(encoding="utf-8")
    assert keys == "key shift+insert\nkey shift+insert\nend\n"


def test_dotool_without_rights_to_the_device_says_how_to_get_them(
    session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pasted, "UINPUT", session / "none")
    with pytest.raises(SinkUnavailable, match="not allowed to write") as refused:
        make_sink("type:dotool").open()
    assert "group" in str(refused.value.hint)


def test_methods_that_failed_are_named_with_their_reasons(session: Path) -> None:
    (session / "bin/dotool").unlink()
    line = make_sink("type").open()
    assert line.startswith("type, by ydotool: ydotoold listens at ")
    assert line.endswith("; wtype: wtype is not installed; dotool: dotool is not installed.")
