"""Names of speakers are read from TOML, for every recording or for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.speakers.names import read_names, renamed
from parakeet_cli.transcript import Segment, Word


def written(folder: Path, text: str) -> str:
    path = folder / "names.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_recording_has_the_names_of_all_and_its_own(tmp_path: Path) -> None:
    names = read_names(
        written(tmp_path, '"Speaker 1" = "Anna"\n["b.mp3"]\n"Speaker 1" = "Ben"\n"Speaker 2" = "Ü"')
    )
    assert names.of("talks/a.mp3") == {"Speaker 1": "Anna"}
    assert names.of("talks/b.mp3") == {"Speaker 1": "Ben", "Speaker 2": "Ü"}


def test_segments_and_words_are_renamed_and_unknown_speakers_stay() -> None:
    words = (Word(0, 1, "hi", speaker="Speaker 1"), Word(1, 2, "ho", speaker="Speaker 2"))
    (segment,) = renamed([Segment(0, 2, "hi ho", words, speaker="Speaker 1")], {"Speaker 1": "Al"})
    assert segment.speaker == "Al"
    assert [word.speaker for word in segment.words] == ["Al", "Speaker 2"]


def test_a_segment_without_a_speaker_gets_no_name() -> None:
    (segment,) = renamed([Segment(0, 1, "hi")], {"Speaker 1": "Al"})
    assert segment.speaker is None


@pytest.mark.parametrize(
    "text",
    [
        '"Speaker 1" = 3',
        '"Speaker 1" = " "',
        '"Speaker 1" = "\\u202e\\u200b"',
        "Speaker 1 = Anna",
        '["a.mp3"]\nx = []',
        "\0",
        "a = " + "[" * 20_000,
        "a = " + "{a=" * 20_000,
    ],
)
def test_what_is_no_list_of_names_is_refused_with_the_file(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"names\.toml"):
        read_names(written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read"):
        read_names(str(tmp_path / "missing.toml"))
    with pytest.raises(UsageError, match="can't be read"):
        read_names(str(tmp_path))


def test_a_file_that_is_no_text_is_refused_in_plain_words(tmp_path: Path) -> None:
    path = tmp_path / "names.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"names\.toml: it isn't text in UTF-8\.$"):
        read_names(str(path))
