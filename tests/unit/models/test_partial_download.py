from __future__ import annotations

import os
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.partial_download import (
    LimitedFile,
    TooManyBytesError,
    open_partial,
    refuse_linked_folders,
    remove_links,
)


def append(path: Path, data: bytes) -> None:
    with open_partial(path) as stream:
        stream.write(data)


def test_a_partial_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "x.incomplete"
    append(path, b"one")
    append(path, b"two")
    assert path.read_bytes() == b"onetwo"


@pytest.mark.parametrize("kind", ["link", "hard link", "writable", "dangling", "FIFO"])
def test_what_others_could_have_made_is_begun_anew_and_nothing_outside_changes(
    tmp_path: Path, kind: str
) -> None:
    victim, path = tmp_path / "victim", tmp_path / "x.incomplete"
    victim.write_text("mine")
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "hard link":
        os.link(victim, path)
    elif kind == "dangling":
        path.symlink_to(tmp_path / "new")
    elif kind == "FIFO":
        os.mkfifo(path)
    else:
        path.write_text("theirs")
        path.chmod(0o646)
    append(path, b"model")
    assert path.read_bytes() == b"model"
    assert not path.is_symlink()
    assert path.stat().st_mode & 0o022 == 0
    assert victim.read_text() == "mine"
    assert not (tmp_path / "new").exists()


def test_nobody_else_can_write_to_it_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        append(tmp_path / "x", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_a_folder_that_is_a_link_or_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    refuse_linked_folders([tmp_path / "real", tmp_path / "missing"])
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").touch()
    for name, kind in (("link", "a link"), ("file", "no folder")):
        with pytest.raises(EngineUnavailable, match=kind):
            refuse_linked_folders([tmp_path / name])


def test_links_go_and_what_they_lead_to_stays(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "own").write_text("own")
    (tmp_path / "link").symlink_to("victim")
    os.link(tmp_path / "victim", tmp_path / "second")
    remove_links(tmp_path / name for name in ("own", "link", "second", "missing"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "victim"]


def test_no_more_is_written_than_was_declared(tmp_path: Path) -> None:
    with open_partial(tmp_path / "x") as stream:
        limited = LimitedFile(stream, "model.bin", 4, lambda size: None)
        assert limited.write(b"abcd") == 4
        with pytest.raises(TooManyBytesError, match=r"model\.bin"):
            limited.write(b"e")
