"""Downloads a model with huggingface_hub's own client, and checks every byte of it.

Today's client discards a download that was interrupted, and compares sizes only. So its
`http_get` writes to `blobs/SUM.incomplete`, where earlier clients stored partial downloads and
the next run resumes, and no file gets its name in the cache before its checksum was
compared. Then `hf_hub_download` finds the blob there and makes the snapshot.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import IO, Any

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models import lock_file
from parakeet_cli.models.cache import (
    cache_folder,
    find_cached,
    git_sum,
    repository_folder,
    sha256_sum,
)
from parakeet_cli.models.hub_errors import DISK_IS_FULL, network_errors, readable_errors
from parakeet_cli.models.partial_download import (
    LimitedFile,
    TooManyBytesError,
    length_of,
    open_partial,
    refuse_linked_folders,
    remove_links,
)
from parakeet_cli.models.progress import FileProgress
from parakeet_cli.models.types import KnownModel, LocalModel
from parakeet_cli.system.files import sha256_of
from parakeet_cli.system.regular_files import open_regular
from parakeet_cli.system.units import megabytes

_SPARE = 64 << 20  # bytes that stay free on the disk


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository as the hub describes it."""

    name: str
    size: int
    sha256: str | None  # of LFS files only
    blob: str  # git's SHA-1, of the file, or of the pointer to it for LFS files

    @property
    def etag(self) -> str:
        """The client's name for it in the cache."""
        return self.sha256 or self.blob


def fetch(known: KnownModel, progress: FileProgress) -> LocalModel:
    """Download what is missing of a model, check all of it, and record its checksums.

    Raises EngineUnavailable; a file with a wrong checksum is deleted.
    """
    with readable_errors(known):
        commit, files = _list_files(known)
        _check_space(known, files)
        _refuse_links(known, commit)
        for file in files:
            _fetch_blob(known, commit, file, progress)
        for file in files:
            _link_into_snapshot(known, commit, file)
    model = find_cached(known)
    if model is None or model.revision != commit:
        raise EngineUnavailable(
            f"{known.repository} was fetched, but is not complete in the cache {cache_folder()}.",
            hint=f"Try again: parakeet models pull {known.name}",
        )
    lock_file.write(known.repository, commit, _sha256_sums(known, commit, files))
    return model


def check_available(known: KnownModel) -> None:
    """Raise EngineUnavailable unless the hub has the model, and the disk has room for it."""
    with readable_errors(known):
        _, files = _list_files(known)
        _check_space(known, files)


def _list_files(known: KnownModel) -> tuple[str, list[HubFile]]:
    """The commit, and the files of it that the model needs."""
    from huggingface_hub import HfApi

    info = HfApi().model_info(known.repository, revision=known.revision, files_metadata=True)
    files = [_hub_file(sibling) for sibling in info.siblings or ()]
    needed = [file for file in files if any(fnmatch(file.name, name) for name in known.files)]
    missing = [
        name
        for name in known.files
        if name not in known.optional and not any(fnmatch(file.name, name) for file in needed)
    ]
    if missing or info.sha is None:
        raise EngineUnavailable(
            f"The repository {known.repository} has no {missing[0] if missing else 'revision'}"
            f", which a model for {known.kind} needs.",
            hint="Known models: parakeet models list",
        )
    return info.sha, needed


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
            f"{known.name} needs {megabytes(needed)} more, and {folder} has "
            f"{megabytes(free)} free.",
            hint="Make room (`parakeet models list` shows what is cached), or name another "
            "disk in HF_HOME.",
            obstacle=DISK_IS_FULL,
        )


def _refuse_links(known: KnownModel, commit: str) -> None:
    """Raise EngineUnavailable where a link in the cache would lead the download elsewhere."""
    folder = repository_folder(known.repository)
    locks = cache_folder() / ".locks"
    inside = ("blobs", "refs", "snapshots", f"snapshots/{commit}")
    refuse_linked_folders([folder, locks, locks / folder.name, *(folder / name for name in inside)])
    remove_links([folder / "refs" / (known.revision or "main")])


def _fetch_blob(known: KnownModel, commit: str, file: HubFile, progress: FileProgress) -> None:
    from huggingface_hub.utils._fixes import WeakFileLock

    folder = repository_folder(known.repository)
    blob = folder / "blobs" / file.etag
    locks = cache_folder() / ".locks" / folder.name
    blob.parent.mkdir(parents=True, exist_ok=True)
    locks.mkdir(parents=True, exist_ok=True)
    remove_links([blob, locks / f"{file.etag}.lock"])
    with WeakFileLock(locks / f"{file.etag}.lock"):
        if blob.exists() and not _matches(known, commit, file, blob):
            blob.unlink()  # it was changed on the disk: fetch it again
        if blob.exists():
            progress.begin(file.name, file.size, file.size)
            return
        partial = blob.with_name(f"{file.etag}.incomplete")
        with open_partial(partial) as stream:
            try:
                _complete(known, commit, file, stream, progress)
                _verify(known, commit, file, stream)
            except (TooManyBytesError, WrongBytesError):
                partial.unlink(missing_ok=True)
                raise
            if sys.platform != "win32":  # which can't rename an open file
                _name(partial, blob, stream)
        if sys.platform == "win32":
            partial.replace(blob)


