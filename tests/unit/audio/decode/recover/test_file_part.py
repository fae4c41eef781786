"""A part of a file reads like a file of its own, with the bytes that replace others."""

from __future__ import annotations

from pathlib import Path

from parakeet_cli.audio.decode.recover.file_part import FilePart


def test_a_part_is_read_from_its_own_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(100)))
    assert FilePart.whole(path).is_whole
    part = FilePart(path, 10, 20, ((8, b"xy"), (0, b"ab")))
    assert (part.size, part.is_whole) == (10, False)
    with part.open() as file:
        assert file.read() == b"ab" + bytes(range(12, 18)) + b"xy"
        file.seek(-3, 2)
        assert file.read(2) == b"\x11x"
        assert file.seek(3) == 3
        assert file.read(1) == b"\x0d"
