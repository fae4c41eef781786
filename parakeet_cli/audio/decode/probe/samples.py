"""Durations of formats whose headers give the size of the sound, or count its samples.

WAV (RIFF, RIFX, RF64, BW64), AIFF, AU and FLAC.
"""

from __future__ import annotations

import struct

from parakeet_cli.audio.decode.layout.base import Layout
from parakeet_cli.audio.decode.layout.chunks import aiff_layout, chunks, riff_layout
from parakeet_cli.audio.decode.layout.headers import au_layout
from parakeet_cli.audio.decode.recover.flac import stream_info
from parakeet_cli.audio.decode.recover.reader import Reader

FORMAT_BYTES = 16  # of a WAV's format chunk
COMMON_BYTES = 18  # of AIFF's common chunk
STREAM_INFO_BYTES = 42  # of FLAC: the magic, a block's header and the block
EXPONENT_BIAS = 16_383 + 63  # of the 80-bit floats in AIFF, whose mantissa is an integer
# AU's encodings whose samples have one size, and their bytes.
AU_BYTES = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}


def wav_seconds(reader: Reader) -> float | None:
    """The size of the sound, by the bytes of a second."""
    order = ">" if reader.read(0, 4) == b"RIFX" else "<"
    bytes_a_second = 0
    for chunk in chunks(reader, 12, struct.Struct(order + "4sI")):
        if chunk.name == b"fmt ":
            body = reader.read(chunk.data, FORMAT_BYTES)
            bytes_a_second = struct.unpack(order + "8xI4x", body)[0]
        if chunk.name in (b"fmt ", b"data"):
            break
    size = _present_bytes(reader, riff_layout(reader)) if bytes_a_second else None
    return None if size is None else size / bytes_a_second


def _present_bytes(reader: Reader, layout: Layout | None) -> int | None:
    """The declared bytes of the sound, as far as they are in the file; None if none are."""
    if layout is None or layout.size is None:
        return None
    return min(layout.size, reader.size - layout.start)


def aiff_seconds(reader: Reader) -> float | None:
    """COMM's number of samples, if the size of the sound isn't a placeholder."""
    layout = aiff_layout(reader)
    if layout is None or layout.size is None:
        return None
    for chunk in chunks(reader, 12, struct.Struct(">4sI")):
        if chunk.name == b"COMM":
            body = reader.read(chunk.data, COMMON_BYTES)
            samples, exponent, mantissa = struct.unpack(">2xI2xHQ", body)
            rate = mantissa * 2.0 ** ((exponent & 0x7FFF) - EXPONENT_BIAS)
            return float(samples / rate) if rate else None
    return None


def au_seconds(reader: Reader) -> float | None:
    """The size of the sound, by the bytes of its samples."""
    coding, rate, channels = struct.unpack(">III", reader.read(12, 12))
    size = _present_bytes(reader, au_layout(reader))
    frame = AU_BYTES.get(coding, 0) * channels
    return float(size / frame / rate) if size is not None and frame and rate else None


def flac_seconds(reader: Reader, position: int = 0) -> float | None:
    """STREAMINFO's number of samples; 0 means unknown."""
    info = stream_info(reader.read(position, STREAM_INFO_BYTES))
    return info.total / info.rate if info is not None and info.rate and info.total else None
