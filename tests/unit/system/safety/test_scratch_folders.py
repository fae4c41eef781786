from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from parakeet_cli.system.safety import scratch_folders
from parakeet_cli.system.safety.scratch_folders import (
    clear_scratch_folders,
    scratch_file,
    scratch_folder,
)

OWNER = """
import os, signal, sys
from parakeet_cli.system.safety.scratch_folders import scratch_file
with scratch_file("names.txt", "torch==2.8.0\\n") as path:
    print(path, flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def top(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder for temporary files, through which nobody has looked."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(scratch_folders, "_cleared", set())
    return tmp_path


def test_a_folder_and_a_file_are_this_user_s_alone_and_go_at_the_end(top: Path) -> None:
    with scratch_file("names.txt", "torch==2.8.0\n") as name:
        path = Path(name)
        assert path.read_text(encoding="utf-8") == "torch==2.8.0\n"
        assert path.parent.parent == top
        assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(top.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next_and_what_is_in_use_stays(top: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        path = Path(owner.stdout.readline().strip())
        assert path.is_file()
        assert clear_scratch_folders() == 0
        assert path.is_file()
        owner.communicate("\n")
        assert owner.returncode == -signal.SIGKILL
    assert path.is_file()
    with scratch_folder() as mine:
        pass
    assert path.is_file(), "this process has looked before"
    scratch_folders._cleared.clear()
    with scratch_folder() as mine:
        assert list(top.iterdir()) == [mine]


def test_links_and_other_names_are_left_alone(top: Path) -> None:
    other = top / "other"
    other.mkdir()
    (other / "file").touch()
    (top / "parakeet-scratch-abcdefgh").symlink_to(other)
    (top / "parakeet-scratch-12345678").touch()
    (top / "parakeet-scratch-of-mine").mkdir()
    before = sorted(top.rglob("*"))
    assert clear_scratch_folders() == 0
    assert sorted(top.rglob("*")) == before


def test_a_folder_that_was_taken_for_a_leftover_is_made_again(
    top: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    real = tempfile.mkdtemp

    def raced(**more: str) -> str:
        made.append(real(**more))
        if len(made) == 1:
            Path(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", raced)
    with scratch_folder() as folder:
        assert str(folder) == made[1]
        assert folder.is_dir()
    assert list(top.iterdir()) == []
