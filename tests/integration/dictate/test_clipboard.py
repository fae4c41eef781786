"""Uses the real clipboard of an X server, through xclip."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parakeet_cli.dictate.sinks import make_sink, system_clipboard
from parakeet_cli.dictate.sinks.system_clipboard import Content, borrowed, find_clipboard
from parakeet_cli.errors import SinkError, SinkUnavailable
from tests.integration.dictate.desktop import Desktop, enter, x11

PNG = b"\x89PNG\r\n\x1a\n\x00\x01\xff"


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    with x11(tmp_path) as made:
        enter(monkeypatch, made.env)
        yield made


def test_a_dictation_is_on_the_clipboard_and_undo_restores_the_old_content(
    desktop: Desktop,
) -> None:
    desktop.copy("copied before, ü".encode())
    sink = make_sink("clipboard")
    assert sink.open() == "clipboard, by xclip."
    sink.insert(" Grüße 🦜,")
    sink.insert(" 5 €.\n")
    assert desktop.pasted().decode() == "Grüße 🦜, 5 €.\n"
    sink.undo(" 5 €.\n")
    assert desktop.pasted().decode() == "Grüße 🦜,"
    sink.undo(" Grüße 🦜,")
    assert desktop.pasted().decode() == "copied before, ü"
    sink.close()


def test_content_copied_meanwhile_starts_a_new_text_and_is_not_undone(desktop: Desktop) -> None:
    sink = make_sink("clipboard")
    sink.open()
    sink.insert("One.")
    desktop.copy(b"copied meanwhile")
    with pytest.raises(SinkError, match="something else"):
        sink.undo("One.")
    assert desktop.pasted() == b"copied meanwhile"
    sink.insert(" Two.")
    assert desktop.pasted() == b"Two."


def test_an_image_is_restored_as_an_image(desktop: Desktop) -> None:
    desktop.copy(PNG, "image/png")
    clipboard = find_clipboard()
    with borrowed(clipboard, "for a moment"):
        assert desktop.pasted() == b"for a moment"
    assert desktop.pasted("image/png") == PNG
    assert desktop.pasted("TARGETS").split() == [b"TARGETS", b"image/png"]


def test_content_copied_while_it_is_borrowed_stays(desktop: Desktop) -> None:
    desktop.copy(b"before")
    with borrowed(find_clipboard(), "for a moment"):
        desktop.copy(b"copied meanwhile")
    assert desktop.pasted() == b"copied meanwhile"


def test_an_empty_clipboard_reads_as_none(desktop: Desktop) -> None:
    clipboard = find_clipboard()
    assert clipboard.read() is None
    for nothing in (None, Content.of("")):
        clipboard.write(Content.of("something"))
        clipboard.write(nothing)
        assert clipboard.read() is None


def test_an_unreachable_display_is_not_an_empty_clipboard(tmp_path: Path) -> None:
    with x11(tmp_path) as gone:
        pass
    with pytest.MonkeyPatch.context() as monkeypatch:
        enter(monkeypatch, gone.env)
        with pytest.raises(SinkUnavailable, match="open display"):
            find_clipboard()


def test_a_clipboard_outlives_the_ctrl_c_that_ends_the_dictation(desktop: Desktop) -> None:
    script = (
        "import os, signal; from parakeet_cli.dictate.sinks import make_sink;"
        ' s = make_sink("clipboard"); s.open(); s.insert("Still there.");'
        " os.killpg(0, signal.SIGINT)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], start_new_session=True, stderr=subprocess.DEVNULL
    )
    assert done.returncode == -signal.SIGINT
    assert desktop.pasted() == b"Still there."


def test_the_first_program_that_is_installed_is_used(
    desktop: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.devnull}")
    with pytest.raises(SinkUnavailable, match="xclip is not installed; xsel is not installed"):
        find_clipboard()


def test_a_text_only_clipboard_refuses_other_content() -> None:
    text_only = next(row.clipboard for row in system_clipboard.CLIPBOARDS if row.needs == "darwin")
    with pytest.raises(SinkError, match="takes text only"):
        text_only.write(Content("image/png", PNG))
