"""A recording is recognised by its first bytes, wherever in a file it begins."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.layout.table import HEAD, find_recording, kind_at, read_layout
from parakeet_cli.audio.decode.recover.reader import WINDOW, Reader
from tests.media_files import RECIPES, tone, write_media

# MP3 and ADTS begin with nothing but a frame.
KINDS = [kind for kind in RECIPES if kind not in ("mp3", "adts")]


def reader(data: bytes) -> Reader:
    return Reader(io.BytesIO(data), len(data))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_found_at_once_and_behind_megabytes(kind: str, tmp_path: Path) -> None:
    recipe = RECIPES[kind]
    path = write_media(tmp_path / f"a.{recipe.suffix}", tone(0.5, recipe.rate), recipe)
    data = path.read_bytes()
    assert kind_at(reader(data), 0) is not None
    for before in (1, 1_000, WINDOW - HEAD, WINDOW - 3, WINDOW + 1):
        assert find_recording(reader(b"\xaa" * before + data), 0) == before, before


def test_text_and_noise_are_no_recording() -> None:
    assert find_recording(reader(b"RIFF of OggS and fLaC " * 10_000), 0) is None
    assert kind_at(reader(b""), 0) is None
    assert read_layout(reader(b"")) is None
    assert read_layout(reader(b"RIFF\0\0\0\0WAVEfmt ")) is None
