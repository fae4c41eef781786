"""Tests where uploads are held, with several servers at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from parakeet_cli.server.spool import Spool, create


def test_servers_that_begin_at_once_remove_nothing_of_each_other(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        for _ in range(10):
            spools = list(pool.map(lambda _: Spool(tmp_path), range(16)))
            assert all((spool.folder / "lock").is_file() for spool in spools)
            for spool in spools:
                spool.close()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_two_servers_with_one_process_number_have_folders_of_their_own(tmp_path: Path) -> None:
    first, second = Spool(tmp_path), Spool(tmp_path)  # as in two containers
    with first.path() as one, second.path() as two:
        for path in (one, two):
            create(path).close()
        assert one.exists()
        assert two.exists()
    for spool in (first, second):
        spool.close()


def test_a_link_that_was_planted_among_the_folders_is_not_followed(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    for folder in (root, other):
        folder.mkdir(mode=0o700)
    (other / "kept").write_text("kept")
    (root / "link").symlink_to(other)
    (root / "left").mkdir()
    (root / "left" / "1.audio").symlink_to(other / "kept")
    os.mkfifo(root / "left" / "lock")
    spool = Spool(root)
    spool.close()
    assert not (root / "left").exists()
    assert (other / "kept").read_text() == "kept"
