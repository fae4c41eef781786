"""Frames are found by their headers, and the bytes between two runs are a hole."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.mpeg import (
    FrameIndex,
    FrameRun,
    find_runs,
    index_frames,
    missing_frames,
)
from parakeet_cli.audio.decode.recover.mpeg_headers import ADTS, AMR, MPEG, FrameFormat
from parakeet_cli.audio.decode.recover.reader import Reader
from tests.media_files import RECIPES, tone, write_media

SECONDS = 20
STREAMS = {"mp3": ("mp3", MPEG), "adts": ("aac", ADTS), "amr": ("amr", AMR)}


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """Makes the bytes of a healthy stream, once for each kind."""
    folder = tmp_path_factory.mktemp("streams")

    @cache
    def encoded(kind: str) -> bytes:
        path = folder / f"{kind}.{RECIPES[kind].suffix}"
        samples = tone(SECONDS, RECIPES[kind].rate)
        return write_media(path, samples, RECIPES[kind]).read_bytes()

    return encoded


def runs_of(data: bytes, frame_format: FrameFormat) -> list[FrameRun]:
    return list(find_runs(Reader(io.BytesIO(data), len(data)), frame_format))


@pytest.mark.parametrize("kind", STREAMS)
def test_a_healthy_stream_is_one_run(kind: str, stream: Callable[[str], bytes]) -> None:
    data = stream(kind)
    (run,) = runs_of(data, STREAMS[kind][1])
    assert run.end == len(data)
    assert not run.broken
    assert run.frames * run.samples_each / run.rate == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("filling", [bytes(2_000), random.Random(1).randbytes(2_000), b""])
def test_a_hole_splits_a_stream_in_two(
    kind: str, filling: bytes, stream: Callable[[str], bytes]
) -> None:
    data = stream(kind)
    at = len(data) // 2
    broken = data[:at] + filling + data[at + 2_000 :]
    first, second = runs_of(broken, STREAMS[kind][1])
    assert first.broken
    assert first.end <= at
    assert first.end + second.junk == second.start
    assert at - 2_000 < second.start - len(filling) < at + 2_000
    assert second.end == len(broken)


@pytest.mark.parametrize("kind", ["mp3", "adts"])
def test_tags_are_not_holes(kind: str, stream: Callable[[str], bytes]) -> None:
    data = stream(kind)
    frame_format = STREAMS[kind][1]
    id3 = b"ID3\x04\x00\x00" + bytes([0, 0, 7, 0x68]) + b"\xff" * 1_000
    ape = b"APETAGEX" + (2000).to_bytes(4, "little") + (32).to_bytes(4, "little")
    ape += bytes(16) + bytes(0)
    tagged = id3 + data + ape + bytes(32) + b"TAG" + b"\xff\xfb\x90" * 41 + bytes(2)
    found = runs_of(tagged, frame_format)
    assert [(run.broken, run.junk) for run in found] == [(False, 0)]


def indexed(path: Path, data: bytes, container: str) -> FrameIndex:
    path.write_bytes(data)
    found = index_frames(FilePart.whole(path), container)
    assert found is not None
    return found


def test_the_declared_total_of_an_mp3_gives_the_length_of_a_cut(
    stream: Callable[[str], bytes], tmp_path: Path
) -> None:
    data = stream("mp3")
    at = len(data) // 4
    whole = indexed(tmp_path / "a.mp3", data, "mp3")
    cut = indexed(tmp_path / "b.mp3", data[:at] + data[at + 2_000 :], "mp3")
    assert whole.exact
    assert whole.whole
    assert whole.seconds == pytest.approx(SECONDS, abs=1e-6)
    assert cut.seconds == pytest.approx(SECONDS, abs=1e-6)
    assert not cut.whole
    missing = cut.starts[1] - cut.starts[0] - cut.runs[0].frames * 1152 / 44_100
    assert missing * 44_100 / 1152 == pytest.approx(2_000 / 418, abs=1.5)


def test_without_a_total_the_bytes_give_the_length_of_a_hole(
    stream: Callable[[str], bytes], tmp_path: Path
) -> None:
    data = stream("adts")
    at = len(data) // 2
    whole = indexed(tmp_path / "a.aac", data, "aac")
    holed = indexed(tmp_path / "b.aac", data[:at] + bytes(2_000) + data[at + 2_000 :], "aac")
    assert not whole.exact
    assert holed.seconds == pytest.approx(whole.seconds, abs=0.05)


def run_of(frames: int, *, junk: int = 0, broken: bool = False, end: int = 0) -> FrameRun:
    return FrameRun(0, end, frames, 1152, 44_100, 400.0, 400.0, broken, junk)


def test_several_holes_share_the_frames_missing_from_the_total() -> None:
    found = [run_of(100, broken=True), run_of(100, junk=800, broken=True), run_of(100, junk=4000)]
    assert missing_frames(found, 312, 10**6) == [0, 2, 10, 0]
    assert missing_frames(found, 316, 10**6) == [0, 4, 12, 0]
    assert missing_frames(found, 300, 10**6) == [0, 0, 0, 0]
    assert sum(missing_frames(found, 305, 10**6)) == 5


def test_frames_missing_from_a_cut_end_are_not_added_to_earlier_holes() -> None:
    found = [run_of(100, broken=True), run_of(100, junk=800, broken=True, end=1000)]
    assert missing_frames(found, 500, 1200) == [0, 2, 298]


def test_part_of_a_frame_before_the_first_is_not_a_hole() -> None:
    assert missing_frames([run_of(100, junk=399)], None, 0) == [0, 0]
    assert missing_frames([run_of(100, junk=1200)], None, 0) == [3, 0]


def test_a_long_run_of_zeros_has_no_frames() -> None:
    assert runs_of(bytes(5_000_000), MPEG) == []
