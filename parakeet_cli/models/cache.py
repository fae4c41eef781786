"""The models on this machine, read from the cache that Hugging Face's tools share.

Its layout is `models--OWNER--NAME/{refs/main,snapshots/REVISION/FILE,blobs/...}`. It is read
without huggingface_hub, whose import takes longer than many a clip; what is written is
written by that client alone, but for the lock file of `lock.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from parakeet_cli.models.types import NEMO, KnownModel, LocalModel

_PREFIX = "models--"


def cache_folder() -> Path:
    """HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub or the user's own, as the hub's client."""
    home = os.environ.get("HF_HOME")
    if home is None:
        base = os.environ.get("XDG_CACHE_HOME", "~/.cache")
        home = os.path.join(base, "huggingface")  # noqa: PTH118  # not yet expanded
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if (named := os.environ.get(variable)) is not None:
            return Path(os.path.expandvars(named)).expanduser()
    return Path(os.path.expandvars(home)).expanduser() / "hub"


def repository_folder(repository: str) -> Path:
    """Where a repository is cached, whether or not it is."""
    return cache_folder() / (_PREFIX + repository.replace("/", "--"))


def repositories() -> tuple[str, ...]:
    """The ids of every model repository in the cache."""
    try:
        names = sorted(entry.name for entry in cache_folder().iterdir() if entry.is_dir())
    except OSError:
        return ()
    return tuple(
        name.removeprefix(_PREFIX).replace("--", "/") for name in names if name.startswith(_PREFIX)
    )


def revisions(repository: str, *, first: str | None = None) -> Iterator[tuple[str, Path]]:
    """The cached revisions and their folders: `first`, that of `main`, then the newest."""
    snapshots = repository_folder(repository) / "snapshots"
    try:
        found = {entry.name: entry for entry in snapshots.iterdir() if entry.is_dir()}
    except OSError:
        return
    newest = sorted(found, key=lambda name: found[name].stat().st_mtime, reverse=True)
    for name in dict.fromkeys((first, main_revision(repository), *newest)):
        if name is not None and name in found:
            yield name, found[name]


def main_revision(repository: str) -> str | None:
    """What `main` was when it was last asked for."""
    try:
        text = (repository_folder(repository) / "refs" / "main").read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None
    return text.strip() or None


def matching(folder: Path, patterns: tuple[str, ...]) -> tuple[Path, ...]:
    """The files of a snapshot that match; a link whose blob is gone is none."""
    return tuple(
        sorted(
            path
            for path in folder.iterdir()
            if path.is_file() and any(fnmatch(path.name, pattern) for pattern in patterns)
        )
    )


def cached(known: KnownModel) -> LocalModel | None:
    """The model in the cache, whole; None where a file of it is missing."""
    for revision, folder in revisions(known.repository, first=known.revision):
        files = matching(folder, known.files)
        whole = all(
            any(fnmatch(file.name, pattern) for file in files)
            for pattern in known.files
            if pattern not in known.optional
        )
        if whole:
            path = files[0] if known.kind == NEMO else folder
            return LocalModel(path, known.name, known.kind, revision, known.quantization)
    return None


def size_of(folder: Path) -> int:
    """Bytes that a repository's folder takes: its blobs, the partial ones too."""
    return sum(
        entry.stat().st_size
        for entry in (folder / "blobs").glob("*")
        if entry.is_file() and not entry.is_symlink()
    )
