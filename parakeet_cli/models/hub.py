"""Fetching a model from the hub, by huggingface_hub's own client, and checking what came.

The client of today keeps no part of a download that was interrupted and compares sizes only.
So its `http_get` writes to `blobs/SUM.incomplete`, where an earlier client left them and the
next run goes on, and nothing gets its name in the cache before its sum was checked; then
`hf_hub_download` finds the blob there and makes the snapshot.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, Any, Protocol

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models import lock_file
from parakeet_cli.models.cache import cache_folder, cached, repository_folder
from parakeet_cli.models.checksums import git_sum_of, sha256_of
from parakeet_cli.models.types import KnownModel, LocalModel

_SPARE = 64 << 20  # bytes that stay free on the disk


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository as the hub describes it."""

    name: str
    size: int
    sha256: str | None  # LFS files
    blob: str  # git's sum, of what is in git: the file, or the pointer to it

    @property
    def etag(self) -> str:
        """What the client calls it in the cache."""
        return self.sha256 or self.blob


class Watch(Protocol):
    """Told how a download goes on."""

    def begin(self, name: str, done: int, total: int) -> None: ...

    def advance(self, count: int) -> None: ...


class Unwatched:
    """For pipes and logs."""

    def begin(self, name: str, done: int, total: int) -> None:
        pass

    def advance(self, count: int) -> None:
        pass


def offline_by_environment() -> bool:
    """HF_HUB_OFFLINE, as the hub's client reads it."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in {"1", "ON", "YES", "TRUE"}


def fetch(known: KnownModel, watch: Watch | None = None) -> LocalModel:
    """Download what is missing of a model, check all of it, and record what it is.

    Raises EngineUnavailable; a file whose sum is wrong leaves nothing in place.
    """
    with _explained(known):
        commit, files = _describe(known)
        _check_space(known, files)
        for file in files:
            _fetch_blob(known, commit, file, watch or Unwatched())
        for file in files:
            _put_in_place(known, commit, file)
    found = cached(known)
    if found is None or found.revision != commit:
        raise EngineUnavailable(
            f"{known.repository} was fetched, and is not whole in the cache {cache_folder()}.",
            hint=f"Once more: parakeet models pull {known.name}",
        )
    sums = {file.name: _expected_sha256(known, commit, file) for file in files}
    lock_file.write(known.repository, commit, _recorded(known, commit, files, sums))
    return found


def _describe(known: KnownModel) -> tuple[str, list[HubFile]]:
    """The commit, and the files that are wanted of it."""
    from huggingface_hub import HfApi

    info = HfApi().model_info(known.repository, revision=known.revision, files_metadata=True)
    files = [_hub_file(sibling) for sibling in info.siblings or ()]
    wanted = [file for file in files if any(fnmatch(file.name, name) for name in known.files)]
    missing = [
        name
        for name in known.files
        if name not in known.optional and not any(fnmatch(file.name, name) for file in wanted)
    ]
    if missing or info.sha is None:
        raise EngineUnavailable(
            f"The repository {known.repository} holds no {missing[0] if missing else 'revision'}"
            f", which a model for {known.kind} needs.",
            hint="Known models: parakeet models list",
        )
    return info.sha, wanted


def _hub_file(sibling: Any) -> HubFile:
    sha256 = sibling.lfs.sha256 if sibling.lfs else None
    return HubFile(sibling.rfilename, sibling.size or 0, sha256, sibling.blob_id or "")


def _check_space(known: KnownModel, files: Sequence[HubFile]) -> None:
    blobs = repository_folder(known.repository) / "blobs"
    needed = sum(file.size for file in files if not (blobs / file.etag).exists())
    needed -= sum(_size(blobs / f"{file.etag}.incomplete") for file in files)
    folder = next(path for path in (blobs, *blobs.parents) if path.is_dir())
    free = shutil.disk_usage(folder).free
    if needed > 0 and needed + _SPARE > free:
        raise EngineUnavailable(
            f"{known.name} needs {needed / 1e6:.0f} MB more, and {folder} has "
            f"{free / 1e6:.0f} MB free.",
            hint="Make room (`parakeet models list` shows what is cached), or name another "
            "disk in HF_HOME.",
        )


def _fetch_blob(known: KnownModel, commit: str, file: HubFile, watch: Watch) -> None:
    from huggingface_hub.utils._fixes import WeakFileLock

    folder = repository_folder(known.repository)
    blob = folder / "blobs" / file.etag
    locks = cache_folder() / ".locks" / folder.name
    blob.parent.mkdir(parents=True, exist_ok=True)
    locks.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(locks / f"{file.etag}.lock"):
        if blob.exists() and not _is_right(known, commit, file, blob):
            blob.unlink()  # it was changed on the disk: fetched anew
        if blob.exists():
            watch.begin(file.name, file.size, file.size)
            return
        partial = blob.with_name(f"{file.etag}.incomplete")
        if _size(partial) > file.size:
            partial.unlink()
        watch.begin(file.name, _size(partial), file.size)
        while _download(known, commit, file, partial, watch):
            pass
        _check(known, commit, file, partial)
        partial.replace(blob)


def _download(known: KnownModel, commit: str, file: HubFile, partial: Path, watch: Watch) -> bool:
    """Go on with a file; whether it broke off after there was more of it, and is to be tried anew.

    Old clients don't try again by themselves, and new ones only some errors.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    done = _size(partial)
    try:
        with partial.open("ab") as stream:
            http_get(
                hf_hub_url(known.repository, file.name, revision=commit),
                _Watched(stream, watch.advance),  # type: ignore[arg-type]
                resume_size=done,
                headers={**build_hf_headers(), "Accept-Encoding": "identity"},
                expected_size=file.size,
            )
    except HfHubHTTPError:
        raise
    except _network_errors():
        if _size(partial) > done:
            return True
        raise
    return False


