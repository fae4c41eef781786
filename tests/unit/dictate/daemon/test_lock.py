from __future__ import annotations

import os
from pathlib import Path

import pytest

from parakeet_cli.dictate.daemon.lock import AlreadyRunning, DaemonLock


def test_a_second_daemon_learns_the_pid_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "dictate.lock"
    first = DaemonLock(path)
    first.acquire()
    assert path.read_text() == f"{os.getpid()}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(AlreadyRunning, match=f"already running .process {os.getpid()}."):
        DaemonLock(path).acquire()
    first.release()
    assert path.read_text() == ""
    DaemonLock(path).acquire()
