"""The models as a store: what there is, whether it is still what it was, and taking it away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from parakeet_cli.errors import EngineUnavailable, OutputError
from parakeet_cli.models import cached_models, hub, lock_file, resolve
from parakeet_cli.models.cache import cached, matching, repository_folder, revisions, size_of
from parakeet_cli.models.checksums import git_sum_of, sha256_of
from parakeet_cli.models.registry import EMBEDDED_NAME, KNOWN, by_repository, look_up
from parakeet_cli.models.types import KINDS, NEMO, ONNX, WHISPER, KnownModel, LocalModel

_SHA256_DIGITS = 64
_SHA1_DIGITS = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the list: known here, or only in the cache."""

    known: KnownModel
    found: LocalModel | None
    cached_bytes: int  # of its files


@dataclass(frozen=True, slots=True)
class Verdict:
    """One file of a cached model, compared with what it should be."""

    class Status(StrEnum):
        OK = "ok"
        CHANGED = "changed"
        MISSING = "missing"
        UNKNOWN = "unknown"

    file: str
    status: Status
    against: str  # what it was compared with, in words


def model_of(name: str, kind: str | None) -> KnownModel:
    """The model that a name means; a hub id of no kind we know is one for NeMo."""
    if name == EMBEDDED_NAME and kind in (None, WHISPER):
        raise EngineUnavailable(
            f"{EMBEDDED_NAME} is embedded: it comes with the program.",
            hint="It is checked each time it is loaded; others: parakeet models list",
        )
    known = look_up(name, kind)
    if known is not None:
        return known
    return resolve(name, kind or (ONNX if name.endswith("-onnx") else NEMO))


def entries() -> list[Entry]:
    """Every known model, then the others that are cached."""
    known = [_entry(row, cached(row)) for row in KNOWN]
    return known + [_entry(row, found) for row, found in _unnamed()]


def _unnamed() -> Iterator[tuple[KnownModel, LocalModel]]:
    names = {row.name for row in KNOWN}
    for kind in KINDS:
        for found in cached_models(kind):
            if found.name not in names:
                yield by_repository(found.name, kind), found


def _entry(known: KnownModel, found: LocalModel | None) -> Entry:
    files = matching(_folder(found), known.files) if found else ()
    return Entry(known, found, sum(file.stat().st_size for file in files))


def _folder(found: LocalModel) -> Path:
    return found.path.parent if found.path.is_file() else found.path


def verify(known: KnownModel, watch: hub.Watch | None = None) -> Iterator[Verdict]:
    """Each file of a cached model against its sum; raises EngineUnavailable where none is."""
    snapshot = next(iter(revisions(known.repository, first=known.revision)), None)
    if snapshot is None:
        raise not_cached(known)
    found = cached(known)
    revision, folder = (found.revision, _folder(found)) if found else snapshot
    recorded = lock_file.read(known.repository).get(revision or "", {})
    pinned = known.sha256 if revision == known.revision else {}
    names = [path.name for path in sorted(folder.iterdir()) if _wanted(path, known)]
    expected = [name for name in known.files if "*" not in name and name not in known.optional]
    for name in dict.fromkeys([*names, *expected, *sorted(set(recorded) & set(known.files))]):
        yield _verdict(folder / name, pinned.get(name), recorded.get(name), watch)


def _wanted(path: Path, known: KnownModel) -> bool:
    return any(path.match(pattern) for pattern in known.files)


def _verdict(
    path: Path, pinned: str | None, recorded: str | None, watch: hub.Watch | None
) -> Verdict:
    if not path.is_file():
        return Verdict(path.name, Verdict.Status.MISSING, "it is not in the cache")
    if watch is not None:
        watch.begin(path.name, 0, path.stat().st_size)
    advance = watch.advance if watch is not None else None
    blob = path.resolve().name  # the client names a blob by its sum
    if pinned or recorded:
        same = sha256_of(path, advance) == (pinned or recorded)
        against = "the sum in this program" if pinned else "what was recorded when it was pulled"
    elif len(blob) == _SHA256_DIGITS:
        same = sha256_of(path, advance) == blob
        against = "the sum that another tool's download was named by"
    elif len(blob) == _SHA1_DIGITS:
        same = git_sum_of(path) == blob
        against = "the sum that another tool's download was named by"
    else:
        return Verdict(path.name, Verdict.Status.UNKNOWN, "nothing was recorded")
    return Verdict(path.name, Verdict.Status.OK if same else Verdict.Status.CHANGED, against)


def sharing(known: KnownModel) -> list[str]:
    """The other names whose files are in the same repository's folder."""
    others = [row for row in KNOWN if row.repository == known.repository and row != known]
    return [row.name for row in others if cached(row)]


def folder_of(known: KnownModel) -> Path:
    """The folder of its repository; raises EngineUnavailable where none of it is cached."""
    folder = repository_folder(known.repository)
    if not folder.is_dir() or folder.is_symlink():
        raise not_cached(known)
    return folder


def remove(known: KnownModel) -> int:
    """Delete a repository from the cache; the bytes it freed. Raises what says why not."""
    folder = folder_of(known)
    freed = size_of(folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"{folder} can't be removed: {error.strerror or error}.") from error
    return freed


def not_cached(known: KnownModel) -> EngineUnavailable:
    """For what there must be something of."""
    return EngineUnavailable(
        f"The model {known.name} ({known.repository}) is not on this machine.",
        hint=f"Fetch it: parakeet models pull {known.name}",
    )
