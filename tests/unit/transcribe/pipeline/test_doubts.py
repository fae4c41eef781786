from __future__ import annotations

import pytest

from parakeet_cli.transcribe.pipeline.doubts import doubts_of
from parakeet_cli.transcript import Doubt, Segment, Word
from tests.unit.formats.spoken import SENSE, speak


def kinds(*segments: Segment) -> list[str]:
    return [doubt.kind for doubt in doubts_of((), segments)]


def test_ordinary_speech_leaves_no_doubt() -> None:
    assert kinds(speak(SENSE)) == []
    assert kinds() == []


@pytest.mark.parametrize(
    "text",
    [
        "no no no no no no, I said",
        "ten of clubs ten of clubs ten of clubs ten of clubs ten of clubs",
        "one two three four five six seven eight nine ten " * 5,
        "Hahahahahaha!",
        "Zzzzzzzz, brrrr, aaaargh",
    ],
)
def test_what_people_repeat_is_not_doubted(text: str) -> None:
    assert kinds(speak(text)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("And so " + "thank you very much. " * 8, "thank you very much."),
        ("I " + "love you, " * 10, "love you,"),
        ("no " * 30, "no"),
        ("And show it, the " + "b" * 22, "b"),
        ("well " + "ha" * 40, "ha"),
    ],
)
def test_text_that_runs_in_a_circle_is_doubted_where_it_does(text: str, said: str) -> None:
    segment = speak(text)
    (doubt,) = doubts_of((), [segment])
    assert doubt.kind == "repetition"
    assert f"“{said}”" in doubt.reason
    assert doubt.end == segment.words[-1].end
    first = next(word for word in segment.words if word.text.startswith(said.split()[0]))
    assert doubt.start == first.start


def test_a_circle_over_many_segments_is_one_doubt() -> None:
    segments = [speak("Thank you for watching.", start=float(at)) for at in range(1, 40, 2)]
    (doubt,) = doubts_of((), segments)
    assert (doubt.kind, doubt.start) == ("repetition", 1.0)


def test_low_confidence_throughout_is_doubted() -> None:
    assert kinds(speak("What was said here is not clear.", confidence=0.2)) == ["low-confidence"]
    assert kinds(speak("What was said here is clear.", confidence=0.6)) == []
    assert kinds(speak("Good day.", confidence=0.1)) == []
    assert kinds(speak("What was said here is unknown.", confidence=None)) == []


def test_some_words_of_low_confidence_are_not_doubted() -> None:
    sure, unsure = speak("Here is much that is clear."), speak("And this not.", confidence=0.1)
    assert kinds(sure, unsure) == []


def test_a_text_without_word_times_is_judged_by_its_segments() -> None:
    assert kinds(Segment(0.0, 9.0, "a long and uncertain text", (), 0.1)) == ["low-confidence"]
    assert kinds(Segment(0.0, 9.0, "la " * 20)) == ["repetition"]


def test_times_that_are_not_numbers_break_nothing() -> None:
    nan = float("nan")
    assert kinds(Segment(nan, nan, "x", (Word(nan, nan, "x", nan),) * 5)) == []


def test_doubts_of_one_kind_that_follow_each_other_are_one() -> None:
    parts = [
        Doubt("language", at * 30.0, at * 30.0 + 29.0, "it sounds like French") for at in (0, 1, 2)
    ]
    later = Doubt("language", 500.0, 510.0, "it sounds like French")
    other = Doubt("levels", 0.0, 90.0, "it is too loud")
    assert doubts_of((later, *parts, other), ()) == (
        Doubt("language", 0.0, 89.0, "it sounds like French"),
        other,
        later,
    )
