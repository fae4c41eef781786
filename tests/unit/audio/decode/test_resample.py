from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from av import AudioFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from parakeet_cli.audio.decode.mixing.mixer import Mixer
from parakeet_cli.audio.decode.resample import (
    BlockMaker,
    SampleLayout,
    TimedFrame,
    mix,
    mono_parts,
)
from parakeet_cli.audio.samples import SAMPLE_RATE, Block, Samples
from tests.media_files import tone


def frame(
    values: NDArray[Any], form: str = "flt", layout: str = "mono", rate: int = 8_000
) -> AudioFrame:
    """A frame of these samples: shape (1, channels * n), or (channels, n) if it is planar."""
    made = AudioFrame.from_ndarray(values, format=form, layout=layout)
    made.sample_rate = rate
    return made


def mono(count: int, rate: int = 8_000, level: float = 0.5) -> AudioFrame:
    return frame(np.full((1, count), level, np.float32), rate=rate)


def mixed(one: AudioFrame, channel: int | None = None) -> list[float]:
    return [float(sample) for sample in mix([one], SampleLayout.of(one), Mixer(channel))]


def blocks_of(
    parts: list[tuple[Samples, int, float | None]], *, block_seconds: float = 10.0
) -> list[Block]:
    maker = BlockMaker(block_seconds)
    blocks = [block for part in parts for block in maker.add(*part)]
    return [*blocks, *maker.finish()]


@pytest.mark.parametrize(
    ("kind", "form", "values"),
    [
        (np.uint8, "u8", [128, 192, 0]),
        (np.int16, "s16", [0, 2**14, -(2**15)]),
        (np.int32, "s32", [0, 2**30, -(2**31)]),
        (np.float32, "flt", [0.0, 0.5, -1.0]),
        (np.float64, "dbl", [0.0, 0.5, -1.0]),
    ],
)
def test_full_scale_is_one_in_every_sample_format(
    kind: type[np.generic], form: str, values: list[float]
) -> None:
    samples = np.array([values], dtype=kind)
    assert mixed(frame(samples, form)) == [0.0, 0.5, -1.0]
    assert mixed(frame(samples, f"{form}p")) == [0.0, 0.5, -1.0]


def test_channels_are_averaged_or_one_is_taken() -> None:
    packed = frame(np.array([[0.25, 0.75, 0.5, -0.5]], np.float32), "flt", "stereo")
    planar = frame(np.array([[0.25, 0.5], [0.75, -0.5]], np.float32), "fltp", "stereo")
    for stereo in (packed, planar):
        assert mixed(stereo) == [0.5, 0.0]
        assert mixed(stereo, 0) == [0.25, 0.5]
        assert mixed(stereo, 1) == [0.75, -0.5]
        assert mixed(stereo, 5) == [0.75, -0.5]  # the last one, if the asked for is gone


def test_what_is_not_a_number_is_silence_and_infinity_full_scale() -> None:
    values = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)
    assert mixed(frame(values)) == [0.0, 1.0, -1.0, 0.5]


def test_frames_are_joined_to_a_second_and_the_rest() -> None:
    frames = [TimedFrame(mono(4_000), 0.0 if n == 0 else None, "") for n in range(5)]
    parts = list(mono_parts(frames, Mixer()))
    assert [(len(part.samples), part.start) for part in parts] == [
        (8_000, 0.0),
        (8_000, None),
        (4_000, None),
    ]


def test_a_gap_and_a_change_of_layout_begin_a_part() -> None:
    frames = [
        TimedFrame(mono(100), 0.0, ""),
        TimedFrame(mono(100), None, ""),
        TimedFrame(mono(100), 5.0, "damaged"),
        TimedFrame(mono(100, rate=16_000), None, ""),
    ]
    parts = list(mono_parts(frames, Mixer()))
    assert [(len(part.samples), part.rate, part.start, part.reason) for part in parts] == [
        (200, 8_000, 0.0, ""),
        (100, 8_000, 5.0, "damaged"),
        (100, 16_000, None, ""),
    ]


@given(st.lists(st.integers(0, 5_000), max_size=8), st.sampled_from([8_000, 16_000, 44_100]))
@settings(deadline=None, max_examples=30)
def test_blocks_have_as_many_seconds_as_went_in_and_no_gap(lengths: list[int], rate: int) -> None:
    signal = tone(1, rate)
    parts = [
        (signal[:length], rate, 2.0 if number == 0 else None)
        for number, length in enumerate(lengths)
    ]
    blocks = blocks_of(parts, block_seconds=0.1)
    assert sum(len(block.samples) for block in blocks) == round(
        sum(min(length, rate) for length in lengths) * SAMPLE_RATE / rate
    )
    if blocks:
        assert blocks[0].start == 2.0
    for before, after in pairwise(blocks):
        assert after.start == pytest.approx(before.end, abs=1e-9)


def test_parts_are_resampled_as_one_signal() -> None:
    signal = tone(1, 44_100)
    whole = blocks_of([(signal, 44_100, 0.0)])
    cut = blocks_of([(signal[:9_999], 44_100, 0.0), (signal[9_999:], 44_100, None)])
    np.testing.assert_allclose(
        np.concatenate([block.samples for block in cut]), whole[0].samples, atol=1e-6
    )


def test_a_jump_in_time_begins_a_block_at_its_place() -> None:
    signal = tone(1, 8_000)
    first, second = blocks_of([(signal, 8_000, 0.0), (signal, 8_000, 5.5)])
    assert (first.start, len(first.samples)) == (0.0, SAMPLE_RATE)
    assert (second.start, len(second.samples)) == (5.5, SAMPLE_RATE)


def test_another_rate_goes_on_where_the_last_one_ended() -> None:
    first, second = blocks_of([(tone(1, 8_000), 8_000, 1.0), (tone(1, 44_100), 44_100, None)])
    assert second.start == first.end == 2.0
    assert len(second.samples) == SAMPLE_RATE


def test_what_is_louder_than_full_scale_is_clipped() -> None:
    (block,) = blocks_of([(tone(1, SAMPLE_RATE, level=2.0), SAMPLE_RATE, 0.0)])
    assert (block.samples.min(), block.samples.max()) == (-1.0, 1.0)


def test_nothing_makes_no_block() -> None:
    assert blocks_of([]) == []
