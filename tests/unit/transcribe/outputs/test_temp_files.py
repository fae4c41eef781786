"""Files in the making: whose run is over, and whose is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from parakeet_cli.transcribe.outputs.outputs import atomic_writer, write_atomically
from parakeet_cli.transcribe.outputs.temp_files import clear_leftovers

KILLED = """
import os, signal, sys
from pathlib import Path
from parakeet_cli.transcribe.outputs.outputs import atomic_writer
with atomic_writer(Path(sys.argv[1])) as stream:
    stream.write("half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    write_atomically(tmp_path / "done.txt", ["done"])
    (tmp_path / ".parakeet-mine.txt").write_text("no part")
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.txt")], check=False)
    [left] = tmp_path.glob(".parakeet-*.part")
    assert left.read_text() == "half"
    assert clear_leftovers([tmp_path, tmp_path]) == 1
    assert {path.name for path in tmp_path.iterdir()} == {".parakeet-mine.txt", "done.txt"}


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    with atomic_writer(tmp_path / "a.txt") as stream:
        stream.write("whole")
        assert clear_leftovers([tmp_path]) == 0
        command = "import sys; from pathlib import Path; "
        command += "from parakeet_cli.transcribe.outputs.temp_files import "
        command += "clear_leftovers; sys.exit(clear_leftovers([Path(sys.argv[1])]))"
        done = subprocess.run([sys.executable, "-c", command, str(tmp_path)], check=False)
        assert done.returncode == 0  # another process leaves it alone as well
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_folders_that_are_not_there_and_links_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    (tmp_path / ".parakeet-x.part").symlink_to("precious.txt")
    assert clear_leftovers([tmp_path, tmp_path / "none"]) == 0
    assert (tmp_path / "precious.txt").read_text() == "mine"
