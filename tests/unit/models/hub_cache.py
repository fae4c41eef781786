"""Writes models into a cache, in the layout of huggingface_hub."""

from __future__ import annotations

from pathlib import Path


def put(cache: Path, repository: str, revision: str, *names: str, main: bool = False) -> Path:
    """A revision in the cache, whose files contain their names; returns its folder."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / revision
    (folder / "blobs").mkdir(parents=True, exist_ok=True)
    snapshot.mkdir(parents=True)
    for name in names:
        blob = folder / "blobs" / f"{revision}-{name}"
        blob.write_bytes(name.encode())
        (snapshot / name).symlink_to(Path("../../blobs") / blob.name)
    if main:
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(revision)
    return snapshot