def _name(partial: Path, blob: Path, stream: IO[bytes]) -> None:
    """Give the file that was checked its name. Raises EngineUnavailable if it is another now."""
    partial.replace(blob)
    if not os.path.samestat(blob.lstat(), os.fstat(stream.fileno())):
        blob.unlink()
        raise EngineUnavailable(
            f"{partial} was exchanged while it was downloaded. It was deleted.",
            hint="Somebody else can write into the cache: name another in HF_HUB_CACHE.",
        )


def _complete(
    known: KnownModel, commit: str, file: HubFile, stream: IO[bytes], progress: FileProgress
) -> None:
    """Download what is missing of a file, for as long as each attempt makes it longer.

    It never becomes longer than the hub declared, so the attempts are finite in number. Where a
    server sends the whole file instead of the rest that was asked for, old clients append it:
    then the file is fetched once more from its start.
    """
    if length_of(stream) > file.size:
        stream.truncate(0)
    for last in (False, True):
        progress.begin(file.name, length_of(stream), file.size)
        try:
            while _download(known, commit, file, stream, progress):
                pass
            return
        except TooManyBytesError:
            stream.truncate(0)
            if last:
                raise


def _download(
    known: KnownModel, commit: str, file: HubFile, stream: IO[bytes], progress: FileProgress
) -> bool:
    """Resume a file; whether to retry, because the connection broke after it had grown.

    Old clients don't retry by themselves, and new ones only after some errors.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    done = stream.seek(0, os.SEEK_END)
    try:
        http_get(
            hf_hub_url(known.repository, file.name, revision=commit),
            LimitedFile(stream, file.name, file.size, progress.advance),  # type: ignore[arg-type]
            resume_size=done,
            headers={**build_hf_headers(), "Accept-Encoding": "identity"},
            expected_size=file.size,
        )
    except HfHubHTTPError:
        raise
    except network_errors():
        if length_of(stream) > done:
            return True
        raise
    return False


def _expected_sha256(known: KnownModel, commit: str, file: HubFile) -> str | None:
    pinned = known.sha256.get(file.name) if commit == known.revision else None
    return pinned or file.sha256


def _matches(known: KnownModel, commit: str, file: HubFile, path: Path) -> bool:
    with open(open_regular(path), "rb") as stream:
        return _has_sum(known, commit, file, stream)


def _has_sum(known: KnownModel, commit: str, file: HubFile, stream: IO[bytes]) -> bool:
    """Whether an open file has the size and the sum that are expected."""
    expected = _expected_sha256(known, commit, file)
    if length_of(stream) != file.size:
        return False
    found = sha256_sum(stream) if expected else git_sum(stream)
    return found == (expected or file.blob)


class WrongBytesError(EngineUnavailable):
    """A file that arrived has another size or checksum than was expected."""


def _verify(known: KnownModel, commit: str, file: HubFile, stream: IO[bytes]) -> None:
    """Raise WrongBytesError if the size or checksum of what arrived is wrong: delete it then."""
    if _has_sum(known, commit, file, stream):
        return
    raise WrongBytesError(
        f"{file.name} of {known.repository} arrived with other bytes than expected: its checksum "
        "is wrong. It was deleted from the cache.",
        hint=f"Try again: parakeet models pull {known.name}. If that fails too, the hub or a "
        "proxy serves another file.",
    )


def _link_into_snapshot(known: KnownModel, commit: str, file: HubFile) -> None:
    from huggingface_hub import hf_hub_download

    path = Path(hf_hub_download(known.repository, file.name, revision=known.revision))
    blob = repository_folder(known.repository) / "blobs" / file.etag
    if path.parent.name == commit and path.resolve() == blob.resolve():
        return
    if path.parent.name == commit and not path.is_symlink() and _size(path) == file.size:
        # A disk without links, where the client copies.
        with open(open_regular(path), "rb") as stream:
            _verify(known, commit, file, stream)
        return
    path.unlink(missing_ok=True)
    raise EngineUnavailable(
        f"{known.repository} was changed on the hub while it was being fetched.",
        hint=f"Try again: parakeet models pull {known.name}",
    )


def _sha256_sums(known: KnownModel, commit: str, files: Sequence[HubFile]) -> dict[str, str]:
    """The SHA-256 of every file: other tools can't use git's SHA-1."""
    blobs = repository_folder(known.repository) / "blobs"
    return {
        file.name: _expected_sha256(known, commit, file) or sha256_of(blobs / file.etag)
        for file in files
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
