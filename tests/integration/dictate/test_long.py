"""Tests that hours of dictation need no more memory, keep the clock and lose nothing."""

from __future__ import annotations

import json
import os
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.integration.dictate.speech import RATE, make_talk, read_wav, write_wav
from tests.integration.transcribe.command import MOCK, start


def repeated(folder: Path, hours: float) -> tuple[Path, list[tuple[float, float, str]]]:
    """One talk over and over, with numbered words."""
    talk = make_talk(folder, 5, pause=2.0)
    pcm = read_wav(talk.path)
    length = len(pcm) / RATE
    path = folder / "long.wav"
    words: list[tuple[float, float, str]] = []
    with (
        wave.open(str(path), "wb") as file,
        (folder / "cues.tsv").open("w", encoding="utf-8") as cues,
    ):
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        for number in range(max(1, round(hours * 3600 / length))):
            file.writeframes(pcm.tobytes())
            for start_, end, _ in talk.words:
                word = (start_ + number * length, end + number * length, f"w{len(words)}")
                words.append(word)
                cues.write(f"{word[0]:.4f}\t{word[1]:.4f}\t{word[2]}\n")
    return path, words


def beginning(path: Path, seconds: int) -> Path:
    """A file of the first seconds."""
    short = path.with_name("short.wav")
    with wave.open(str(path), "rb") as whole:
        pcm = np.frombuffer(whole.readframes(seconds * RATE), np.int16)
    return write_wav(short, pcm)


def dictate(folder: Path, path: Path) -> tuple[list[dict[str, object]], float]:
    """The finals, and the peak memory in MiB."""
    arguments = ("dictate", "--from-file", path, "--fast", "--json")
    # Both lengths with the same cues: the mock engine holds them in memory.
    engine = MOCK | {"PARAKEET_MOCK_CUES": str(folder / "cues.tsv")}
    with (folder / "events").open("wb") as out:
        process = start(folder, *arguments, engine=engine, stdout=out)
        assert process.stderr is not None
        messages = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, messages.decode()
    found = [json.loads(line) for line in (folder / "events").open(encoding="utf-8")]
    return [event for event in found if event["event"] == "final"], usage.ru_maxrss / 1024


def check(folder: Path, hours: float) -> None:
    path, words = repeated(folder, hours)
    _, little = dictate(folder, beginning(path, 180))
    finals, much = dictate(folder, path)
    came = [word for event in finals for word in str(event["text"]).lower().split()]
    assert came == [word for _, _, word in words]
    at = {word: (start_, end) for start_, end, word in words}
    for event in finals:
        first, *_, last = str(event["text"]).lower().split()
        assert abs(float(str(event["start"])) - at[first][0]) < 0.1
        assert abs(float(str(event["end"])) - at[last][1]) < 0.1
    assert much < little * 1.1 + 5, (little, much)


@pytest.mark.slow
def test_half_an_hour_takes_no_more_memory_than_three_minutes(tmp_path: Path) -> None:
    check(tmp_path, 0.5)


@pytest.mark.soak
def test_eight_hours_take_no_more_memory_than_three_minutes(tmp_path: Path) -> None:
    check(tmp_path, 8)
