from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.system import locks

HOLD = "import sys; from pathlib import Path; from parakeet_cli.system import locks\n" + (
    "locks.lock_file(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
)


def holder(path: Path) -> subprocess.Popen[bytes]:
    """Another process that holds the lock until its stdin is closed or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_lock_is_refused_while_another_process_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as process:
        assert locks.is_locked(path)
        with pytest.raises(locks.LockHeld):
            locks.lock_file(path, seconds=0.1)
        process.kill()


def test_a_killed_holder_releases_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path) as process:
        process.kill()
        assert locks.wait_until_released(path, 10.0)
        os.close(locks.lock_file(path))


def test_the_holder_is_named_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    descriptor = locks.lock_file(path)
    locks.write_holder(descriptor, "process 1234567 on a very long host name")
    locks.write_holder(descriptor, "process 7")
    assert locks.read_holder(path) == "process 7"
    os.close(descriptor)


def test_a_file_that_is_not_there_is_not_locked(tmp_path: Path) -> None:
    assert not locks.is_locked(tmp_path / "lock")
    assert locks.read_holder(tmp_path / "lock") == ""


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux'")
def test_a_file_that_a_process_writes_is_known_and_the_writer_notices_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.wav"
    path.touch()
    assert locks.is_open_for_writing(path) is False
    with path.open("ab") as file:
        assert locks.is_open_for_writing(path) is True
        file.write(b"on")
    assert locks.is_open_for_writing(path) is False
    with path.open("rb"):
        assert locks.is_open_for_writing(path) is False
    with pytest.raises(FileNotFoundError):
        locks.is_open_for_writing(tmp_path / "missing")


@pytest.mark.skipif(sys.platform != "linux", reason="it reads Linux' list of mounts")
def test_only_this_machine_s_file_systems_know_who_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert locks.knows_writers("/dev/shm")
    assert not locks.knows_writers("/proc")
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 8:1 / / rw - ext4 /dev/a rw\n"
        "2 1 0:5 / /srv/my\\040share rw - nfs4 host:/x rw\n"
        "3 2 8:2 / /srv/my\\040share/disk rw shared:7 - xfs /dev/b rw\n"
    )
    monkeypatch.setattr(locks, "_MOUNTS", mounts)
    assert locks.knows_writers("/srv/my")
    assert not locks.knows_writers("/srv/my share/talks")
    assert locks.knows_writers("/srv/my share/disk/talks")
