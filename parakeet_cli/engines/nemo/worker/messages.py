"""Messages between the tool and the worker, over pipes.

Each is two lengths (four bytes each, little-endian), so many bytes of JSON, and so many
bytes of sound: mono float32 at 16 kHz as it lies in memory.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import IO, Any

_LENGTHS = struct.Struct("<II")
# More is no message but something else that was written to the pipe.
MOST_JSON = 1 << 26
MOST_SOUND = 1 << 30


class BrokenMessageError(Exception):
    """What came over the pipe is no message."""


def send(stream: IO[bytes], head: Mapping[str, Any], sound: bytes | memoryview = b"") -> None:
    """Write one message, whole."""
    text = json.dumps(head).encode()
    _write(stream, _LENGTHS.pack(len(text), memoryview(sound).nbytes) + text)
    if sound:
        _write(stream, sound)


def _write(stream: IO[bytes], data: bytes | memoryview) -> None:
    # An unbuffered stream may take only a part, as a pipe does.
    view = memoryview(data).cast("B")
    while view:
        view = view[stream.write(view) :]


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytearray] | None:
    """The next message; None where the other end is gone. Raises BrokenMessageError."""
    lengths = _read(stream, _LENGTHS.size)
    if lengths is None:
        return None
    text_length, sound_length = _LENGTHS.unpack(lengths)
    if text_length > MOST_JSON or sound_length > MOST_SOUND:
        raise BrokenMessageError(f"lengths of {text_length} and {sound_length} bytes")
    text, sound = _read(stream, text_length), _read(stream, sound_length)
    if text is None or sound is None:
        return None
    try:
        head = json.loads(text)
    except ValueError as error:
        raise BrokenMessageError(str(error)) from error
    if not isinstance(head, dict):
        raise BrokenMessageError("not an object")
    return head, sound


def _read(stream: IO[bytes], length: int) -> bytearray | None:
    """That many bytes, or None where the stream ends before them."""
    data = bytearray(length)
    view = memoryview(data)
    while view:
        count = stream.readinto(view)  # type: ignore[attr-defined]
        if not count:
            return None
        view = view[count:]
    return data
