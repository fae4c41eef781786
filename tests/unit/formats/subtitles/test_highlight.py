from __future__ import annotations

from hypothesis import given, settings

from parakeet_cli.formats import FORMATS, FormatOptions
from parakeet_cli.formats.subtitles.cues import cues
from parakeet_cli.formats.subtitles.highlight import word_by_word
from parakeet_cli.transcript import Segment, Transcript, Word
from tests.unit.formats.random_transcripts import transcripts
from tests.unit.formats.spoken import make


def test_one_word_at_a_time_is_underlined() -> None:
    words = (Word(0.0, 0.5, "Good"), Word(0.6, 1.0, "day"), Word(1.6, 2.0, "sir."))
    transcript = make(Segment(0.0, 2.0, "Good day sir.", words), duration=2.0)
    assert list(word_by_word(cues(transcript, FormatOptions()), str)) == [
        (0, 600, "<u>Good</u> day sir."),
        (600, 1000, "Good <u>day</u> sir."),
        (1000, 1600, "Good day sir."),
        (1600, 2000, "Good day <u>sir.</u>"),
    ]


def test_the_markup_of_the_text_is_escaped_and_the_underline_is_not() -> None:
    transcript = make(Segment(0.0, 2.0, "a<b", (Word(0.0, 2.0, "a<b"),)), duration=2.0)
    shown = word_by_word(cues(transcript, FormatOptions()), lambda text: text.replace("<", "&lt;"))
    assert list(shown) == [(0, 2000, "<u>a&lt;b</u>")]


@given(transcripts())
@settings(deadline=None, max_examples=60)
def test_highlighted_cues_follow_each_other_without_overlap(transcript: Transcript) -> None:
    vtt = FORMATS["vtt"].render(transcript, FormatOptions(highlight_words=True))
    clock = ""
    for line in vtt.split("\n"):
        if " --> " in line:
            start, end = line.split(" --> ")
            assert clock <= start < end
            clock = end
