from __future__ import annotations

from parakeet_cli.formats import FORMATS
from parakeet_cli.transcript import Segment, Word
from tests.unit.formats.spoken import make, speak


def test_there_is_one_line_for_each_segment() -> None:
    first, second = speak("Good  morning.\n"), speak("Good night.", start=3.0)
    assert FORMATS["txt"].render(make(first, second)) == "Good morning.\nGood night.\n"


def test_a_segment_without_text_gets_that_of_its_words() -> None:
    segment = Segment(0.0, 1.0, "", (Word(0.0, 0.5, "Good"), Word(0.5, 1.0, "day.")))
    assert FORMATS["txt"].render(make(segment)) == "Good day.\n"


def test_a_transcript_without_speech_is_an_empty_file() -> None:
    assert FORMATS["txt"].render(make()) == ""
