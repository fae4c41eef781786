"""What is there of a block of WavPack that was cut off is decoded, and the rest is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr

from parakeet_cli.audio.decode.media import open_media
from parakeet_cli.audio.decode.recover.wavpack import shortened_block
from parakeet_cli.transcript import Accounting
from tests.media_files import Floats, Recipe, speech, write_media

SECONDS = 4.0


def decode(path: Path) -> tuple[Floats, Accounting]:
    with open_media(path, isolated=False) as media:
        blocks = [block.samples for block in media]
    return np.concatenate(blocks), media.accounting


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2)])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.75])
def test_a_block_that_was_cut_off_is_decoded_as_far_as_it_is_there(
    rate: int, channels: int, share: float, tmp_path: Path
) -> None:
    sound = soxr.resample(speech(SECONDS), 16_000, rate)
    path = tmp_path / "a.wv"
    write_media(path, sound, Recipe("wv", "wavpack", rate, channels))
    data = path.read_bytes()
    whole, _ = decode(path)
    path.write_bytes(data[: int(len(data) * share)])
    found, accounting = decode(path)
    assert accounting.expected_seconds == pytest.approx(SECONDS, abs=0.01)
    assert accounting.decoded_seconds == pytest.approx(SECONDS * share, abs=0.5)
    assert accounting.lost[-1].end == pytest.approx(SECONDS, abs=0.01)
    # The last bits may be half a sample.
    same = len(found) - 400
    assert np.abs(whole[:same] - found[:same]).max() < 2e-3


def test_a_block_that_is_whole_or_hardly_there_is_left_alone(tmp_path: Path) -> None:
    path = write_media(
        tmp_path / "a.wv",
        soxr.resample(speech(1), 16_000, 16_000),
        Recipe("wv", "wavpack", 16_000, 1),
    )
    data = path.read_bytes()
    assert shortened_block(data) is None
    assert shortened_block(data[:40]) is None
    assert shortened_block(b"RIFF" + data[4:100]) is None
    assert shortened_block(data[: len(data) // 4]) is not None
