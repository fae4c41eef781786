"""The process that records one microphone: writes packets to stdout, when it is told to.

libpulse and PortAudio are loaded only here. A sound server that dies takes them with it, by a
hang as often as by an error, and only a new process finds a device that came back. The process
ends with its parent, whose end closes its stdin, and imports nothing heavy.

    python -m parakeet_cli.audio.microphone.capture_process --list
    python -m parakeet_cli.audio.microphone.capture_process --open KEY PRE_ROLL

KEY is `pulse:SOURCE`, `pulse:` for the server's default, or `portaudio:NUMBER`. The first line
is JSON (what was opened, or `error`). Then GO on stdin starts the microphone and PAUSE stops it.
Until GO it is opened and paused, and a Bluetooth one isn't opened: that would end its music.
With PRE_ROLL, seconds, it does record meanwhile, but keeps only the last sound, in memory.
Each packet is PACKET and its content: int16, or JSON for a MESSAGE, which changes the first line.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import time
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple, Protocol

from parakeet_cli.audio.microphone.portaudio_stream import PortAudioError, PortAudioStream
from parakeet_cli.audio.microphone.portaudio_stream import list_devices as portaudio_devices
from parakeet_cli.audio.microphone.pulse_server import list_sources
from parakeet_cli.audio.microphone.pulse_stream import PulseStream, PulseStreamError
from parakeet_cli.system.files import write_all

# Bytes that follow, what they are, and when the first sample was captured (seconds since 1970).
PACKET = struct.Struct("<IId")
LOST_BEFORE, PAUSED, MESSAGE = 1, 2, 4  # samples are missing; the answer to PAUSE; JSON
GO, PAUSE = b"g", b"p"
BLOCK = 0.032  # seconds a packet, one frame of the speech detector

_ALONE = 30  # packets that are written one by one at first: who pressed a key waits for them


class _Item(NamedTuple):
    """Sound, or a command or message in its place among the sound."""

    data: bytes
    flags: int
    captured: float = 0.0
    command: bytes = b""


class _Stream(Protocol):
    """What PulseStream and PortAudioStream have in common."""

    @property
    def rate(self) -> int: ...
    def open(self) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...


def main(arguments: list[str]) -> None:
    """List the devices, or record one until the reader is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    if arguments[0] == "--list":
        _send(_listed())
        return
    kind, _, name = arguments[1].partition(":")
    try:
        capture = _Capture(kind, name, float(arguments[2]))
    except (ImportError, OSError) as error:
        _send({"error": "portaudio", "detail": str(error)})
    except (PulseStreamError, PortAudioError) as error:
        _send({"error": "open", "detail": str(error), "name": name})
    else:
        capture.run()


