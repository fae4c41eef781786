"""A microphone to 16 kHz mono sound, through every loss of it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from parakeet_cli.audio.microphone.capture_process import PACKET
from parakeet_cli.audio.microphone.downmix import Pcm, ToMono
from parakeet_cli.errors import InputError, UsageError

_SILENT = 1.5  # seconds without a packet: the device is lost
_OPENING = 10.0  # seconds that a device may take to open; Bluetooth takes some
_AGAIN = 0.5  # seconds between two looks for a lost device
_NAP = 0.1  # seconds between two looks at whether to go on


@dataclass(frozen=True, slots=True)
class InputDevice:
    """One microphone as PortAudio has it."""

    index: int
    name: str
    channels: int
    rate: int
    default: bool


@dataclass(frozen=True, slots=True)
class Sound:
    """16 kHz mono int16, shape (n,). `lost`: the machine was too slow for some before it."""

    pcm: Pcm
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """Nothing comes any more; what was heard so far is whole."""

    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """Sound comes again, after `seconds` of nothing."""

    seconds: float
    name: str


Captured = Sound | Lost | Found


def list_devices() -> list[InputDevice]:
    """Every device with an input; raises InputError where PortAudio is missing."""
    try:
        said = subprocess.run(
            _command("--list"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_environment(),
            timeout=_OPENING,
        ).stdout
    except subprocess.TimeoutExpired:  # as PortAudio does while a sound server dies
        said = b""
    message = _message(said.partition(b"\n")[0])
    if "devices" not in message:
        raise _error(message)
    return [InputDevice(**device) for device in message["devices"]]


def find_device(asked: str | None, devices: list[InputDevice]) -> InputDevice:
    """The device of that index or with that part of a name; the default if none is asked.

    Raises UsageError with what there is where it is none or more than one.
    """
    if not devices:
        raise InputError(
            "There is no microphone.",
            hint="Plug one in, or check that the sound server runs. "
            "`--from-file FILE` plays a recording instead.",
        )
    if asked is None:
        return next((device for device in devices if device.default), devices[0])
    if asked.isdecimal():
        found = [device for device in devices if device.index == int(asked)]
    else:
        same = [device for device in devices if device.name.casefold() == asked.casefold()]
        part = [device for device in devices if asked.casefold() in device.name.casefold()]
        found = same or part
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{device.index} ({device.name})" for device in (found or devices))
    if found:
        raise UsageError(f"'{asked}' is part of several names: {listed}.", hint="Give its number.")
    raise UsageError(
        f"There is no microphone '{asked}', only {listed}.",
        hint="`parakeet dictate --list-devices` shows them.",
    )


class Microphone:
    """Iterate over it for what is heard; a device that is lost is looked for until `close`.

    Found again, it may be under another number: it is known by its name, and where that is
    gone the system's default takes its place.
    """

    def __init__(self, asked: str | None) -> None:
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._device = find_device(asked, list_devices())
        self.overflows = 0

    @property
    def name(self) -> str:
        return self._device.name

    def close(self) -> None:
        """End the iteration, from any thread."""
        self._closed = True

    def __iter__(self) -> Iterator[Captured]:
        heard: float | None = None  # when the last sound came
        lost = False
        try:
            while not self._closed:
                opened = self._opened(again=heard is not None)
                if opened is None:
                    self._wait(_AGAIN)
                    continue
                to_mono = ToMono(opened["rate"], opened["channels"])
                for data, overflowed in self._packets(2 * opened["channels"]):
                    now = time.monotonic()
                    pcm = np.frombuffer(data, np.int16)
                    if lost and heard is not None:
                        length = len(pcm) / opened["channels"] / opened["rate"]
                        yield Found(max(0.0, now - heard - length), self.name)
                    lost, heard = False, now
                    self.overflows += overflowed
                    yield Sound(to_mono(pcm), overflowed)
                self._end()
                if heard is None and not self._closed:
                    raise InputError(
                        f"The microphone '{self.name}' was opened and gives no sound.",
                        hint="`parakeet dictate --list-devices` shows the others.",
                    )
                if not lost:
                    yield Sound(to_mono(np.zeros(0, np.int16), last=True))
                    if not self._closed:
                        lost = True
                        yield Lost(f"The microphone '{self.name}' is lost.")
        finally:
            self._end()

    def _opened(self, *, again: bool) -> dict[str, Any] | None:
        """What was opened; None where a device that was lost is not there yet."""
        try:
            if again:
                self._device = self._found_again()
            return self._open()
        except (InputError, UsageError):
            if not again:
                raise
            return None

    def _found_again(self) -> InputDevice:
        """Numbers change when devices come and go; names do not."""
        devices = list_devices()
        same = [device for device in devices if device.name == self._device.name]
        return same[0] if same else find_device(None, devices)

    def _open(self) -> dict[str, Any]:
        self._process = subprocess.Popen(
            _command("--open", str(self._device.index)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            bufsize=0,
        )
        line = b""
        deadline = time.monotonic() + _OPENING
        while not line.endswith(b"\n") and not self._closed and time.monotonic() < deadline:
            data = self._read(1, _NAP)
            if data == b"":
                break
            line += data or b""
        message = _message(line)
        if "rate" not in message:
            self._end()
            raise _error(message)
        return message

    def _packets(self, width: int) -> Iterator[tuple[bytes, bool]]:
        held = b""
        silent_since, patience = time.monotonic(), _OPENING
        while not self._closed:
            data = self._read(1 << 16, _NAP)
            if data == b"":
                return
            if data is None:
                if time.monotonic() - silent_since > patience:
                    return
                continue
            silent_since, patience = time.monotonic(), _SILENT
            held += data
            while len(held) >= PACKET.size:
                frames, overflowed = PACKET.unpack_from(held)
                size = PACKET.size + frames * width
                if len(held) < size:
                    break
                yield held[PACKET.size : size], bool(overflowed)
                held = held[size:]

    def _read(self, most: int, limit: float) -> bytes | None:
        """What there is: b"" at the end, None where nothing came within `limit` seconds."""
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], limit)
        return os.read(self._process.stdout.fileno(), most) if ready else None

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._closed and time.monotonic() < deadline:
            time.sleep(_NAP)

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process.wait()
            self._process = None


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "parakeet_cli.audio.microphone.capture_process", *arguments]


def _environment() -> dict[str, str]:
    """PulseAudio's own latency is up to two seconds where nobody asks for less."""
    return {"PULSE_LATENCY_MSEC": "30", **os.environ}


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {"error": "died"}
    return message if isinstance(message, dict) else {"error": "died"}


def _error(message: dict[str, Any]) -> InputError:
    if message["error"] == "portaudio":
        return InputError(
            f"Microphones need PortAudio, which can't be loaded: {message['detail']}.",
            hint="sudo apt-get install libportaudio2 (macOS and Windows have it in the package "
            "sounddevice).",
        )
    if message["error"] == "open":
        return InputError(
            f"The microphone '{message['name']}' can't be opened: {message['detail']}.",
            hint="Another program may hold it. `parakeet dictate --list-devices` shows the others.",
        )
    return InputError(
        "PortAudio ended without a word.",
        hint="Check that the sound server runs; `--from-file FILE` plays a recording instead.",
    )
