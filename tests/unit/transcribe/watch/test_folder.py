from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from parakeet_cli.transcribe.watch import folder as module
from parakeet_cli.transcribe.watch.folder import WatchedFolder, is_unfinished

SETTLE = 3.0


class Looking:
    """A folder that is looked through at times that the test chooses."""

    def __init__(self, top: Path) -> None:
        self.said: list[str] = []
        self.folder = WatchedFolder(
            str(top),
            lambda name: name.endswith(".wav"),
            settle=SETTLE,
            leaves_out=lambda path: path.endswith("/run"),
            say=self.said.append,
        )

    def at(self, *times: float) -> list[str]:
        """What is reported by looks at these times."""
        for now in times:
            self.folder.look(now)
        found = []
        while not self.folder.arrivals.empty():
            found.append(self.folder.arrivals.get().name)
        return sorted(found)


@pytest.fixture
def looking(tmp_path: Path) -> Looking:
    (tmp_path / "in").mkdir()
    return Looking(tmp_path / "in")


def test_a_file_is_reported_once_and_only_when_it_has_rested(
    looking: Looking, tmp_path: Path
) -> None:
    path = tmp_path / "in/a.wav"
    path.write_bytes(b"one")
    assert looking.at(0.0, 2.9) == []
    path.write_bytes(b"longer")
    assert looking.at(3.1, 6.0) == []
    assert looking.at(6.2) == ["a.wav"]
    assert looking.at(9.0, 99.0) == []
    path.write_bytes(b"another")
    assert looking.at(100.0, 103.5) == ["a.wav"]
    path.unlink()
    assert looking.at(110.0) == []
    path.write_bytes(b"another")
    assert looking.at(111.0, 115.0) == ["a.wav"]


def test_a_file_that_a_process_is_writing_is_never_taken_to_be_whole(
    looking: Looking, tmp_path: Path
) -> None:
    with (tmp_path / "in/a.wav").open("wb") as file:
        file.write(b"half")
        file.flush()
        assert looking.at(0.0, 10.0, 1000.0) == []
    assert looking.at(1001.0) == ["a.wav"]


def test_where_nobody_knows_who_writes_a_file_must_rest_longer(
    looking: Looking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "knows_writers", lambda _: False)
    (tmp_path / "in/a.wav").write_bytes(b"sound")
    assert looking.at(0.0, 3.5, 14.0) == []
    assert looking.at(15.5) == ["a.wav"]


def test_an_empty_file_and_one_beside_a_download_are_doubtful_but_not_for_ever(
    looking: Looking, tmp_path: Path
) -> None:
    (tmp_path / "in/empty.wav").touch()
    for name in ("a.wav", "a.wav.part", "b.wav", "b.Ab12.wav.part"):
        (tmp_path / "in" / name).write_bytes(b"sound")
    assert looking.at(0.0, 30.0) == []
    (tmp_path / "in/b.Ab12.wav.part").unlink()
    assert looking.at(31.0) == ["b.wav"]
    assert looking.at(61.0) == ["a.wav", "empty.wav"]


def test_temporary_names_hidden_ones_links_to_folders_and_the_run_are_left_out(
    looking: Looking, tmp_path: Path
) -> None:
    top = tmp_path / "in"
    names = (".a.wav", ".a.wav.X1y2", "~syncthing~a.wav", "~$a.wav", "a.wav.crdownload", "a.txt")
    for name in (*names, ".hidden/a.wav", "run/a.wav", "deep/er/a.wav"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(b"sound")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/b.wav").write_bytes(b"sound")
    (top / "link").symlink_to(tmp_path / "other")
    (top / "file.wav").symlink_to(tmp_path / "other/b.wav")
    os.mkfifo(top / "pipe.wav")
    assert looking.at(0.0, 4.0) == ["deep/er/a.wav", "file.wav"]


def test_a_folder_that_goes_is_said_once_and_what_it_had_is_not_forgotten(
    looking: Looking, tmp_path: Path
) -> None:
    (tmp_path / "in/a.wav").write_bytes(b"sound")
    assert looking.at(0.0, 4.0) == ["a.wav"]
    (tmp_path / "in").rename(tmp_path / "away")
    assert looking.at(5.0, 6.0) == []
    assert len(looking.said) == 1
    assert "No such file or directory" in looking.said[0]
    (tmp_path / "away").rename(tmp_path / "in")
    assert looking.at(7.0, 20.0) == []
    assert looking.said[1:] == [f"{tmp_path}/in can be read again."]
    shutil.rmtree(tmp_path / "in")
    (tmp_path / "in").touch()
    assert looking.at(21.0) == []
    assert "Not a directory" in looking.said[2]


@pytest.mark.parametrize(
    ("name", "unfinished"),
    [("a.wav", False), ("a.wav.PART", True), ("a.crdownload", True), (".part", False)],
)
def test_unfinished_names(name: str, unfinished: bool) -> None:
    assert is_unfinished(name) is unfinished
