from __future__ import annotations

from parakeet_cli.formats import FORMATS
from parakeet_cli.transcript import Segment
from tests.unit.formats.spoken import make


def test_times_are_milliseconds_and_the_text_has_no_tab() -> None:
    tsv = FORMATS["tsv"].render(make(Segment(0.0604, 2.5, "one\ttwo\nthree")))
    assert tsv == "start\tend\ttext\n60\t2500\tone two three\n"


def test_a_transcript_without_speech_has_the_header_alone() -> None:
    assert FORMATS["tsv"].render(make()) == "start\tend\ttext\n"
