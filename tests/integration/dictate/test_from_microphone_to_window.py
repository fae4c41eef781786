"""The whole way: clips played into a microphone at real speed, typed into a real window."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.dictate.desktop import Desktop, Window, until, x11
from tests.integration.dictate.pulse import Speaker, microphone
from tests.integration.transcribe.command import start, transcribe
from tests.integration.transcribe.words import errors, spoken
from tests.media_files import SAMPLES

pytestmark = pytest.mark.slow

SENTENCES = [SAMPLES / f"sense_0{number}.wav" for number in (870, 880, 890, 920, 930)]
SAID = {
    SAMPLES / name: text.split()
    for name, text in (
        line.split("\t")
        for line in (SAMPLES / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    )
}


@contextmanager
def dictation(desktop: Desktop, speaker: Speaker, folder: Path) -> Iterator[Path]:
    """`parakeet dictate --sink type`, listening; ended as people end it. Gives its stderr."""
    err = folder / "dictate.err"
    with err.open("wb") as stderr:
        process = start(
            folder,
            *("dictate", "--sink", "type", "--input-device", "pulse"),
            engine={"PARAKEET_ENGINE": "whisper"},
            env={**speaker.env, **desktop.env, "HOME": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
        try:
            assert until(lambda: "Listening to" in err.read_text(errors="replace")), err.read_text()
            yield err
            process.send_signal(signal.SIGINT)
            assert process.wait(120) == 0, err.read_text()
        finally:
            process.kill()
            process.wait()


def word_error_rate(heard: str, clips: list[Path]) -> float:
    reference = [word for clip in clips for word in SAID[clip]]
    return errors(reference, spoken(heard)) / len(reference)


def dictated(desktop: Desktop, window: Window, clips: list[Path], folder: Path) -> tuple[str, Path]:
    """What the window shows when the clips were said and dictation has ended."""
    with microphone(folder) as speaker, dictation(desktop, speaker, folder) as err:
        speaker.say(*clips)
    text = window.text
    return window.shows(text), err


def test_a_terminal_shows_what_transcribe_hears(tmp_path: Path) -> None:
    by_file = transcribe(tmp_path, *SENTENCES, "--engine", "whisper", engine={}, limit=300)
    assert by_file.code == 0, by_file.err
    with x11(tmp_path) as desktop:
        desktop.run("setxkbmap", "de")
        window = desktop.terminal("window")
        text, err = dictated(desktop, window, SENTENCES, tmp_path)
    assert "type, by xtest" in err.read_text(encoding="utf-8")
    expected = word_error_rate(by_file.out.decode(), SENTENCES)
    assert word_error_rate(text, SENTENCES) <= expected + 0.02, text
    assert not list((tmp_path / ".local/state/parakeet/dictation").glob("*-*")), "all was delivered"


@pytest.mark.skipif(
    importlib.util.find_spec("_tkinter") is None, reason="this Python has no tkinter"
)
def test_an_entry_shows_what_transcribe_hears(tmp_path: Path) -> None:
    clips = SENTENCES[1:3]
    by_file = transcribe(tmp_path, *clips, "--engine", "whisper", engine={}, limit=300)
    with x11(tmp_path) as desktop:
        window = desktop.editor("window", "Entry")
        text, _ = dictated(desktop, window, clips, tmp_path)
    expected = word_error_rate(by_file.out.decode(), clips)
    assert word_error_rate(text, clips) <= expected + 0.02, text
