"""Repairs a damaged MP4 family file in memory, before libav reads it (ISO/IEC 14496-12).

Two kinds of damage hide intact audio from libav:

Bytes cut out of the audio data. The index gives the position of each packet, so everything
behind the hole is elsewhere, and libav finds nothing, not even the index if that comes
last. The number of missing bytes is known from the declared size of the audio data. Their
place is found by decoding: packets before the hole decode where the index says, packets
behind it that many bytes earlier. With zeros in the hole, the file is as it was elsewhere.

A damaged end. Writers put the index last, so it is hit although all audio is there. Of the
index of a single audio stream only the table of packet sizes can't be rebuilt: its intact
part is used, and the audio behind that is given to the decoder in one piece, which splits
it itself (8.5 to 8.7).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import av
from av import AudioCodecContext, Packet

from parakeet_cli.audio.decode.libav import open_container
from parakeet_cli.audio.decode.recover.boxes import TOP_LEVEL, Box, boxes
from parakeet_cli.audio.decode.recover.file_part import FilePart, PatchedFile

PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
MAX_INDEX = 1 << 26  # bytes; the index of a hundred hours takes 60 MB
MAX_MISSING = 1 << 26  # bytes that zeros replace; a file that lacks more was cut off
MAX_PACKET = 1 << 16  # bytes of compressed audio; a larger table entry isn't a size
SAMPLED = 6  # packets decoded to find out whether packets lie at a place


def lacks_index(part: FilePart) -> bool:
    """Whether this is an MP4 family file without its index, the `moov` box."""
    with part.open() as file:
        kinds = {box.kind for box in boxes(file, 0, part.size)}
    return bool(kinds & {b"ftyp", b"mdat"}) and b"moov" not in kinds


def repair(part: FilePart) -> PatchedFile | None:
    """The repaired file; None if neither kind of damage was found."""
    with part.open() as file:
        if file.read(8)[4:] not in TOP_LEVEL:
            return None
        if (rebuilt := rebuild_index(file)) is not None:
            start, data = rebuilt
            return PatchedFile(part.open(), [(0, start), data])
        layout = find_layout(file)
        if layout is None or layout.missing > MAX_MISSING:
            return None
        last = min(layout.audio.end, layout.size)
        if layout.index_start > layout.audio.start:
            last = layout.index_start
        position = _find_hole(file, layout, last)
    if position is None:
        return None
    return _fill(part.open(), position, layout)


# Bytes cut out of the audio data.


@dataclass(frozen=True, slots=True)
class Mp4Layout:
    """Positions in a file whose `mdat` box lacks `missing` bytes of audio."""

    audio: Box
    index_start: int
    missing: int
    size: int


def find_layout(file: BinaryIO) -> Mp4Layout | None:
    """Layout of a file whose audio data is shorter than its `mdat` box declares, else None."""
    size = file.seek(0, io.SEEK_END)
    audio, index = _audio_and_index(file, size)
    if audio is None:
        return None
    if index is not None and index.end <= size:  # the index comes first, and is intact
        return Mp4Layout(audio, index.start, audio.end - size, size) if audio.end > size else None
    found = _find_index(file, audio, size)
    if found is None or found >= audio.end:
        return None
    return Mp4Layout(audio, found, audio.end - found, size)


def _audio_and_index(file: BinaryIO, size: int) -> tuple[Box | None, Box | None]:
    """The `mdat` and the `moov` box, as far as the boxes lead from one to the next."""
    audio = index = None
    for box in boxes(file, 0, size):
        if box.kind not in TOP_LEVEL:
            break
        if box.kind == b"mdat" and (audio is None or box.end - box.start > 16):
            audio = box
        if box.kind == b"moov":
            index = box
    return audio, index


def _find_index(file: BinaryIO, audio: Box, size: int) -> int | None:
    """The start of a `moov` box that the boxes before it don't lead to."""
    start = max(audio.data, size - MAX_INDEX)
    file.seek(start)
    data = file.read(size - start)
    at = data.rfind(b"moov")
    while at >= 4:
        length = int.from_bytes(data[at - 4 : at], "big")
        if data[at + 8 : at + 12] == b"mvhd" and start + at - 4 + length <= size:
            return start + at - 4
        at = data.rfind(b"moov", 0, at)
    return None


def _fill(file: BinaryIO, position: int, layout: Mp4Layout) -> PatchedFile:
    """The file with zeros for the missing bytes at `position`."""
    zeros = bytes(layout.missing)
    return PatchedFile(file, [(0, position), zeros, (position, layout.size)])


def _find_hole(file: BinaryIO, layout: Mp4Layout, last: int) -> int | None:
    """The byte from which on packets lie earlier than the index says."""
    filled = _fill(file, last, layout)
    try:
        with open_container(filled) as container:
            if not container.streams.audio:
                return None
            stream = container.streams.audio[0]
            packets = [(one.pos, one.size) for one in stream.index_entries]
            return _HoleSearch(file, packets, layout.missing, stream.codec_context).position()
    except av.FFmpegError:
        return None


