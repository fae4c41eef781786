from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from parakeet_cli.system.safety.private_folders import NotPrivate, make_folders, private_folder

pytestmark = pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no such modes")


@pytest.fixture(params=[0o000, 0o002, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.usefixtures("umask")
def test_every_folder_that_was_missing_is_private_under_any_umask(tmp_path: Path) -> None:
    path = tmp_path / "state/parakeet/dictation"
    assert private_folder(path, own=2) == path
    assert {mode(one) for one in (path, path.parent, path.parent.parent)} == {0o700}


@pytest.mark.usefixtures("umask")
def test_folders_are_made_with_those_above_them(tmp_path: Path) -> None:
    make_folders(tmp_path / "a/b")
    make_folders(tmp_path / "a/b")
    assert (mode(tmp_path / "a"), mode(tmp_path / "a/b")) == (0o700, 0o700)


def test_a_folder_of_an_earlier_version_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "parakeet/dictation").mkdir(parents=True)
    (tmp_path / "parakeet").chmod(0o755)
    private_folder(tmp_path / "parakeet/dictation", own=2)
    assert mode(tmp_path / "parakeet") == 0o700


def test_what_is_not_ours_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o755)
    private_folder(tmp_path / "state/parakeet/dictation", own=2)
    assert mode(tmp_path / "state") == 0o755


@pytest.mark.parametrize("which", ["parakeet", "parakeet/dictation"])
def test_a_folder_of_ours_that_all_can_write_is_refused_with_a_hint(
    tmp_path: Path, which: str
) -> None:
    (tmp_path / "parakeet/dictation").mkdir(parents=True)
    (tmp_path / which).chmod(0o777)
    with pytest.raises(NotPrivate, match="can write into") as refused:
        private_folder(tmp_path / "parakeet/dictation", own=2)
    assert f"chmod go-w {tmp_path / which}" in refused.value.hint


@pytest.mark.parametrize("which", ["a", "a/b"])
def test_a_folder_above_that_all_can_write_is_refused_unless_it_is_sticky(
    tmp_path: Path, which: str
) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / which).chmod(0o777)
    with pytest.raises(NotPrivate, match="Other users can replace"):
        private_folder(tmp_path / "a/b/parakeet")
    assert not (tmp_path / "a/b/parakeet").exists()
    (tmp_path / which).chmod(0o1777)
    assert mode(private_folder(tmp_path / "a/b/parakeet")) == 0o700


@pytest.mark.parametrize("kind", ["link", "dangling link", "file", "another user's folder"])
@pytest.mark.parametrize("which", ["parakeet", "parakeet/dictation"])
def test_what_others_may_have_put_there_is_refused(tmp_path: Path, kind: str, which: str) -> None:
    planted = tmp_path / which
    planted.parent.mkdir(exist_ok=True)
    if kind == "link":
        (tmp_path / "elsewhere").mkdir()
        planted.symlink_to(tmp_path / "elsewhere")
    elif kind == "dangling link":
        planted.symlink_to(tmp_path / "nowhere")
    elif kind == "file":
        planted.touch()
    elif os.getuid():
        pytest.skip("only root can give a folder away")
    else:
        planted.mkdir()
        os.chown(planted, 65534, 65534)
    with pytest.raises(OSError):
        private_folder(tmp_path / "parakeet/dictation", own=2)
    assert not (tmp_path / "nowhere").exists()
