"""Typed into real windows under Xvfb: every character, on any layout, or not lost."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.dictate.sinks import make_sink
from parakeet_cli.dictate.sinks.delivery import Delivery, TextPlace
from parakeet_cli.dictate.sinks.typed import TypeSink, base, xtest
from parakeet_cli.errors import SinkError, SinkUnavailable
from tests.integration.dictate.desktop import Desktop, enter, until, wayland, x11

TEXT = "Grüße: é ß € “quoted” 'x' \"y\" ^~`´ @#{}[]|\\ zyZY-_ 🦜 ñçøåœæł.\nNew line,\ttab. Ж σ ő"

needs_tk = pytest.mark.skipif(
    importlib.util.find_spec("_tkinter") is None, reason="this Python has no tkinter"
)


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    with x11(tmp_path) as made:
        enter(monkeypatch, made.env)
        yield made


@pytest.fixture
def sink(desktop: Desktop) -> Iterator[TypeSink]:
    made = TypeSink("xtest")
    made.open()
    yield made
    made.close()


def server(desktop: Desktop) -> Any:
    """A connection to the X server that is the test's own."""
    from Xlib.display import Display

    return Display(desktop.env["DISPLAY"])


def keys(desktop: Desktop) -> list[tuple[int, ...]]:
    display = server(desktop)
    rows = [tuple(row) for row in display.get_keyboard_mapping(8, 248)]
    display.close()
    return rows


def press(desktop: Desktop, keycode: int, *, down: bool) -> None:
    """As with a finger, that stays."""
    from Xlib import X
    from Xlib.ext.xtest import fake_input

    display = server(desktop)
    fake_input(display, X.KeyPress if down else X.KeyRelease, keycode)
    display.sync()
    display.close()


@pytest.mark.parametrize("layout", ["us", "de", "fr", "ru", "us,gr"])
def test_every_character_is_typed_correctly_on_any_layout(
    desktop: Desktop, sink: TypeSink, layout: str
) -> None:
    desktop.run("setxkbmap", layout)
    before = keys(desktop)
    window = desktop.terminal("window")
    sink.insert(TEXT)
    assert window.shows(TEXT) == TEXT
    sink.close()
    assert keys(desktop) == before


@needs_tk
@pytest.mark.parametrize("layout", ["us", "de"])
def test_an_editor_gets_the_same_text(desktop: Desktop, sink: TypeSink, layout: str) -> None:
    desktop.run("setxkbmap", layout)
    window = desktop.editor("window", "Text")
    sink.insert(TEXT)
    assert window.shows(TEXT) == TEXT


@needs_tk
def test_an_entry_field_gets_one_utterance_after_the_other(
    desktop: Desktop, sink: TypeSink
) -> None:
    desktop.run("setxkbmap", "de")
    window = desktop.editor("window", "Entry")
    sink.insert("Größe: 5 €.")
    sink.insert(" Ça va? 🦜")
    assert window.shows("Größe: 5 €. Ça va? 🦜") == "Größe: 5 €. Ça va? 🦜"


def test_a_keyboard_of_another_layout_than_the_one_that_types_changes_nothing(
    desktop: Desktop, sink: TypeSink
) -> None:
    """The finger's keyboard and XTEST's have layouts of their own: xdotool mistypes here."""
    from Xlib.ext import xinput

    display = server(desktop)
    devices = display.xinput_query_device(xinput.AllDevices).devices
    (own,) = (each.deviceid for each in devices if each.name == "Virtual core XTEST keyboard")
    desktop.run("setxkbmap", "us")
    desktop.run("setxkbmap", "-device", str(own), "de")
    window = desktop.terminal("window")
    sink.insert("zy ZY -_ öß")
    assert window.shows("zy ZY -_ öß") == "zy ZY -_ öß"


def test_the_layout_can_change_between_two_utterances(desktop: Desktop, sink: TypeSink) -> None:
    window = desktop.terminal("window")
    desktop.run("setxkbmap", "us")
    sink.insert("Zwölf Äxte; ")
    desktop.run("setxkbmap", "de")
    sink.insert("zwölf Äxte €.")
    assert window.shows("Zwölf Äxte; zwölf Äxte €.") == "Zwölf Äxte; zwölf Äxte €."


def test_more_characters_than_there_are_spare_keys(desktop: Desktop, sink: TypeSink) -> None:
    desktop.run("setxkbmap", "us")
    text = "".join(chr(code) for code in range(0x4E00, 0x4E00 + 90))
    window = desktop.terminal("window")
    sink.insert(text)
    assert window.shows(text) == text


def test_caps_lock_changes_no_letter_and_is_on_afterwards(desktop: Desktop, sink: TypeSink) -> None:
    desktop.run("xdotool", "key", "Caps_Lock")
    window = desktop.terminal("window")
    sink.insert("Aé Zß")
    assert window.shows("Aé Zß") == "Aé Zß"
    assert server(desktop).screen().root.query_pointer().mask & 2


