"""Snapshots of an environment's files, and restoring them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair.rollback import beneath, snapshot
from parakeet_cli.doctor.repair.rollback.snapshot import Manifest


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    folder = tmp_path / "env"
    (folder / "lib" / "package").mkdir(parents=True)
    (folder / "lib" / "package" / "a.py").write_text("a\n")
    (folder / "lib" / "package" / "b.py").write_text("b\n")
    (folder / "lib" / "link").symlink_to("package")
    (folder / "lib" / "empty").mkdir(mode=0o700)
    os.utime(folder / "lib" / "package", ns=(10**18, 10**18))
    return folder


def take(prefix: Path, folder: Path) -> Manifest:
    manifest = snapshot.scan(str(prefix), ["lib"])
    snapshot.take(str(prefix), manifest, folder)
    return manifest


def restore(prefix: Path, before: Manifest, journal: Path) -> list[str]:
    with beneath.opened(str(journal)) as folder:
        return snapshot.restore(str(prefix), before, folder, ["lib"])


def test_what_was_removed_replaced_and_added_is_restored(prefix: Path, tmp_path: Path) -> None:
    before = take(prefix, tmp_path / "kept")
    package = prefix / "lib" / "package"
    (package / "a.py").unlink()
    (package / "a.py").mkdir()
    (package / "a.py" / "inside").write_text("x")
    (package / "b.py").unlink()
    (package / "new.py").write_text("n")
    (prefix / "lib" / "link").unlink()
    (prefix / "lib" / "link").write_text("now a file")
    (prefix / "lib" / "empty").rmdir()
    assert restore(prefix, before, tmp_path) == []
    assert snapshot.scan(str(prefix), ["lib"]).keys() == before.keys()
    for name, entry in snapshot.scan(str(prefix), ["lib"]).items():
        assert entry.matches(before[name]), name
    assert (package / "a.py").read_text() == "a\n"


def test_interrupted_and_run_again_it_ends_the_same(prefix: Path, tmp_path: Path) -> None:
    before = take(prefix, tmp_path / "kept")
    (prefix / "lib" / "package" / "a.py").unlink()
    (prefix / "lib" / "package" / "a.py").write_text("another")
    (tmp_path / "kept.tmp").write_text("left by the one that was killed")
    for _ in range(2):
        assert restore(prefix, before, tmp_path) == []
        assert (prefix / "lib" / "package" / "a.py").read_text() == "a\n"


def test_a_file_that_was_written_in_place_is_named_as_not_restored(
    prefix: Path, tmp_path: Path
) -> None:
    before = take(prefix, tmp_path / "kept")
    with (prefix / "lib" / "package" / "a.py").open("a") as file:
        file.write("more, and through the link into the snapshot")
    assert restore(prefix, before, tmp_path) == ["lib/package/a.py"]


def test_a_path_file_is_copied_because_some_tools_write_into_it(
    prefix: Path, tmp_path: Path
) -> None:
    site = prefix / "lib" / "site-packages"
    site.mkdir()
    (site / "easy-install.pth").write_text("one\n")
    before = take(prefix, tmp_path / "kept")
    with (site / "easy-install.pth").open("a") as file:
        file.write("two\n")
    assert restore(prefix, before, tmp_path) == []
    assert (site / "easy-install.pth").read_text() == "one\n"


def test_what_never_changed_is_dropped_and_restoring_still_works(
    prefix: Path, tmp_path: Path
) -> None:
    before = take(prefix, tmp_path / "kept")
    (prefix / "lib" / "package" / "a.py").unlink()
    snapshot.drop_unchanged(str(prefix), before, tmp_path / "kept")
    assert [Path(name).name for name in snapshot.files_in(tmp_path / "kept")] == ["a.py"]
    assert restore(prefix, before, tmp_path) == []
    assert (prefix / "lib" / "package" / "a.py").read_text() == "a\n"


def test_a_manifest_is_read_as_it_was_written_whatever_the_names(tmp_path: Path) -> None:
    folder = tmp_path / "env" / "lib"
    folder.mkdir(parents=True)
    (folder / "with\nnewline ü").write_text("")
    Path(os.fsdecode(os.fsencode(str(folder)) + b"/\xff\xfe")).write_text("")
    manifest = snapshot.scan(str(tmp_path / "env"), ["lib"])
    snapshot.write_manifest(tmp_path / "before", manifest)
    assert snapshot.read_manifest(tmp_path / "before") == manifest


def test_bytecode_that_an_import_left_is_not_a_change(prefix: Path) -> None:
    after = snapshot.scan(str(prefix), ["lib"])
    (prefix / "lib" / "package" / "__pycache__").mkdir()
    (prefix / "lib" / "package" / "__pycache__" / "a.pyc").write_text("")
    assert snapshot.differences(str(prefix), after, ["lib"]) == []
    (prefix / "lib" / "package" / "mine.py").write_text("")
    assert snapshot.differences(str(prefix), after, ["lib"]) == ["lib/package/mine.py"]
