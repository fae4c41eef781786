from __future__ import annotations

import csv
from io import StringIO

from parakeet_cli.formats import FORMATS
from parakeet_cli.transcript import Segment
from tests.unit.formats.spoken import make


def rows(*texts: str) -> list[list[str]]:
    segments = [Segment(at, at + 0.5, text) for at, text in enumerate(texts)]
    return list(csv.reader(StringIO(FORMATS["csv"].render(make(*segments)))))


def test_times_are_milliseconds_and_the_text_is_one_line() -> None:
    text = FORMATS["csv"].render(make(Segment(0.0604, 2.5, "one\ttwo\nthree")))
    assert text == "start,end,text\n60,2500,one two three\n"


def test_commas_quotes_and_letters_are_read_back() -> None:
    texts = ['"No," she said, "3,5 %."', "東京, naïve", "a;b"]
    assert [row[2] for row in rows(*texts)[1:]] == texts


def test_no_cell_is_a_formula_for_a_spreadsheet() -> None:
    program = "cmd|'/c calc'!A0"
    formulas = ["=1+1", "@SUM(A1)", f"+{program}", "-cmd", f"-2+3+{program}", "\uff1d1+1"]
    texts = ["-3", "+1,5", "3 - 2 = 1", "No; yes"]
    assert [row[2] for row in rows(*formulas, *texts)[1:]] == [
        *(f" {text}" for text in formulas),
        *texts,
    ]


def test_no_cell_is_a_formula_where_semicolons_end_cells_either() -> None:
    (row,) = rows("Well;=cmd|'/c calc'!A0;-1;x")[1:]
    assert row[2] == "Well; =cmd|'/c calc'!A0; -1;x"


def test_a_transcript_without_speech_has_the_header_alone() -> None:
    assert FORMATS["csv"].render(make()) == "start,end,text\n"
