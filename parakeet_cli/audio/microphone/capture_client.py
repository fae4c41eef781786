"""Starts the capture process, tells it when to record, and reads its packets."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from parakeet_cli.audio.microphone.capture_process import (
    GO,
    LOST_BEFORE,
    MESSAGE,
    PACKET,
    PAUSE,
    PAUSED,
)
from parakeet_cli.errors import InputError, ProgramError
from parakeet_cli.system import processes
from parakeet_cli.system.child_errors import ErrorOutput, exception_of, last_traceback

_ENTRY = "from parakeet_cli.audio.microphone.capture_process import main; main(sys.argv[1:])"
OPEN_TIMEOUT = 10.0  # seconds that a device may take to open; Bluetooth takes some
PACKET_TIMEOUT = 1.5  # seconds without a packet until the device counts as lost
POLL_INTERVAL = 0.1  # seconds between two checks for `close`
_LAST_POLL = 0.02  # seconds between two looks for it
_LAST_SOUND = 0.5  # seconds in which the sound from before a pause arrives


@dataclass(frozen=True, slots=True)
class Packet:
    """Interleaved int16 of a device, and when its first sample was captured, seconds since 1970."""

    data: bytes
    lost_before: bool
    captured: float


class CaptureProcess:
    """One device, opened and paused until `go`.

    `name`, `source`, `rate` and `channels` are those of the device, and follow it when the
    server moves the recording to another.
    """

    def __init__(self, key: str, pre_roll: float = 0.0) -> None:
        """Start the process; `wait_until_open` waits for the device."""
        self._errors = ErrorOutput()
        self._process = subprocess.Popen(
            capture_command("--open", key, str(pre_roll)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors.file,
            env=capture_environment(),
            bufsize=0,
        )
        self._buffer = b""
        self._going = False
        self._pauses = 0  # asked for and not answered yet
        self.name, self.source = "", ""
        self.rate, self.channels = 0, 0
        self.is_new = True  # it never delivered sound

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait_until_open(self, given_up: Callable[[], bool] = lambda: False) -> None:
        """Raises InputError if the device can't be opened; returns early if `given_up`."""
        line = b""
        deadline = time.monotonic() + OPEN_TIMEOUT
        while not line.endswith(b"\n") and not given_up() and time.monotonic() < deadline:
            data = self._read(1, POLL_INTERVAL)
            if data == b"":
                break
            line += data or b""
        message, printed = parse_message(line), self._errors.read()
        if "rate" not in message:
            self.end()
            raise capture_error(message, printed)
        self._describe(message)

    def go(self) -> None:
        """Record from now on."""
        self._going = True
        self._command(GO)

    def pause(self) -> None:
        """Record no more; `packets` ends with the sound from before."""
        if self._going:
            self._going = False
            self._pauses += 1
            self._command(PAUSE)

    def kill(self) -> None:
        """End the process from a signal handler; `packets` then ends, and `end` is still due."""
        self._process.kill()

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait()
        self._errors.close()

    def packets(self, closed: Callable[[], bool]) -> Iterator[Packet]:
        """The sound since `go`; ends if none comes for a while, and after `pause`.

        Once `closed`, only the sound from before the pause is waited for. Raises InputError if
        the device can't be opened now.
        """
        last = time.monotonic()
        timeout = OPEN_TIMEOUT if self.is_new else PACKET_TIMEOUT
        while True:
            ending = closed()
            data = self._read(1 << 16, _LAST_POLL if ending else POLL_INTERVAL)
            if data is None:
                over = time.monotonic() - last > (_LAST_SOUND if ending else timeout)
                if over or (ending and not self._pauses):
                    return
                continue
            self._buffer += data
            for content, flags, captured in self._complete_packets():
                if self._is_sound(content, flags):
                    last, timeout, self.is_new = time.monotonic(), PACKET_TIMEOUT, False
                    yield Packet(content, bool(flags & LOST_BEFORE), captured)
            if data == b"" or (self._is_paused and ending):
                return

    @property
    def _is_paused(self) -> bool:
        """Whether the last pause was answered: no sound follows."""
        return not self._going and not self._pauses

    def _is_sound(self, content: bytes, flags: int) -> bool:
        """Whether a packet is sound since the last `go`; acts on messages and answers."""
        if flags & MESSAGE:
            message = parse_message(content)
            if "error" in message:
                raise capture_error(message, "")
            self._describe(message)
            return False
        if flags & PAUSED:
            self._pauses -= 1
            return False
        return self._pauses <= (not self._going)

    def _complete_packets(self) -> Iterator[tuple[bytes, int, float]]:
        while len(self._buffer) >= PACKET.size:
            count, flags, captured = PACKET.unpack_from(self._buffer)
            size = PACKET.size + count
            if len(self._buffer) < size:
                return
            content, self._buffer = self._buffer[PACKET.size : size], self._buffer[size:]
            yield content, flags, captured

    def _describe(self, message: dict[str, Any]) -> None:
        self.name, self.source = message["name"], message["source"] or ""
        self.rate, self.channels = message["rate"], message["channels"]

    def _command(self, command: bytes) -> None:
        assert self._process.stdin is not None
        # It has ended, which `packets` finds out, or was ended in another thread.
        with suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(command)

    def _read(self, most: int, limit: float) -> bytes | None:
        """The bytes available: b"" at the end, None if none came within `limit` seconds."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], limit)
        return os.read(self._process.stdout.fileno(), most) if ready else None


def capture_command(*arguments: str) -> list[str]:
    """The command of the capture process."""
    return processes.python_command(_ENTRY, *arguments, isolated=True)


def capture_environment() -> dict[str, str]:
    """PulseAudio's own latency is up to two seconds unless less is requested."""
    return {"PULSE_LATENCY_MSEC": "30", **os.environ}


def parse_message(line: bytes) -> dict[str, Any]:
    """A line of the capture process; an error if it isn't JSON, because the process died."""
    try:
        message = json.loads(line)
    except ValueError:
        return {"error": "died"}
    return message if isinstance(message, dict) else {"error": "died"}


def capture_error(message: dict[str, Any], printed: str) -> InputError:
    """The error in a message, or else the exception in what the process printed to stderr."""
    traceback = last_traceback(printed)
    if message["error"] == "died" and (exception := exception_of(traceback)):
        return ProgramError(f"The process that records failed: {exception}.", traceback=traceback)
    if message["error"] == "portaudio":
        return InputError(
            f"Microphones need PortAudio, which can't be loaded: {message['detail']}.",
            hint="sudo apt-get install libportaudio2 (macOS and Windows have it in the package "
            "sounddevice).",
        )
    if message["error"] == "open":
        return InputError(
            f"The microphone '{message['name']}' can't be opened: {message['detail']}.",
            hint="Another program may be using it. "
            "`parakeet dictate --list-devices` lists the others.",
        )
    return InputError(
        "PortAudio ended without an error message.",
        hint="Check that the sound server is running. "
        "`--from-file FILE` plays a recording instead.",
    )
