from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from parakeet_cli.doctor.inspect.scan_cache import Scan, ScanCache


class Counting:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, path: str) -> Scan:
        self.calls += 1
        return {"numpy": Path(path).read_text()}


def test_an_unchanged_file_is_scanned_once(tmp_path: Path) -> None:
    file = tmp_path / "x.so"
    file.write_text("1.23")
    counting = Counting()
    for _ in range(3):
        cache = ScanCache("/env", tmp_path / "cache")
        assert cache.get(str(file), counting) == {"numpy": "1.23"}
        cache.save()
    assert counting.calls == 1
    os.utime(file, ns=(1, 1))
    assert ScanCache("/env", tmp_path / "cache").get(str(file), counting) == {"numpy": "1.23"}
    assert counting.calls == 2


def test_a_replaced_file_is_scanned_again(tmp_path: Path) -> None:
    """Even if size and time are equal: the inode differs."""
    file, other = tmp_path / "x.so", tmp_path / "y.so"
    file.write_text("1.23")
    other.write_text("1.26")
    for path in (file, other):
        os.utime(path, ns=(10**18, 10**18))
    counting = Counting()
    cache = ScanCache("/env", tmp_path / "cache")
    cache.get(str(file), counting)
    cache.save()
    other.rename(file)
    again = ScanCache("/env", tmp_path / "cache")
    assert again.get(str(file), counting) == {"numpy": "1.26"}


def test_each_environment_has_its_own_cache(tmp_path: Path) -> None:
    file = tmp_path / "x.so"
    file.write_text("1.23")
    for prefix in ("/one", "/two"):
        cache = ScanCache(prefix, tmp_path / "cache")
        cache.get(str(file), Counting())
        cache.save()
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"schema": 0}', '{"files": 3}'])
def test_a_damaged_cache_is_replaced(content: str, tmp_path: Path) -> None:
    file = tmp_path / "x.so"
    file.write_text("1.23")
    cache = ScanCache("/env", tmp_path / "cache")
    cache.get(str(file), Counting())
    cache.save()
    (stored,) = (tmp_path / "cache").iterdir()
    stored.write_text(content)
    again = ScanCache("/env", tmp_path / "cache")
    counting = Counting()
    again.get(str(file), counting)
    again.save()
    assert counting.calls == 1
    assert json.loads(stored.read_text())["files"]


def test_a_cache_that_cannot_be_written_is_reported_and_the_scan_works(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    file = tmp_path / "x.so"
    file.write_text("1.23")
    cache = ScanCache("/env", tmp_path / "file" / "cache")
    assert cache.get(str(file), Counting()) == {"numpy": "1.23"}
    cache.save()
    assert "can't be" in cache.problem
