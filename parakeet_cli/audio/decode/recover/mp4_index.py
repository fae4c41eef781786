"""Making the index of an MP4 family file anew where its end is damaged.

Writers put the index last, so that is what a torn or overwritten end hits, though all of
the sound is there. Of the index of one audio stream only the table of packet sizes can't
be made anew: as much of it as is left is used, and the sound behind that is given to the
decoder in one piece, which takes it apart itself (ISO/IEC 14496-12, 8.5 to 8.7).
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

from parakeet_cli.audio.decode.recover.mp4_boxes import Box, boxes

PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
LONGEST_INDEX = 1 << 26  # bytes
LARGEST_PACKET = 1 << 16  # bytes, of compressed sound; a table entry above is no size


def rebuilt_index(file: BinaryIO) -> tuple[int, bytes] | None:
    """Where the damaged index begins, and what to read instead of it to the file's end.

    None where the index is whole, or has lost what can't be done without.
    """
    size = file.seek(0, io.SEEK_END)
    top = {box.kind: box for box in boxes(file, 0, size) if box.kind in (b"moov", b"mdat")}
    index, sound = top.get(b"moov"), top.get(b"mdat")
    if index is None or sound is None or index.start < sound.start:
        return None
    if size - index.start > LONGEST_INDEX or sound.end != index.start:
        return None
    file.seek(index.start)
    data = file.read(size - index.start)
    found: dict[bytes, list[bytes]] = {}
    whole = _collect(io.BytesIO(data), Box(b"moov", 0, index.data - index.start, _end(data)), found)
    if whole and (found.get(b"stco") or found.get(b"co64")):
        return None
    needed = (b"mvhd", b"tkhd", b"mdhd", b"stsd", b"stts", b"stsz")
    if any(len(found.get(kind, ())) != 1 for kind in needed) or b"hdlr" not in found:
        return None  # damaged further up, or of several streams, whose packets interleave
    return index.start, _index(found, sound)


def _end(data: bytes) -> int:
    return int.from_bytes(data[:4], "big") or len(data)


def _collect(file: BinaryIO, parent: Box, found: dict[bytes, list[bytes]]) -> bool:
    """Gather the boxes of a tree by kind; whether they fill their parents exactly."""
    size = file.seek(0, io.SEEK_END)
    position, whole = parent.data, parent.end <= size
    for box in boxes(file, parent.data, min(parent.end, size)):
        if box.kind in PARENTS:
            whole &= _collect(file, box, found)
        elif box.end <= parent.end and box.kind.isalnum():
            file.seek(box.start)
            found.setdefault(box.kind, []).append(file.read(box.end - box.start))
        whole &= box.end <= parent.end and box.kind.isalnum()
        position = box.end
    return whole and position == parent.end


def _index(found: dict[bytes, list[bytes]], sound: Box) -> bytes:
    def copy(kind: bytes) -> bytes:
        return found.get(kind, [b""])[0]

    sizes = _sizes(copy(b"stsz"), sound.end - sound.data)
    table = (
        copy(b"stsd")
        + copy(b"stts")
        + _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, len(sizes), 1))
        + _box(b"stsz", struct.pack(f">III{len(sizes)}I", 0, 0, len(sizes), *sizes))
        + _box(b"co64", struct.pack(">IIQ", 0, 1, sound.data))
    )
    media = copy(b"smhd") + copy(b"dinf") + _box(b"stbl", table)
    track = (
        copy(b"tkhd")
        + copy(b"edts")
        + _box(b"mdia", copy(b"mdhd") + copy(b"hdlr") + _box(b"minf", media))
    )
    return _box(b"moov", copy(b"mvhd") + _box(b"trak", track))


def _sizes(table: bytes, length: int) -> list[int]:
    """The packet sizes as far as they are credible, and what is left as the last one."""
    same, count = struct.unpack(">II", table[12:20])
    if same:
        return [same] * min(count, length // same)
    entries = table[20 : 20 + count * 4]
    read = struct.unpack(f">{len(entries) // 4}I", entries[: len(entries) // 4 * 4])
    sizes: list[int] = []
    total = 0
    for size in read:
        if not 0 < size <= LARGEST_PACKET or total + size > length:
            if sizes:  # its own last bytes may be wrong already
                total -= sizes.pop()
            break
        sizes.append(size)
        total += size
    if total < length:
        sizes.append(length - total)
    return sizes


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data) + 8, kind) + data
