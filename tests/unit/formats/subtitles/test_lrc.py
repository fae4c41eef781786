from __future__ import annotations

import re

from parakeet_cli.formats import FORMATS, FormatOptions
from parakeet_cli.transcript import Segment
from tests.unit.formats.spoken import SENSE, make, speak

LINE = re.compile(r"\[(\d{2,}):(\d\d\.\d\d)\](.*)")


def lines(text: str) -> list[tuple[float, str]]:
    """(seconds, text) of each line, by what players document of the format."""
    found = [LINE.fullmatch(line) for line in text.splitlines()[1:]]
    return [(60 * int(line[1]) + float(line[2]), line[3]) for line in found if line]


def test_each_line_has_its_start_and_all_the_words_are_there() -> None:
    text = FORMATS["lrc"].render(make(speak(SENSE)))
    assert text.startswith("[length:00:")
    assert len(lines(text)) == len(text.splitlines()) - 1
    starts = [start for start, _ in lines(text)]
    assert starts == sorted(starts)
    assert " ".join(line for _, line in lines(text)) == SENSE
    assert max(len(line) for _, line in lines(text)) <= 42


def test_a_long_silence_takes_the_line_away() -> None:
    text = FORMATS["lrc"].render(make(Segment(1, 2, "One."), Segment(70, 71, "Two.")))
    assert [line for _, line in lines(text)] == ["One.", "", "Two."]
    assert text.splitlines()[-1] == "[01:10.00]Two."


def test_hours_are_minutes() -> None:
    text = FORMATS["lrc"].render(make(Segment(7200, 7201, "Late.")))
    assert "[120:00.00]Late." in text


def test_highlighted_words_have_times_of_their_own() -> None:
    transcript = make(speak("Good morning."))
    text = FORMATS["lrc"].render(transcript, FormatOptions(highlight_words=True))
    assert text.splitlines()[1] == "[00:00.50]<00:00.50>Good <00:00.82>morning.<00:01.34>"


def test_text_never_looks_like_a_tag() -> None:
    transcript = make(Segment(0, 1, "[00:59.00] no [by:me] <00:01.00> [sic] <b>"))
    text = FORMATS["lrc"].render(transcript)
    assert text.splitlines()[1] == "[00:00.00](00:59.00] no (by:me] (00:01.00> [sic] <b>"


def test_a_transcript_without_speech_has_no_line() -> None:
    assert FORMATS["lrc"].render(make()) == ""
