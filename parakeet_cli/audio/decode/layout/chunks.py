"""Reads layouts made of chunks with a name and a size: RIFF, RF64, W64, AIFF, CAF and AVI."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from parakeet_cli.audio.decode.layout.base import Layout, known_size, unwrapped_size
from parakeet_cli.audio.decode.recover.reader import Reader

MAX_CHUNKS = 10_000  # before the sound
MAX_TRAILING = 1 << 20  # bytes of chunks after the sound of a file of more than 4 GiB
OPEN = 0xFFFFFFFF
W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
W64_WAVE = bytes.fromhex("77617665f3acd3118cd100c04f8edb8a")
W64_DATA = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
W64_HEADER = 24  # bytes of a chunk's GUID and size, which the size includes


class Chunk(NamedTuple):
    """One chunk: its name, its declared size without its header, and where its content is."""

    name: bytes
    size: int
    data: int


def chunks(reader: Reader, position: int, header: struct.Struct) -> Iterator[Chunk]:
    """The chunks from `position` on; `header` has their name and size. Padded to even sizes."""
    for _ in range(MAX_CHUNKS):
        head = reader.read(position, header.size)
        if len(head) < header.size:
            return
        name, size = header.unpack(head)
        yield Chunk(name, size, position + header.size)
        position += header.size + size + size % 2


def riff_layout(reader: Reader) -> Layout | None:
    """WAV: the size of its data chunk (RIFF, RIFX), or the one in ds64 (RF64, BW64)."""
    head = reader.read(0, 12)
    if head[8:] != b"WAVE":
        return None
    header = struct.Struct(">4sI" if head[:4] == b"RIFX" else "<4sI")
    order = header.format[0]
    wide: int | None = None
    rate = samples = 0
    for chunk in chunks(reader, 12, header):
        if chunk.name == b"fmt ":
            rate = struct.unpack(order + "I", reader.read(chunk.data + 4, 4))[0]
        if chunk.name == b"fact":
            samples = struct.unpack(order + "I", reader.read(chunk.data, 4))[0]
        if chunk.name == b"ds64" and len(body := reader.read(chunk.data, 16)) == 16:
            wide = struct.unpack("<Q", body[8:])[0]
        if chunk.name == b"data":
            magic = ((0, b"RIFF"),) if wide is not None else ()
            patches = (*magic, (chunk.data - 4, struct.pack(order + "I", OPEN)))
            if wide is not None and chunk.size == OPEN:
                layout = _sized(reader, chunk.data, wide, patches, wide=True)
            else:
                layout = _sized(reader, chunk.data, chunk.size, patches)
            seconds = samples / rate if rate else None
            refused = wide is not None and layout.size is None
            return replace(layout, seconds=seconds, refused=refused)
    return None


def _sized(
    reader: Reader,
    start: int,
    declared: int,
    patches: tuple[tuple[int, bytes], ...],
    wide: bool = False,
) -> Layout:
    """The layout of sound with a declared size; `wide` if that has 64 bits."""
    present = reader.size - start
    if not wide and (size := unwrapped_size(declared, present, MAX_TRAILING)) is not None:
        return Layout(start, size, start + size, patches, wrapped=True)
    size = known_size(declared, present)
    return Layout(start, size, None if size is None else start + size, patches)


def w64_layout(reader: Reader) -> Layout | None:
    """Sony's Wave64: GUIDs and 64-bit sizes, padded to eight bytes."""
    if reader.read(24, 16) != W64_WAVE:
        return None
    position, rate, samples = 40, 0, 0
    for _ in range(MAX_CHUNKS):
        head = reader.read(position, W64_HEADER)
        if len(head) < W64_HEADER:
            return None
        size = int.from_bytes(head[16:], "little")
        if head[:4] == b"fmt ":
            rate = int.from_bytes(reader.read(position + 28, 4), "little")
        if head[:4] == b"fact":
            samples = int.from_bytes(reader.read(position + 24, 8), "little")
        if head[:16] == W64_DATA:
            huge = struct.pack("<Q", 1 << 62)
            patches = ((position + 16, huge),)
            start = position + W64_HEADER
            layout = _sized(reader, start, size - W64_HEADER, patches, wide=True)
            seconds = samples / rate if rate else None
            return replace(layout, seconds=seconds, refused=layout.size is None)
        position += max(W64_HEADER, (size + 7) // 8 * 8)
    return None


def aiff_layout(reader: Reader) -> Layout | None:
    """AIFF and AIFF-C: the SSND chunk, which begins with an offset and a block size."""
    if reader.read(8, 4) not in (b"AIFF", b"AIFC"):
        return None
    for chunk in chunks(reader, 12, struct.Struct(">4sI")):
        if chunk.name == b"SSND":
            offset = int.from_bytes(reader.read(chunk.data, 4), "big")
            start = chunk.data + 8 + offset
            empty = reader.read(4, 4) == bytes(4)  # FFmpeg, where it can't go back
            most = struct.pack(">I", 0x7FFFFFFF)
            patches = (*(((4, most),) if empty else ()), (chunk.data - 4, most))
            # What SoX writes where it can't go back, less the chunks before the sound.
            piped = 0x7F000000 - 1024 <= chunk.size <= 0x7F000000
            layout = _sized(reader, start, 0 if piped else chunk.size - 8 - offset, patches)
            return replace(layout, refused=empty and layout.size is None)
    return None


def iff_layout(reader: Reader) -> Layout | None:
    """8SVX and MAUD, the Amiga's: the chunk BODY or MDAT."""
    for chunk in chunks(reader, 12, struct.Struct(">4sI")):
        if chunk.name in (b"BODY", b"MDAT"):
            return _sized(reader, chunk.data, chunk.size, ())
    return None


def caf_layout(reader: Reader) -> Layout | None:
    """CAF: the data chunk, which begins with an edit count; its size may be -1, unknown."""
    position = 8
    for _ in range(MAX_CHUNKS):
        head = reader.read(position, 12)
        if len(head) < 12:
            return None
        size = int.from_bytes(head[4:], "big", signed=True)
        if head[:4] == b"data":
            patches = ((position + 4, b"\xff" * 8),)
            return _sized(reader, position + 16, size - 4, patches, wide=True)
        position += 12 + max(0, size)
    return None


def avi_layout(reader: Reader) -> Layout | None:
    """AVI: the movi list, and the lists of the RIFFs that continue it (OpenDML 1.02)."""
    if reader.read(8, 4) != b"AVI ":
        return None
    movi, seconds = None, None
    for chunk in chunks(reader, 12, struct.Struct("<4sI")):
        if chunk.name == b"LIST" and reader.read(chunk.data, 4) == b"movi":
            movi = chunk
            break
        if chunk.name == b"LIST" and chunk.size < MAX_TRAILING:
            seconds = seconds or _sound_seconds(reader.read(chunk.data, chunk.size))
    if movi is None:
        return None
    start, end, position = movi.data + 4, movi.data + movi.size, 0
    for _ in range(MAX_CHUNKS):
        head = reader.read(position, 12)
        if head[:4] != b"RIFF" or head[8:] != (b"AVIX" if position else b"AVI "):
            break
        size = int.from_bytes(head[4:8], "little")
        if known_size(size, reader.size - position) is None:
            return Layout(start, None)
        end = position + 8 + size if position else end
        position += 8 + size + size % 2
    size_known = known_size(end - start, reader.size - start)
    return Layout(start, size_known, None if size_known is None else position, seconds=seconds)


def _sound_seconds(headers: bytes) -> float | None:
    """The length of the first sound stream by its header, strh."""
    at = headers.find(b"auds")
    if at < 8 or headers[at - 8 : at - 4] != b"strh" or at + 36 > len(headers):
        return None
    scale, rate, _, length = struct.unpack("<IIII", headers[at + 20 : at + 36])
    return length * scale / rate if rate else None
