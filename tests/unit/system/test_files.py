"""Files that are being written: some still are, and some were left by killed processes."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from parakeet_cli.system.files import (
    atomic_writer,
    clear_leftovers,
    data_file,
    sha256_of,
    write_all,
)

KILLED = """
import os, signal, sys
from pathlib import Path
from parakeet_cli.system.files import atomic_writer
with atomic_writer(Path(sys.argv[1])) as stream:
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""

# Not as root, who may do everything.
WRITTEN = """
import os, sys
from pathlib import Path
from parakeet_cli.system.files import atomic_writer
os.getuid() or os.setuid(65534)
with atomic_writer(Path(sys.argv[1])) as stream:
    stream.write(b"whole")
"""
ROOT = Path(__file__).parents[3]


def test_a_file_has_the_permissions_asked_for_less_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o026)
    try:
        for name, mode, expected in (("a", 0o666, 0o640), ("b", 0o600, 0o600)):
            with atomic_writer(tmp_path / name, mode=mode) as stream:
                stream.write(b"whole")
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == expected
    finally:
        os.umask(before)


@pytest.mark.parametrize("fault", [KeyError("x"), KeyboardInterrupt(), OSError(28, "No space")])
def test_a_fault_leaves_the_old_file_and_nothing_else(tmp_path: Path, fault: BaseException) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(type(fault)), atomic_writer(path) as stream:
        stream.write(b"new" * 10_000)
        raise fault
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_gets_into_a_folder_that_may_only_be_written() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o333)
        subprocess.run([sys.executable, "-c", WRITTEN, folder / "a"], check=True, cwd=ROOT)
        folder.chmod(0o700)
        assert [path.name for path in folder.iterdir()] == ["a"]
    finally:
        shutil.rmtree(folder)


def test_only_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    with atomic_writer(tmp_path / "done.txt") as stream:
        stream.write(b"done")
    (tmp_path / ".parakeet-mine.txt").write_text("no part")
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.txt")], check=False)
    [left] = tmp_path.glob(".parakeet-*.part")
    assert left.read_text() == "half"
    assert clear_leftovers([tmp_path, tmp_path]) == 1
    assert {path.name for path in tmp_path.iterdir()} == {".parakeet-mine.txt", "done.txt"}


def test_a_file_that_is_being_written_stays(tmp_path: Path) -> None:
    with atomic_writer(tmp_path / "a.txt") as stream:
        stream.write(b"whole")
        assert clear_leftovers([tmp_path]) == 0
        command = "import sys; from pathlib import Path; "
        command += "from parakeet_cli.system.files import clear_leftovers; "
        command += "sys.exit(clear_leftovers([Path(sys.argv[1])]))"
        done = subprocess.run([sys.executable, "-c", command, str(tmp_path)], check=False)
        assert done.returncode == 0  # another process leaves it alone as well
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_missing_folders_and_links_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    (tmp_path / ".parakeet-x.part").symlink_to("precious.txt")
    assert clear_leftovers([tmp_path, tmp_path / "none"]) == 0
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_data_that_does_not_ship_is_missing() -> None:
    assert data_file("requirements-ml.txt").is_file()
    with pytest.raises(FileNotFoundError):
        data_file("no such file")


def test_a_checksum_reports_each_block(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 3_000_000)
    blocks: list[int] = []
    assert sha256_of(path, blocks.append) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert sum(blocks) == 3_000_000
    assert len(blocks) > 1


def test_all_is_written_however_little_a_call_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    written = bytearray()

    def write_three(_: int, data: memoryview) -> int:
        written.extend(data[:3])
        return min(3, len(data))

    monkeypatch.setattr(os, "write", write_three)
    write_all(1, b"ten bytes.")
    monkeypatch.undo()
    assert written == b"ten bytes."
