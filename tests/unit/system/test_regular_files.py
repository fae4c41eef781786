from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from parakeet_cli.system import json_lines, locks
from parakeet_cli.system.regular_files import open_regular, read_regular


@pytest.fixture(params=["FIFO", "device", "socket", "folder", "endless link"])
def odd(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Anything but a regular file."""
    path = tmp_path / "odd"
    match request.param:
        case "FIFO":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(path))
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(path)
    return path


def test_what_is_no_regular_file_is_refused_at_once(odd: Path) -> None:
    for flags in (os.O_RDONLY, os.O_RDWR | os.O_CREAT):
        with pytest.raises(OSError, match="odd"):
            open_regular(odd, flags)


def test_no_rows_are_read_from_it_or_written_to_it(odd: Path) -> None:
    with pytest.raises(OSError, match="odd"):
        list(json_lines.read(odd))
    with pytest.raises(OSError, match="odd"):
        json_lines.append(odd, {"a": 1})


def test_it_is_no_lock(odd: Path) -> None:
    assert locks.read_holder(odd) == ""
    assert not locks.is_locked(odd)
    with pytest.raises(OSError, match="odd"):
        locks.lock_file(odd)


def test_a_file_is_opened_also_through_a_link_that_the_user_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("f")
    (tmp_path / "link").symlink_to("file")
    os.close(open_regular(tmp_path / "link"))
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        os.close(open_regular("file", folder=folder))
        with pytest.raises(OSError, match="link"):
            open_regular("link", folder=folder)
    finally:
        os.close(folder)


def test_a_file_that_is_read_whole_has_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"four")
    assert read_regular(path, 4) == b"four"
    with pytest.raises(OSError, match="larger than"):
        read_regular(path, 3)


def test_a_link_to_a_device_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.symlink_to("/dev/zero")
    with pytest.raises(OSError, match="not a regular file"):
        read_regular(path)
