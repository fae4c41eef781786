from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.models.cache import (
    cache_folder,
    cached_repositories,
    cached_revisions,
    find_cached,
    git_sum_of,
    matching_files,
    repository_folder,
    repository_size,
)
from parakeet_cli.models.registry import by_repository
from parakeet_cli.models.types import NEMO, ONNX
from tests.unit.models.hub_cache import put


def test_the_cache_is_where_the_hub_s_client_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = "from huggingface_hub.constants import HF_HUB_CACHE as c; print(c)"
    for variables in (
        {"HF_HOME": str(tmp_path / "a")},
        {"HF_HUB_CACHE": "~/models"},
        {"HUGGINGFACE_HUB_CACHE": "$HOME/m", "HF_HOME": "/x"},
        {"XDG_CACHE_HOME": str(tmp_path / "x")},
        {},
    ):
        for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        theirs = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        assert str(cache_folder()) == theirs.stdout.strip()


def test_the_repositories_are_the_folders_of_models(cache: Path) -> None:
    assert cached_repositories() == ()
    put(cache, "someone/b", "1", "b.nemo")
    put(cache, "a", "1", "a.nemo")
    (cache / "datasets--someone--c").mkdir()
    (cache / "models--someone--file").touch()
    assert cached_repositories() == ("a", "someone/b")
    assert repository_folder("someone/b").is_dir()


def test_revisions_come_in_the_order_asked_for_then_main_then_the_newest(cache: Path) -> None:
    for age, revision in enumerate(("newest", "newer", "old", "main", "first")):
        folder = put(cache, "a/b", revision, "b.nemo", main=revision == "main")
        os.utime(folder, (1e9 - age, 1e9 - age))
    found = [revision for revision, _ in cached_revisions("a/b", first="first")]
    assert found == ["first", "main", "newest", "newer", "old"]
    assert next(revision for revision, _ in cached_revisions("a/b", first="gone")) == "main"
    assert list(cached_revisions("a/none")) == []


def test_a_main_that_can_t_be_read_names_no_revision(cache: Path) -> None:
    put(cache, "a/b", "1", "b.nemo", main=True)
    (repository_folder("a/b") / "refs" / "main").write_bytes(b"\xff\n")
    assert [revision for revision, _ in cached_revisions("a/b")] == ["1"]


def test_a_link_without_its_blob_is_not_a_file(cache: Path) -> None:
    folder = put(cache, "a/b", "1", "b.onnx", "a.onnx", "note.md")
    (folder / "c.onnx").symlink_to("../../blobs/gone")
    assert [path.name for path in matching_files(folder, ("*.onnx",))] == ["a.onnx", "b.onnx"]


def test_a_model_is_found_in_the_first_revision_that_is_complete(cache: Path) -> None:
    known = by_repository("a/b", ONNX)
    put(cache, "a/b", "1", "model.onnx", "vocab.txt", main=True)
    assert find_cached(known) is None
    folder = put(cache, "a/b", "2", "model.onnx", "vocab.txt", "config.json")
    found = find_cached(known)
    assert found is not None
    assert (found.path, found.revision) == (folder, "2")


def test_the_path_of_a_nemo_model_is_its_file(cache: Path) -> None:
    folder = put(cache, "a/b", "1", "b.nemo", "other.nemo")
    found = find_cached(by_repository("a/b", NEMO))
    assert found is not None
    assert found.path == folder / "b.nemo"


def test_the_size_of_a_repository_is_that_of_its_blobs(cache: Path) -> None:
    put(cache, "a/b", "1", "12345.nemo")
    folder = repository_folder("a/b")
    (folder / "blobs" / "half.incomplete").write_bytes(bytes(7))
    (folder / "blobs" / "link").symlink_to("half.incomplete")
    assert repository_size(folder) == 10 + 7


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
@pytest.mark.parametrize("content", [b"", b"hello\n", b"a\0b\r\n"])
def test_git_s_sum_is_that_of_git(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    command = ["git", "hash-object", "--no-filters", str(path)]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True)
    assert git_sum_of(path) == theirs.stdout.strip()