def test_control_characters_are_never_typed(desktop: Desktop, sink: TypeSink) -> None:
    window = desktop.terminal("window")
    sink.insert("a\x03b\x1b[31mc\x00d\r\ne")
    assert window.shows("ab[31mcd\ne") == "ab[31mcd\ne"


@pytest.mark.parametrize("keycode", [50, 37, 64, 133], ids=["shift", "ctrl", "alt", "super"])
def test_a_held_modifier_is_waited_for(desktop: Desktop, sink: TypeSink, keycode: int) -> None:
    window = desktop.terminal("window")
    press(desktop, keycode, down=True)
    typing = threading.Thread(target=sink.insert, args=("quiet",))
    typing.start()
    time.sleep(0.5)  # long enough to have typed it as shortcuts
    press(desktop, keycode, down=False)
    typing.join()
    assert window.shows("quiet") == "quiet"


def test_a_modifier_that_stays_down_sends_the_text_to_the_clipboard(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "HELD_SECONDS", 0.3)
    window = desktop.terminal("window")
    press(desktop, 37, down=True)
    delivered = opened(make_sink("type")).deliver("quiet")
    assert [result.place for result in delivered.results] == [TextPlace.CLIPBOARD]
    assert "Ctrl has been held down" in delivered.lines[0]
    assert pasted(desktop) == "quiet"
    press(desktop, 37, down=False)
    assert window.text == ""


@needs_tk
def test_undo_erases_what_was_typed_and_no_more(desktop: Desktop, sink: TypeSink) -> None:
    window = desktop.editor("window", "Text")
    sink.insert("Stays: äöü.")
    sink.insert("\nGoes: e\u0301ß\t🦜.")
    assert window.shows("Stays: äöü.\nGoes: éß\t🦜.") == "Stays: äöü.\nGoes: éß\t🦜."
    sink.undo("\nGoes: e\u0301ß\t🦜.")
    assert window.shows("Stays: äöü.") == "Stays: äöü."


def test_undo_in_a_terminal_leaves_a_line_that_was_sent(desktop: Desktop, sink: TypeSink) -> None:
    window = desktop.terminal("window", lines=True)
    sink.insert("One 🦜.")
    sink.undo("One 🦜.")
    sink.insert("Two.\n")
    with pytest.raises(SinkError, match="read the line already"):
        sink.undo("Two.\n")
    assert window.shows("Two.\n") == "Two.\n"


def test_undo_is_refused_in_another_window(desktop: Desktop, sink: TypeSink) -> None:
    first = desktop.terminal("first")
    sink.insert("One.")
    assert first.shows("One.") == "One."
    second = desktop.terminal("second")
    with pytest.raises(SinkError, match="Another window"):
        sink.undo("One.")
    assert second.text == ""


