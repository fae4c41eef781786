from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from parakeet_cli.errors import OutputError
from parakeet_cli.transcribe.outputs.write import atomic_writer, write_atomically


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_file_appears_whole_with_the_rights_of_the_umask() -> None:
    before = os.umask(0o026)
    try:
        write_atomically(Path("deep/er/a.txt"), ["one\n", "zwei \udcff\n"])
    finally:
        os.umask(before)
    assert Path("deep/er/a.txt").read_bytes() == b"one\nzwei \\udcff\n"
    assert stat.S_IMODE(Path("deep/er/a.txt").stat().st_mode) == 0o640
    assert list(Path("deep/er").iterdir()) == [Path("deep/er/a.txt")]


@pytest.mark.parametrize("fault", [KeyError("x"), KeyboardInterrupt(), OSError(28, "No space")])
def test_a_fault_on_the_way_leaves_the_old_file_and_nothing_else(fault: BaseException) -> None:
    Path("a.txt").write_text("old", encoding="utf-8")
    expected = OutputError if isinstance(fault, OSError) else type(fault)
    with pytest.raises(expected), atomic_writer(Path("a.txt")) as stream:
        stream.write(b"new" * 10_000)
        raise fault
    assert Path("a.txt").read_text(encoding="utf-8") == "old"
    assert list(Path.cwd().iterdir()) == [Path.cwd() / "a.txt"]


def test_a_pipe_that_broke_elsewhere_is_not_the_file_s_fault() -> None:
    with pytest.raises(BrokenPipeError), atomic_writer(Path("a.txt")):
        raise BrokenPipeError


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file/a.txt", "Not a directory|File exists"),
        ("folder", "Is a directory"),
        ("a" * 300, "File name too long"),
        ("/proc/a.txt", "No such file|Permission"),
    ],
)
def test_a_file_that_can_t_be_written_fails_with_the_reason(path: str, reason: str) -> None:
    Path("file").touch()
    Path("folder").mkdir()
    with pytest.raises(OutputError, match=reason):
        write_atomically(Path(path), ["text"])
