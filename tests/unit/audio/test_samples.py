from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.audio.samples import SAMPLE_RATE, Block, Span, to_float, to_pcm

RAMP = np.linspace(0, 1, SAMPLE_RATE, endpoint=False, dtype=np.float32)


@pytest.mark.parametrize(
    ("span", "start", "first", "count"),
    [
        (Span(), 10.0, 0.0, 16_000),
        (Span(9.0, 12.0), 10.0, 0.0, 16_000),
        (Span(10.25), 10.25, 0.25, 12_000),
        (Span(0.0, 10.5), 10.0, 0.0, 8_000),
        (Span(10.25, 10.5), 10.25, 0.25, 4_000),
    ],
)
def test_a_span_cuts_a_block_at_its_place(
    span: Span, start: float, first: float, count: int
) -> None:
    cut = span.cut(Block(RAMP, 10.0))
    assert cut is not None
    assert (cut.start, cut.samples[0], len(cut.samples)) == (start, first, count)
    assert cut.end == start + count / SAMPLE_RATE


@pytest.mark.parametrize("span", [Span(11.0), Span(0.0, 10.0), Span(10.5, 10.5), Span(12.0, 13.0)])
def test_a_block_outside_the_span_is_left_out(span: Span) -> None:
    assert span.cut(Block(RAMP, 10.0)) is None


def test_float_samples_are_rounded_and_clipped_to_sixteen_bits() -> None:
    samples = np.array([0.0, 0.5, 1.0, -1.0, 2.0, -2.0, 1.6 / 32768], np.float32)
    assert to_pcm(samples).tolist() == [0, 16384, 32767, -32768, 32767, -32768, 2]


@given(st.lists(st.integers(-32768, 32767)))
def test_sixteen_bits_survive_the_way_to_float_and_back(values: list[int]) -> None:
    pcm = np.array(values, np.int16)
    assert to_pcm(to_float(pcm)).tolist() == values
