from __future__ import annotations

from parakeet_cli.formats import FORMATS
from parakeet_cli.transcript import Segment
from tests.unit.formats.spoken import make


def test_times_are_milliseconds_and_the_text_has_no_tab() -> None:
    tsv = FORMATS["tsv"].render(make(Segment(0.0604, 2.5, "one\ttwo\nthree")))
    assert tsv == "start\tend\ttext\n60\t2500\tone two three\n"


def test_no_cell_is_a_formula_and_ordinary_text_is_as_it_was_said() -> None:
    formulas = ["=1+1", "@SUM(A1)", "+cmd|'/c calc'!A0", "-2+cmd|'/c calc'!A0", "-sum(a1)"]
    texts = ["- No. - Yes!", "-3", "+1,5", "3 - 2 = 1", "a=b"]
    spoken = make(*(Segment(0, 1, text) for text in (*formulas, *texts)))
    lines = FORMATS["tsv"].render(spoken).splitlines()[1:]
    assert [line.split("\t")[2] for line in lines] == [*(f" {text}" for text in formulas), *texts]


def test_a_speaker_s_name_is_no_formula_either() -> None:
    tsv = FORMATS["tsv"].render(make(Segment(0, 1, "Yes.", speaker="=HYPERLINK(A1)")))
    assert tsv.splitlines()[1] == "0\t1000\tYes.\t =HYPERLINK(A1)"


def test_a_transcript_without_speech_has_the_header_alone() -> None:
    assert FORMATS["tsv"].render(make()) == "start\tend\ttext\n"
