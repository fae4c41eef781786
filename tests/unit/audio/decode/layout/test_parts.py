"""A file is cut into the recordings that it holds one after another."""

from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.audio.decode.layout.parts import recording_at
from tests.media_files import RECIPES, tone, write_media

LAID_OUT = ["wav", "aiff", "m4a", "webm", "wma", "opus", "vorbis", "amr"]


@pytest.mark.parametrize("kind", LAID_OUT)
def test_a_file_of_one_recording_is_read_as_it_is(kind: str, tmp_path: Path) -> None:
    recipe = RECIPES[kind]
    path = write_media(tmp_path / f"a.{recipe.suffix}", tone(1, recipe.rate), recipe)
    recording = recording_at(path, 0)
    assert recording.part.is_whole
    assert recording.following is None
    assert not recording.unread


@pytest.mark.parametrize("kind", LAID_OUT)
def test_a_recording_ends_where_the_next_begins(kind: str, tmp_path: Path) -> None:
    recipe = RECIPES[kind]
    path = write_media(tmp_path / f"a.{recipe.suffix}", tone(1, recipe.rate), recipe)
    data = path.read_bytes()
    path.write_bytes(data * 3)
    first = recording_at(path, 0)
    assert first.following == len(data)
    assert first.part.end <= len(data)
    second = recording_at(path, len(data))
    assert (second.part.start, second.following) == (len(data), 2 * len(data))
    assert recording_at(path, 2 * len(data)).following is None


def test_sound_behind_a_size_that_is_too_small_belongs_to_the_recording(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", tone(2, 44_100), RECIPES["wav"])
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = (100_000).to_bytes(4, "little")
    path.write_bytes(data)
    recording = recording_at(path, 0)
    assert recording.layout is not None
    assert recording.layout.size is None
    with recording.part.open() as file:
        assert file.read()[at : at + 4] == b"\xff" * 4
