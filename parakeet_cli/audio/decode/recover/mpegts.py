"""Finds the place where two MPEG transport streams were joined (ISO/IEC 13818-1, 2.4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from parakeet_cli.audio.decode.recover.reader import Reader

SYNC = 0x47
PROGRAMS = 0  # the PID of the program association table
# Bytes of a packet: plain, with a time before it (Blu-ray, AVCHD), with a checksum behind it.
SIZES = (188, 192, 204)
MAX_PES = 1 << 17  # bytes of a packet of the stream that the transport's packets carry
MAX_BEFORE = 1 << 22  # bytes; between two packets of sound there may be some pictures


class TsPacket(NamedTuple):
    """The fields of one packet's header that show a joint."""

    pid: int
    counter: int  # of the packets of this PID, modulo 16
    discontinuity: bool  # the multiplexer says that the clock may jump here
    position: int  # in the bytes that were searched


def is_joint(file: BinaryIO, previous: int, position: int) -> bool:
    """Whether another stream begins between the packets of sound at these two bytes.

    A multiplexer begins with a program table, and counts the packets of every PID from 0; an
    editor marks the place in the packets.
    """
    _, packets = _packets_between(file, previous, position)
    if not packets:
        return False
    sound = packets[-1]
    restarted = any(one.pid == PROGRAMS and one.counter == 0 for one in packets)
    marked = any(one.discontinuity for one in packets if one.pid in (PROGRAMS, sound.pid))
    return marked or (restarted and sound.counter == 0)


def program_table(file: BinaryIO, previous: int, position: int) -> int | None:
    """The byte of the last program table between the packets of sound at these two bytes."""
    begin, packets = _packets_between(file, previous, position)
    tables = [begin + one.position for one in packets if one.pid == PROGRAMS]
    return tables[-1] if tables else None


def end_of_packets(reader: Reader, position: int) -> int:
    """The end of the packets in a row behind `position`, which may lie within one.

    The packets of sound that are within one of the stream have no positions of their own.
    """
    data, at = reader.window(position, MAX_PES)
    for begin in range(at, min(at + max(SIZES), len(data))):
        for size in SIZES:
            if data[begin : begin + 3 * size : size] == bytes([SYNC]) * 3:
                position += begin - at
                while reader.read(position, 1) == bytes([SYNC]):
                    position += size
                return min(position, reader.size)
    return position


def _packets_between(file: BinaryIO, previous: int, position: int) -> tuple[int, list[TsPacket]]:
    """The packets after `previous` up to the one at `position`, and their first byte."""
    begin = max(previous + 1, position - MAX_BEFORE)
    file.seek(begin)
    data = file.read(position - begin + 2 * max(SIZES) + 1)
    return begin, list(_packets(data, position - begin))


def _packets(data: bytes, last: int) -> Iterator[TsPacket]:
    """The packets of `data` up to the one at `last`; none if there is no packet."""
    size = next((size for size in SIZES if data[last::size][:2] == bytes([SYNC, SYNC])), 0)
    if data[last : last + 1] != bytes([SYNC]):
        return
    size = size or SIZES[0]  # at the very end of a file
    for at in range(last % size, last + 1, size):
        if data[at] == SYNC and at + 6 <= len(data):
            pid = (data[at + 1] & 0x1F) << 8 | data[at + 2]
            adapted = data[at + 3] & 0x20 and data[at + 4] > 0
            marked = bool(adapted and data[at + 5] & 0x80)
            yield TsPacket(pid, data[at + 3] & 15, marked, at)
