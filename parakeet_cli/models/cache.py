"""Reads the model cache that Hugging Face's tools share.

Its layout is `models--OWNER--NAME/{refs/main,snapshots/REVISION/FILE,blobs/...}`. It is read
without huggingface_hub, whose import takes longer than many a clip. Only that client writes
to it, except for the lock file of `lock_file.py`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import IO

from parakeet_cli.models.types import NEMO_FILES, KnownModel, LocalModel
from parakeet_cli.system.regular_files import read_regular

_PREFIX = "models--"

_BLOCK = 1 << 20  # bytes read at once
_REVISION_BYTES = 4096  # a name of forty digits, and room


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
    """The folder in which a repository is cached, or would be."""
    return cache_folder() / (_PREFIX + repository.replace("/", "--"))


def cached_repositories() -> tuple[str, ...]:
    """The ids of every model repository in the cache."""
    try:
        names = sorted(entry.name for entry in cache_folder().iterdir() if entry.is_dir())
    except OSError:
        return ()
    return tuple(
        name.removeprefix(_PREFIX).replace("--", "/") for name in names if name.startswith(_PREFIX)
    )


def cached_revisions(repository: str, *, first: str | None = None) -> Iterator[tuple[str, Path]]:
    """The cached revisions and their folders: `first`, that of `main`, then the newest."""
    snapshots = repository_folder(repository) / "snapshots"
    try:
        folders = {entry.name: entry for entry in snapshots.iterdir() if entry.is_dir()}
    except OSError:
        return
    newest = sorted(folders, key=lambda name: folders[name].stat().st_mtime, reverse=True)
    for name in dict.fromkeys((first, _main_revision(repository), *newest)):
        if name is not None and name in folders:
            yield name, folders[name]


def _main_revision(repository: str) -> str | None:
    """The revision that `main` was when the hub was last asked."""
    try:
        main = repository_folder(repository) / "refs" / "main"
        text = read_regular(main, _REVISION_BYTES).decode("ascii")
    except (OSError, UnicodeDecodeError):
        return None
    return text.strip() or None


def matching_files(folder: Path, patterns: tuple[str, ...]) -> tuple[Path, ...]:
    """The files of a snapshot that match; a link to a missing blob is not one."""
    return tuple(
        sorted(
            path
            for path in folder.iterdir()
            if path.is_file() and any(fnmatch(path.name, pattern) for pattern in patterns)
        )
    )


def find_cached(known: KnownModel) -> LocalModel | None:
    """The model in the cache; None where a file that it needs is missing."""
    required = [pattern for pattern in known.files if pattern not in known.optional]
    for revision, folder in cached_revisions(known.repository, first=known.revision):
        files = matching_files(folder, known.files)
        if all(any(fnmatch(file.name, pattern) for file in files) for pattern in required):
            path = files[0] if known.kind in NEMO_FILES else folder
            return LocalModel(path, known.name, known.kind, revision, known.quantization)
    return None


def repository_size(folder: Path) -> int:
    """Bytes that a repository's folder takes: its blobs, partial downloads included."""
    return sum(
        entry.stat().st_size
        for entry in (folder / "blobs").glob("*")
        if entry.is_file() and not entry.is_symlink()
    )


def git_sum_of(path: Path) -> str:
    """A file's SHA-1 as git computes it: the hub's name for files that are not in LFS."""
    with path.open("rb") as stream:
        return git_sum(stream)


def git_sum(stream: IO[bytes]) -> str:
    """That sum of an open file, from its beginning."""
    digest = hashlib.sha1(b"blob %d\0" % os.fstat(stream.fileno()).st_size, usedforsecurity=False)
    return _updated(digest, stream)


def sha256_sum(stream: IO[bytes]) -> str:
    """The SHA-256 of an open file, from its beginning."""
    return _updated(hashlib.sha256(), stream)


def _updated(digest: hashlib._Hash, stream: IO[bytes]) -> str:
    stream.seek(0)
    while block := stream.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()
