from __future__ import annotations

import os
from pathlib import Path

import pytest

from parakeet_cli.dictate.daemon.paths import find_paths
from parakeet_cli.errors import ParakeetError


def test_only_the_user_can_enter_the_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    before = os.umask(0)
    try:
        paths = find_paths()
    finally:
        os.umask(before)
    assert paths.socket.parent == tmp_path / "run/parakeet"
    for folder in (paths.socket.parent, paths.log.parent):
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("planted", ["link", "file", "open to all"])
def test_a_runtime_folder_that_others_made_is_refused_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: str
) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "theirs").mkdir()
    runtime = tmp_path / "run/parakeet"
    if planted == "link":
        runtime.symlink_to(tmp_path / "theirs")
    elif planted == "file":
        runtime.touch()
    else:
        runtime.mkdir()
        runtime.chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with pytest.raises(ParakeetError):
        find_paths()


def test_a_socket_with_too_long_a_path_is_refused_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("long" * 30)))
    with pytest.raises(ParakeetError, match="too long") as refused:
        find_paths()
    assert "XDG_RUNTIME_DIR" in str(refused.value.hint)
