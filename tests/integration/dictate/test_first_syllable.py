"""Tests that a warm process loses no word that begins 150 ms after the key.

The microphone plays a clip again and again, from before the key is pressed. When its first word
is played is found out by a dictation that listens from before the player begins.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.dictate.desktop import until
from tests.integration.dictate.sound_server import SoundServer, needs_pulseaudio, running
from tests.integration.dictate.speech import RATE, read_wav, speech_bounds, write_wav
from tests.integration.transcribe.command import Done, run
from tests.integration.transcribe.words import spoken
from tests.media_files import SAMPLES

pytestmark = [needs_pulseaudio, pytest.mark.slow]

CLIP = SAMPLES / "sense_0880.wav"
AFTER_THE_FIRST = ["was", "not"]  # "he" is there, too, if these are in their places
SECONDS = 3.2  # that the clip takes, and a pause
PERIOD = 7.0  # seconds after which the clip is played again
LEAD = 2.0  # seconds of silence in front of the clip's speech
AFTER_KEY = 0.15  # seconds from the key to the first word
WHISPER = {"PARAKEET_ENGINE": "whisper", "PARAKEET_MODEL": "tiny.en"}


class WarmUser:
    """A process that is ready, and the sound server that it listens to."""

    def __init__(self, folder: Path, server: SoundServer) -> None:
        self._folder = folder
        self._env = server.environment
        self.text = folder / "text.txt"
        pcm = read_wav(CLIP)
        begin, _ = speech_bounds(pcm)
        period = np.zeros(round(PERIOD * RATE), np.int16)
        at = round((LEAD - begin) * RATE)
        period[at : at + len(pcm)] = pcm
        self._talk = write_wav(folder / "talk.wav", np.tile(period, 90))
        self._spoken = 0.0  # when the first word of the first period was played
        self._player: subprocess.Popen[bytes] | None = None

    def dictate(self, *arguments: str) -> Done:
        return run(self._folder, "dictate", *arguments, env=self._env, engine=WHISPER)

    def status(self) -> dict[str, Any]:
        state = json.loads(self.dictate("status", "--json").out)
        assert isinstance(state, dict)
        return state

    def begin(self, *options: str) -> None:
        started = self.dictate("--json", "--sink", f"file:{self.text}", *options, "start", "--idle")
        assert started.code == 0, started.err
        assert until(lambda: self.status()["loaded"] is True)
        assert until(self._microphone_is_open)
        time.sleep(2.0)  # the null sink has rendered as far ahead as it may

    def measure(self) -> None:
        """Play the clip again and again, and find out when its first word is played."""
        assert self.dictate("start").code == 0
        self._player = subprocess.Popen(
            ["paplay", "--device=vmic", "--latency-msec=200", str(self._talk)],
            env={**os.environ, **self._env},
        )
        kinds = ("speech_start", "final")
        assert until(lambda: {event["event"] for event in self.events()} >= set(kinds))
        assert self.dictate("stop").code == 0
        events = self.events()
        started = next(event for event in events if event["event"] == "speech_start")
        ready = next(event for event in events if event["event"] == "ready")
        self._spoken = ready["wall"] + started["t"]
        self.text.unlink()

    def events(self) -> list[dict[str, Any]]:
        (log,) = self._folder.rglob("dictate.log")
        lines = log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def spoken_after_the_key(self) -> list[str]:
        """The words of a dictation whose key is pressed shortly before the clip's first one."""
        due = self._spoken - AFTER_KEY
        while due < time.time() + 0.5:
            due += PERIOD
        time.sleep(due - time.time())
        assert self.dictate("toggle").code == 0
        time.sleep(SECONDS + AFTER_KEY)
        assert self.dictate("toggle").code == 0
        text = self.text.read_text(encoding="utf-8")
        self.text.unlink()
        return spoken(text)

    def quit(self) -> None:
        self.dictate("stop", "--quit")
        if self._player is not None:
            self._player.kill()
            self._player.wait()

    def _microphone_is_open(self) -> bool:
        done = subprocess.run(
            ["pactl", "list", "short", "source-outputs"],
            env={**os.environ, **self._env},
            capture_output=True,
        )
        return bool(done.stdout.strip())


@contextmanager
def busy_cores() -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield


@pytest.fixture
def user(tmp_path: Path) -> Iterator[WarmUser]:
    with running(tmp_path) as server:
        user = WarmUser(tmp_path, server)
        user.begin()
        user.measure()
        yield user
        user.quit()


def test_no_word_that_begins_150_ms_after_the_key_is_missing(user: WarmUser) -> None:
    for _ in range(2):
        assert user.spoken_after_the_key()[1:3] == AFTER_THE_FIRST


@pytest.mark.soak
def test_no_word_is_missing_thirty_times_idle_and_with_all_cores_busy(user: WarmUser) -> None:
    for _ in range(30):
        assert user.spoken_after_the_key()[1:3] == AFTER_THE_FIRST
    with busy_cores():
        for _ in range(30):
            assert user.spoken_after_the_key()[1:3] == AFTER_THE_FIRST


def test_the_pre_roll_has_the_half_second_before_the_key(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        user = WarmUser(tmp_path, server)
        user.begin("--pre-roll")
        pressed = time.time()
        assert user.dictate("start").code == 0
        assert user.dictate("stop").code == 0
        (ready,) = [event for event in user.events() if event["event"] == "ready"]
        user.quit()
    assert ready["wall"] < pressed
