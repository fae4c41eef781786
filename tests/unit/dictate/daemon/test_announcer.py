from __future__ import annotations

import time
import wave
from collections.abc import Mapping
from pathlib import Path

import pytest

from parakeet_cli.dictate.daemon.announcer import Announcer, Sounds


class Idle:
    """A `Controllable` that records nothing."""

    def __init__(self) -> None:
        self.listening = False

    def begin(self, profile: str | None = None) -> None:
        self.listening = True

    def finish(self) -> None:
        self.listening = False

    def discard(self) -> None:
        self.listening = False

    def state(self) -> Mapping[str, object]:
        return {"listening": self.listening, "loaded": True}

    def check(self) -> None:
        """Nothing stands ready here."""

    def unload(self) -> None:
        """There is nothing to free."""

    def quit(self) -> None:
        """There is nothing to end."""


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only player and notifier on PATH, which write down what they are called with."""
    for name in ("paplay", "notify-send"):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho "${{1##*/}} $4" >> "{tmp_path}/{name}.calls"\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def calls(folder: Path, name: str, count: int) -> list[str]:
    """Its calls, once there are `count` of them: nothing waits for these programs."""
    end = time.monotonic() + 30
    file = folder / f"{name}.calls"
    while time.monotonic() < end:
        lines = file.read_text().splitlines() if file.exists() else []
        if len(lines) >= count:
            return [line.strip() for line in lines]
        time.sleep(0.01)
    return []


def test_a_tone_and_a_notice_announce_each_change(played: Path) -> None:
    announcer = Announcer(Idle(), sounds=True, notify=True)
    for number, (do, sound, words) in enumerate(
        [
            (announcer.begin, "begin.wav", "Listening."),
            (announcer.finish, "finish.wav", "Inserted."),
            (announcer.discard, "discard.wav", "Dropped."),
        ],
        start=1,
    ):
        do()
        assert calls(played, "paplay", number)[-1] == sound
        assert calls(played, "notify-send", number)[-1].endswith(words)
    announcer.finish()  # it was not listening
    announcer.quit()
    assert len(calls(played, "paplay", 3)) == 3


def test_nothing_is_announced_by_default(played: Path) -> None:
    announcer = Announcer(Idle(), sounds=False, notify=False)
    announcer.begin()
    announcer.finish()
    announcer.quit()
    assert sorted(path.name for path in played.iterdir()) == ["notify-send", "paplay"]


def test_the_tones_are_short_and_soft(played: Path) -> None:
    sounds = Sounds()
    with wave.open(str(Path(sounds.folder) / "begin.wav")) as file:
        assert 0.1 < file.getnframes() / file.getframerate() < 0.2
        frames = memoryview(file.readframes(file.getnframes())).cast("h")
    assert 3_000 < max(frames) < 8_000
    assert abs(frames[0]) < 100
    sounds.close()
