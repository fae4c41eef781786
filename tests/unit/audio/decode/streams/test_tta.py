"""TTA beside a picture is decoded to its last frame, and a damaged one isn't taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.audio.decode.libav import open_container
from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.transcript import Accounting
from tests.films import two_voices, write_film

SECONDS = 3.0


def accounting(path: Path) -> Accounting:
    with open_media(path, isolated=False) as media:
        list(media)
    return media.accounting


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize(("picture", "late"), [(SECONDS, 0.0), (5.0, 0.0), (5.0, 1.5), (1.0, 0.0)])
def test_sound_is_whole_whatever_the_length_of_the_picture(
    rate: int, picture: float, late: float, tmp_path: Path
) -> None:
    sound = two_voices(SECONDS, rate)
    path = write_film(
        tmp_path / "a.mkv", "matroska", "tta", sound, rate, picture=picture, late=late
    )
    found = accounting(path)
    assert found.decoded_seconds == pytest.approx(SECONDS, abs=0.002)
    assert (found.lost, found.damaged_packets) == ((), 0)


def test_a_last_frame_that_is_damaged_is_lost(tmp_path: Path) -> None:
    sound = two_voices(SECONDS, 16_000)
    path = write_film(tmp_path / "a.mkv", "matroska", "tta", sound, 16_000, picture=5.0)
    with open_container(f"file:{path}") as container:
        packets = [one for one in container.demux(container.streams.audio[0]) if one.size]
    data, last = bytearray(path.read_bytes()), packets[-1]
    at = data.index(bytes(last)) + last.size // 2
    data[at : at + 16] = bytes(16)
    path.write_bytes(data)
    found = accounting(path)
    assert found.lost_seconds == pytest.approx(SECONDS - 2 * 256 / 245, abs=0.01)
    assert found.damaged_packets == 1
