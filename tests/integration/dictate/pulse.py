"""A microphone without hardware: PulseAudio's null sink, whose monitor is listened to."""

from __future__ import annotations

import os
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.dictate.desktop import WAITING, end, needs, session, until

RATE = 16_000  # Hz, of the samples; they are mono and 16 bit


@dataclass
class Speaker:
    """Plays into the microphone; `env` is for who listens to it."""

    env: dict[str, str]
    folder: Path

    def say(self, *clips: Path, pause: float = 1.2) -> None:
        """The clips one after the other at real speed, with silence behind each."""
        silence = bytes(2 * round(pause * RATE))
        frames = b"".join(_frames(clip) + silence for clip in clips)
        file = self.folder / "said.wav"
        with wave.open(str(file), "wb") as written:
            written.setnchannels(1)
            written.setsampwidth(2)
            written.setframerate(RATE)
            written.writeframes(frames)
        subprocess.run(
            ["paplay", "--device=vmic", str(file)],
            env={**session(), **self.env},
            check=True,
            timeout=WAITING + len(frames) / (2 * RATE),
        )


@contextmanager
def microphone(folder: Path) -> Iterator[Speaker]:
    """A sound server of its own, in `folder`."""
    needs("pulseaudio", "pactl", "paplay")
    runtime = folder / "sound"
    runtime.mkdir(mode=0o700)
    socket = runtime / "native"
    env = {
        "XDG_RUNTIME_DIR": str(runtime),
        "HOME": str(folder),
        "PULSE_SERVER": f"unix:{socket}",
        "PULSE_SOURCE": "vmic.monitor",
    }
    server = subprocess.Popen(
        [
            *("pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "-n"),
            *("--load", f"module-native-protocol-unix auth-anonymous=1 socket={socket}"),
            *("--load", "module-null-sink sink_name=vmic rate=48000"),
        ],
        env={**session(), **env, "PULSE_SERVER": ""},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:

        def answers() -> bool:
            done = subprocess.run(
                ["pactl", "list", "short", "sources"],
                env={**os.environ, **env},
                capture_output=True,
            )
            return b"vmic.monitor" in done.stdout

        assert until(answers), "PulseAudio did not come up"
        yield Speaker(env, folder)
    finally:
        end(server)


def _frames(clip: Path) -> bytes:
    with wave.open(str(clip), "rb") as read:
        assert (read.getnchannels(), read.getsampwidth(), read.getframerate()) == (1, 2, RATE)
        return read.readframes(read.getnframes())
