"""What follows a recording is nothing, tags, padding, another recording, or unread."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from parakeet_cli.audio.decode.layout.tail import Tail, examine_tail
from parakeet_cli.audio.decode.recover.reader import Reader
from tests.media_files import RECIPES, tone, write_media

ID3V1 = b"TAG" + bytes(125)
ID3V2 = b"ID3\4\0\0\0\0\0\x0a" + b"\1" * 10
APE = b"APETAGEX" + struct.pack("<IIII", 2_000, 40, 0, 0xA0000000) + bytes(8) + b"\1" * 40
LIST = b"LIST" + struct.pack("<I", 10) + b"INFOISFT\1\1"


def tail(data: bytes, position: int = 0) -> Tail:
    return examine_tail(Reader(io.BytesIO(data), len(data)), position)


@pytest.mark.parametrize(
    "data",
    [b"", ID3V1, APE + ID3V1, LIST, LIST + ID3V1, bytes(5_000), LIST + bytes(100), LIST[:12]],
)
def test_tags_chunks_and_padding_are_harmless(data: bytes) -> None:
    assert tail(b"\xaa" * 10 + data, 10) == Tail()


@pytest.mark.parametrize("before", [b"", ID3V1, LIST, bytes(1_000)])
@pytest.mark.parametrize("kind", ["wav", "flac", "opus", "m4a", "mp3", "adts", "webm", "aiff"])
def test_another_recording_begins(kind: str, before: bytes, tmp_path: Path) -> None:
    recipe = RECIPES[kind]
    path = write_media(tmp_path / f"a.{recipe.suffix}", tone(1, recipe.rate), recipe)
    found = tail(before + path.read_bytes())
    assert not any((before + path.read_bytes())[at] for at in found.unread)
    tags = 1_000 if kind == "mp3" else 0  # which may belong to either
    assert found.next_start in range(len(before), len(before) + tags + 1)


def test_what_is_nothing_of_these_is_unread(tmp_path: Path) -> None:
    junk = b"<html>\xff\xfe the server is busy </html>" * 20
    assert tail(junk) == Tail(None, range(len(junk)))
    assert tail(bytes(64) + junk).unread == range(64 + len(junk))
    path = write_media(tmp_path / "a.wav", tone(1, 44_100), RECIPES["wav"])
    assert tail(junk + path.read_bytes()) == Tail(len(junk), range(len(junk)))