def test_a_focus_that_moves_while_typing_gets_none_of_the_text(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Something long enough to be typed in several pieces. " * 20
    second, first = desktop.terminal("second"), desktop.terminal("first")
    monkeypatch.setattr(xtest, "PACE", 0.02)
    places: list[TextPlace] = []
    delivery = opened(make_sink("type"))
    typing = threading.Thread(
        target=lambda: places.extend(each.place for each in delivery.deliver(text).results)
    )
    typing.start()
    assert until(lambda: len(first.text) > 30)
    desktop.focus("second")
    typing.join()
    assert places == [TextPlace.CLIPBOARD]
    assert pasted(desktop) == text
    assert first.text == text[: len(first.text)]
    assert len(second.text) <= xtest.PIECE


def test_after_a_window_was_closed_the_text_goes_to_the_clipboard_with_a_message(
    desktop: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices = program(tmp_path, monkeypatch, "notify-send")
    window = desktop.terminal("window")
    delivery = Delivery([make_sink("type")])
    (line,) = delivery.open()
    assert line == f"type, by xtest: the X11 display {desktop.env['DISPLAY']} has XTEST."
    assert delivery.deliver("One.").results[0].place is TextPlace.SINK
    assert window.shows("One.") == "One."
    window.close()
    assert until(lambda: bool(delivery.deliver(" Two.").lines))
    assert delivery.deliver(" Three.").lines == (
        "type: No window has the focus. The text is on the clipboard.",
    )
    assert pasted(desktop).endswith("Two. Three.")
    assert until(notices.exists)
    assert "The text is on the clipboard." in notices.read_text()


def test_the_clipboard_holds_every_text_that_could_not_be_typed(desktop: Desktop) -> None:
    desktop.copy(b"copied before")
    delivery = opened(make_sink("type"))
    for text in ("One.", " Two.", " Three."):
        assert delivery.deliver(text).results[0].place is TextPlace.CLIPBOARD
    assert pasted(desktop) == "One. Two. Three."
    assert delivery.replace([" Three."], "", "").stuck == ()
    assert pasted(desktop) == "One. Two."
    delivery.begin()
    delivery.deliver(" Another dictation.")
    assert pasted(desktop) == "Another dictation."


def test_a_lost_server_is_a_failed_result_not_a_crash(tmp_path: Path) -> None:
    with x11(tmp_path) as made, pytest.MonkeyPatch.context() as monkeypatch:
        enter(monkeypatch, made.env)
        made.terminal("window")
        delivery = opened(make_sink("type"))
        made.close()
        delivered = delivery.deliver("Kept.")
        assert [each.place for each in delivered.results] == [TextPlace.NOWHERE]
        assert not delivered.safe
        assert "parakeet dictate history" in delivered.lines[0]
        delivery.close()


def test_a_missing_display_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, {})
    with pytest.raises(SinkUnavailable, match="neither WAYLAND_DISPLAY nor DISPLAY") as refused:
        Delivery([make_sink("type")]).open()
    assert "--sink" in str(refused.value.hint)


def test_if_nothing_can_type_the_clipboard_is_used_with_a_message(tmp_path: Path) -> None:
    with x11(tmp_path, "-extension", "XTEST") as made, pytest.MonkeyPatch.context() as monkeypatch:
        enter(monkeypatch, made.env)
        delivery = Delivery([make_sink("type:xtest")])
        (line,) = delivery.open()
        assert "has no XTEST" in line
        assert line.endswith("The text goes to the clipboard instead.")
        assert delivery.deliver("Kept.").safe
        assert pasted(made) == "Kept."


def test_without_xdotool_the_clipboard_is_used(
    desktop: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/xclip").symlink_to("/usr/bin/xclip")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    delivery = Delivery([make_sink("type:xdotool")])
    (line,) = delivery.open()
    assert line == (
        "type: Nothing can type here: xdotool: xdotool is not installed. "
        "The text goes to the clipboard instead."
    )
    assert delivery.deliver("Kept.").safe
    monkeypatch.undo()
    assert pasted(desktop) == "Kept."


def test_xdotool_types_and_erases(desktop: Desktop) -> None:
    sink = make_sink("type:xdotool")
    assert sink.open() == "type, by xdotool: xdotool is installed and reaches the display."
    window = desktop.terminal("window", lines=True)
    sink.insert("Wrong")
    sink.undo("Wrong")
    sink.insert("Plain words.\n")
    assert window.shows("Plain words.\n") == "Plain words.\n"


@pytest.mark.parametrize("layout", ["us", "de"])
def test_under_wayland_wtype_types_every_character(tmp_path: Path, layout: str) -> None:
    with wayland(tmp_path, layout) as made, pytest.MonkeyPatch.context() as monkeypatch:
        enter(monkeypatch, made.env)
        sink = make_sink("type")
        assert sink.open() == "type, by wtype: the compositor has the virtual keyboard."
        with pytest.raises(SinkError, match="No window has the focus"):
            sink.insert("Nobody hears.")
        window = made.terminal("window")
        assert until(lambda: focused(sink))
        sink.insert(TEXT)
        assert window.shows(TEXT) == TEXT
        sink.close()


def test_undo_under_wayland_erases_in_the_same_window_only(tmp_path: Path) -> None:
    with wayland(tmp_path, "de") as made, pytest.MonkeyPatch.context() as monkeypatch:
        enter(monkeypatch, made.env)
        sink = make_sink("type")
        sink.open()
        first = made.terminal("first", lines=True)
        assert until(lambda: focused(sink))
        sink.insert("Zwölf")
        sink.undo("Zwölf")
        sink.insert("ölig\n")
        assert first.shows("ölig\n") == "ölig\n"
        sink.insert("Zwei")
        here = method(sink).focus()
        made.terminal("second")
        assert until(lambda: method(sink).focus() != here)
        with pytest.raises(SinkError, match="Another window"):
            sink.undo("Zwei")


def opened(*sinks: Any) -> Delivery:
    delivery = Delivery(sinks, notify=lambda *_: False)
    delivery.open()
    return delivery


def pasted(desktop: Desktop) -> str:
    return desktop.pasted().decode()


def method(sink: Any) -> Any:
    return sink._method


def focused(sink: Any) -> bool:
    try:
        return method(sink).focus() is not None
    except SinkError:
        return False


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Path:
    """A program of that name, which only puts what it was called with into this file."""
    made, called = folder / "programs" / name, folder / f"{name}.args"
    made.parent.mkdir(exist_ok=True)
    made.write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$@\" > '{called}.part'\nmv '{called}.part' '{called}'\n"
    )
    made.chmod(0o755)
    monkeypatch.setenv("PATH", f"{made.parent}:{os.environ['PATH']}")
    return called
