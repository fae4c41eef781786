"""Sends and receives the messages between the tool and the worker, over pipes.

Each is two lengths (four bytes each, little-endian), that many bytes of JSON, and that many
bytes of samples: mono float32 at 16 kHz, in the machine's byte order.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from threading import Lock
from typing import IO, Any

_LENGTHS = struct.Struct("<II")
# Larger lengths mean that something else was written to the pipe.
MAX_JSON_BYTES = 1 << 26
MAX_SAMPLE_BYTES = 1 << 30


class BrokenMessageError(Exception):
    """The data from the pipe is not a message."""


def send(stream: IO[bytes], head: Mapping[str, Any], samples: bytes | memoryview = b"") -> None:
    """Write one complete message."""
    text = json.dumps(head).encode()
    _write(stream, _LENGTHS.pack(len(text), memoryview(samples).nbytes) + text)
    if samples:
        _write(stream, samples)


class Sender:
    """Writes messages to one stream, from several threads."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = Lock()

    def __call__(self, head: Mapping[str, Any]) -> None:
        with self._lock:
            send(self._stream, head)

    def finish(self) -> None:
        """Wait until no message is half written, and keep it that way."""
        self._lock.acquire()


def _write(stream: IO[bytes], data: bytes | memoryview) -> None:
    # An unbuffered stream, such as a pipe, may take only a part.
    view = memoryview(data).cast("B")
    while view:
        view = view[stream.write(view) :]


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytearray] | None:
    """The next message; None once the other end is closed. Raises BrokenMessageError."""
    lengths = _read(stream, _LENGTHS.size)
    if lengths is None:
        return None
    text_length, samples_length = _LENGTHS.unpack(lengths)
    if text_length > MAX_JSON_BYTES or samples_length > MAX_SAMPLE_BYTES:
        raise BrokenMessageError(f"lengths of {text_length} and {samples_length} bytes")
    text, samples = _read(stream, text_length), _read(stream, samples_length)
    if text is None or samples is None:
        return None
    try:
        head = json.loads(text)
    except ValueError as error:
        raise BrokenMessageError(str(error)) from error
    if not isinstance(head, dict):
        raise BrokenMessageError("not an object")
    return head, samples


def _read(stream: IO[bytes], length: int) -> bytearray | None:
    """That many bytes, or None if the stream ends before them."""
    data = bytearray(length)
    view = memoryview(data)
    while view:
        count = stream.readinto(view)  # type: ignore[attr-defined]
        if not count:
            return None
        view = view[count:]
    return data
