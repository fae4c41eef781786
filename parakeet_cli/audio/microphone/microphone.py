"""Records a microphone as 16 kHz mono samples, and reopens it when it was lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import soxr

from parakeet_cli.audio.microphone.capture_client import POLL_INTERVAL, CaptureProcess
from parakeet_cli.audio.microphone.devices import InputDevice, find_device, list_devices
from parakeet_cli.audio.samples import SAMPLE_RATE, Pcm, to_pcm
from parakeet_cli.errors import InputError, UsageError

_RETRY_INTERVAL = 0.5  # seconds between two attempts to reopen a lost device


@dataclass(frozen=True, slots=True)
class CapturedAudio:
    """16 kHz mono int16, shape (n,), and when it was captured, seconds since 1970 (0: unknown).

    `overflowed`: samples before these are missing, because the machine was too slow.
    """

    pcm: Pcm
    overflowed: bool = False
    captured: float = 0.0


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """The device stopped delivering audio; everything before this is complete."""

    reason: str


@dataclass(frozen=True, slots=True)
class DeviceFound:
    """The device delivers audio again, after `seconds` without any, and why there was none."""

    seconds: float
    name: str
    reason: str = "device lost"


CaptureEvent = CapturedAudio | DeviceLost | DeviceFound


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

    def __init__(
        self,
        requested: str | None,
        *,
        ready: CaptureProcess | None = None,
        give_back: Callable[[CaptureProcess], None] | None = None,
    ) -> None:
        """A process that is `ready` records from now on; else the device is only found.

        `give_back` gets the process at the end, paused, if the device still works then; else it
        is ended. Raises InputError, UsageError.
        """
        self._requested = requested
        self._closed = False
        self._process = ready
        self._give_back = give_back
        self._device = find_device(requested, list_devices()) if ready is None else None
        self._received: float | None = None  # when the last packet came
        self._lost = False
        self._suspended = False  # it may not be open now
        self._cause = ""  # of the end of its process, where that was asked for
        self._reason = ""  # why it was lost
        self.overflows = 0
        if ready is not None:
            ready.go()

    @property
    def name(self) -> str:
        """What the desktop calls it."""
        if self._process is not None and self._process.name:
            return self._process.name
        return self._device.name if self._device is not None else self._requested or "default"

    @property
    def source(self) -> str:
        """The sound server's own name for it, "" for a device that isn't the server's."""
        return self._process.source if self._process is not None else ""

    def close(self) -> None:
        """End the iteration after the sound up to now, from any thread."""
        self._closed = True
        process = self._process
        if process is not None:
            process.pause()

    def suspend(self, reason: str) -> None:
        """Close the device until `resume`, from any thread or a signal handler."""
        self._suspended, self._cause = True, reason
        process = self._process
        if process is not None:
            process.kill()

    def resume(self) -> None:
        """Let the iteration open the device again."""
        self._suspended = False

    def __iter__(self) -> Iterator[CaptureEvent]:
        try:
            while not self._closed:
                if self._suspended:
                    self._wait(POLL_INTERVAL)
                    continue
                if self._process is None:
                    self._process = self._open_or_none()
                    self._end_if_suspended()
                if self._process is None:
                    self._wait(_RETRY_INTERVAL)
                else:
                    yield from self._record(self._process)
        finally:
            self._end()

    def _end_if_suspended(self) -> None:
        """End a process that was being started when `suspend` was called."""
        if self._suspended and self._process is not None:
            self._process.kill()

    def _record(self, process: CaptureProcess) -> Iterator[CaptureEvent]:
        """Events until the device is lost, or until `close`."""
        was_ready = process.is_new and self._device is None
        shape = (process.rate, process.channels)
        to_mono = MonoConverter(*shape)
        for packet in process.packets(lambda: self._closed):
            now = time.monotonic()
            if shape != (process.rate, process.channels):  # it was opened only now
                shape = (process.rate, process.channels)
                to_mono = MonoConverter(*shape)
            pcm = np.frombuffer(packet.data, np.int16)
            if self._lost and self._received is not None:
                length = len(pcm) / process.channels / process.rate
                yield DeviceFound(max(0.0, now - self._received - length), self.name, self._reason)
            self._lost, self._received = False, now
            self.overflows += packet.lost_before
            yield CapturedAudio(to_mono(pcm), packet.lost_before, packet.captured)
        if self._received is not None and not self._lost:
            yield CapturedAudio(to_mono(np.zeros(0, np.int16), last=True))
        if self._closed:
            return
        name = self.name
        self._process = None
        process.end()
        if self._received is None and not was_ready and not self._cause:
            raise InputError(
                f"The microphone '{name}' was opened but delivers no audio.",
                hint="`parakeet dictate --list-devices` lists the others.",
            )
        if self._received is not None and not self._lost:
            self._lost = True
            cause, self._cause = self._cause, ""
            self._reason = cause or "device lost"
            yield DeviceLost(
                f"The microphone '{name}' is closed: {cause}."
                if cause
                else f"The microphone '{name}' is lost. Looking for it."
            )

    def _open_or_none(self) -> CaptureProcess | None:
        """The device, recording; None if a lost one isn't back yet."""
        reopen = self._received is not None
        process = None
        try:
            if reopen or self._device is None:
                self._device = self._find_again()
            process = CaptureProcess(self._key)
            process.go()
            process.wait_until_open(lambda: self._closed)
        except (InputError, UsageError):
            if not reopen:
                raise
            return None
        return process

    @property
    def _key(self) -> str:
        """The server's default is asked for as that: the server then follows it."""
        assert self._device is not None
        if self._requested is None and self._device.source is not None:
            return "pulse:"
        return self._device.key

    def _find_again(self) -> InputDevice:
        """Numbers change when devices come and go; names don't."""
        devices = list_devices()
        if self._device is None or self._requested is None:
            return find_device(self._requested, devices)
        known = (self._device.name, self._device.source)
        same = [device for device in devices if (device.name, device.source) == known]
        return same[0] if same else find_device(None, devices)

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._closed and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if self._give_back is not None and process.is_alive and self._received is not None:
            process.pause()
            self._give_back(process)
        else:
            process.end()
