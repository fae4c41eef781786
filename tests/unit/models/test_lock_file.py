from __future__ import annotations

import json
from pathlib import Path

import pytest

from parakeet_cli.models import lock_file
from tests.unit.models.hub_cache import put


@pytest.fixture(autouse=True)
def repository(cache: Path) -> None:
    put(cache, "a/b", "1", "b.nemo")


def test_nothing_is_recorded_at_first() -> None:
    assert lock_file.read("a/b") == {}


def test_what_is_recorded_later_is_added(cache: Path) -> None:
    lock_file.write("a/b", "1", {"b.nemo": "aa", "vocab.txt": "bb"})
    lock_file.write("a/b", "2", {"b.nemo": "cc"})
    lock_file.write("a/b", "1", {"b.nemo": "dd"})
    assert lock_file.read("a/b") == {
        "1": {"b.nemo": "dd", "vocab.txt": "bb"},
        "2": {"b.nemo": "cc"},
    }
    content = json.loads((cache / "models--a--b" / "parakeet.lock.json").read_text("utf-8"))
    assert (content["schema"], content["repository"]) == ("parakeet.model-lock/1", "a/b")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"schema": "parakeet.model-lock/2", "revisions": {"1": {"b.nemo": "aa"}}}',
        b'{"schema": "parakeet.model-lock/1", "revisions": []}',
        b'{"schema": "parakeet.model-lock/1", "revisions": {"1": null}}',
    ],
)
def test_a_file_that_is_damaged_or_of_another_schema_records_nothing(content: bytes) -> None:
    lock_file.path_of("a/b").write_bytes(content)
    assert lock_file.read("a/b") == {}