def _send(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _listed() -> dict[str, Any]:
    sources = list_sources()
    try:
        others = portaudio_devices()
    except (ImportError, OSError) as error:
        if not sources:
            return {"error": "portaudio", "detail": str(error)}
        others = []
    if any(source["default"] for source in sources):
        others = [{**device, "default": False} for device in others]
    return {"devices": [*sources, *others]}


class _Capture:
    """One microphone, and what was captured and not written yet."""

    def __init__(self, kind: str, name: str, pre_roll: float) -> None:
        """Open the device, paused. Raises its library's errors."""
        self._items: SimpleQueue[_Item | None] = SimpleQueue()
        self._pre_roll = pre_roll
        self._listening = False
        self._open = False
        self.stream: _Stream
        if kind == "pulse":
            self._make_pulse(name or None)
        else:
            number = int(name)
            self.stream = stream = PortAudioStream(number, BLOCK, self._put, failed=self._end)
            self._header = {
                "name": stream.device["name"],
                "source": None,
                "bluetooth": "blue" in stream.device["name"].casefold(),
            }
        if not self._header["bluetooth"]:
            self._open_stream()

    def _make_pulse(self, source: str | None) -> None:
        def moved(source: str) -> None:
            # Asking the server for its description must not be done in libpulse's own thread.
            Thread(target=self._moved_to, args=(source,), daemon=True).start()

        self.stream = PulseStream(source, BLOCK, self._put, moved=moved, failed=self._end)
        self._header = _described(source)

    def run(self) -> None:
        """Write packets until the device fails or the reader is gone."""
        _send(self._first_line())
        # From here on nobody reads stderr, and sound libraries print for as long as they record.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 2)
        os.close(nothing)
        if self._holds:
            self.stream.start()
        Thread(target=self._obey, daemon=True).start()
        with suppress(BrokenPipeError):
            self._write_all()
        os._exit(0)  # closing a stream can hang if its sound server died

    def _write_all(self) -> None:
        before: deque[_Item] = deque()  # the last sound before GO
        kept = 0
        joined = _Joined()
        while (item := self._items.get()) is not None:
            if item.command == GO:
                self._listening = True
                joined = _Joined()
                for earlier in before:
                    _write(earlier)
                before.clear()
                kept = 0
            elif item.command == PAUSE:
                self._listening = False
                joined.flush()
                _write(item)
            elif self._listening or item.flags & MESSAGE:
                joined.write(item)
            elif self._pre_roll:
                before.append(item)
                kept += len(item.data)
                while kept - len(before[0].data) >= self._seconds_to_bytes(self._pre_roll):
                    kept -= len(before.popleft().data)

    def _obey(self) -> None:
        """Carry out the commands on stdin, in a thread: the other one writes."""
        while command := os.read(0, 1):
            try:
                if command == GO:
                    self._go()
                else:
                    self._pause()
            except (PulseStreamError, PortAudioError) as error:
                name = self._header["name"]
                self._message({"error": "open", "detail": str(error), "name": name})
                self._end()
        os._exit(0)  # the parent is gone

    def _go(self) -> None:
        self._items.put(_Item(b"", 0, command=GO))
        if not self._open:
            self._open_stream()
            self._message(self._first_line())
        if not self._holds or self._header["bluetooth"]:
            self.stream.start()

    def _pause(self) -> None:
        if self._header["bluetooth"]:
            self.stream.close()
            self._open = False
        elif not self._holds:
            self.stream.stop()
        self._items.put(_Item(b"", PAUSED, command=PAUSE))

    @property
    def _holds(self) -> bool:
        """Whether it records all the time."""
        return self._pre_roll > 0 and not self._header["bluetooth"]

    def _open_stream(self) -> None:
        self.stream.open()
        self._open = True

    def _first_line(self) -> dict[str, Any]:
        return {
            **self._header,
            "rate": self.stream.rate if self._open else self._header["rate"],
            "channels": self._channels,
        }

    @property
    def _channels(self) -> int:
        return self.stream.channels if isinstance(self.stream, PortAudioStream) else 1

    def _seconds_to_bytes(self, seconds: float) -> int:
        return int(seconds * self.stream.rate) * 2 * self._channels

    def _put(self, data: bytes, lost_before: bool) -> None:
        seconds = len(data) / self._seconds_to_bytes(1.0)
        flags = LOST_BEFORE if lost_before else 0
        self._items.put(_Item(data, flags, time.time() - seconds))

    def _moved_to(self, source: str) -> None:
        self._header = _described(source)
        if self._header["bluetooth"] and not self._listening:
            self.stream.close()
            self._open = False
        self._message(self._first_line())

    def _message(self, content: dict[str, Any]) -> None:
        self._items.put(_Item(json.dumps(content).encode(), MESSAGE))

    def _end(self) -> None:
        self._items.put(None)


class _Joined:
    """Writes packets, after the first ones two at a time: each costs the reader a round."""

    def __init__(self) -> None:
        self._alone = _ALONE
        self._held: _Item | None = None

    def write(self, item: _Item) -> None:
        held = self._held
        if item.flags or self._alone > 0:
            self.flush()
            self._alone -= 1
            _write(item)
        elif held is None:
            self._held = item
        else:
            self._held = None
            _write(held._replace(data=held.data + item.data))

    def flush(self) -> None:
        """Write what waits for another packet."""
        held, self._held = self._held, None
        if held is not None:
            _write(held)


def _described(source: str | None) -> dict[str, Any]:
    """The first line's facts about a source, None for the default."""
    sources = list_sources()
    found = [one for one in sources if source in (None, one["source"])]
    if source is None:
        found = [one for one in found if one["default"]]
    if not found:
        return {"name": source or "default", "source": source, "bluetooth": False, "rate": 48_000}
    return {name: found[0][name] for name in ("name", "source", "bluetooth", "rate")}


def _write(item: _Item) -> None:
    write_all(1, PACKET.pack(len(item.data), item.flags, item.captured) + item.data)


if __name__ == "__main__":
    main(sys.argv[1:])
