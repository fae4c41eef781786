"""Tests the whole way: clips played into a microphone in real time, typed into a window."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.dictate.desktop import Desktop, Window, until, x11
from tests.integration.dictate.pulse import Speaker, microphone
from tests.integration.transcribe.command import run, start, transcribe
from tests.integration.transcribe.words import errors, spoken
from tests.media_files import SAMPLES

pytestmark = pytest.mark.slow

# Not 0890: which of two words the model gives there is chance.
SENTENCES = [SAMPLES / f"sense_0{number}.wav" for number in (870, 880, 920, 930)]
SAID = {
    SAMPLES / name: text.split()
    for name, text in (
        line.split("\t")
        for line in (SAMPLES / "transcripts.tsv").read_text(encoding="utf-8").splitlines()
    )
}


@contextmanager
def dictation(desktop: Desktop, speaker: Speaker, folder: Path) -> Iterator[Path]:
    """Runs `parakeet dictate --sink type`, ends it by Ctrl-C, and yields its stderr."""
    err = folder / "dictate.err"
    with err.open("wb") as stderr:
        process = start(
            folder,
            *("dictate", "--sink", "type", "--input-device", "pulse"),
            engine={"PARAKEET_ENGINE": "whisper", "PARAKEET_MODEL": "tiny.en"},
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


def typed_before(folder: Path) -> list[str]:
    """The words that the history says were typed."""
    shown = run(folder, "dictate", "history", "--json")
    return [word for line in shown.out.splitlines() for word in json.loads(line)["text"].split()]


def transcribed(folder: Path, clips: list[Path]) -> float:
    """The greatest word error rate of `transcribe`, wherever the clips begin.

    A few milliseconds of silence decide whether the model gives "ill-disposed" or "old-sposed",
    and with a microphone they are chance.
    """
    most = 0
    for clip in clips:
        with wave.open(str(clip)) as file:
            params, sound = file.getparams(), file.readframes(file.getnframes())
        files = []
        for milliseconds in (0, 150, 163, 177, 190):
            shifted = folder / "in" / f"{milliseconds}.wav"
            shifted.parent.mkdir(exist_ok=True)
            with wave.open(str(shifted), "wb") as file:
                file.setparams(params)
                file.writeframes(bytes(2 * 16 * milliseconds) + sound + bytes(2 * 16 * 500))
            files.append(shifted)
        asked = (
            "in",
            "--engine",
            "whisper",
            "--model",
            "tiny.en",
            "-f",
            "txt",
            "-o",
            "heard",
            "--overwrite",
        )
        done = transcribe(folder, *asked, engine={}, limit=300)
        assert done.code == 0, done.err
        texts = [(folder / "heard" / f"{file.stem}.txt").read_text() for file in files]
        most += max(errors(SAID[clip], spoken(text)) for text in texts)
    return most / sum(len(SAID[clip]) for clip in clips)


def word_error_rate(text: str, clips: list[Path]) -> float:
    reference = [word for clip in clips for word in SAID[clip]]
    return errors(reference, spoken(text)) / len(reference)


def dictated(desktop: Desktop, window: Window, clips: list[Path], folder: Path) -> tuple[str, Path]:
    """What the window shows after the clips were dictated, and dictation's stderr."""
    with microphone(folder) as speaker, dictation(desktop, speaker, folder) as err:
        speaker.say(*clips)
    text = window.text
    return window.shows(text), err


def test_a_terminal_shows_the_text_of_transcribe(tmp_path: Path) -> None:
    expected = transcribed(tmp_path, SENTENCES)
    with x11(tmp_path) as desktop:
        desktop.run("setxkbmap", "de")
        window = desktop.terminal("window")
        text, err = dictated(desktop, window, SENTENCES, tmp_path)
    assert "type, by xtest" in err.read_text(encoding="utf-8")
    assert text.split() == typed_before(tmp_path)
    assert word_error_rate(text, SENTENCES) <= expected + 0.02, text
    assert not list((tmp_path / ".local/state/parakeet/dictation").glob("*-*")), "all was delivered"


@pytest.mark.skipif(
    importlib.util.find_spec("_tkinter") is None, reason="this Python has no tkinter"
)
def test_a_text_field_shows_the_text_of_transcribe(tmp_path: Path) -> None:
    clips = SENTENCES[2:]
    expected = transcribed(tmp_path, clips)
    with x11(tmp_path) as desktop:
        window = desktop.editor("window", "Entry")
        text, _ = dictated(desktop, window, clips, tmp_path)
    assert text.split() == typed_before(tmp_path)
    assert word_error_rate(text, clips) <= expected + 0.02, text
