"""Names, values and words of others reach nothing that obeys them: terminal, file, sink, window."""

from __future__ import annotations

import json
import os
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from parakeet_cli.cli.app import app
from parakeet_cli.dictate.session.events import Event, EventKind
from parakeet_cli.dictate.sinks.clipboard import ClipboardSink
from parakeet_cli.dictate.sinks.command import CommandSink
from parakeet_cli.dictate.sinks.file import FileSink
from parakeet_cli.dictate.sinks.stdout import StdoutSink
from parakeet_cli.dictate.sinks.system_clipboard import Content
from parakeet_cli.dictate.sinks.typed.graphemes import typable
from parakeet_cli.formats import FORMATS
from parakeet_cli.formats.base import encode
from parakeet_cli.transcript import Segment, Word
from tests.unit.formats.spoken import make

# A window's title, a colour, the same in one byte, a redrawn line, a text turned round, half
# a character and an invisible one. A file's name may have all of them.
HOSTILE = (
    "\x1b]0;owned\x07\x1b[31m\x9b2J\rx\N{RIGHT-TO-LEFT OVERRIDE}\N{LINE SEPARATOR}\udc9b\U000e0061"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a recording, a model and a configuration under hostile names."""
    with wave.open(os.fspath(tmp_path / f"{HOSTILE}.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    (tmp_path / f"{HOSTILE}.nemo").write_bytes(b"no model")
    (tmp_path / f"{HOSTILE}.txt").write_text("ImportError: \x1b[31mx", encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps({"model": HOSTILE}), encoding="utf-8")
    (tmp_path / "broken.json").write_text(json.dumps({HOSTILE: 1}), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PARAKEET_CONFIG", os.fspath(tmp_path / "none.json"))
    return tmp_path


COMMANDS = {
    "an unknown command": [HOSTILE],
    "an unknown option": ["transcribe", f"--{HOSTILE}"],
    "an option's value": ["transcribe", "a.wav", "--workers", HOSTILE],
    "a missing recording": ["transcribe", f"missing{HOSTILE}.wav"],
    "a recording": ["transcribe", f"{HOSTILE}.wav", "--engine", "mock", "--verbose"],
    "a recording that can't be planned": ["transcribe", f"{HOSTILE}.txt", "--debug"],
    "a dry run": ["transcribe", f"{HOSTILE}.wav", "--engine", "mock", "--dry-run"],
    "an unknown model": ["models", "path", HOSTILE],
    "a scanned model": ["models", "scan", f"{HOSTILE}.nemo"],
    "a configuration's path": ["config", "path", "--config", HOSTILE],
    "a configuration's value": ["config", "show", "--config", "config.json"],
    "a configuration's key": ["config", "show", "--config", "broken.json"],
    "a pasted text": ["doctor", "match", f"{HOSTILE}.txt"],
    "a pasted argument": ["doctor", "match", f"ImportError: {HOSTILE} "],
    "a Python": ["doctor", "--python", HOSTILE],
    "a package": ["doctor", "why", HOSTILE, "--python", HOSTILE],
    "a kept environment": ["setup", "--remove", HOSTILE],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.usefixtures("folder")
def test_no_command_shows_a_terminal_what_it_would_obey(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    app(words, standalone_mode=False, prog_name="parakeet")
    captured = capsys.readouterr()
    shown = captured.out + captured.err
    assert shown
    assert is_harmless(shown)


def is_harmless(text: str) -> bool:
    """Whether nothing in it makes a terminal or a window do anything but show letters."""
    return text.replace("\n", "").replace("\t", "").isprintable()


WORDS = f"One {HOSTILE} two <b>three</b> {{\\an8}} --> four."


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_writes_what_a_terminal_or_a_page_would_obey(name: str) -> None:
    words = tuple(
        Word(float(number), number + 0.9, word) for number, word in enumerate(WORDS.split(" "))
    )
    segment = Segment(0.0, float(len(words)), WORDS, words)
    text = FORMATS[name].render(make(segment, path=f"{HOSTILE}.wav", language="en"))
    assert "three" in text
    assert is_harmless(encode(text).decode())  # as it is written
    if name in ("vtt", "html"):
        assert "<b>three" not in text
    if name == "srt":
        assert "<b>" not in text
        assert "{\\" not in text


def test_an_event_escapes_what_it_says() -> None:
    line = Event(EventKind.FINAL, 1.0, 2.0, WORDS, {"file": HOSTILE}).json_line
    assert is_harmless(encode(line).decode())
    assert json.loads(line)["text"] == WORDS


class _Clipboard:
    """A clipboard in memory."""

    name = "memory"

    def __init__(self) -> None:
        self.content: Content | None = None

    def read(self) -> Content | None:
        return self.content

    def write(self, content: Content | None) -> None:
        self.content = content

    def select(self, content: Content) -> None:
        raise AssertionError("nothing is pasted here")


def _on_stdout(text: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> str:
    StdoutSink().insert(text)
    return capfd.readouterr().out


def _in_a_file(text: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> str:
    sink = FileSink(os.fspath(folder / "texts"))
    sink.open()
    sink.insert(text)
    sink.close()
    return (folder / "texts").read_text("utf-8")


def _by_a_command(text: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> str:
    sink = CommandSink(f"cat > '{folder}/given'")
    sink.open()
    sink.insert(text)
    return (folder / "given").read_text("utf-8")


def _on_the_clipboard(text: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> str:
    clipboard = _Clipboard()
    ClipboardSink(clipboard).insert(text)
    assert clipboard.content is not None
    return clipboard.content.data.decode()


def _typed(text: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> str:
    return typable(text)


@pytest.mark.parametrize("sink", [_on_stdout, _in_a_file, _by_a_command, _on_the_clipboard, _typed])
def test_no_sink_gets_what_a_terminal_would_obey(
    sink: Callable[[str, Path, pytest.CaptureFixture[str]], str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    given = sink(WORDS, tmp_path, capfd)
    assert "four." in given
    assert is_harmless(given)
