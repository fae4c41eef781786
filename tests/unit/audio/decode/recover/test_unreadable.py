"""Bytes that can't be read are zeros; integration/audio/test_read_errors.py has a failing disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.unreadable import (
    ZeroFilledFile,
    find_unreadable,
    is_readable,
)

DATA = bytes(range(1, 101))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a"
    path.write_bytes(DATA)
    return path


def test_a_sound_disk_has_no_such_bytes(path: Path) -> None:
    assert find_unreadable(path) == ()
    assert is_readable(path, 0, 1000)


def test_a_missing_file_is_another_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        find_unreadable(tmp_path / "missing")


@pytest.mark.parametrize("first", range(0, 100, 7))
def test_zeros_stand_for_them_wherever_reading_begins(first: int, path: Path) -> None:
    expected = DATA[:10] + bytes(5) + DATA[15:90] + bytes(10)
    with ZeroFilledFile(path, ((10, 15), (90, 100))) as file:
        file.seek(first)
        assert file.read(40) == expected[first : first + 40]
        assert file.tell() == min(100, first + 40)
        file.seek(first)
        assert file.read() == expected[first:]


def test_a_part_knows_them_from_its_own_beginning(path: Path) -> None:
    part = FilePart(path, 5, 95, unreadable=((10, 15), (90, 100)))
    assert not part.is_whole
    with part.open() as file:
        assert file.read(11) == DATA[5:10] + bytes(5) + DATA[15:16]
    assert part.is_unreadable(9, 1)
    assert not part.is_unreadable(10, 20)
    assert part.unreadable_from(0) == 10
    assert part.unreadable_from(7) == 8
