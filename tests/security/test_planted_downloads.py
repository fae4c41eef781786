"""Links, folders and partial files that somebody planted in the models' folder before a pull."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.hub import Hub
from tests.integration.models.test_hub import FILE, REPOSITORY, SMALL, Command, hub, parakeet

__all__ = ["hub", "parakeet"]  # the fixtures
pytestmark = pytest.mark.slow


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "canary").write_text("mine")
    return folder


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_nothing_that_lies_in_the_cache_leads_a_download_out_of_it(
    hub: Hub, parakeet: Command, outside: Path
) -> None:
    hub.add(REPOSITORY, {FILE: SMALL})
    assert parakeet("models", "pull", "1.1b").returncode == 0
    cache = parakeet.cache / "hub"
    repository = next(cache.glob("models--*"))
    (blob,) = (repository / "blobs").iterdir()
    lock = cache / ".locks" / repository.name / f"{blob.name}.lock"
    canary = outside / "canary"
    before = snapshot(outside)
    files: dict[str, tuple[Path, bool]] = {
        "the partial file is a link": (blob.with_name(f"{blob.name}.incomplete"), False),
        "the partial file is a hard link": (blob.with_name(f"{blob.name}.incomplete"), True),
        "the blob is a link": (blob, False),
        "the blob is a hard link": (blob, True),
        "the lock is a link": (lock, False),
        "the lock is a hard link": (lock, True),
        "the name of the newest revision is a link": (repository / "refs" / "main", False),
    }
    for attack, (path, hard) in files.items():
        blob.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(canary, path) if hard else path.symlink_to(canary)
        done = parakeet("models", "pull", "1.1b")
        assert done.returncode == 0, (attack, done.stderr)
        assert Path(done.stdout.strip()).read_bytes() == SMALL
        assert snapshot(outside) == before, attack
        assert not blob.is_symlink()
    for place in ("blobs", "snapshots", "refs"):
        blob.unlink(missing_ok=True)
        folder = repository / place
        folder.rename(folder.with_suffix(".aside"))
        folder.symlink_to(outside)
        done = parakeet("models", "pull", "1.1b")
        assert done.returncode == 3, place
        assert "is a link" in done.stderr
        assert snapshot(outside) == before, place
        folder.unlink()
        folder.with_suffix(".aside").rename(folder)


def test_a_partial_file_with_other_bytes_never_gets_the_model_s_name(
    hub: Hub, parakeet: Command
) -> None:
    hub.add(REPOSITORY, {FILE: SMALL})
    assert parakeet("models", "pull", "1.1b").returncode == 0
    (blob,) = next((parakeet.cache / "hub").glob("models--*/blobs")).iterdir()
    blob.unlink()
    blob.with_name(f"{blob.name}.incomplete").write_bytes(b"x" * 1000)
    done = parakeet("models", "pull", "1.1b")
    assert done.returncode == 3
    assert "checksum" in done.stderr
    assert not blob.exists()
    assert parakeet("models", "pull", "1.1b").returncode == 0
    assert blob.read_bytes() == SMALL
