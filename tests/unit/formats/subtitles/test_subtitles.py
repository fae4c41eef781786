from __future__ import annotations

from collections.abc import Callable

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.formats import FORMATS, FormatOptions
from parakeet_cli.transcript import Segment, Word
from tests.unit.formats.spoken import SENSE, make, speak


def texts(srt: str) -> list[str]:
    """The text of each cue of a SubRip file."""
    return ["\n".join(cue.split("\n")[2:]) for cue in srt.strip().split("\n\n") if cue]


def times(srt: str) -> list[str]:
    return [line for line in srt.split("\n") if " --> " in line]


def test_cues_break_where_a_reader_pauses() -> None:
    assert texts(FORMATS["srt"].render(make(speak(SENSE)))) == [
        "And mister John Dashwood had then leisure",
        "to consider how much there might prudently\nbe in his power to do for them.",
        "He was not an ill-disposed young man,",
        "unless to be rather cold hearted\nand rather selfish is to be ill-disposed.",
    ]


def test_a_long_silence_inside_a_segment_ends_a_cue() -> None:
    words = (Word(0.0, 0.4, "Wait"), Word(9.0, 9.4, "here."))
    srt = FORMATS["srt"].render(make(Segment(0.0, 9.4, "Wait here.", words)))
    assert texts(srt) == ["Wait", "here."]
    assert times(srt)[1].startswith("00:00:09,000")


def test_a_short_word_is_shown_long_enough_to_be_read() -> None:
    srt = FORMATS["srt"].render(
        make(Segment(1.0, 1.2, "No.", (Word(1.0, 1.2, "No."),)), duration=9.0)
    )
    assert times(srt) == ["00:00:01,000 --> 00:00:01,833"]


def test_a_word_longer_than_a_line_gets_a_line_of_its_own() -> None:
    word = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
    assert word in texts(FORMATS["srt"].render(make(speak(f"We went to {word} by train."))))


def test_two_even_lines_are_used_before_a_second_cue() -> None:
    srt = FORMATS["srt"].render(
        make(speak("I should like to see them all again tomorrow morning, I said."))
    )
    (cue,) = texts(srt)
    upper, lower = cue.split("\n")
    assert min(len(upper), len(lower)) > max(len(upper), len(lower)) / 3


def test_the_time_of_a_segment_without_words_is_divided_by_width() -> None:
    srt = FORMATS["srt"].render(make(Segment(0.0, 12.0, SENSE[:142])))
    assert " ".join(texts(srt)).replace("\n", " ") == SENSE[:142].strip()
    assert len(times(srt)) >= 2


def test_chinese_breaks_between_characters_of_two_columns() -> None:
    text = "今天天气很好，我们去公园散步吧。你觉得怎么样？"
    words = tuple(Word(0.2 * i, 0.2 * i + 0.2, char) for i, char in enumerate(text))
    srt = FORMATS["srt"].render(make(Segment(0.0, 5.0, text, words), language="zh"))
    assert texts(srt) == ["今天天气很好，我们去公园散步吧。\n你觉得怎么样？"]


def test_a_closing_mark_never_begins_a_line() -> None:
    srt = FORMATS["srt"].render(
        make(Segment(0.0, 9.0, "あいうえお、かきくけこ。" * 4), language="ja"),
        FormatOptions(max_line_width=10),
    )
    lines = [line for cue in texts(srt) for line in cue.split("\n")]
    assert all(line[0] not in "、。" for line in lines)
    assert "".join(lines) == "あいうえお、かきくけこ。" * 4


def test_words_that_the_engine_cut_are_joined_again() -> None:
    words = (
        Word(0.0, 0.2, "I"),
        Word(0.2, 0.4, "don"),
        Word(0.4, 0.5, "'t"),
        Word(0.5, 0.9, "know."),
    )
    srt = FORMATS["srt"].render(make(Segment(0.0, 0.9, "I don't know.", words)))
    assert texts(srt) == ["I don't know."]


def test_a_joined_emoji_is_not_cut() -> None:
    family = "👨‍👩‍👧"
    srt = FORMATS["srt"].render(
        make(Segment(0.0, 2.0, f"日本{family}語")), FormatOptions(max_line_width=2)
    )
    assert any(family in line for line in srt.split("\n"))


def test_right_to_left_text_keeps_its_order() -> None:
    text = "مرحبا بكم في هذا البرنامج، نتحدث اليوم عن الطقس."
    srt = FORMATS["srt"].render(make(speak(text), language="ar"))
    assert " ".join(texts(srt)).replace("\n", " ") == text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a --> b", "a --&gt; b"),
        ("x < y & z", "x &lt; y &amp; z"),
        ("<i>loud</i>", "&lt;i&gt;loud&lt;/i&gt;"),
    ],
)
def test_webvtt_escapes_markup(said: str, shown: str) -> None:
    vtt = FORMATS["vtt"].render(make(Segment(0.0, 3.0, said)))
    assert vtt == f"WEBVTT\n\n00:00:00.000 --> 00:00:03.000\n{shown}\n\n"


def test_subrip_text_never_contains_an_arrow_or_a_blank_line() -> None:
    srt = FORMATS["srt"].render(make(Segment(0.0, 3.0, "one\n\n---> two\r\n\r\nthree\x00")))
    assert texts(srt) == ["one -> two three"]


def test_highlighting_underlines_one_word_at_a_time() -> None:
    words = (Word(0.0, 0.5, "Good"), Word(0.6, 1.0, "day"), Word(1.6, 2.0, "sir."))
    srt = FORMATS["srt"].render(
        make(Segment(0.0, 2.0, "Good day sir.", words), duration=2.0),
        FormatOptions(highlight_words=True),
    )
    assert texts(srt) == [
        "<u>Good</u> day sir.",
        "Good <u>day</u> sir.",
        "Good day sir.",
        "Good day <u>sir.</u>",
    ]
    assert times(srt) == [
        "00:00:00,000 --> 00:00:00,600",
        "00:00:00,600 --> 00:00:01,000",
        "00:00:01,000 --> 00:00:01,600",
        "00:00:01,600 --> 00:00:02,000",
    ]


def test_a_cue_has_no_more_words_than_asked_for() -> None:
    srt = FORMATS["srt"].render(make(speak(SENSE)), FormatOptions(max_words_per_line=3))
    assert max(len(cue.split()) for cue in texts(srt)) == 3
    assert " ".join(texts(srt)) == SENSE


def test_hours_above_ninety_nine_have_three_digits() -> None:
    srt = FORMATS["srt"].render(
        make(Segment(360_000.0, 360_002.0, "Still here, after all this time."))
    )
    assert times(srt) == ["100:00:00,000 --> 100:00:02,000"]


def test_a_transcript_without_speech_gives_an_empty_but_valid_file() -> None:
    assert FORMATS["srt"].render(make()) == ""
    assert FORMATS["vtt"].render(make()) == "WEBVTT\n\n"


@pytest.mark.parametrize(
    ("make", "option"),
    [
        (lambda: FormatOptions(max_line_width=0), "--max-line-width"),
        (lambda: FormatOptions(max_line_count=0), "--max-line-count"),
        (lambda: FormatOptions(max_words_per_line=-1), "--max-words-per-line"),
    ],
)
def test_options_that_leave_no_room_for_text_are_refused(
    make: Callable[[], FormatOptions], option: str
) -> None:
    with pytest.raises(UsageError, match=option):
        make()
