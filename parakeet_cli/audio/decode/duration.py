"""The duration that each container declares, and how reliable it is."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer

from parakeet_cli.audio.decode.coverage import DeclaredDuration
from parakeet_cli.audio.decode.open import LATE, Opened
from parakeet_cli.audio.decode.recover.flac import stream_info
from parakeet_cli.audio.decode.recover.matroska import first_cue
from parakeet_cli.audio.decode.recover.ogg import ogg_duration

HEAD = 1 << 16  # bytes that hold every header read here
MISCOUNT = 64  # bytes by which some writers of WAV are off
UNKNOWN_SIZE = 0xFFFFFFFF  # in RIFF
FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # its GUID in ASF
MPEG4_FRAME = 1024 / 44_100  # seconds of an AAC frame, to which an index or a muxer may round


def declared_duration(path: Path, opened: Opened) -> DeclaredDuration:
    """The duration that the header declares for the chosen stream."""
    for name in opened.container.format.name.split(","):
        if name in DECLARED_DURATIONS:
            with path.open("rb") as file:
                return DECLARED_DURATIONS[name](file, opened)
    declared = declared_seconds(opened.container)
    return DeclaredDuration(declared, "none" if declared is None else "estimated")


def declared_seconds(container: InputContainer) -> float | None:
    """The duration by libav's reading of the header, which may be an estimate."""
    if container.duration is None or container.duration <= 0:
        return None
    return container.duration / av.time_base


def stream_end(opened: Opened) -> float | None:
    """The end of the stream on the clock, by its own header; None if it declares none."""
    stream, base = opened.stream, opened.stream.time_base
    if not stream.duration or stream.duration < 0 or base is None:
        return None
    start = float((stream.start_time or 0) * base) - opened.origin
    return start + float(stream.duration * base)


def _riff(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The data chunk's size (RIFF, RIFX; RF64 and BW64 with ds64), if it counts samples.

    A recorder that can't go back to fill in the size writes 0 or 0xFFFFFFFF.
    """
    order = ">" if file.read(12)[:4] == b"RIFX" else "<"
    wide_size: int | None = None
    pcm: tuple[int, int] | None = None  # bytes per sample frame, and the rate
    for kind, size, body in _riff_chunks(file, order):
        if kind == b"data":
            if size == UNKNOWN_SIZE and wide_size is not None:
                size = wide_size
            if pcm is None or size in (0, UNKNOWN_SIZE):
                break
            align, rate = pcm
            return DeclaredDuration(size // align / rate, "exact", slack=MISCOUNT / align / rate)
        if kind == b"ds64" and len(body) >= 16:
            wide_size = struct.unpack("<Q", body[8:16])[0]
        if kind == b"fmt " and len(body) >= 16:
            pcm = _pcm_format(order, body)
    return DeclaredDuration()


def _pcm_format(order: str, body: bytes) -> tuple[int, int] | None:
    """Bytes per sample frame and the rate; None if the size doesn't count samples."""
    _, channels, rate, _, align, bits = struct.unpack(order + "HHIIHH", body[:16])
    countable = align and rate and align == channels * ((bits + 7) // 8)
    return (align, rate) if countable else None


def _riff_chunks(file: BinaryIO, order: str) -> Iterator[tuple[bytes, int, bytes]]:
    """Each chunk's kind, its declared size and the first 64 bytes of its content."""
    while len(header := file.read(8)) == 8:
        kind, size = header[:4], struct.unpack(order + "I", header[4:])[0]
        body = file.read(min(size, 64))
        yield kind, size, body
        file.seek(size - len(body) + size % 2, 1)


def _flac(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """STREAMINFO's number of samples, if it isn't 0, which means unknown."""
    info = stream_info(file.read(HEAD))
    if info is None or not info.rate or not info.total:
        return DeclaredDuration()
    return DeclaredDuration(info.total / info.rate, "exact")


def _index(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The sample table and the edit list, which count in the stream's own units."""
    end = stream_end(opened)
    return DeclaredDuration() if end is None else DeclaredDuration(end, "exact", slack=MPEG4_FRAME)


def _matroska(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The Duration element, or the stream's own statistics if there are several streams.

    libav's muxer counts them from the clock's zero, mkvmerge from the first block: for a
    file that starts late by its own index, only the shorter of the two counts.
    """
    late = opened.origin if opened.origin > LATE and first_cue(file) is not None else 0.0
    file.seek(0)
    slack = 0.035  # an AAC priming frame, rounded milliseconds, Opus' pre-skip
    statistics = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", opened.stream.metadata.get("DURATION", ""))
    if statistics:
        hours, minutes, seconds = statistics.groups()
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
    """The play duration in 100 ns units, minus the preroll (ASF specification, 3.2)."""
    head = file.read(HEAD)
    at = head.find(FILE_PROPERTIES)
    if at < 0 or at + 92 > len(head):
        return DeclaredDuration()
    play, _, preroll, flags = struct.unpack("<QQQI", head[at + 64 : at + 92])
    seconds = play / 10_000_000 - preroll / 1000
    if flags & 1 or seconds <= 0:  # a broadcast, whose end was unknown
        return DeclaredDuration()
    return DeclaredDuration(seconds, "exact", slack=0.05)


def _count(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The number of sample frames in the header (AIFF's COMM, CAF's packet table)."""
    end = stream_end(opened)
    return DeclaredDuration() if end is None else DeclaredDuration(end, "exact")


def _nothing(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """AMR's header is only its name."""
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
