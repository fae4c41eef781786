"""FLAC frames are found behind damage, each with its own number."""

from __future__ import annotations

import io
import random
from itertools import pairwise
from pathlib import Path

from parakeet_cli.audio.decode.recover.flac import FlacFrames
from parakeet_cli.audio.decode.recover.reader import Reader
from tests.media_files import RECIPES, tone, write_media

SECONDS = 20


def test_flac_frames_number_themselves_across_a_hole(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.flac", tone(SECONDS, 44_100), RECIPES["flac"])
    data = path.read_bytes()
    at = len(data) // 2
    broken = data[:at] + random.Random(2).randbytes(2_000) + data[at + 2_000 :]
    frames = list(FlacFrames(Reader(io.BytesIO(broken), len(broken)), 0))
    starts = [frame.sample for frame in frames]
    assert starts == sorted(set(starts))
    assert starts[0] == 0
    assert frames[-1].sample + frames[-1].samples == SECONDS * 44_100
    gaps = [after.sample - before.sample - before.samples for before, after in pairwise(frames)]
    assert sum(gap > 0 for gap in gaps) <= 1
