"""Scans a `.nemo`, which is a tar, without extracting any of its members."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from parakeet_cli.models.scan.allowlist import DATA_SUFFIXES
from parakeet_cli.models.scan.configuration import LARGEST_CONFIG, scan_yaml
from parakeet_cli.models.scan.weights import scan_checkpoint
from parakeet_cli.models.types import Problem

CONFIG = "model_config.yaml"
WEIGHTS = "model_weights.ckpt"

_MOST_MEMBERS = 1000  # a published Parakeet has six, one with many languages a few dozen
_LARGEST_READ = 64 << 20  # bytes that tarfile may read at once: headers declare their own size
_GZIP = b"\x1f\x8b"


class _BoundedFile:
    """A file that refuses huge reads and seeks beyond its end, which no honest archive needs."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream, self._size = stream, size

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > _LARGEST_READ:
            raise tarfile.ReadError(f"a header asks for {size} bytes at once")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 0 and not 0 <= offset <= self._size:
            raise tarfile.ReadError(f"a member ends at byte {offset} of {self._size}")
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True


def scan_nemo(path: Path) -> Iterator[Problem]:
    """The problems of a `.nemo`. Raises OSError where it can't be read."""
    where = path.name
    with path.open("rb") as stream:
        size = path.stat().st_size
        if stream.read(2) == _GZIP:
            yield Problem(
                where,
                "is compressed, so its real size is unknown; NeMo has written plain archives "
                "since 1.7",
            )
            return
        stream.seek(0)
        try:
            # NeMo opens it with `r:` too, which doesn't guess a compression.
            with tarfile.open(fileobj=_BoundedFile(stream, size), mode="r:") as archive:  # type: ignore[call-overload]
                yield from _scan_members(archive, size, where)
        except (tarfile.TarError, ValueError, EOFError, OverflowError, RecursionError) as error:
            yield Problem(where, f"is not a readable tar: {str(error)[:120]}")


def _scan_members(archive: tarfile.TarFile, size: int, where: str) -> Iterator[Problem]:
    members: dict[str, tarfile.TarInfo] = {}
    problems = False
    for count, member in enumerate(archive, start=1):
        if count > _MOST_MEMBERS:
            yield Problem(where, f"has more than {_MOST_MEMBERS} members; no model has that many")
            return
        name = posixpath.normpath(member.name)
        for problem in _member_problems(member, name, size, where):
            problems = True
            yield problem
        if member.isdir():
            continue
        if name.casefold() in members:
            problems = True
            yield Problem(where, f"has {name[:80]!r} twice")
        members[name.casefold()] = member
    if problems:
        return  # the contents of such an archive aren't worth reading
    for name in (CONFIG, WEIGHTS):
        if name not in members:
            yield Problem(where, f"has no {name}: it isn't a NeMo model")
    for name, member in sorted(members.items()):
        yield from _scan_content(archive, name, member, where)


def _member_problems(
    member: tarfile.TarInfo, name: str, size: int, where: str
) -> Iterator[Problem]:
    shown = repr(member.name[:80])
    parts = member.name.split("/")
    if member.name.startswith("/") or ".." in parts or "\\" in member.name:
        yield Problem(where, f"has {shown}, which would be written outside of its folder")
    if member.issym() or member.islnk():
        yield Problem(where, f"has {shown}, a link to {member.linkname[:80]!r}")
    elif member.issparse() or not (member.isreg() or member.isdir()):
        yield Problem(where, f"has {shown}, which is neither a file nor a folder")
    elif member.offset_data + member.size > size:
        yield Problem(where, f"has {shown} of {member.size} bytes, more than the file has")
    if member.isreg() and not _is_expected(name):
        yield Problem(where, f"has {shown}, which isn't part of a model: it could be code")


def _is_expected(name: str) -> bool:
    base = posixpath.basename(name).casefold()
    suffix = posixpath.splitext(base)[1]
    if suffix == ".ckpt":
        return name.casefold() == WEIGHTS
    return suffix in DATA_SUFFIXES or suffix in (".yaml", ".yml")


def _scan_content(
    archive: tarfile.TarFile, name: str, member: tarfile.TarInfo, where: str
) -> Iterator[Problem]:
    inside = f"{where}, {name}"
    stream = archive.extractfile(member)
    assert stream is not None, "a regular file"
    if name.endswith((".yaml", ".yml")):
        if member.size > LARGEST_CONFIG:
            yield Problem(inside, f"has {member.size >> 20} MiB, too much for a configuration")
        else:
            yield from scan_yaml(stream.read(), inside)
    elif name == WEIGHTS:
        yield from scan_checkpoint(stream, member.size, inside)
