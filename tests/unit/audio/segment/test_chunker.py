"""Chunks contain all speech, each sample at its place on the clock."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from parakeet_cli.audio.decode.media import SAMPLE_RATE, Block
from parakeet_cli.audio.segment.chunker import Chunk, cut_fixed, cut_in_silence
from parakeet_cli.audio.segment.frames import FRAME, FRAME_SECONDS

Samples = NDArray[np.float32]
WINDOW = 10.0


class Marked:
    """A detector for marked samples: a frame is speech if its samples are above zero."""

    resets = 0

    def __call__(self, frames: Samples) -> NDArray[np.float32]:
        return np.asarray(frames.max(axis=1) > 0, dtype=np.float32)

    def reset(self) -> None:
        self.resets += 1


def recording(*parts: tuple[str, float]) -> Samples:
    """Parts of `speech` and `silence` in seconds; the value of a speech sample is its time."""
    seconds = sum(length for _, length in parts)
    samples = np.arange(1, round(seconds * SAMPLE_RATE) + 1).astype(np.float32)
    samples /= SAMPLE_RATE
    at = 0
    for kind, length in parts:
        count = round(length * SAMPLE_RATE)
        if kind == "silence":
            samples[at : at + count] *= -1
        at += count
    return samples


def blocks_of(samples: Samples, size: int = 7 * SAMPLE_RATE, start: float = 0.0) -> Iterator[Block]:
    for at in range(0, len(samples), size):
        yield Block(samples[at : at + size], start + at / SAMPLE_RATE)


def cut(samples: Samples, *, keep_silence: bool = False) -> list[Chunk]:
    return list(
        cut_in_silence(blocks_of(samples), Marked(), max_seconds=WINDOW, keep_silence=keep_silence)
    )


def speech_times(chunks: list[Chunk]) -> list[float]:
    """The time of every speech sample in the chunks, overlaps counted once."""
    times: list[float] = []
    for chunk in chunks:
        skip = round(chunk.overlap * SAMPLE_RATE)
        samples = chunk.samples[skip:]
        times += samples[samples > 0].tolist()
    return times


def test_short_speech_is_one_chunk_with_a_margin_of_silence() -> None:
    (chunk,) = cut(recording(("silence", 5), ("speech", 2), ("silence", 5)))
    assert chunk.last
    assert chunk.start == pytest.approx(5 - 0.4, abs=0.05)
    assert chunk.end == pytest.approx(7 + 0.4, abs=0.05)


def test_a_chunk_knows_where_its_speech_ends() -> None:
    (chunk,) = cut(recording(("speech", 2), ("silence", 1), ("speech", 1), ("silence", 5)))
    assert chunk.speech_end == pytest.approx(4.0, abs=0.05)
    assert chunk.duration == pytest.approx(4.4, abs=0.05)


def test_silence_makes_no_chunk() -> None:
    assert cut(recording(("silence", 30))) == []


def test_an_empty_recording_makes_no_chunk() -> None:
    assert cut(recording()) == []


def test_a_long_silence_is_dropped_and_the_clock_stays_true() -> None:
    (chunk,) = cut(recording(("speech", 2), ("silence", 20), ("speech", 2)))
    assert chunk.duration < 6
    assert len(chunk.pieces) == 2
    for offset in (0.5, 1.5, 3.0, chunk.duration - 0.5):
        time = abs(float(chunk.samples[round(offset * SAMPLE_RATE)]))
        assert chunk.on_clock(offset) == pytest.approx(time, abs=1e-3)


def test_a_dropped_silence_does_not_separate_the_ends_of_a_word() -> None:
    (chunk,) = cut(recording(("speech", 2), ("silence", 20), ("speech", 2)))
    border = chunk.pieces[1].offset
    end = chunk.on_clock(border + 0.1, near=border - 0.2)
    assert end == pytest.approx(chunk.on_clock(border - 0.01) + 0.11, abs=1e-3)


def test_chunks_end_in_pauses() -> None:
    chunks = cut(recording(("speech", 8), ("silence", 0.5), ("speech", 8), ("silence", 3)))
    assert len(chunks) == 2
    assert chunks[0].end == pytest.approx(8.25, abs=0.05)
    assert chunks[1].start == pytest.approx(8.25, abs=0.05)
    assert not chunks[1].overlap


def test_the_longest_pause_wins() -> None:
    parts = [("speech", 7), ("silence", 0.8), ("speech", 1), ("silence", 0.3), ("speech", 7)]
    chunks = cut(recording(*parts))
    assert chunks[0].end == pytest.approx(7.4, abs=0.05)


def test_speech_without_a_pause_is_cut_with_an_overlap() -> None:
    chunks = cut(recording(("speech", 24)))
    assert all(chunk.duration <= WINDOW for chunk in chunks)
    assert [chunk.overlap > 0 for chunk in chunks] == [False] + [True] * (len(chunks) - 1)
    for before, after in pairwise(chunks):
        assert after.start + after.overlap == pytest.approx(before.end, abs=1e-6)


@pytest.mark.parametrize("quieter", [5.5, 7.0, 8.0])
def test_speech_without_a_pause_is_cut_at_its_quietest_point(quieter: float) -> None:
    samples = np.full(15 * SAMPLE_RATE, 0.5, np.float32)
    at = round(quieter * SAMPLE_RATE)
    samples[at : at + 4 * FRAME] *= 0.7
    first, second, *_ = cut(samples)
    assert first.end - second.overlap / 2 == pytest.approx(quieter, abs=0.15)


def test_without_vad_every_sample_is_kept() -> None:
    samples = recording(("silence", 5), ("speech", 2), ("silence", 25))
    chunks = cut(samples, keep_silence=True)
    kept = np.concatenate([c.samples[round(c.overlap * SAMPLE_RATE) :] for c in chunks])
    assert np.array_equal(kept[: len(samples)], samples)
    assert len(kept) - len(samples) < FRAME


def test_only_the_last_chunk_is_the_last() -> None:
    chunks = cut(recording(*[("speech", 4), ("silence", 1)] * 12))
    assert [chunk.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_audio_after_a_lost_interval_is_at_its_true_place() -> None:
    samples = recording(("speech", 3))
    blocks = [*blocks_of(samples), *blocks_of(samples + 100, start=100.0)]
    detector = Marked()
    chunks = list(cut_in_silence(blocks, detector, max_seconds=WINDOW))
    assert detector.resets == 1
    places = [piece.start for chunk in chunks for piece in chunk.pieces]
    assert places == pytest.approx([0.0, 100.0], abs=FRAME_SECONDS)


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(
        st.tuples(st.sampled_from(["speech", "silence"]), st.floats(0.05, 14)), max_size=12
    ),
    block=st.floats(0.01, 9),
)
def test_no_speech_is_dropped_doubled_or_moved(
    parts: list[tuple[str, float]], block: float
) -> None:
    samples = recording(*parts)
    size = max(1, round(block * SAMPLE_RATE))
    chunks = list(cut_in_silence(blocks_of(samples, size), Marked(), max_seconds=WINDOW))
    assert all(chunk.duration <= WINDOW + 1e-6 for chunk in chunks)
    assert speech_times(chunks) == samples[samples > 0].tolist()
    for chunk in chunks:
        for offset in np.linspace(0, chunk.duration - 1e-3, 9):
            time = abs(float(chunk.samples[int(offset * SAMPLE_RATE)]))
            if time:  # zeros fill up the last frame
                assert chunk.on_clock(float(offset)) == pytest.approx(time, abs=2e-3)


@settings(max_examples=40, deadline=None)
@given(seconds=st.floats(0, 75), block=st.floats(0.01, 40))
def test_fixed_chunks_contain_every_sample_once(seconds: float, block: float) -> None:
    samples = recording(("speech", seconds))
    size = max(1, round(block * SAMPLE_RATE))
    chunks = list(cut_fixed(blocks_of(samples, size), max_seconds=30.0))
    parts = [chunk.samples for chunk in chunks]
    assert np.array_equal(np.concatenate(parts) if parts else samples[:0], samples)
    assert [chunk.last for chunk in chunks] == [n == len(chunks) for n in range(1, len(chunks) + 1)]


def test_fixed_chunks_after_a_lost_interval_are_at_their_true_place() -> None:
    samples = recording(("speech", 3))
    blocks = [*blocks_of(samples), *blocks_of(samples, start=100.0)]
    chunks = list(cut_fixed(blocks, max_seconds=30.0))
    assert [(c.start, c.end, c.last) for c in chunks] == [(0.0, 3.0, False), (100.0, 103.0, True)]
