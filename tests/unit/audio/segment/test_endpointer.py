"""Utterances begin early, end after a silence, and are cut without loss if they get too long."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from parakeet_cli.audio.segment.endpointer import (
    Endpointer,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechState,
    Timing,
    UtteranceEnded,
)
from parakeet_cli.audio.segment.frames import FRAME

SECOND = 31.25  # frames


def frames(*parts: tuple[float, float]) -> list[float]:
    """Parts of (seconds, probability) to a probability per frame."""
    return [value for seconds, value in parts for _ in range(round(seconds * SECOND))]


def events(probabilities: list[float], timing: Timing = Timing()) -> list[SpeechEvent]:  # noqa: B008
    endpointer = Endpointer(timing)
    found = [event for value in probabilities for event in endpointer.feed(value, value)]
    return found + endpointer.finish()


def seconds(samples: int) -> float:
    return samples / 16_000


def ended(found: list[SpeechEvent]) -> list[UtteranceEnded]:
    return [event for event in found if isinstance(event, UtteranceEnded)]


def test_an_utterance_begins_a_second_early_and_ends_after_the_silence() -> None:
    found = events(frames((3, 0.01), (2, 0.9), (2, 0.01)))
    assert [type(event) for event in found] == [SpeechStarted, SpeechPaused, UtteranceEnded]
    (end,) = ended(found)
    assert seconds(end.speech) == pytest.approx(3, abs=0.04)
    assert 1.0 <= seconds(end.speech - end.first) < 1.1
    assert seconds(end.speech_end) == pytest.approx(5, abs=0.04)
    assert 0.2 < seconds(end.last - end.speech_end) < 0.4


def test_speech_at_the_very_beginning_is_whole() -> None:
    (end,) = ended(events(frames((1, 0.9), (1, 0.0))))
    assert (end.first, end.speech) == (0, 0)


def test_a_pause_is_reported_at_once_and_withdrawn_when_speech_resumes() -> None:
    found = events(frames((1, 0.9), (0.4, 0.0), (1, 0.9), (1, 0.0)))
    assert [type(event) for event in found] == [
        SpeechStarted,
        SpeechPaused,
        SpeechResumed,
        SpeechPaused,
        UtteranceEnded,
    ]
    paused = next(event for event in found if isinstance(event, SpeechPaused))
    assert 0.09 <= seconds(paused.last - paused.speech_end) <= 0.13


def test_max_silence_decides_what_is_one_utterance() -> None:
    talk = frames((1, 0.9), (0.8, 0.0), (1, 0.9), (3, 0.0))
    assert len(ended(events(talk, Timing(max_silence=0.6)))) == 2
    assert len(ended(events(talk, Timing(max_silence=1.0)))) == 1


def test_between_the_thresholds_speech_continues_but_does_not_begin() -> None:
    assert events(frames((5, 0.4))) == []
    assert len(ended(events(frames((1, 0.9), (2, 0.4), (1, 0.9), (1, 0.0))))) == 1


@pytest.mark.parametrize("length", [1, 2])
def test_a_click_begins_nothing(length: int) -> None:
    assert events([0.0] * 30 + [0.99] * length + [0.0] * 60) == []


def test_speech_at_the_end_of_the_stream_is_an_utterance() -> None:
    (end,) = ended(events(frames((1, 0.0), (2, 0.9))))
    assert seconds(end.last) == pytest.approx(3, abs=0.04)


def test_long_speech_is_cut_in_its_longest_late_pause_and_nothing_is_lost() -> None:
    talk = frames((23, 0.9), (0.3, 0.1), (3, 0.9), (0.2, 0.1), (10, 0.9), (1, 0.0))
    found = events(talk)
    first, second = ended(found)
    assert seconds(first.last) == pytest.approx(23.15, abs=0.05)
    assert found[found.index(first) + 1] == SpeechStarted(first.last, first.last, goes_on=True)
    assert found[-1] == second
    assert first.overlap == 0
    assert second.first == first.last


def test_speech_without_a_pause_is_cut_with_an_overlap() -> None:
    first, second = ended(events(frames((22, 0.9), (0.1, 0.6), (15, 0.9), (1, 0.0))))
    assert seconds(first.overlap) == pytest.approx(3, abs=0.1)
    assert second.first == first.last - first.overlap
    assert second.first < 22 * 16_000 < first.last


def test_unbroken_speech_is_settled_at_its_pauses_with_an_overlap() -> None:
    words = frames((1, 0.0), *[(2.5, 0.9), (0.25, 0.1)] * 10, (1, 0.0))
    found = ended(events(words, Timing(settle_seconds=7.0)))
    assert len(found) >= 4
    for before, after in pairwise(found):
        assert before.goes_on
        assert after.last - before.last <= 8 * 16_000
        assert after.first == before.last - before.overlap
        seam = seconds(before.last - before.overlap // 2) - 1.0
        assert 2.5 <= seam % 2.75 <= 2.75
    assert not found[-1].goes_on


def test_speech_that_pauses_when_it_is_to_be_settled_ends_there_or_goes_on_uncut() -> None:
    timing = Timing(max_silence=3.0, settle_seconds=7.0)
    first, _ = ended(events(frames((6.9, 0.9), (1.2, 0.0), (2, 0.9), (4, 0.0)), timing))
    assert (first.overlap, first.goes_on) == (0, False)
    short = ended(events(frames((6.9, 0.9), (0.4, 0.0), (1, 0.9), (4, 0.0)), timing))
    assert [end.goes_on for end in short] == [True, False]


@pytest.mark.parametrize("seed", range(200))
def test_utterances_are_in_order_and_contain_all_speech(seed: int) -> None:
    rng = random.Random(seed)
    talk = [
        value
        for _ in range(rng.randrange(1, 60))
        for value in [rng.choice((0.0, 0.2, 0.4, 0.6, 0.95))] * rng.randrange(1, 200)
    ]
    longest = rng.choice((5.0, 10.0, 30.0))
    timing = Timing(rng.uniform(0.1, 2.0), longest, rng.choice((3.0, 7.0, math.inf)))
    found = ended(events(talk, timing))
    for before, after in pairwise(found):
        assert after.first == before.last - before.overlap or after.first > before.last
        assert after.first >= before.last or before.overlap
    for end in found:
        assert end.first <= end.speech <= end.speech_end <= end.last
        assert end.last - end.first <= timing.max_seconds * 16_000 + 8 * FRAME
    covered = [(end.first // FRAME, end.last // FRAME) for end in found]
    run = 0
    for number, value in enumerate(talk):
        run = run + 1 if value >= 0.6 else 0
        if run >= 3:  # certainly speech
            assert any(first <= number < last for first, last in covered)


def test_after_a_jump_no_utterance_reaches_back_before_it() -> None:
    endpointer = Endpointer(Timing())
    for value in frames((1, 0.9)):
        endpointer.feed(value, value)
    assert ended(endpointer.finish())
    assert endpointer.state is SpeechState.SILENCE
    endpointer.jump(1_000_000)
    found = [event for value in frames((1, 0.9)) for event in endpointer.feed(value, value)]
    assert found == [SpeechStarted(1_000_000, 1_000_000)]
