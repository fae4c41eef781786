"""Records one of PortAudio's devices: ALSA's, macOS's, Windows's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_RATES = (48_000, 44_100, 16_000)


class PortAudioError(Exception):
    """The device can't be opened."""


def list_devices() -> list[dict[str, Any]]:
    """Every device with an input. Raises ImportError or OSError if PortAudio is missing."""
    import sounddevice

    default = sounddevice.default.device[0]
    return [
        {
            "number": number,
            "name": device["name"],
            "channels": device["max_input_channels"],
            "rate": int(device["default_samplerate"]),
            "default": number == default,
            "bluetooth": "blue" in device["name"].casefold(),
        }
        for number, device in enumerate(sounddevice.query_devices())
        if device["max_input_channels"] > 0
    ]


class PortAudioStream:
    """A stream of interleaved int16 from the device of that number.

    `put` is called with samples and whether some before them are missing, `failed` when the
    device ends it, both in PortAudio's thread.
    """

    def __init__(
        self,
        number: int,
        block: float,
        put: Callable[[bytes, bool], None],
        *,
        failed: Callable[[], None],
    ) -> None:
        """Raises ImportError or OSError if PortAudio is missing."""
        import sounddevice

        self._sounddevice = sounddevice
        self._number = number
        self._block = block
        self._put, self._failed = put, failed
        self._stream: Any = None
        self._stopping = False
        self.device = sounddevice.query_devices(number)
        self.rate, self.channels = _formats(self.device)[0]

    def open(self) -> None:
        """Open the device with the first format that it takes. Raises PortAudioError."""

        def put(data: Any, frames: int, time: Any, status: Any) -> None:
            self._put(bytes(data), bool(status.input_overflow))

        def finished() -> None:
            if not self._stopping:
                self._failed()

        reason = ""
        for rate, channels in _formats(self.device):
            try:
                self._stream = self._sounddevice.RawInputStream(
                    samplerate=rate,
                    blocksize=int(rate * self._block),
                    device=self._number,
                    channels=channels,
                    dtype="int16",
                    callback=put,
                    finished_callback=finished,
                )
            except self._sounddevice.PortAudioError as error:
                reason = str(error)
                continue
            self.rate, self.channels = rate, channels
            return
        raise PortAudioError(reason)

    def start(self) -> None:
        """Record from now on. Raises PortAudioError."""
        self._stopping = False
        try:
            self._stream.start()
        except self._sounddevice.PortAudioError as error:
            raise PortAudioError(str(error)) from None

    def stop(self) -> None:
        """Stop recording, ready to start again."""
        self._stopping = True
        self._stream.abort()

    def close(self) -> None:
        """Give the device back; `open` opens it again."""
        self._stopping = True
        self._stream.close()


def _formats(device: Any) -> list[tuple[int, int]]:
    """Rates and channel counts to try in order: its own rate and few channels first."""
    rates = dict.fromkeys((int(device["default_samplerate"]), *_RATES))
    most = device["max_input_channels"]
    counts = dict.fromkeys(count for count in (1, 2, most) if count <= most)
    return [(rate, count) for rate in rates for count in counts]
