"""A file is cut into the recordings that it holds one after another."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.layout.parts import recording_at
from parakeet_cli.audio.decode.media import open_media
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


def test_a_size_that_wrapped_around_at_4_gib_is_the_whole_file(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", tone(1, 44_100), RECIPES["wav"])
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate((1 << 32) + size)  # sparse: it takes no room
    recording = recording_at(path, 0)
    assert recording.part.patches
    assert recording.layout is not None
    assert recording.layout.size is not None
    assert recording.layout.size >> 32 == 1
    assert recording.part.end == pytest.approx((1 << 32) + size, abs=64)


def test_zeros_without_end_behind_the_sound_are_not_read_as_chunks(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.wav", tone(1, 44_100), RECIPES["wav"])
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(1 << 28)
    recording = recording_at(path, 0)
    assert recording.part.end == pytest.approx(size, abs=64)
    assert recording.following is None
    assert not recording.unread


def test_a_recording_begins_behind_an_ape_tag(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp3", tone(2, 44_100), RECIPES["mp3"])
    items = (90_000).to_bytes(4, "little") + bytes(4) + b"Cover\0" + bytes(range(256)) * 400
    edge = struct.pack("<8sIII", b"APETAGEX", 2_000, len(items) + 32, 1)
    tag = edge + b"\0\0\0\xa0" + bytes(8) + items + edge + b"\0\0\0\x80" + bytes(8)
    path.write_bytes(tag + path.read_bytes())
    assert recording_at(path, 0).part.start == len(tag)
    with open_media(path, isolated=False) as media:
        list(media)
    assert (media.accounting.lost, media.accounting.damaged_packets) == ((), 0)
    assert media.accounting.decoded_seconds == pytest.approx(2, abs=0.01)
