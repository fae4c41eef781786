"""How long each kind of file says it is, and how far it may be believed."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer

from parakeet_cli.audio.decode.coverage import DeclaredDuration
from parakeet_cli.audio.decode.open import LATE, Opened
from parakeet_cli.audio.decode.recover.matroska_index import first_cue
from parakeet_cli.audio.decode.recover.ogg import ogg_duration

HEAD = 1 << 16  # bytes in which every header read here lies
SLOPPY = 64  # bytes by which writers of WAV are known to miscount
FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # its GUID in ASF
MPEG4_FRAME = 1024 / 44_100  # an AAC frame: what an index or a muxer may round to


def declared_duration(path: Path, opened: Opened) -> DeclaredDuration:
    """What the header of an open file says of the stream chosen from it."""
    for name in opened.container.format.name.split(","):
        if name in DECLARED_DURATIONS:
            with path.open("rb") as file:
                return DECLARED_DURATIONS[name](file, opened)
    declared = declared_seconds(opened.container)
    return DeclaredDuration(declared, "none" if declared is None else "estimated")


def declared_seconds(container: InputContainer) -> float | None:
    """What libav makes of the header, for better or worse."""
    if container.duration is None or container.duration <= 0:
        return None
    return container.duration / av.time_base


def stream_end(opened: Opened) -> float | None:
    """Where the stream ends on the clock, by its own header; None where it says nothing."""
    stream, base = opened.stream, opened.stream.time_base
    if not stream.duration or stream.duration < 0 or base is None:
        return None
    start = float((stream.start_time or 0) * base) - opened.origin
    return start + float(stream.duration * base)


def _riff(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The data chunk's size (RIFF, RIFX; RF64 and BW64 with ds64), where it counts samples.

    0 and 0xFFFFFFFF are what a recorder writes that can't go back to fill the size in.
    """
    head = file.read(12)
    order = ">" if head[:4] == b"RIFX" else "<"
    wide_size: int | None = None
    align = rate = 0
    countable = False
    while len(chunk := file.read(8)) == 8:
        kind, size = chunk[:4], struct.unpack(order + "I", chunk[4:])[0]
        if kind == b"data":
            if size == 0xFFFFFFFF and wide_size is not None:
                size = wide_size
            if size in (0, 0xFFFFFFFF) or not (countable and align and rate):
                break
            return DeclaredDuration(size // align / rate, "exact", slack=SLOPPY / align / rate)
        body = file.read(min(size, 64))
        if kind == b"ds64" and len(body) >= 16:
            wide_size = struct.unpack("<Q", body[8:16])[0]
        if kind == b"fmt " and len(body) >= 16:
            _, channels, rate, _, align, bits = struct.unpack(order + "HHIIHH", body[:16])
            countable = align == channels * ((bits + 7) // 8)
        file.seek(size - len(body) + size % 2, 1)
    return DeclaredDuration()


def _flac(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """STREAMINFO's count of samples; 0 there means that it is not known (RFC 9639, 8.2)."""
    head = file.read(HEAD)
    at = head.find(b"fLaC")
    if at < 0:
        return DeclaredDuration()
    packed = int.from_bytes(head[at + 18 : at + 26], "big")
    rate, total = packed >> 44, packed & (1 << 36) - 1
    return DeclaredDuration(total / rate, "exact") if rate and total else DeclaredDuration()


def _index(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The sample table and the edit list, which count in the stream's own units."""
    end = stream_end(opened)
    return DeclaredDuration() if end is None else DeclaredDuration(end, "exact", slack=MPEG4_FRAME)


def _matroska(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The Duration element, or the stream's own statistics where there are more streams.

    libav's writer counts them from the clock's zero, mkvmerge's from the first block: of a
    file that starts late, and whose index says so, no more is held to be promised than both
    mean.
    """
    late = opened.origin if opened.origin > LATE and first_cue(file) is not None else 0.0
    file.seek(0)
    slack = 0.035  # a frame of AAC that primes, milliseconds rounded, Opus' pre-skip
    own = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", opened.stream.metadata.get("DURATION", ""))
    if own:
        hours, minutes, seconds = own.groups()
        end = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        return DeclaredDuration(end - late, "exact", slack)
    head = file.read(HEAD)
    info = head.find(b"\x15\x49\xa9\x66")
    declared = declared_seconds(opened.container)
    if declared is None or info < 0 or head.find(b"\x44\x89", info) < 0:
        return DeclaredDuration()
    alone = len(opened.container.streams) == 1
    return DeclaredDuration(declared - late, "exact" if alone else "estimated", slack)


def _ogg(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    return ogg_duration(file, opened.stream.codec_context.sample_rate, opened.origin)


def _asf(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The play duration in 100 ns units, less the preroll (ASF specification, 3.2)."""
    head = file.read(HEAD)
    at = head.find(FILE_PROPERTIES)
    if at < 0 or at + 92 > len(head):
        return DeclaredDuration()
    play, _, preroll, flags = struct.unpack("<QQQI", head[at + 64 : at + 92])
    seconds = play / 10_000_000 - preroll / 1000
    if flags & 1 or seconds <= 0:  # a broadcast, whose end nobody knew
        return DeclaredDuration()
    return DeclaredDuration(seconds, "exact", slack=0.05)


def _count(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """A count of sample frames in the header (AIFF's COMM, CAF's packet table)."""
    end = stream_end(opened)
    return DeclaredDuration() if end is None else DeclaredDuration(end, "exact")


def _nothing(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """AMR has no header but its name."""
    return DeclaredDuration()


DECLARED_DURATIONS: dict[str, Callable[[BinaryIO, Opened], DeclaredDuration]] = {
    "wav": _riff,
    "aiff": _count,
    "flac": _flac,
    "mov": _index,
    "matroska": _matroska,
    "ogg": _ogg,
    "asf": _asf,
    "amr": _nothing,
}
