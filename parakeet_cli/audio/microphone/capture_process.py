"""The process that records one microphone: writes packets from PortAudio to stdout.

PortAudio is loaded only here. A sound server that dies takes PortAudio with it, by a hang
as often as by an error, and only a new process finds a device that came back. The process
ends with its parent and imports nothing heavy: audio is lost while it starts.

    python -m parakeet_cli.audio.microphone.capture_process --list
    python -m parakeet_cli.audio.microphone.capture_process --open INDEX

The first line is JSON (what was opened, or `error`); each packet after it is PACKET and int16.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from queue import SimpleQueue
from typing import Any

from parakeet_cli.system.files import write_all

PACKET = struct.Struct("<II")  # frames that follow, 1 if some before them were lost
BLOCK = 0.032  # seconds a packet, one frame of the speech detector

_RATES = (48_000, 44_100, 16_000)


def main(arguments: list[str]) -> None:
    """List the devices, or open one and send its audio until the reader is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        _send({"error": "portaudio", "detail": str(error)})
        return
    if arguments[0] == "--list":
        _send({"devices": _devices(sounddevice)})
        return
    _capture(sounddevice, int(arguments[1]))


def _send(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _devices(sounddevice: Any) -> list[dict[str, Any]]:
    default = sounddevice.default.device[0]
    return [
        {
            "index": number,
            "name": device["name"],
            "channels": device["max_input_channels"],
            "rate": int(device["default_samplerate"]),
            "default": number == default,
        }
        for number, device in enumerate(sounddevice.query_devices())
        if device["max_input_channels"] > 0
    ]


def _capture(sounddevice: Any, index: int) -> None:
    packets: SimpleQueue[tuple[bytes, int] | None] = SimpleQueue()

    def put(data: Any, frames: int, time: Any, status: Any) -> None:
        packets.put((bytes(data), int(bool(status.input_overflow))))

    device = sounddevice.query_devices(index)
    stream, reason = None, ""
    for rate, channels in _stream_formats(device):
        try:
            stream = sounddevice.RawInputStream(
                samplerate=rate,
                blocksize=int(rate * BLOCK),
                device=index,
                channels=channels,
                dtype="int16",
                callback=put,
                finished_callback=lambda: packets.put(None),
            )
            stream.start()
        except sounddevice.PortAudioError as error:
            stream, reason = None, str(error)
            continue
        break
    if stream is None:
        _send({"error": "open", "detail": reason, "name": device["name"]})
        return
    _send({"name": device["name"], "rate": rate, "channels": channels})
    # From here on nobody reads stderr, and sound libraries print for as long as they record.
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    os.close(nothing)
    while (item := packets.get()) is not None:
        data, overflowed = item
        try:
            write_all(1, PACKET.pack(len(data) // (2 * channels), overflowed) + data)
        except BrokenPipeError:
            break
    os._exit(0)  # closing a stream can hang if its sound server died


def _stream_formats(device: Any) -> list[tuple[int, int]]:
    """Rates and channel counts to try in order: its own rate and few channels first."""
    rates = dict.fromkeys((int(device["default_samplerate"]), *_RATES))
    most = device["max_input_channels"]
    counts = dict.fromkeys(count for count in (1, 2, most) if count <= most)
    return [(rate, count) for rate in rates for count in counts]


if __name__ == "__main__":
    main(sys.argv[1:])
