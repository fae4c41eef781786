from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.transcribe.pipeline.word_times import MIN_WORD_SECONDS, spread_words
from parakeet_cli.transcript import Segment, Word


def segment(*times: tuple[float, float]) -> Segment:
    words = tuple(Word(start, end, f"w{number}") for number, (start, end) in enumerate(times))
    return Segment(0.0, 0.0, " ".join(word.text for word in words), words)


def times(*segments: Segment, duration: float | None = None) -> list[tuple[float, float]]:
    return [
        (round(word.start, 3), round(word.end, 3))
        for one in spread_words(segments, duration)
        for word in one.words
    ]


def test_words_with_time_enough_are_left_alone() -> None:
    spoken = [(0.1, 0.5), (0.5, 0.9), (2.0, 2.4)]
    assert times(segment(*spoken), duration=3.0) == spoken


def test_a_word_without_time_is_prolonged_into_the_silence_after_it() -> None:
    assert times(segment((1.0, 1.0), (2.0, 2.4))) == [(1.0, 1.021), (2.0, 2.4)]


def test_where_no_silence_follows_the_next_word_waits() -> None:
    assert times(segment((1.0, 1.0), (1.0, 1.0)), segment((1.0, 1.5))) == [
        (1.0, 1.021),
        (1.021, 1.042),
        (1.042, 1.5),
    ]


def test_an_overlapping_word_ends_where_the_next_begins() -> None:
    assert times(segment((1.0, 1.9), (1.5, 2.0))) == [(1.0, 1.5), (1.5, 2.0)]


def test_words_behind_the_end_are_moved_before_it() -> None:
    assert times(segment((1.0, 2.99), (3.01, 3.05)), duration=3.0) == [(1.0, 2.979), (2.979, 3.0)]


def test_a_segment_spans_its_words_and_one_without_words_is_left_alone() -> None:
    bare = Segment(5.0, 6.0, "no words")
    first, second = spread_words((segment((1.0, 1.0)), bare), 9.0)
    assert (first.start, round(first.end, 3)) == (1.0, 1.021)
    assert second == bare


ANY = st.floats(0, 12) | st.sampled_from([math.nan, math.inf, -1.0])


@given(
    st.lists(st.lists(st.tuples(ANY, ANY), max_size=8), max_size=6),
    st.none() | st.floats(2.0, 10.0),
)
def test_all_words_have_their_time_inside_the_recording_in_order(
    given_times: list[list[tuple[float, float]]], duration: float | None
) -> None:
    segments = [segment(*words) for words in given_times]
    found = spread_words(segments, duration)
    words = [word for one in found for word in one.words]
    assert [word.text for word in words] == [word.text for one in segments for word in one.words]
    clock = 0.0
    for word in words:
        assert word.start >= clock - 1e-9
        assert round(word.end, 3) - round(word.start, 3) >= 0.02 - 1e-9
        clock = word.end
    assert duration is None or clock <= duration + 1e-9


@pytest.mark.parametrize("duration", [0.0, 0.05])
def test_more_words_than_there_is_time_for_share_it(duration: float) -> None:
    found = times(segment(*[(0.04, 0.04)] * 10), duration=duration)
    assert found[-1][1] <= duration
    assert [start for start, _ in found] == sorted(start for start, _ in found)
    assert MIN_WORD_SECONDS > 0.02