class _Watched:
    """The file that is written to, for a client whose bar is not ours."""

    def __init__(self, stream: IO[bytes], advance: Callable[[int], None]) -> None:
        self._stream, self._advance = stream, advance

    def write(self, data: bytes) -> int:
        self._advance(len(data))
        return self._stream.write(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def truncate(self) -> int:
        """The server gave the whole file where the rest was asked for."""
        size = self._stream.tell()
        self._advance(size - os.fstat(self._stream.fileno()).st_size)
        return self._stream.truncate()

    def tell(self) -> int:
        return self._stream.tell()


def _expected_sha256(known: KnownModel, commit: str, file: HubFile) -> str | None:
    pinned = known.sha256.get(file.name) if commit == known.revision else None
    return pinned or file.sha256


def _is_right(known: KnownModel, commit: str, file: HubFile, path: Path) -> bool:
    expected = _expected_sha256(known, commit, file)
    found = sha256_of(path) if expected else git_sum_of(path)
    return _size(path) == file.size and found == (expected or file.blob)


def _check(known: KnownModel, commit: str, file: HubFile, path: Path) -> None:
    """Raise EngineUnavailable, and delete it, unless the file is what it should be."""
    if _is_right(known, commit, file, path):
        return
    path.unlink()
    raise EngineUnavailable(
        f"{file.name} of {known.repository} came with other bytes than it should have: its sum "
        "is wrong. It was deleted, and nothing of it is in the cache.",
        hint=f"Once more: parakeet models pull {known.name}. If that ends here too, the hub "
        "or what lies between serves another file.",
    )


def _put_in_place(known: KnownModel, commit: str, file: HubFile) -> None:
    from huggingface_hub import hf_hub_download

    path = Path(hf_hub_download(known.repository, file.name, revision=known.revision))
    blob = repository_folder(known.repository) / "blobs" / file.etag
    if path.parent.name == commit and path.resolve() == blob.resolve():
        return
    if path.parent.name == commit and not path.is_symlink() and _size(path) == file.size:
        _check(known, commit, file, path)  # a disk without links: the client made a copy
        return
    path.unlink(missing_ok=True)
    raise EngineUnavailable(
        f"{known.repository} was changed on the hub while it was being fetched.",
        hint=f"Once more: parakeet models pull {known.name}",
    )


def _recorded(
    known: KnownModel, commit: str, files: Sequence[HubFile], sums: dict[str, str | None]
) -> dict[str, str]:
    """The SHA-256 of every file: git's sum says nothing to other tools."""
    blobs = repository_folder(known.repository) / "blobs"
    return {file.name: sums[file.name] or sha256_of(blobs / file.etag) for file in files}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _network_errors(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """What the hub's client raises without a network: by requests OSErrors, by httpx its own."""
    clients = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    return (OSError, *more, *(client.HTTPError for client in clients if client is not None))


@contextmanager
def _explained(known: KnownModel) -> Iterator[None]:
    """The client's errors as ours, with what to type."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except HFValidationError as error:
        raise EngineUnavailable(
            f"'{known.repository}' is neither a file on this machine nor the id of a model on "
            "the hub.",
            hint="A hub id looks like nvidia/parakeet-tdt-0.6b-v3; known names: "
            "parakeet models list",
        ) from error
    except GatedRepoError as error:
        raise EngineUnavailable(
            f"The model {known.repository} is open only to who asked for it on the hub.",
            hint="Ask on its page, then put your token in HF_TOKEN, or type: hf auth login",
        ) from error
    except RevisionNotFoundError as error:
        raise EngineUnavailable(
            f"The hub no longer has the revision {known.revision} of {known.repository}, "
            "which is the one that was checked.",
            hint=f"`--model {known.repository}` takes another; its sums are the hub's word.",
        ) from error
    except RepositoryNotFoundError as error:
        raise EngineUnavailable(
            f"The hub has no model {known.repository}, or it is private.",
            hint="Check the name; for a private one put your token in HF_TOKEN, or type: "
            "hf auth login",
        ) from error
    except OfflineModeIsEnabled as error:
        raise offline_error(known, "HF_HUB_OFFLINE is set") from error
    except _network_errors(ValueError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise EngineUnavailable(
            f"The model {known.repository} could not be fetched from the hub: {reason}",
            hint=f"Check the network, then: parakeet models pull {known.name} (it goes on "
            "where it stopped).",
        ) from error


def offline_error(known: KnownModel, why: str) -> EngineUnavailable:
    """For a model that is not here when nothing may be fetched."""
    return EngineUnavailable(
        f"The model {known.name} ({known.repository}) is not on this machine, and {why}.",
        hint=f"With a network, once: parakeet models pull {known.name}; or name a file or "
        "folder with --model.",
    )
