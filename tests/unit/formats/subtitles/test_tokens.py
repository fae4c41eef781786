from __future__ import annotations

import pytest
from hypothesis import given, settings

from parakeet_cli.formats.subtitles.tokens import spaced_words, subtitle_tokens
from parakeet_cli.transcript import Segment, Transcript, Word
from tests.unit.formats.random_transcripts import transcripts
from tests.unit.formats.spoken import speak


def test_words_that_the_engine_cut_are_joined_again() -> None:
    words = (
        Word(0.0, 0.2, "I"),
        Word(0.2, 0.4, "don"),
        Word(0.4, 0.5, "'t"),
        Word(0.5, 0.9, "know."),
    )
    tokens = list(subtitle_tokens([Segment(0.0, 0.9, "I don't know.", words)]))
    assert [token.text for token in tokens] == ["I", "don't", "know."]
    assert (tokens[1].start, tokens[1].end) == (0.2, 0.5)


def test_the_first_token_of_each_segment_opens_it() -> None:
    tokens = subtitle_tokens([speak("Good day."), speak("Good night.", start=3.0)])
    assert [(token.text, token.opens) for token in tokens] == [
        ("Good", True),
        ("day.", False),
        ("Good", True),
        ("night.", False),
    ]


def test_a_word_without_spaces_is_cut_where_its_script_allows_and_its_time_is_divided() -> None:
    segment = Segment(0.0, 1.2, "今天。", (Word(0.0, 1.2, "今天。"),))
    tokens = list(subtitle_tokens([segment]))
    assert [token.text for token in tokens] == ["今", "天。"]
    assert {token.word for token in tokens} == {0}
    # By their widths, 2 and 4 columns, and one for what follows each.
    assert [token.start for token in tokens] == pytest.approx([0.0, 0.45])
    assert [token.end for token in tokens] == pytest.approx([0.45, 1.2])
    assert not tokens[1].spaced


def test_the_segment_s_text_decides_where_spaces_are() -> None:
    words = (Word(0.0, 0.1, "twenty"), Word(0.1, 0.2, "-"), Word(0.2, 0.3, "two"))
    segment = Segment(0.0, 0.3, "twenty- two", words)
    assert [(word.text, spaced) for word, spaced in spaced_words(segment)] == [
        ("twenty", False),
        ("-", False),
        ("two", True),
    ]


def test_a_word_that_the_text_lacks_gets_a_space_unless_its_script_has_none() -> None:
    latin = Segment(0.0, 1.0, "-", (Word(0.0, 0.5, "good"), Word(0.5, 1.0, "day")))
    chinese = Segment(0.0, 1.0, "-", (Word(0.0, 0.5, "今"), Word(0.5, 1.0, "天")))
    assert [token.spaced for token in subtitle_tokens([latin])] == [True, True]
    assert [token.spaced for token in subtitle_tokens([chinese])] == [True, False]


@given(transcripts())
@settings(deadline=None, max_examples=60)
def test_tokens_never_go_backwards(transcript: Transcript) -> None:
    clock = 0.0
    for token in subtitle_tokens(transcript.segments):
        assert clock <= token.start <= token.end
        clock = token.start
