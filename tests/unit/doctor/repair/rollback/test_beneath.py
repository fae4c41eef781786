"""Opening, making and removing below a folder, where links lead out of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair.rollback import beneath
from parakeet_cli.doctor.repair.rollback.beneath import Beneath

# ELOOP or ENOTDIR, as the system has it.
NOT_FOLLOWED = r"symbolic links|Not a directory"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A folder with a link to one beside it."""
    (tmp_path / "outside/below").mkdir(parents=True)
    (tmp_path / "outside/canary").write_text("c")
    (tmp_path / "top/in").mkdir(parents=True)
    (tmp_path / "top/in/file").write_text("f")
    (tmp_path / "top/out").symlink_to(tmp_path / "outside")
    return tmp_path / "top"


@pytest.mark.parametrize("name", ["a", "a/b", "..a/b.", "a b/ü", "a/\udcff", "a\n"])
def test_names_below_a_folder_are_inside(name: str) -> None:
    assert beneath.is_inside(name)


OTHERS = ("", "/", "/a", "..", "../a", "a/..", "a/../b", ".", "./a", "a/.", "a//b", "a/", "a\0")
LONG = ("a" * 256, "a/" * 2048 + "a")


@pytest.mark.parametrize("name", [*OTHERS, *LONG, "\ud800", None, 1, b"a"])
def test_other_names_are_not(name: object) -> None:
    assert not beneath.is_inside(name)


def test_a_link_is_not_followed_to_a_folder(top: Path) -> None:
    with beneath.opened(str(top), "in") as folder:
        assert os.stat("file", dir_fd=folder).st_size == 1
    for names in (("out",), ("out", "below")):
        with pytest.raises(OSError, match=NOT_FOLLOWED), beneath.opened(str(top), *names):
            pass
    with Beneath(str(top)) as folders:
        with pytest.raises(OSError, match=NOT_FOLLOWED):
            folders.parent("out/canary")
        with pytest.raises(OSError, match=NOT_FOLLOWED):
            folders.make_folder("out/more")
        with pytest.raises(OSError, match=NOT_FOLLOWED):
            folders.make_folder("out")
    assert sorted(path.name for path in (top.parent / "outside").iterdir()) == ["below", "canary"]


def test_the_folder_itself_may_be_a_link_which_the_user_named(top: Path) -> None:
    with beneath.opened(str(top / "out"), "below"):
        pass


def test_folders_are_made_one_below_the_other(top: Path) -> None:
    with Beneath(str(top)) as folders:
        folders.make_folder("in/a/b")
        folders.make_folder("in/a/b")
        folder, last = folders.parent("in/a/b/c")
        os.mkdir(last, dir_fd=folder)
        assert folders.parent("other")[1] == "other"
    assert (top / "in/a/b/c").is_dir()


def test_a_link_is_removed_and_not_what_it_leads_to(top: Path) -> None:
    (top / "in/out").symlink_to(top.parent / "outside")
    with beneath.opened(str(top)) as folder:
        for name in ("out", "in", "nothing"):
            beneath.remove(folder, name)
    assert list(top.iterdir()) == []
    assert (top.parent / "outside/canary").read_text() == "c"


def test_only_a_regular_file_is_opened_and_a_fifo_never_waited_for(top: Path) -> None:
    os.mkfifo(top / "fifo")
    (top / "link").symlink_to("in/file")
    with beneath.opened(str(top)) as folder:
        for name in ("fifo", "link", "in", "out"):
            with pytest.raises(OSError, match=r"regular|symbolic|directory"):
                beneath.open_file(folder, name)
    with beneath.opened(str(top), "in") as folder:
        os.close(beneath.open_file(folder, "file"))
