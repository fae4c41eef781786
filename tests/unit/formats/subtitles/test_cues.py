from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from parakeet_cli.formats import FormatOptions
from parakeet_cli.formats.subtitles.cues import CROWDED, LEAST, Cue, cues
from parakeet_cli.formats.subtitles.text_width import clean, width
from parakeet_cli.transcribe.pipeline.word_times import MIN_WORD_SECONDS, spread_words
from parakeet_cli.transcript import Segment, Transcript, Word
from tests.unit.formats.random_transcripts import OPTIONS, transcripts
from tests.unit.formats.spoken import SENSE, make, speak


def shown(
    *segments: Segment,
    options: FormatOptions | None = None,
    language: str = "en",
    duration: float | None = None,
) -> list[Cue]:
    """The cues of these segments."""
    transcript = make(*segments, language=language, duration=duration)
    return list(cues(transcript, options or FormatOptions()))


def texts(found: list[Cue]) -> list[str]:
    return [cue.text for cue in found]


def test_cues_break_where_a_reader_pauses() -> None:
    assert texts(shown(speak(SENSE))) == [
        "And mister John Dashwood had then leisure",
        "to consider how much there might prudently\nbe in his power to do for them.",
        "He was not an ill-disposed young man,",
        "unless to be rather cold hearted\nand rather selfish is to be ill-disposed.",
    ]


def test_a_long_silence_inside_a_segment_ends_a_cue() -> None:
    words = (Word(0.0, 0.4, "Wait"), Word(9.0, 9.4, "here."))
    found = shown(Segment(0.0, 9.4, "Wait here.", words))
    assert texts(found) == ["Wait", "here."]
    assert found[1].start == 9000


def test_a_short_word_is_shown_long_enough_to_be_read() -> None:
    (cue,) = shown(Segment(1.0, 1.2, "No.", (Word(1.0, 1.2, "No."),)), duration=9.0)
    assert (cue.start, cue.end) == (1000, 1833)


def test_a_word_longer_than_a_line_gets_a_line_of_its_own() -> None:
    word = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"
    assert word in texts(shown(speak(f"We went to {word} by train.")))


def test_two_even_lines_are_used_before_a_second_cue() -> None:
    (cue,) = shown(speak("I should like to see them all again tomorrow morning, I said."))
    upper, lower = cue.text.split("\n")
    assert min(len(upper), len(lower)) > max(len(upper), len(lower)) / 3


def test_the_time_of_a_segment_without_words_is_divided_by_width() -> None:
    found = shown(Segment(0.0, 12.0, SENSE[:142]))
    assert " ".join(texts(found)).replace("\n", " ") == SENSE[:142].strip()
    assert len(found) >= 2


def test_chinese_breaks_between_characters_of_two_columns() -> None:
    text = "今天天气很好，我们去公园散步吧。你觉得怎么样？"
    words = tuple(Word(0.2 * i, 0.2 * i + 0.2, char) for i, char in enumerate(text))
    found = shown(Segment(0.0, 5.0, text, words), language="zh")
    assert texts(found) == ["今天天气很好，我们去公园散步吧。\n你觉得怎么样？"]


def test_a_closing_mark_never_begins_a_line() -> None:
    text = "あいうえお、かきくけこ。" * 4
    found = shown(Segment(0.0, 9.0, text), language="ja", options=FormatOptions(max_line_width=10))
    lines = [line for cue in found for line in cue.text.split("\n")]
    assert all(line[0] not in "、。" for line in lines)
    assert "".join(lines) == text


def test_a_joined_emoji_is_not_cut() -> None:
    family = "👨‍👩‍👧"
    found = shown(Segment(0.0, 2.0, f"日本{family}語"), options=FormatOptions(max_line_width=2))
    assert any(family in line for cue in found for line in cue.text.split("\n"))


def test_right_to_left_text_keeps_its_order() -> None:
    text = "مرحبا بكم في هذا البرنامج، نتحدث اليوم عن الطقس."
    assert " ".join(texts(shown(speak(text), language="ar"))).replace("\n", " ") == text


def test_a_cue_has_no_more_words_than_asked_for() -> None:
    found = texts(shown(speak(SENSE), options=FormatOptions(max_words_per_line=3)))
    assert max(len(text.split()) for text in found) == 3
    assert " ".join(found) == SENSE


@given(transcripts(), OPTIONS)
@settings(deadline=None, max_examples=120)
def test_cues_respect_their_options_and_their_order(
    transcript: Transcript, options: FormatOptions
) -> None:
    clock = 0
    for cue in cues(transcript, options):
        assert cue.start >= clock
        length = cue.end - cue.start
        assert round(1000 * CROWDED) <= length <= round(1000 * options.max_cue_seconds)
        crowded = length <= round(1000 * LEAST)
        clock = cue.end + (0 if crowded else round(1000 * options.min_gap))
        assert 1 <= len(cue.lines) <= options.max_line_count
        assert all(line for line in cue.lines)
        alone = len(cue.tokens) == 1
        for line in cue.text.split("\n"):
            assert line.strip()
            assert alone or width(line) <= options.max_line_width
        if options.max_words_per_line is not None:
            assert len({token.word for token in cue.tokens}) <= options.max_words_per_line


@given(transcripts(), OPTIONS, st.floats(0.5, 20.0))
@settings(deadline=None, max_examples=120)
def test_no_cue_goes_beyond_the_end_of_the_recording(
    transcript: Transcript, options: FormatOptions, duration: float
) -> None:
    """Of words that lie inside it, as a transcription's do."""
    segments = spread_words([segment for segment in transcript.segments if segment.words], duration)
    words = sum(len(segment.words) for segment in segments)
    if words * MIN_WORD_SECONDS > duration:
        return
    source = replace(transcript.source, duration=duration)
    inside = replace(transcript, source=source, segments=segments)
    assert all(cue.end <= round(1000 * duration) for cue in cues(inside, options))


@given(transcripts(), OPTIONS)
@settings(deadline=None, max_examples=120)
def test_every_word_is_shown_exactly_once_and_in_order(
    transcript: Transcript, options: FormatOptions
) -> None:
    said = ""
    for segment in transcript.segments:
        words = [word.text for word in segment.words]
        said += "".join(words) if any(map(str.strip, words)) else segment.text
    displayed = "".join(token.text for cue in cues(transcript, options) for token in cue.tokens)
    assert displayed == clean(said).replace(" ", "")
