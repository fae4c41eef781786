"""AMR with pauses, in every kind of frame that phones write, is decoded without damage."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.libav import open_container
from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.mpeg_headers import AMR_SIZES, AMR_WIDE_SIZES
from parakeet_cli.audio.decode.streams.amr import PausesAsSilence

FRAMES = 200
SECONDS = FRAMES * 0.02
# By codec: the magic, the sizes of frames, and the types for speech, comfort noise and nothing.
KINDS = {
    "amrnb": (b"#!AMR\n", AMR_SIZES, 7, 8, 15),
    "amrwb": (b"#!AMR-WB\n", AMR_WIDE_SIZES, 2, 9, 15),
}


def write_with_pauses(path: Path, kind: str) -> Path:
    """Eight frames of speech in twenty; then comfort noise, renewed each eighth frame."""
    magic, sizes, speech, noise, nothing = KINDS[kind]
    chance = random.Random(3)
    data = bytearray(magic)
    for number in range(FRAMES):
        if number % 20 < 8:
            frame = speech
        else:
            frame = noise if number % 8 == 0 or number % 20 == 8 else nothing
        data += bytes([frame << 3 | 4]) + chance.randbytes(sizes[frame] - 1)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_pauses_are_neither_damage_nor_a_loss(kind: str, tmp_path: Path) -> None:
    path = write_with_pauses(tmp_path / "call.amr", kind)
    with open_media(path, isolated=False) as media:
        blocks = list(media)
    assert sum(len(block.samples) for block in blocks) == round(SECONDS * 16_000)
    accounting = media.accounting
    assert accounting.decoded_seconds == pytest.approx(SECONDS)
    assert (accounting.lost, accounting.damaged_packets) == ((), 0)


@pytest.mark.parametrize("kind", KINDS)
def test_without_opencore_pauses_are_silence(kind: str, tmp_path: Path) -> None:
    with open_container(f"file:{write_with_pauses(tmp_path / 'call.amr', kind)}") as container:
        stream = container.streams.audio[0]
        decoder = PausesAsSilence(stream.codec_context)
        frames = [frame for packet in container.demux(stream) for frame in decoder.decode(packet)]
    assert len(frames) == FRAMES
    assert sum(frame.samples for frame in frames) == SECONDS * frames[0].sample_rate
    assert not frames[12].to_ndarray().any()
    assert frames[3].to_ndarray().any()
    assert frames[12].time == pytest.approx(12 * 0.02)
