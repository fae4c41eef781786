"""Records a microphone as 16 kHz mono samples, and reopens it when it was lost."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr

from parakeet_cli.audio.microphone.capture_process import PACKET
from parakeet_cli.audio.samples import SAMPLE_RATE, Pcm, to_pcm
from parakeet_cli.errors import InputError, ProgramError, UsageError
from parakeet_cli.system import processes
from parakeet_cli.system.child_errors import ErrorOutput, exception_of, last_traceback

_ENTRY = "from parakeet_cli.audio.microphone.capture_process import main; main(sys.argv[1:])"
_PACKET_TIMEOUT = 1.5  # seconds without a packet until the device counts as lost
_OPEN_TIMEOUT = 10.0  # seconds that a device may take to open; Bluetooth takes some
_RETRY_INTERVAL = 0.5  # seconds between two attempts to reopen a lost device
_POLL_INTERVAL = 0.1  # seconds between two checks for `close`


@dataclass(frozen=True, slots=True)
class InputDevice:
    """One microphone as PortAudio lists it."""

    index: int
    name: str
    channels: int
    rate: int
    default: bool


@dataclass(frozen=True, slots=True)
class CapturedAudio:
    """16 kHz mono int16, shape (n,).

    `overflowed`: samples before these are missing, because the machine was too slow.
    """

    pcm: Pcm
    overflowed: bool = False


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """The device stopped delivering audio; everything before this is complete."""

    reason: str


@dataclass(frozen=True, slots=True)
class DeviceFound:
    """The device delivers audio again, after `seconds` without any."""

    seconds: float
    name: str


CaptureEvent = CapturedAudio | DeviceLost | DeviceFound


def list_devices() -> list[InputDevice]:
    """Every device with an input. Raises InputError if PortAudio is missing."""
    output, printed = b"", b""
    try:
        done = subprocess.run(
            _command("--list"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_environment(),
            timeout=_OPEN_TIMEOUT,
        )
        output, printed = done.stdout, done.stderr
    except subprocess.TimeoutExpired:  # PortAudio can hang while a sound server dies
        pass
    message = _message(output.partition(b"\n")[0])
    if "devices" not in message:
        raise _error(message, printed.decode(errors="replace"))
    return [InputDevice(**device) for device in message["devices"]]


def find_device(requested: str | None, devices: list[InputDevice]) -> InputDevice:
    """The device with that index or that part of its name; the default for None.

    Raises UsageError, which lists the devices, unless exactly one matches.
    """
    if not devices:
        raise InputError(
            "There is no microphone.",
            hint="Plug one in, or check that the sound server is running. "
            "`--from-file FILE` plays a recording instead.",
        )
    if requested is None:
        return next((device for device in devices if device.default), devices[0])
    matches = _matching(requested, devices)
    if len(matches) == 1:
        return matches[0]
    listed = ", ".join(f"{device.index} ({device.name})" for device in (matches or devices))
    if matches:
        raise UsageError(
            f"'{requested}' matches several microphones: {listed}.", hint="Give its number."
        )
    raise UsageError(
        f"There is no microphone '{requested}', only {listed}.",
        hint="`parakeet dictate --list-devices` lists them.",
    )


def _matching(requested: str, devices: list[InputDevice]) -> list[InputDevice]:
    if requested.isdecimal():
        return [device for device in devices if device.index == int(requested)]
    name = requested.casefold()
    exact = [device for device in devices if device.name.casefold() == name]
    return exact or [device for device in devices if name in device.name.casefold()]


class MonoConverter:
    """Converts interleaved int16 of any rate and channel count to 16 kHz mono int16.

    All channels are averaged. soxr compensates its own delay, so the n-th sample out lies
    n/16000 s after the first one in.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._channels = channels
        self._resampler = (
            None
            if rate == SAMPLE_RATE
            else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="HQ")
        )

    def __call__(self, interleaved: Pcm, *, last: bool = False) -> Pcm:
        """Shape (frames * channels,) to shape (n,); `last` also returns what soxr still holds."""
        mixed = np.zeros(len(interleaved) // self._channels, np.float32)
        for channel in range(self._channels):
            mixed += interleaved[channel :: self._channels]
        mixed *= 1 / self._channels
        if self._resampler is not None:
            mixed = self._resampler.resample_chunk(mixed, last=last)
        return to_pcm(mixed, scale=1.0)


class Microphone:
    """Iterate over it for its audio. A lost device is searched for until `close`.

    Its number may have changed by then, so it is found by its name; if no device has that
    name any more, the system's default is used.
    """

    def __init__(self, requested: str | None) -> None:
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None
        self._device = find_device(requested, list_devices())
        self._received: float | None = None  # when the last packet came
        self._lost = False
        self.overflows = 0

    @property
    def name(self) -> str:
        return self._device.name

    def close(self) -> None:
        """End the iteration, from any thread."""
        self._closed = True

    def __iter__(self) -> Iterator[CaptureEvent]:
        try:
            while not self._closed:
                opened = self._open_or_none()
                if opened is None:
                    self._wait(_RETRY_INTERVAL)
                else:
                    yield from self._record(*opened)
        finally:
            self._end_process()

    def _record(self, rate: int, channels: int) -> Iterator[CaptureEvent]:
        """Events until the device is lost, or until `close`."""
        to_mono = MonoConverter(rate, channels)
        for data, overflowed in self._packets(2 * channels):
            now = time.monotonic()
            pcm = np.frombuffer(data, np.int16)
            if self._lost and self._received is not None:
                length = len(pcm) / channels / rate
                yield DeviceFound(max(0.0, now - self._received - length), self.name)
            self._lost, self._received = False, now
            self.overflows += overflowed
            yield CapturedAudio(to_mono(pcm), overflowed)
        self._end_process()
        if self._received is None and not self._closed:
            raise InputError(
                f"The microphone '{self.name}' was opened but delivers no audio.",
                hint="`parakeet dictate --list-devices` lists the others.",
            )
        if not self._lost:
            yield CapturedAudio(to_mono(np.zeros(0, np.int16), last=True))
            if not self._closed:
                self._lost = True
                yield DeviceLost(f"The microphone '{self.name}' is lost.")

    def _open_or_none(self) -> tuple[int, int] | None:
        """Rate and channels of the opened device; None if a lost device isn't back yet."""
        reopen = self._received is not None
        try:
            if reopen:
                self._device = self._find_again()
            return self._open()
        except (InputError, UsageError):
            if not reopen:
                raise
            return None

    def _find_again(self) -> InputDevice:
        """Numbers change when devices come and go; names don't."""
        devices = list_devices()
        same = [device for device in devices if device.name == self._device.name]
        return same[0] if same else find_device(None, devices)

    def _open(self) -> tuple[int, int]:
        errors = ErrorOutput()
        self._process = subprocess.Popen(
            _command("--open", str(self._device.index)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors.file,
            env=_environment(),
            bufsize=0,
        )
        line = b""
        deadline = time.monotonic() + _OPEN_TIMEOUT
        while not line.endswith(b"\n") and not self._closed and time.monotonic() < deadline:
            data = self._read(1, _POLL_INTERVAL)
            if data == b"":
                break
            line += data or b""
        message, printed = _message(line), errors.read()
        errors.close()
        if "rate" not in message:
            self._end_process()
            raise _error(message, printed)
        return message["rate"], message["channels"]

    def _packets(self, width: int) -> Iterator[tuple[bytes, bool]]:
        buffer = b""
        last_packet, timeout = time.monotonic(), _OPEN_TIMEOUT
        while not self._closed:
            data = self._read(1 << 16, _POLL_INTERVAL)
            if data == b"":
                return
            if data is None:
                if time.monotonic() - last_packet > timeout:
                    return
                continue
            last_packet, timeout = time.monotonic(), _PACKET_TIMEOUT
            buffer += data
            while len(buffer) >= PACKET.size:
                frames, overflowed = PACKET.unpack_from(buffer)
                size = PACKET.size + frames * width
                if len(buffer) < size:
                    break
                yield buffer[PACKET.size : size], bool(overflowed)
                buffer = buffer[size:]

    def _read(self, most: int, limit: float) -> bytes | None:
        """The bytes available: b"" at the end, None if none came within `limit` seconds."""
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], limit)
        return os.read(self._process.stdout.fileno(), most) if ready else None

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._closed and time.monotonic() < deadline:
            time.sleep(_POLL_INTERVAL)

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.kill()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process.wait()
            self._process = None


def _command(*arguments: str) -> list[str]:
    return processes.python_command(_ENTRY, *arguments, isolated=True)


def _environment() -> dict[str, str]:
    """PulseAudio's own latency is up to two seconds unless less is requested."""
    return {"PULSE_LATENCY_MSEC": "30", **os.environ}


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {"error": "died"}
    return message if isinstance(message, dict) else {"error": "died"}


def _error(message: dict[str, Any], printed: str) -> InputError:
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
