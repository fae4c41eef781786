"""Bytes are taken for a frame header only if all of its fields are valid."""

from __future__ import annotations

from parakeet_cli.audio.decode.recover.mpeg_headers import mpeg_header


def test_invalid_headers_are_not_frames() -> None:
    for data in (b"\xff\xff\xff\xff", b"\xff\xe0\x00\x00", b"\xff\xfb\x00\x00", b"\xff\xfb"):
        assert mpeg_header(data, 0) is None
