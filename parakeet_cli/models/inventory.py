"""Lists the known and the cached models, verifies their files, and removes them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from parakeet_cli.errors import EngineUnavailable, OutputError
from parakeet_cli.models import lock_file
from parakeet_cli.models.cache import (
    cached_revisions,
    find_cached,
    git_sum_of,
    matching_files,
    repository_folder,
    repository_size,
)
from parakeet_cli.models.embedded import EMBEDDED, TINY
from parakeet_cli.models.progress import FileProgress
from parakeet_cli.models.registry import KNOWN, TINY_ROW, by_repository, look_up
from parakeet_cli.models.resolve import cached_models, resolve_name
from parakeet_cli.models.types import KINDS, NEMO, ONNX, SPEAKERS, WHISPER, KnownModel, LocalModel
from parakeet_cli.system.files import sha256_of

_SHA256_DIGITS = 64
_SHA1_DIGITS = 40


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A row of the list: a known model, or one that is only in the cache."""

    known: KnownModel
    cached: LocalModel | None
    cached_bytes: int  # of its files
    embedded: bool = False  # whether it comes with the program


class Outcome(StrEnum):
    """How a file's check ended."""

    OK = "ok"
    CHANGED = "changed"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One file of a cached model, compared with its checksum."""

    file: str
    outcome: Outcome
    reference: str  # the checksum's origin, in words


def model_named(name: str, kind: str | None) -> KnownModel:
    """The model of that name; a hub id is for NeMo unless `kind` or its name says otherwise.

    Raises EngineUnavailable.
    """
    if name == TINY.name and kind in (None, WHISPER):
        raise EngineUnavailable(
            f"{name} is embedded: it comes with the program.",
            hint="It is checked each time it is loaded; others: parakeet models list",
        )
    known = look_up(name, kind)
    if known is not None:
        return known
    return resolve_name(name, kind or (ONNX if name.endswith("-onnx") else NEMO))


def list_models() -> list[ListedModel]:
    """Every known model, then the others that are cached."""
    known = [_listed(row, find_cached(row)) for row in (*KNOWN, TINY_ROW)]
    return known + [_listed(row, cached) for row, cached in _unnamed()]


def _unnamed() -> Iterator[tuple[KnownModel, LocalModel]]:
    names = {row.name for row in KNOWN}
    for kind in KINDS:
        # What a .nemo without a name of its own is for isn't known: it counts as nemo's.
        for cached in cached_models(kind) if kind != SPEAKERS else ():
            if cached.name not in names:
                yield by_repository(cached.name, kind), cached


def _listed(known: KnownModel, cached: LocalModel | None) -> ListedModel:
    files = matching_files(_snapshot_of(cached), known.files) if cached else ()
    wheels = EMBEDDED.get(known.name)
    return ListedModel(
        known,
        cached,
        sum(file.stat().st_size for file in files),
        embedded=wheels is not None and wheels.obstacle() is None,
    )


def _snapshot_of(cached: LocalModel) -> Path:
    return cached.path.parent if cached.path.is_file() else cached.path


def verify(known: KnownModel, progress: FileProgress) -> Iterator[FileCheck]:
    """Check each file of a cached model. Raises EngineUnavailable where nothing is cached."""
    newest = next(iter(cached_revisions(known.repository, first=known.revision)), None)
    if newest is None:
        raise _not_cached(known)
    cached = find_cached(known)
    revision, folder = (cached.revision, _snapshot_of(cached)) if cached else newest
    recorded = lock_file.read(known.repository).get(revision or "", {})
    pinned = known.sha256 if revision == known.revision else {}
    names = [path.name for path in sorted(folder.iterdir()) if _belongs_to(path, known)]
    expected = [name for name in known.files if "*" not in name and name not in known.optional]
    for name in dict.fromkeys([*names, *expected, *sorted(set(recorded) & set(known.files))]):
        yield _check(folder / name, pinned.get(name), recorded.get(name), progress)


def _belongs_to(path: Path, known: KnownModel) -> bool:
    return any(path.match(pattern) for pattern in known.files)


def _check(path: Path, pinned: str | None, recorded: str | None, shown: FileProgress) -> FileCheck:
    if not path.is_file():
        return FileCheck(path.name, Outcome.MISSING, "it is not in the cache")
    shown.begin(path.name, 0, path.stat().st_size)
    blob = path.resolve().name  # the client names a blob by its checksum
    if pinned or recorded:
        same = sha256_of(path, shown.advance) == (pinned or recorded)
        reference = "the sum in this program" if pinned else "what was recorded when it was pulled"
    elif len(blob) in (_SHA256_DIGITS, _SHA1_DIGITS):
        is_sha256 = len(blob) == _SHA256_DIGITS
        same = (sha256_of(path, shown.advance) if is_sha256 else git_sum_of(path)) == blob
        reference = "the sum that another tool's download was named by"
    else:
        return FileCheck(path.name, Outcome.UNKNOWN, "nothing was recorded")
    return FileCheck(path.name, Outcome.OK if same else Outcome.CHANGED, reference)


def models_in_same_folder(known: KnownModel) -> list[str]:
    """The names of the other cached models in the same repository's folder."""
    others = [row for row in KNOWN if row.repository == known.repository and row != known]
    return [row.name for row in others if find_cached(row)]


def cached_model(known: KnownModel) -> LocalModel:
    """The model in the cache. Raises EngineUnavailable where it isn't, or not whole."""
    cached = find_cached(known)
    if cached is None:
        raise _not_cached(known)
    return cached


def cached_folder(known: KnownModel) -> Path:
    """The folder of its repository. Raises EngineUnavailable where none of it is cached."""
    folder = repository_folder(known.repository)
    if not folder.is_dir() or folder.is_symlink():
        raise _not_cached(known)
    return folder


def remove(known: KnownModel) -> int:
    """Delete a model's repository from the cache; returns the bytes that became free.

    Raises EngineUnavailable where it is not cached, and OutputError.
    """
    folder = cached_folder(known)
    freed = repository_size(folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"{folder} can't be removed: {error.strerror or error}.") from error
    return freed


def _not_cached(known: KnownModel) -> EngineUnavailable:
    return EngineUnavailable(
        f"The model {known.name} ({known.repository}) is not on this machine.",
        hint=f"Fetch it: parakeet models pull {known.name}",
    )
