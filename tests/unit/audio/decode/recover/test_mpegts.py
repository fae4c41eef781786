"""Joints of MPEG transport streams are told from holes by the packets' own headers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.mpegts import SIZES, end_of_packets, is_joint
from parakeet_cli.audio.decode.recover.reader import Reader
from tests.films import two_voices, write_film

SOUND = 256


def packet(pid: int, counter: int, size: int = 188, *, marked: bool = False) -> bytes:
    """A packet of that many bytes; `marked` says that the clock may jump."""
    adaptation = bytes([1, 0x80]) if marked else b""
    control = (0x30 if marked else 0x10) | counter
    header = bytes([0x47, 0x40 | pid >> 8, pid & 0xFF, control]) + adaptation
    return (bytes(size - 188) if size == 192 else b"") + header.ljust(188, b"x").ljust(
        size if size == 204 else 188, b"y"
    )


def joint(*packets: bytes, size: int = 188) -> bool:
    """Whether there is one between the first packet and the last but one."""
    head = size - 188 if size == 192 else 0
    data = b"".join(packets)
    return is_joint(io.BytesIO(data), head, head + size * (len(packets) - 2))


@pytest.mark.parametrize("size", SIZES)
def test_a_stream_that_begins_anew_is_a_joint(size: int) -> None:
    parts = [(SOUND, 7), (0, 0), (300, 0), (SOUND, 0), (SOUND, 1)]
    assert joint(*(packet(*part, size) for part in parts), size=size)


def test_counters_that_go_on_or_jump_to_anywhere_else_are_none() -> None:
    assert not joint(packet(SOUND, 7), packet(0, 5), packet(SOUND, 8), packet(SOUND, 9))
    assert not joint(packet(SOUND, 7), packet(0, 0), packet(SOUND, 8), packet(SOUND, 9))
    assert not joint(packet(SOUND, 15), packet(SOUND, 0), packet(SOUND, 1))


def test_a_mark_of_the_multiplexer_is_a_joint() -> None:
    marked = packet(SOUND, 8, marked=True)
    assert joint(packet(SOUND, 7), marked, packet(SOUND, 9))
    other = packet(999, 8, marked=True)
    assert not joint(packet(SOUND, 7), other, packet(SOUND, 9), packet(SOUND, 10))


def test_what_is_no_transport_stream_has_no_joint() -> None:
    assert not is_joint(io.BytesIO(bytes(2000)), 0, 1000)
    assert not is_joint(io.BytesIO(b""), 0, 1000)


@pytest.mark.parametrize("size", SIZES)
def test_packets_that_follow_one_another_lead_to_their_end(size: int) -> None:
    data = b"".join(packet(SOUND, number, size) for number in range(16))
    begin = size - 188 if size == 192 else 0
    for position in (begin, size, 5 * size + 17):
        end = end_of_packets(Reader(io.BytesIO(data), len(data)), position)
        assert end == len(data)
        more = data + bytes(100)
        end = end_of_packets(Reader(io.BytesIO(more), len(more)), position)
        assert end == len(data) + begin
    assert end_of_packets(Reader(io.BytesIO(bytes(2000)), 2000), 3) == 3


@pytest.mark.parametrize("options", [{}, {"mpegts_m2ts_mode": "1"}, {"pes_payload_size": "60000"}])
def test_a_stream_with_long_packets_is_whole(options: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    write_film(path, "mpegts", "aac", two_voices(9, 48_000), 48_000, options=options)
    with open_media(path, isolated=False) as media:
        list(media)
    assert (media.accounting.lost, media.accounting.damaged_packets) == ((), 0)
