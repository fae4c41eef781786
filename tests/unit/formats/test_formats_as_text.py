from __future__ import annotations

import json
import math
from typing import Any

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.formats import FORMATS, FormatOptions, encode, expand_formats
from parakeet_cli.transcript import LostInterval, Segment, Transcript, Word
from tests.unit.formats.spoken import SENSE, make, speak


def loaded(transcript: Transcript) -> dict[str, Any]:
    """The JSON, parsed strictly: NaN and Infinity are not JSON."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    data = encode(FORMATS["json"].render(transcript))
    value = json.loads(data, parse_constant=refuse)
    assert isinstance(value, dict)
    return value


def test_txt_has_one_line_for_each_segment() -> None:
    first, second = speak("Good  morning.\n"), speak("Good night.", start=3.0)
    assert FORMATS["txt"].render(make(first, second)) == "Good morning.\nGood night.\n"


def test_a_segment_without_text_gets_that_of_its_words() -> None:
    segment = Segment(0.0, 1.0, "", (Word(0.0, 0.5, "Good"), Word(0.5, 1.0, "day.")))
    assert FORMATS["txt"].render(make(segment)) == "Good day.\n"


def test_tsv_has_milliseconds_and_no_tab_in_its_text() -> None:
    tsv = FORMATS["tsv"].render(make(Segment(0.0604, 2.5, "one\ttwo\nthree")))
    assert tsv == "start\tend\ttext\n60\t2500\tone two three\n"


def test_json_has_everything_in_the_order_of_its_schema() -> None:
    segment = speak("Good day.", confidence=0.87654)
    lost = (LostInterval(2.0, 2.5, "3 damaged packets"),)
    assert list(loaded(make(segment, lost=lost, duration=4.0)).items()) == [
        ("schema", "parakeet.transcript/1"),
        ("source", {"path": "clip.wav", "duration": 4.0, "sample_rate": 16000, "channels": 1}),
        (
            "accounting",
            {
                "expected_seconds": 4.0,
                "expected_basis": "exact",
                "decoded_seconds": 3.5,
                "lost_seconds": 0.5,
                "lost": [{"start": 2.0, "end": 2.5, "reason": "3 damaged packets"}],
                "damaged_packets": 1,
            },
        ),
        ("engine", {"name": "whisper", "model": "tiny.en", "device": "cpu", "version": "1.2.1"}),
        ("language", "en"),
        ("status", "partial"),
        ("text", "Good day."),
        (
            "segments",
            [
                {
                    "id": 0,
                    "start": 0.5,
                    "end": 1.12,
                    "text": "Good day.",
                    "confidence": 0.877,
                    "words": [
                        {"word": "Good", "start": 0.5, "end": 0.8, "confidence": 0.877},
                        {"word": "day.", "start": 0.82, "end": 1.12, "confidence": 0.877},
                    ],
                }
            ],
        ),
    ]


def test_a_file_name_that_is_not_unicode_survives_in_json() -> None:
    path = "caf\udce9 \ud83d.wav"
    source = loaded(make(speak("Yes."), path=path))["source"]
    assert source["path"] == path


def test_json_has_null_for_what_is_not_a_number() -> None:
    word = Word(math.nan, math.inf, "Yes.", math.nan)
    (segment,) = loaded(make(Segment(math.nan, math.inf, "Yes.", (word,)), duration=1.0))[
        "segments"
    ]
    assert segment["words"] == [{"word": "Yes.", "start": 0.0, "end": 0.0, "confidence": None}]


def test_words_that_overlap_or_go_backwards_are_put_in_order() -> None:
    words = (Word(1.0, 1.9, "one"), Word(1.5, 1.4, "two"), Word(1.2, 2.0, "three"))
    after = Segment(1.8, 3.0, "four", (Word(1.9, 3.0, "four"),))
    segments = loaded(make(Segment(1.0, 2.0, "one two three", words), after))["segments"]
    spans = [(w["start"], w["end"]) for segment in segments for w in segment["words"]]
    assert spans == [(1.0, 1.5), (1.5, 1.5), (1.5, 1.9), (1.9, 3.0)]


def test_a_transcript_without_speech_gives_valid_files() -> None:
    assert FORMATS["txt"].render(make()) == ""
    assert FORMATS["tsv"].render(make()) == "start\tend\ttext\n"
    empty = loaded(make())
    assert (empty["text"], empty["segments"], empty["status"]) == ("", [], "ok")


def test_the_pieces_joined_are_what_render_returns() -> None:
    transcript = make(speak(SENSE), speak(SENSE, start=30.0))
    for row in FORMATS.values():
        assert "".join(row.pieces(transcript, FormatOptions())) == row.render(transcript)


def test_all_is_every_format_once() -> None:
    assert [row.name for row in expand_formats(["srt", "all", "srt"])] == [
        "srt",
        *(name for name in FORMATS if name != "srt"),
    ]


def test_formats_can_be_named_with_commas_capitals_and_dots() -> None:
    assert [row.name for row in expand_formats(["SRT,.json", "txt"])] == ["srt", "json", "txt"]


def test_an_unknown_format_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(UsageError, match="docx") as error:
        expand_formats(["docx"])
    assert error.value.hint is not None
    assert all(name in error.value.hint for name in FORMATS)
