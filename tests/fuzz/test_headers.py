"""Damaged headers, read in the program's own process: none raises, none takes long or lies far.

`pytest -m soak tests/fuzz` runs more of them; the plain run a share.
"""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.probe import headers
from parakeet_cli.audio.decode.probe.headers import MAX_READS, header_seconds
from tests.fuzz.mutations import header_bits, mutation
from tests.fuzz.test_decoder import FORMATS, write_whole

SHARE, ALL = 60, 5_000  # mutations per format
MOST_MEMORY = 1 << 20  # bytes, beside the file's own
KINDS = sorted({"wav", "aiff", "flac", "mp3", "adts", "m4a", "vorbis", "opus", "webm", "au"})


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(SHARE), id="share"),
        pytest.param(range(ALL), id="all", marks=pytest.mark.soak),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_header_costs_a_few_reads_and_no_more(
    kind: str, seeds: range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kind in FORMATS
    raised: list[Exception] = []
    reads = 0

    class Watched(headers.HeaderReader):
        def window(self, position: int, length: int) -> tuple[bytes, int]:
            nonlocal reads
            reads += 1
            assert length <= 1 << 17
            return super().window(position, length)

    monkeypatch.setattr(headers, "HeaderReader", Watched)
    whole = write_whole(tmp_path / "whole", kind).read_bytes()
    path = tmp_path / "mutated"
    tracemalloc.start()
    try:
        for seed in seeds:
            change = mutation(whole, f"header-{kind}-{seed}").data
            for _ in range(seed % 3):  # several faults at once
                change = header_bits(change, random.Random(seed)).data
            path.write_bytes(change)
            reads = 0
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                found = header_seconds(path)
            except Exception as error:
                raised.append(error)
                continue
            assert tracemalloc.get_traced_memory()[1] - before < MOST_MEMORY
            assert found is None or 0 < found <= len(change)
            assert reads <= MAX_READS + 1
    finally:
        tracemalloc.stop()
    assert not raised
