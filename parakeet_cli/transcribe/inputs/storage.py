"""Reads and writes inputs and outputs: local files, or objects of a storage, by fsspec.

A local file is its path as text, which is cheap for a hundred thousand of them. An object
appears whole or not at all; nothing is written in place. Credentials and endpoints come from
the storage's own variables and files (AWS_ENDPOINT_URL and so on).
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from parakeet_cli.errors import InputError, Obstacle, OutputError, UsageError
from parakeet_cli.formats import encode
from parakeet_cli.system.install_command import install_command
from parakeet_cli.system.safety.scratch_folders import scratch_folder
from parakeet_cli.system.safety.url_passwords import name_without_passwords, without_passwords
from parakeet_cli.transcribe.inputs.surroundings import obstacle_of_storage

# Storages in which an upload appears only when it is complete; in others it is renamed
# into place.
_ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"})
_S3 = ("s3", "s3a")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)

# Size in bytes; nanoseconds of the last change, or an ETag.
FileState = tuple[int, int | str]


@dataclass(frozen=True, slots=True)
class Url:
    """One object. `root` is the input or output folder it is below: what one listing covers."""

    text: str
    root: str
    state: FileState | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.text

    def below(self, relative: str) -> Url:
        """The object with that name below this one."""
        return Url(f"{self.text.rstrip('/')}/{relative}", self.root)


Place = str | Url


def is_url(text: str) -> bool:
    return _SCHEME.match(text) is not None


def to_place(text: str) -> Place:
    """The file, folder or object that a text names; `file://` means a local path."""
    scheme = _SCHEME.match(text)
    if scheme is None:
        return str(Path(text).expanduser())
    if scheme[1].lower() in ("file", "local"):
        return str(Path(unquote(text[scheme.end() :])))
    name = _without_slashes(text)
    return Url(name, name)


def _without_slashes(url: str) -> str:
    """The URL without slashes at its end, but for those of its scheme."""
    begin = url.index("://") + 3
    return url[:begin] + url[begin:].rstrip("/")


def canonical(where: Place, here: str | None = None) -> str:
    """A unique name that doesn't depend on the working folder: an absolute path, or the URL.

    For a hundred thousand paths, pass the working folder as `here`. Nothing but `..` may be
    left to resolve in them then, as in a plan's.
    """
    if isinstance(where, Url):
        return where.text
    if here is None or ".." in where:
        return os.path.abspath(where)
    return where if where.startswith("/") else f"{here}/{where}"


def recorded(where: Place, here: str | None = None) -> str:
    """The canonical name as a run's journal has it: without a URL's passwords."""
    name = canonical(where, here)
    return name_without_passwords(name) if isinstance(where, Url) else name


def name_of(where: Place) -> str:
    return str(where).rstrip("/").rpartition("/")[2]


def parent_name(where: Place) -> str:
    return name_of(without_passwords(canonical(where)).rstrip("/").rpartition("/")[0])


def split_suffix(name: str) -> tuple[str, str]:
    """`("a.b", ".wav")`; a dot at either end begins no suffix."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem and suffix else (name, "")


def state_of(where: Place) -> FileState | None:
    """The size and the time or mark of the last change; None if it doesn't exist."""
    if isinstance(where, Url):
        with suppress(UsageError):  # no such storage: opening the object will say so
            return where.state or _listed(where.root).get(where.text)
        return None
    try:
        found = os.stat(where)  # noqa: PTH116  # a Path would take longer than the system does
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns


def exists(where: Place) -> bool:
    """Whether it exists; for an object, when its root was first listed."""
    if isinstance(where, Url):
        return where.text in _listed(where.root)
    return os.path.lexists(where)


def forget_listings() -> None:
    """Drop all cached listings, so that a new run lists the storage again."""
    _listed.cache_clear()


