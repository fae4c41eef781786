from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from parakeet_cli.formats import FORMATS, encode
from parakeet_cli.formats.json import dumps, json_schema
from parakeet_cli.transcript import Doubt, LostInterval, Segment, Transcript, Word
from tests.json_schema import faults_of
from tests.unit.formats.spoken import make, speak

FIXTURES = Path(__file__).parents[2] / "fixtures"


def loaded(transcript: Transcript) -> dict[str, Any]:
    """The JSON, parsed strictly: NaN and Infinity are not JSON."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    data = encode(FORMATS["json"].render(transcript))
    value = json.loads(data, parse_constant=refuse)
    assert isinstance(value, dict)
    return value


def test_everything_is_there_in_the_order_of_its_schema() -> None:
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
        ("doubts", []),
        ("streams", []),
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


def test_a_doubt_has_its_kind_its_times_and_its_reason() -> None:
    doubt = Doubt("language", 0.12345, 4.0, "it sounds like French")
    assert loaded(make(speak("Yes."), doubts=(doubt,)))["doubts"] == [
        {"kind": "language", "start": 0.123, "end": 4.0, "reason": "it sounds like French"}
    ]


def test_a_doubt_changes_no_other_format() -> None:
    plain, doubted = (
        make(speak("Yes."), doubts=doubts)
        for doubts in ((), (Doubt("repetition", 0.0, 1.0, "it repeats itself"),))
    )
    for name in FORMATS.keys() - {"json"}:
        assert FORMATS[name].render(plain) == FORMATS[name].render(doubted)


def test_a_file_name_that_is_not_unicode_survives() -> None:
    path = "caf\udce9 \ud83d.wav"
    source = loaded(make(speak("Yes."), path=path))["source"]
    assert source["path"] == path


def test_what_is_not_a_number_is_null() -> None:
    word = Word(math.nan, math.inf, "Yes.", math.nan)
    (segment,) = loaded(make(Segment(math.nan, math.inf, "Yes.", (word,)), duration=1.0))[
        "segments"
    ]
    assert segment["words"] == [{"word": "Yes.", "start": 0.0, "end": 0.0, "confidence": None}]


def test_a_transcript_without_speech_has_no_segments() -> None:
    empty = loaded(make())
    assert (empty["text"], empty["segments"], empty["status"]) == ("", [], "ok")


@pytest.mark.parametrize("char", ["\x1b", "\x7f", "\x9b", "\u202e", "\u2028", "\u2066"])
def test_what_a_terminal_would_obey_is_escaped_and_read_back(char: str) -> None:
    written = dumps(f"a{char}ü")
    assert written == f'"a\\u{ord(char):04x}ü"'
    assert json.loads(written) == f"a{char}ü"


def test_what_is_written_is_as_its_schema_has_it() -> None:
    doubt = Doubt("language", 0.1, 4.0, "it sounds like French")
    lost = (LostInterval(2.0, 2.5, "3 damaged packets"),)
    for transcript in (
        make(),
        make(speak("Good day."), speak("Yes.", confidence=0.5), doubts=(doubt,)),
        make(speak("Good day."), lost=lost, duration=4.0),
        make(Segment(math.nan, math.inf, "Yes."), duration=1.0),
    ):
        assert faults_of(loaded(transcript)) == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("status",), "failed"),
        (("status",), "ok"),  # though something is lost
        (("schema",), "parakeet.transcript/2"),
        (("segments", 0, "confidence"), 1.5),
        (("segments", 0, "start"), None),
        (("segments", 0, "words", 0, "end"), "1.0"),
        (("accounting", "lost", 0, "reason"), None),
        (("accounting", "expected_basis"), None),
        (("new",), 1),
    ],
)
def test_the_schema_refuses_what_is_never_written(path: tuple[Any, ...], wrong: Any) -> None:
    lost = (LostInterval(2.0, 2.5, "3 damaged packets"),)
    value = loaded(make(speak("Good day."), lost=lost, duration=4.0))
    assert faults_of(value) == []
    part: Any = value
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = wrong
    assert faults_of(value)


def test_what_other_programs_add_is_allowed_and_speakers_have_their_place() -> None:
    value = loaded(make(speak("Good day.")))
    value["segments"][0]["speaker"] = value["segments"][0]["words"][0]["speaker"] = "S1"
    assert faults_of(value) == []
    value["note"] = "added"
    Draft202012Validator(json.loads(json_schema())).validate(value)


def test_recorded_transcripts_are_as_the_schema_has_them() -> None:
    values = [
        json.loads(path.read_bytes())
        for path in sorted((FIXTURES / "unchanged" / "outputs").rglob("*.json"))
    ]
    transcripts = [
        value
        for value in values
        if isinstance(value, dict) and value.get("schema") == "parakeet.transcript/1"
    ]
    assert len(transcripts) > 5
    assert [fault for value in transcripts for fault in faults_of(value)] == []
