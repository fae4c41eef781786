from __future__ import annotations

import pytest
from hypothesis import given, settings

from parakeet_cli.errors import UsageError
from parakeet_cli.formats import FORMATS, FormatOptions, encode, expand_formats
from parakeet_cli.transcript import Transcript
from tests.unit.formats.random_transcripts import OPTIONS, transcripts
from tests.unit.formats.spoken import SENSE, make, speak


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


@given(transcripts(), OPTIONS)
@settings(deadline=None, max_examples=60)
def test_every_format_renders_anything_to_text_that_can_be_encoded(
    transcript: Transcript, options: FormatOptions
) -> None:
    for row in FORMATS.values():
        assert encode(row.render(transcript, options)).decode() is not None
