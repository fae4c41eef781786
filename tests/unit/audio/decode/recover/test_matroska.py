"""Blocks and the index of a Matroska file are found by their own headers."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.recover.matroska import SimpleBlock, block_at, first_cue
from parakeet_cli.audio.decode.recover.reader import Reader
from tests.media_files import RECIPES, tone, write_media


def at_start(data: bytes) -> SimpleBlock | None:
    return block_at(Reader(io.BytesIO(data), len(data)), 0)


@pytest.mark.parametrize("size", [b"\x89", b"\x40\x09", b"\x01\0\0\0\0\0\0\x09"])
def test_a_block_declares_its_length_track_and_time(size: bytes) -> None:
    data = b"\xa3" + size + b"\x81\x00\x14\x80" + b"sound" + bytes(9)
    start = 1 + len(size) + 4
    assert at_start(data) == SimpleBlock(0, start, start + 5, 1, 20)


@pytest.mark.parametrize("size", [b"", b"\0", b"\x80", b"\x84"])
def test_an_invalid_size_is_not_a_block(size: bytes) -> None:
    assert at_start(b"\xa3" + size + b"\x81\x00\x14\x80" + bytes(16)) is None


@pytest.mark.parametrize("kind", ["webm", "mkv"])
def test_the_index_gives_the_time_of_the_first_cluster(kind: str, tmp_path: Path) -> None:
    recipe = RECIPES[kind]
    path = write_media(tmp_path / f"a.{recipe.suffix}", tone(12, recipe.rate), recipe)
    with path.open("rb") as file:
        assert first_cue(file) == pytest.approx(0, abs=0.05)


def test_a_file_cut_off_within_a_header_has_no_index(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.webm", tone(2, 48_000), RECIPES["webm"])
    data = path.read_bytes()
    assert [first_cue(io.BytesIO(data[:size])) for size in range(0, 600, 7)] == [None] * 86
