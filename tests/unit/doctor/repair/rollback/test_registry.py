from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair.rollback.registry import FOLDER, register, registered, unregister


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder; this process's own environment has no repair."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "own"))
    return tmp_path / "state" / "parakeet" / "repairs"


def test_an_environment_is_listed_while_its_repair_is_under_way() -> None:
    assert list(registered()) == []
    register("/env/a")
    register("/env/b")
    assert set(registered()) == {"/env/a", "/env/b"}
    unregister("/env/a")
    assert list(registered()) == ["/env/b"]


def test_two_environments_never_share_a_file() -> None:
    prefixes = ["/a/b", "/a%2Fb", "/a%252Fb", "/", "/root", "/caf\udce9", "/a b"]
    for prefix in prefixes:
        register(prefix)
    assert set(registered()) >= {*prefixes} - {"/", "/root"}
    for prefix in prefixes:
        unregister(prefix)
    assert list(registered()) == []


def test_the_environment_of_this_process_is_the_first_by_its_own_journal(tmp_path: Path) -> None:
    register("/env/a")
    register(sys.prefix)
    (tmp_path / "own" / FOLDER).mkdir(parents=True)
    assert list(registered()) == [sys.prefix, "/env/a"]


def test_what_can_t_be_read_or_is_empty_is_passed_over(state: Path) -> None:
    register("/env/a")
    (state / "empty").touch()
    (state / "folder").mkdir()
    assert list(registered()) == ["/env/a"]


def test_a_state_folder_that_can_t_be_written_does_not_stop_a_repair(state: Path) -> None:
    state.parent.parent.mkdir(parents=True)
    state.parent.touch()  # a file in the place of the folder
    register("/env/a")
    unregister("/env/a")
    assert list(registered()) == []


def test_without_a_state_folder_it_is_in_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    register("/env/a")
    assert [
        path.read_text() for path in (tmp_path / ".local/state/parakeet/repairs").iterdir()
    ] == ["/env/a"]


def test_what_no_repair_recorded_is_passed_over_at_once(state: Path, tmp_path: Path) -> None:
    register("/env/a")
    os.mkfifo(state / "fifo")
    (tmp_path / "elsewhere").write_text("/env/b")
    (state / "link").symlink_to(tmp_path / "elsewhere")
    (state / "relative").write_text("env/c")
    (state / "nul").write_text("/env\0/d")
    assert list(registered()) == ["/env/a"]


def test_the_record_is_this_user_s_alone_whatever_the_umask(state: Path) -> None:
    before = os.umask(0)
    try:
        register("/env/a")
    finally:
        os.umask(before)
    (record,) = state.iterdir()
    assert record.stat().st_mode & 0o777 == 0o600
    for folder in (state, state.parent, state.parent.parent):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_in_the_place_of_the_record_is_not_written_through(
    state: Path, tmp_path: Path
) -> None:
    register("/env/a")
    (record,) = state.iterdir()
    record.unlink()
    (tmp_path / "canary").write_text("c")
    record.symlink_to(tmp_path / "canary")
    register("/env/a")
    assert (tmp_path / "canary").read_text() == "c"