def mode_of(path: str) -> int:
    """The file's mode; 0 if it can't be read, and opening the file will say why."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError):
        return 0


def is_regular(path: Place) -> bool:
    """Whether it is a regular file, which may be opened twice. A pipe must be opened only once."""
    return isinstance(path, str) and stat.S_ISREG(mode_of(path))


def list_objects(url: str) -> list[Url]:
    """The object itself, all below a prefix, or all matches of a pattern. Raises InputError."""
    root = _without_slashes(url)
    fs, path = _system(url)
    scheme = url[: url.index("://")]
    try:
        if any(mark in path for mark in "*?["):
            found = fs.glob(path, detail=True)
        else:
            found = _find(fs, path)
    except Exception as error:  # each storage has its own types
        missing = isinstance(error, FileNotFoundError)  # as a file that isn't there
        raise InputError(
            f"{_shown(url)} can't be listed: {_message(error)}.",
            obstacle=None if missing else obstacle_of_storage(error),
        ) from error
    return [
        Url(_whole(scheme, name), root, _state(info))
        for name, info in sorted(found.items())
        if info.get("type") != "directory"
    ]


def _find(fs: Any, path: str) -> Any:
    try:
        return fs.find(path, detail=True)
    except (
        UnicodeDecodeError
    ):  # older fsspec takes every object of a web server for a page of links
        return {path: fs.info(path)}


@lru_cache(maxsize=8)
def _listed(root: str) -> dict[str, FileState]:
    """All objects below a root, by one request instead of one for each object."""
    fs, path = _system(root)
    scheme = root[: root.index("://")]
    try:
        found = fs.find(path, detail=True)
    except FileNotFoundError:
        return {}
    except Exception as error:
        raise OutputError(
            f"{_shown(root)} can't be listed: {_message(error)}.",
            obstacle=obstacle_of_storage(error),
        ) from error
    return {_whole(scheme, name): _state(info) for name, info in found.items()}


def _whole(scheme: str, name: str) -> str:
    """The URL of a listed object: fsspec's names have no scheme, but for those of http."""
    return name if is_url(name) else f"{scheme}://{name.lstrip('/')}"


def _state(info: dict[str, Any]) -> FileState:
    names = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "updated", "created")
    mark = next((str(info[name]) for name in names if info.get(name)), "")
    return int(info.get("size") or 0), mark


@contextmanager
def downloaded(url: Url) -> Iterator[Path]:
    """A temporary local copy of the object. Raises InputError."""
    try:
        fs, path = _system(url.text)
    except UsageError as error:  # of this one: a row of a manifest may name any storage
        lacking = isinstance(error.__cause__, ImportError)
        obstacle = Obstacle("a storage's package is missing", certain=False, passes=False)
        raise InputError(
            str(error), hint=error.hint, obstacle=obstacle if lacking else None
        ) from error
    with scratch_folder() as folder:
        local = folder / f"object{split_suffix(name_of(url))[1]}"
        try:
            fs.get_file(path, str(local))
        except FileNotFoundError as error:
            raise InputError(
                f"{_shown(url)} can't be opened: there is no such object.",
                obstacle=Obstacle("objects that were there are gone", certain=False),
            ) from error
        except Exception as error:
            raise InputError(
                f"{_shown(url)} can't be fetched: {_message(error)}.",
                obstacle=obstacle_of_storage(error),
            ) from error
        yield local


def upload(url: Url, pieces: Iterable[str]) -> str:
    """Write the text as an object, and return its SHA-256. Raises OutputError."""
    fs, path = _system(url.text)
    sha256 = hashlib.sha256()
    with scratch_folder() as folder:
        local = folder / "object"
        with local.open("wb") as file:
            for piece in pieces:
                data = encode(piece)
                sha256.update(data)
                file.write(data)
        try:
            if url.text[: url.text.index("://")] in _ATOMIC:
                fs.put_file(str(local), path)
            else:
                fs.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
                part = str(PurePosixPath(path).parent / f".parakeet-{os.urandom(6).hex()}.part")
                try:
                    fs.put_file(str(local), part)
                    fs.mv(part, path)
                except BaseException:
                    with suppress(Exception):
                        fs.rm(part)
                    raise
        except Exception as error:
            raise OutputError(
                f"{_shown(url)} can't be written: {_message(error)}.",
                obstacle=obstacle_of_storage(error),
            ) from error
    return sha256.hexdigest()


def _shown(url: Url | str) -> str:
    return without_passwords(str(url))


def _message(error: Exception) -> str:
    text = (str(error) or type(error).__name__).rstrip(".").replace("\n", " ")
    return without_passwords(text)


def _system(url: str) -> tuple[Any, str]:
    """The file system for a URL, and its name for the object. Raises UsageError, InputError."""
    if _without_slashes(url).endswith("://"):
        raise UsageError(f"{url} names no object and no folder: there is nothing behind it.")
    try:
        if url[: url.index("://")].lower() in _S3:
            from parakeet_cli.transcribe.inputs.s3 import S3

            return S3(), url[url.index("://") + 3 :].rstrip("/")
        from fsspec.core import url_to_fs

        fs, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise UsageError(
            f"{without_passwords(url)}: {_message(error)}.",
            hint=f"S3 needs boto3: {install_command('boto3')}. Other storages have packages of "
            "their own (gcsfs for gs://).",
        ) from error
    except OSError as error:  # of storages that are asked at once, such as ftp
        raise InputError(f"{_shown(url)} can't be reached: {_message(error)}.") from error
    return fs, path
