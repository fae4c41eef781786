"""A microphone without hardware: a PulseAudio of its own, with a null sink to speak into."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NEEDED = ("pulseaudio", "pactl", "paplay")
missing = [name for name in NEEDED if shutil.which(name) is None]
needs_pulseaudio = pytest.mark.skipif(
    bool(missing), reason=f"{', '.join(missing)}: install-system-packages.sh --tests brings them"
)


class SoundServer:
    """Clients find it by `environment`."""

    def __init__(self, folder: Path) -> None:
        self._runtime = folder / "run"
        self._home = folder / "pulse-home"
        for path in (self._runtime, self._home):
            path.mkdir(mode=0o700)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {"XDG_RUNTIME_DIR": str(self._runtime), "PULSE_SERVER": f"unix:{self._socket}"}

    @property
    def _socket(self) -> Path:
        return self._runtime / "pulse.sock"

    def start(self) -> None:
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"]
        for module in (
            f"module-native-protocol-unix socket={self._socket} auth-anonymous=1",
            "module-null-sink sink_name=vmic rate=48000",
        ):
            command += ["-L", module]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "HOME": str(self._home), "XDG_RUNTIME_DIR": str(self._runtime)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while self._pactl("set-default-source", "vmic.monitor") != 0:
            assert time.monotonic() < deadline, "PulseAudio does not answer"
            time.sleep(0.1)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
            self._socket.unlink(missing_ok=True)

    def add_microphone(self, name: str, description: str, *properties: str) -> None:
        """Another microphone with the same sound; a word in `description` has no spaces."""
        described = " ".join([f"device.description={description}", *properties])
        added = self._pactl(
            *("load-module", "module-remap-source", "master=vmic.monitor"),
            *(f"source_name={name}", f"source_properties='{described}'"),
        )
        assert added == 0, "PulseAudio makes no such source"

    def play(self, clip: Path) -> None:
        """Speak it, in real time, to its end."""
        subprocess.run(
            ["paplay", "--device=vmic", str(clip)],
            env={**os.environ, **self.environment},
            check=True,
            timeout=120,
        )

    def _pactl(self, *arguments: str) -> int:
        return subprocess.run(
            ["pactl", *arguments],
            env={**os.environ, **self.environment},
            capture_output=True,
            timeout=60,
        ).returncode


@contextmanager
def running(folder: Path) -> Iterator[SoundServer]:
    server = SoundServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
