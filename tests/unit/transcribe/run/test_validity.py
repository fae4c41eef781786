from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from parakeet_cli.transcribe.run.validity import output_holds, same_state


@pytest.fixture
def output(tmp_path: Path) -> tuple[Path, list[object]]:
    path = tmp_path / "a.txt"
    path.write_text("One.")
    found = path.stat()
    sha256 = hashlib.sha256(b"One.").hexdigest()
    return path, [str(path), sha256, found.st_size, found.st_mtime_ns]


def test_an_output_holds_while_its_content_does(output: tuple[Path, list[object]]) -> None:
    path, row = output
    assert output_holds(str(path), row)
    os.utime(path, (1, 1))
    assert output_holds(str(path), row)
    path.write_text("Two.")
    assert not output_holds(str(path), row)
    path.write_text("Three.")
    assert not output_holds(str(path), row)
    path.unlink()
    assert not output_holds(str(path), row)


def test_an_input_is_the_same_with_its_size_and_time() -> None:
    assert same_state([1, 2], (1, 2))
    assert same_state(None, None)
    assert not same_state([1, 2], (1, 3))
    assert not same_state([1, 2], None)
    assert not same_state(None, (1, 2))
