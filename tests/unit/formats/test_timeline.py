from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings

from parakeet_cli.formats.timeline import in_order
from parakeet_cli.transcript import Segment, Transcript, Word
from tests.unit.formats.random_transcripts import transcripts


def test_words_that_overlap_or_go_backwards_are_put_in_order() -> None:
    words = (Word(1.0, 1.9, "one"), Word(1.5, 1.4, "two"), Word(1.2, 2.0, "three"))
    after = Segment(1.8, 3.0, "four", (Word(1.9, 3.0, "four"),))
    segments = in_order([Segment(1.0, 2.0, "one two three", words), after])
    spans = [(word.start, word.end) for segment in segments for word in segment.words]
    assert spans == [(1.0, 1.5), (1.5, 1.5), (1.5, 1.9), (1.9, 3.0)]


def test_a_segment_spans_its_words_and_begins_after_the_last() -> None:
    first = Segment(1.0, 1.5, "one", (Word(0.5, 2.0, "one"),))
    second = Segment(1.0, 1.2, "two", (Word(3.0, 3.5, "two"),))
    spans = [(segment.start, segment.end) for segment in in_order([first, second])]
    assert spans == [(0.5, 2.0), (2.0, 3.5)]


def test_a_segment_without_text_gets_that_of_its_words() -> None:
    words = (Word(0.0, 1.0, "one"), Word(1.0, 2.0, " "), Word(2.0, 3.0, "two"))
    (segment,) = in_order([Segment(0.0, 3.0, " ", words)])
    assert segment.text == "one two"
    assert [word.text for word in segment.words] == ["one", "two"]


def test_a_segment_without_any_text_is_left_out() -> None:
    silent = Segment(1.0, 2.0, " \n", (Word(1.0, 2.0, " "),))
    assert list(in_order([silent, Segment(2.0, 3.0, "two")])) == [Segment(2.0, 3.0, "two")]


def test_a_time_that_is_not_a_number_is_that_of_the_segment_before() -> None:
    nan = float("nan")
    segments = in_order([Segment(1.0, 2.0, "one"), Segment(nan, nan, "two")])
    assert [(segment.start, segment.end) for segment in segments] == [(1.0, 1.0), (1.0, 1.0)]


@given(transcripts())
@settings(deadline=None, max_examples=60)
def test_segments_and_words_never_overlap_or_go_backwards(transcript: Transcript) -> None:
    segments = list(in_order(transcript.segments))
    for before, after in pairwise(segments):
        assert before.end <= after.start
    words = [word for segment in segments for word in segment.words]
    for first, second in pairwise(words):
        assert first.end <= second.start
    spans = [(segment.start, segment.end) for segment in segments]
    spans += [(word.start, word.end) for word in words]
    assert all(0 <= start <= end for start, end in spans)
