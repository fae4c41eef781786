from __future__ import annotations

import pytest

from parakeet_cli.formats import FORMATS, FormatOptions
from parakeet_cli.transcript import Segment, Word
from tests.unit.formats.spoken import make, speak


def test_cues_are_numbered_from_one_and_followed_by_a_blank_line() -> None:
    first, second = speak("Good morning.", start=1.0), speak("Good night.", start=9.0)
    lines = FORMATS["srt"].render(make(first, second)).split("\n")
    assert lines[0] == "1"
    assert lines[1].startswith("00:00:01,000 --> 00:00:0")
    assert lines[2:5] == ["Good morning.", "", "2"]
    assert lines[5].startswith("00:00:09,000 --> ")
    assert lines[6:] == ["Good night.", "", ""]


def test_the_text_never_contains_an_arrow_or_a_blank_line() -> None:
    srt = FORMATS["srt"].render(make(Segment(0.0, 3.0, "one\n\n---> two\r\n\r\nthree\x00")))
    assert srt.split("\n")[2:] == ["one -> two three", "", ""]


def test_hours_above_ninety_nine_have_three_digits() -> None:
    srt = FORMATS["srt"].render(
        make(Segment(360_000.0, 360_002.0, "Still here, after all this time."))
    )
    assert srt.split("\n")[1] == "100:00:00,000 --> 100:00:02,000"


def test_the_spoken_word_is_underlined_on_request() -> None:
    words = (Word(0.0, 0.5, "Good"), Word(0.6, 2.0, "day."))
    srt = FORMATS["srt"].render(
        make(Segment(0.0, 2.0, "Good day.", words), duration=2.0),
        FormatOptions(highlight_words=True),
    )
    assert srt == (
        "1\n00:00:00,000 --> 00:00:00,600\n<u>Good</u> day.\n\n"
        "2\n00:00:00,600 --> 00:00:02,000\nGood <u>day.</u>\n\n"
    )


def test_a_transcript_without_speech_is_an_empty_file() -> None:
    assert FORMATS["srt"].render(make()) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<font color=red> </font>", "‹font color=red› ‹/font›"),
        (r"{\an8}up", r"(\an8}up"),
        ("{y:i}slanted", "(y:i}slanted"),
        ("1 <2 and {3}", "1 <2 and {3}"),
    ],
)
def test_what_a_player_would_take_for_markup_has_other_brackets(text: str, shown: str) -> None:
    srt = FORMATS["srt"].render(make(Segment(0.0, 3.0, text)))
    assert srt.split("\n")[2] == shown
