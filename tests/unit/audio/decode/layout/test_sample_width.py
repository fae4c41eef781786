"""Samples with more room than they use are read as wide as they are."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.audio.decode.layout.sample_width import with_full_width
from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.file_part import FilePart
from tests.media_files import speech

PCM_GUID = bytes.fromhex("0100000000001000800000aa00389b71")
SOUND = speech(2)


def write_wav(path: Path, room: int, used: int, channels: int = 1) -> Path:
    """Samples of `used` bits in the upper end of `room` bits, as WASAPI and recorders write."""
    values = np.repeat((SOUND * 2**31).astype(np.int64), channels) >> 32 - used << 32 - used
    size = room // 8
    samples = b"".join(struct.pack("<i", value)[4 - size :] for value in values)
    block = channels * size
    body = struct.pack("<HHIIHH", 0xFFFE, channels, 16_000, 16_000 * block, block, room)
    body += struct.pack("<HHI", 22, used, 0) + PCM_GUID
    rest = b"WAVEfmt " + struct.pack("<I", len(body)) + body
    rest += b"data" + struct.pack("<I", len(samples)) + samples
    path.write_bytes(b"RIFF" + struct.pack("<I", len(rest)) + rest)
    return path


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("room", "used"), [(32, 24), (32, 20), (32, 16), (24, 16), (24, 20)])
def test_the_sound_is_what_it_was(room: int, used: int, channels: int, tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", room, used, channels)
    with open_media(path, isolated=False) as media:
        samples = np.concatenate([block.samples for block in media])
    assert np.abs(samples - SOUND).max() < 2**-13
    assert not media.accounting.lost
    assert media.accounting.expected_basis == "exact"
    assert media.doubts == ()


@pytest.mark.parametrize(("room", "used"), [(32, 32), (24, 24), (24, 20), (16, 16)])
def test_a_header_that_libav_reads_rightly_stays(room: int, used: int, tmp_path: Path) -> None:
    part = FilePart.whole(write_wav(tmp_path / "a.wav", room, used))
    assert with_full_width(part) is None


def test_what_is_no_wav_or_ends_in_its_header_stays(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", 32, 24)
    data = path.read_bytes()
    for end in (0, 4, 20, 40):
        path.write_bytes(data[:end])
        assert with_full_width(FilePart.whole(path)) is None
