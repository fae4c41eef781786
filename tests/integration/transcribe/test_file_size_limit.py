"""`ulimit -f`: the error says what it is and what to type, and the same command goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import parakeet_cli
from tests.integration.transcribe.command import CLIP, SAID, run

pytestmark = pytest.mark.slow

HINT = "ulimit -f"


def limited(blocks: int) -> tuple[str, ...]:
    """Runs the command where no file may be larger than so many KiB."""
    return ("bash", "-c", f'ulimit -S -f {blocks}; "$@"', "bash")


def clips(folder: Path, count: int) -> list[str]:
    for number in range(count):
        (folder / f"{number:02}.wav").write_bytes(CLIP.read_bytes())
    return [f"{number:02}.wav" for number in range(count)]


@pytest.mark.parametrize("more", [(), ("--run", "run"), ("--workers", "2")], ids=str)
def test_an_output_that_is_too_large_leaves_the_others(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    names = clips(tmp_path, 2)
    asked = ("transcribe", *names, "-f", "txt", "-f", "html", "-o", "out", *more)
    done = run(tmp_path, *asked, through=limited(4))
    assert done.code == 1
    assert "File too large" in done.err
    assert HINT in done.err
    assert "bug" not in done.err
    outputs = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert outputs == ["00.txt", "01.txt"]  # whole, and nothing half of a page
    assert (tmp_path / "out" / "00.txt").read_bytes() == SAID


def test_a_journal_that_is_too_large_ends_the_run_and_the_same_command_goes_on(
    tmp_path: Path,
) -> None:
    asked = ("transcribe", *clips(tmp_path, 12), "-f", "txt", "-o", "out", "--run", "run")
    stopped = run(tmp_path, *asked, through=limited(2))
    assert stopped.code == 1
    assert "journal.jsonl can't be written: File too large" in stopped.err
    assert HINT in stopped.err
    assert run(tmp_path, *asked).code == 0
    assert len(list((tmp_path / "out").glob("*.txt"))) == 12
    again = run(tmp_path, *asked)
    assert "12 of them before" in again.err


@pytest.mark.parametrize("more", [(), ("--run", "run")], ids=str)
def test_where_no_file_can_be_written_it_is_no_bug(more: tuple[str, ...], tmp_path: Path) -> None:
    asked = ("transcribe", *clips(tmp_path, 1), "-f", "txt", "-o", "out", *more)
    done = run(tmp_path, *asked, through=limited(0))
    assert done.code == 1
    assert HINT in done.err
    assert "bug" not in done.err
    assert "Traceback" not in done.err


def test_pythons_cache_of_the_modules_stays_whole(tmp_path: Path) -> None:
    """Python writes half of a compiled module there, and can't read it ever after."""
    package = Path(parakeet_cli.__file__).parent
    shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    command = (sys.executable, "-m", package.name, "config", "path")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for through in (limited(4), ()):
        done = subprocess.run(
            [*through, *command], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("__pycache__"))
