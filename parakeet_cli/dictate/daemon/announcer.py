"""Announces when dictation starts and stops listening, by a tone or a desktop notice."""

from __future__ import annotations

import io
import math
import shutil
import struct
import subprocess
import tempfile
import wave
from collections.abc import Mapping
from pathlib import Path

from parakeet_cli.dictate.daemon.controllable import Controllable
from parakeet_cli.dictate.sinks import notifications

_RATE = 44_100
_PLAYERS = ("pw-play", "paplay", "afplay", "aplay")
_TONES = {"begin": (660, 880), "finish": (880, 660), "discard": (440, 330)}  # Hz
_WORDS = {"begin": "Listening.", "finish": "Inserted.", "discard": "Dropped."}


class Announcer:
    """A dictation that announces when it listens, has inserted and has dropped text."""

    def __init__(self, controllable: Controllable, *, sounds: bool, notify: bool) -> None:
        self._controllable = controllable
        self._sounds = Sounds() if sounds else None
        self._notify = notify

    def begin(self, profile: str | None = None) -> None:
        self._controllable.begin(profile)
        self._announce("begin")

    def finish(self) -> None:
        listening = self._controllable.state().get("listening") is True
        self._controllable.finish()
        if listening:
            self._announce("finish")

    def discard(self) -> None:
        self._controllable.discard()
        self._announce("discard")

    def state(self) -> Mapping[str, object]:
        return self._controllable.state()

    def check(self) -> None:
        self._controllable.check()

    def unload(self) -> None:
        self._controllable.unload()

    def quit(self) -> None:
        self._controllable.quit()
        if self._sounds:
            self._sounds.close()

    def _announce(self, name: str) -> None:
        if self._sounds:
            self._sounds.play(name)
        if self._notify:
            notifications.show("parakeet", _WORDS[name])


class Sounds:
    """Two short tones, rising, falling or low, played by the first player that is installed."""

    def __init__(self) -> None:
        self._player = next((name for name in _PLAYERS if shutil.which(name)), None)
        self._temporary = tempfile.TemporaryDirectory(prefix="parakeet-")
        self.folder = Path(self._temporary.name)
        for name, tones in _TONES.items():
            (self.folder / f"{name}.wav").write_bytes(_wav(*tones))

    def play(self, name: str) -> None:
        """Start to play one, without waiting for its end."""
        if self._player:
            subprocess.Popen(
                [self._player, str(self.folder / f"{name}.wav")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def close(self) -> None:
        self._temporary.cleanup()


def _wav(*tones: int) -> bytes:
    """A WAV file with 70 ms for each tone, soft at both ends."""
    count = int(_RATE * 0.07)
    samples = [
        0.2 * math.sin(2 * math.pi * tone * at / _RATE) * math.sin(math.pi * at / count)
        for tone in tones
        for at in range(count)
    ]
    wav = io.BytesIO()
    with wave.open(wav, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(b"".join(struct.pack("<h", round(32_767 * value)) for value in samples))
    return wav.getvalue()
