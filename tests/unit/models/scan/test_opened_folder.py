from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.scan import opened_folder
from parakeet_cli.models.scan.opened_folder import LeadsOutsideError, OpenedFolder

linux = pytest.mark.skipif(not opened_folder._has_descriptors(), reason="there is no /proc")
NAMES = ("graph", "weights")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    for name in NAMES:
        (made / name).write_text(f"good {name}")
        (made / name).chmod(0o644)
    return made


def contents(place: Path) -> list[str]:
    return [(place / name).read_text() for name in NAMES]


def exchange(folder: Path) -> None:
    for name in NAMES:
        (folder / "new").write_text("bad")
        (folder / "new").replace(folder / name)


@linux
def test_an_engine_reads_what_was_opened_whatever_takes_its_name(folder: Path) -> None:
    with OpenedFolder(folder) as files:
        for name in NAMES:
            files.open(name)
        exchange(folder)
        with files.for_engine() as place:
            exchange(folder)
            assert contents(place) == ["good graph", "good weights"]
            assert place.stat().st_mode & 0o777 == 0o700
    assert not place.exists()


@linux
def test_nothing_is_copied_in_a_folder_of_one_s_own(folder: Path) -> None:
    with OpenedFolder(folder) as files:
        files.open("graph")
        with files.for_engine() as place:
            assert (place / "graph").samefile(folder / "graph")


@linux
@pytest.mark.parametrize("mode", [0o646, 0o666])
def test_what_others_can_change_in_place_is_copied_before_it_is_read(
    folder: Path, mode: int
) -> None:
    (folder / "weights").chmod(mode)
    with OpenedFolder(folder) as files:
        files.open_together("graph", ["weights"])
        (folder / "weights").write_text("bad")
        with files.for_engine() as place:
            assert contents(place) == ["good graph", "good weights"]
            assert not any((place / name).is_symlink() for name in NAMES), "all in one folder"


@pytest.mark.parametrize("descriptors", [True, False])
def test_a_file_that_is_written_to_while_it_loads_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, descriptors: bool
) -> None:
    monkeypatch.setattr(opened_folder, "_has_descriptors", lambda: descriptors)
    with OpenedFolder(folder) as files:
        files.open("graph")
        with pytest.raises(EngineUnavailable, match="was changed while"), files.for_engine():
            (folder / "graph").write_text("other")


def test_without_proc_a_file_that_is_exchanged_while_it_loads_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened_folder, "_has_descriptors", lambda: False)
    with OpenedFolder(folder) as files:
        files.open("graph")
        with files.for_engine() as place:
            assert place == folder
    with OpenedFolder(folder) as files:
        files.open("graph")
        with pytest.raises(EngineUnavailable, match="was changed while"), files.for_engine():
            exchange(folder)


def test_links_that_lead_out_are_refused_and_those_within_are_followed(folder: Path) -> None:
    (folder.parent / "secret").write_text("x")
    (folder / "out").symlink_to("../secret")
    (folder / "in").symlink_to("graph")
    with OpenedFolder(folder) as files:
        with pytest.raises(LeadsOutsideError):
            files.open("out")
        assert os.read(files.open("in"), 99) == b"good graph"
        assert os.read(files.open("in"), 99) == b"good graph", "from its beginning again"


def test_a_link_that_is_exchanged_between_the_look_and_the_opening_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.parent / "secret").write_text("x")

    def exchanged(path: Path) -> int:
        path.unlink()
        path.symlink_to("../secret")
        return os.open(path, os.O_RDONLY)

    monkeypatch.setattr(opened_folder, "open_regular", exchanged)
    with OpenedFolder(folder) as files, pytest.raises(OSError, match="exchanged"):
        files.open("graph")


@linux
def test_weights_in_another_folder_are_copied_beside_their_graph_and_nothing_else_is(
    folder: Path,
) -> None:
    """ONNX Runtime refuses weights that lie above or beside their graph's real folder."""
    (folder / "deep").mkdir()
    shutil.move(folder / "weights", folder / "deep" / "weights")
    (folder / "weights").symlink_to("deep/weights")
    (folder / "vocab").write_text("x")
    with OpenedFolder(folder) as files:
        files.open("vocab")
        files.open_together("graph", ["weights"])
        with files.for_engine() as place:
            assert contents(place) == ["good graph", "good weights"]
            links = {path.name for path in place.iterdir() if path.is_symlink()}
            assert links == {"vocab"}


def test_every_descriptor_is_closed(folder: Path) -> None:
    count = partial(os.open, os.devnull, os.O_RDONLY)  # the lowest number that is free
    os.close(before := count())
    with OpenedFolder(folder) as files:
        for name in NAMES:
            files.open(name)
        with pytest.raises(FileNotFoundError):
            files.open("missing")
    os.close(after := count())
    assert after == before