@dataclass(frozen=True, slots=True)
class _HoleSearch:
    """Searches for the first packet that isn't where the index says."""

    file: BinaryIO
    packets: Sequence[tuple[int, int]]
    missing: int
    codec: AudioCodecContext

    def position(self) -> int | None:
        if len(self.packets) < 4 * SAMPLED or not self._is_shifted(len(self.packets) - SAMPLED):
            return None  # cut off at the end, which needs no repair
        low, high = 0, len(self.packets) - SAMPLED
        while low < high:
            middle = (low + high) // 2
            if self._count_decodable(middle, SAMPLED, 0) <= SAMPLED // 2:
                high = middle
            else:
                low = middle + 1
        # The last packet before the hole is one of those that were decoded together.
        for number in range(max(0, low - SAMPLED), min(low + SAMPLED, len(self.packets))):
            if not self._count_decodable(number, 1, 0):
                return self.packets[number][0]
        return self.packets[low][0]

    def _is_shifted(self, number: int) -> bool:
        shifted = self._count_decodable(number, SAMPLED, self.missing)
        return shifted > self._count_decodable(number, SAMPLED, 0)

    def _count_decodable(self, number: int, count: int, earlier: int) -> int:
        """How many of `count` packets from `number` on decode, that many bytes `earlier`."""
        self.codec.flush_buffers()
        good = 0
        for position, size in self.packets[number : number + count]:
            self.file.seek(max(0, position - earlier))
            try:
                self.codec.decode(Packet(self.file.read(size)))
            except (av.FFmpegError, ValueError):
                continue
            good += 1
        return good


# A damaged index at the end.


def rebuild_index(file: BinaryIO) -> tuple[int, bytes] | None:
    """The start of the damaged index, and the bytes to read instead of it.

    None if the index is intact, or has lost parts that can't be rebuilt.
    """
    size = file.seek(0, io.SEEK_END)
    top = {box.kind: box for box in boxes(file, 0, size) if box.kind in (b"moov", b"mdat")}
    index, audio = top.get(b"moov"), top.get(b"mdat")
    if index is None or audio is None or index.start < audio.start:
        return None
    if size - index.start > MAX_INDEX or audio.end != index.start:
        return None
    file.seek(index.start)
    data = file.read(size - index.start)
    end = int.from_bytes(data[:4], "big") or len(data)
    found: dict[bytes, list[bytes]] = {}
    intact = _collect(io.BytesIO(data), Box(b"moov", 0, index.data - index.start, end), found)
    if intact and (found.get(b"stco") or found.get(b"co64")):
        return None
    needed = (b"mvhd", b"tkhd", b"mdhd", b"stsd", b"stts", b"stsz")
    if any(len(found.get(kind, ())) != 1 for kind in needed) or b"hdlr" not in found:
        return None  # damaged further up, or of several streams, whose packets interleave
    return index.start, _assemble_index(found, audio)


def _collect(file: BinaryIO, parent: Box, found: dict[bytes, list[bytes]]) -> bool:
    """Collect the boxes of a tree by kind. Returns whether they fill their parents exactly."""
    size = file.seek(0, io.SEEK_END)
    position, intact = parent.data, parent.end <= size
    for box in boxes(file, parent.data, min(parent.end, size)):
        if box.kind in PARENTS:
            intact &= _collect(file, box, found)
        elif box.end <= parent.end and box.kind.isalnum():
            file.seek(box.start)
            found.setdefault(box.kind, []).append(file.read(box.end - box.start))
        intact &= box.end <= parent.end and box.kind.isalnum()
        position = box.end
    return intact and position == parent.end


def _assemble_index(found: dict[bytes, list[bytes]], audio: Box) -> bytes:
    def copy(kind: bytes) -> bytes:
        return found.get(kind, [b""])[0]

    sizes = _packet_sizes(copy(b"stsz"), audio.end - audio.data)
    table = (
        copy(b"stsd")
        + copy(b"stts")
        + _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, len(sizes), 1))
        + _box(b"stsz", struct.pack(f">III{len(sizes)}I", 0, 0, len(sizes), *sizes))
        + _box(b"co64", struct.pack(">IIQ", 0, 1, audio.data))
    )
    media = copy(b"smhd") + copy(b"dinf") + _box(b"stbl", table)
    track = (
        copy(b"tkhd")
        + copy(b"edts")
        + _box(b"mdia", copy(b"mdhd") + copy(b"hdlr") + _box(b"minf", media))
    )
    return _box(b"moov", copy(b"mvhd") + _box(b"trak", track))


def _packet_sizes(table: bytes, length: int) -> list[int]:
    """The packet sizes as far as they are plausible, and the remaining bytes as the last one."""
    same, count = struct.unpack(">II", table[12:20])
    if same:
        return [same] * min(count, length // same)
    entries = table[20 : 20 + count * 4]
    read = struct.unpack(f">{len(entries) // 4}I", entries[: len(entries) // 4 * 4])
    sizes: list[int] = []
    total = 0
    for size in read:
        if not 0 < size <= MAX_PACKET or total + size > length:
            if sizes:  # its own last bytes may already be wrong
                total -= sizes.pop()
            break
        sizes.append(size)
        total += size
    if total < length:
        sizes.append(length - total)
    return sizes


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data) + 8, kind) + data
