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
