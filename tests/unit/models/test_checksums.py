from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from parakeet_cli.models.checksums import git_sum_of, sha256_of


def test_sha_256_is_counted_block_by_block(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    data = bytes(range(256)) * (10 << 10)
    path.write_bytes(data)
    counts: list[int] = []
    assert sha256_of(path, counts.append) == hashlib.sha256(data).hexdigest()
    assert sum(counts) == len(data)
    assert len(counts) > 1


def test_an_empty_file_has_a_sum() -> None:
    assert sha256_of(Path("/dev/null")) == hashlib.sha256().hexdigest()


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
@pytest.mark.parametrize("content", [b"", b"hello\n", b"a\0b\r\n"])
def test_git_s_sum_is_that_of_git(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    command = ["git", "hash-object", "--no-filters", str(path)]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True)
    assert git_sum_of(path) == theirs.stdout.strip()
