"""Reads how much sound an AVI file has, where its header and its index say the same.

AVI's packets have neither a number nor a time. But the stream's header (strh) states a length,
and the index at the end of the file (idx1) lists every chunk with its size.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import BinaryIO, NamedTuple

from parakeet_cli.audio.decode.layout.chunks import chunks
from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.reader import Reader

CHUNK = struct.Struct("<4sI")
ENTRY = struct.Struct("<4sIII")  # name, flags, offset, size
HEADERS = 1 << 16  # bytes that hold the headers of all streams
SEARCH = 1 << 16  # bytes before the place of the index; some may be missing from the file
SEARCH_WIDELY = 1 << 23  # bytes at the end of a file in which that place isn't known
MAX_INDEX = 1 << 26  # bytes
MAX_STREAMS = 16
SUPER_INDEX = b"indx"  # OpenDML's, beside which idx1 lists the first gigabyte alone
DIFFERENCE = 0.01  # share by which header and index may differ


class StreamHeader(NamedTuple):
    """One stream's strh: each of `length` units lasts `scale` / `rate` seconds.

    A unit has `unit_bytes`; if that is 0, each chunk is a unit.
    """

    scale: int
    rate: int
    length: int
    unit_bytes: int


class Index(NamedTuple):
    """The index idx1: its first byte in the file, and its entries."""

    position: int
    entries: bytes

    def units(self, number: int, header: StreamHeader) -> float:
        """How many units of a stream it lists."""
        name = b"%02dwb" % number
        sizes = [size for kind, _, _, size in ENTRY.iter_unpack(self.entries) if kind == name]
        return sum(sizes) / header.unit_bytes if header.unit_bytes else sum(map(bool, sizes))


def indexed_seconds(reader: Reader, number: int) -> float | None:
    """The length of the stream with that number, from 0; None if it isn't stated twice alike."""
    header = _stream_header(reader.read(0, HEADERS), number)
    index = _index(reader)
    if header is None or index is None or not (header.rate and header.scale and header.length):
        return None
    units = index.units(number, header)
    if abs(units - header.length) > max(1, DIFFERENCE * header.length):
        return None
    return min(units, header.length) * header.scale / header.rate


def without_false_index(part: FilePart) -> BinaryIO | None:
    """An AVI without its index, if that lists other sound than the headers state; else None.

    libav reads only what an index lists. Without one it reads what is there.
    """
    with part.open() as file:
        if file.read(12)[8:] != b"AVI ":
            return None
        reader = Reader(file, part.size)
        headers = reader.read(0, HEADERS)
        if SUPER_INDEX in headers:
            return None
        index = _index(reader)
        if index is None:
            return None
        for number in range(min(MAX_STREAMS, headers.count(b"strh"))):
            header = _stream_header(headers, number)
            if header is None or not header.length:
                continue
            if abs(index.units(number, header) - header.length) > 1:
                patch = index.position, b"JUNK"
                return replace(part, patches=(*part.patches, patch)).open()
    return None


def _stream_header(headers: bytes, number: int) -> StreamHeader | None:
    at = -1
    for _ in range(number + 1):
        at = headers.find(b"strh", at + 1)
        if at < 0:
            return None
    body = headers[at + 8 : at + 56]
    if len(body) < 48 or body[:4] != b"auds":
        return None
    scale, rate, _, length, _, _, unit_bytes = struct.unpack("<7I", body[20:])
    return StreamHeader(scale, rate, length, unit_bytes)


def _index(reader: Reader) -> Index | None:
    """The index idx1, which follows the movi list; the sizes before it may be damaged."""
    start = max(0, reader.size - SEARCH_WIDELY)
    for chunk in chunks(reader, 12, CHUNK):
        if chunk.name == b"LIST" and reader.read(chunk.data, 4) == b"movi":
            start = max(chunk.data, min(chunk.data + chunk.size, reader.size) - SEARCH)
            break
    at = reader.find(b"idx1", start)
    if at is None:
        return None
    size = int.from_bytes(reader.read(at + 4, 4), "little")
    if size % ENTRY.size or not 0 < size <= MAX_INDEX:
        return None
    entries = reader.read(at + 8, size)
    return Index(at, entries) if len(entries) == size else None
