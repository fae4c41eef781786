"""Reads a tar as strictly as one can be read, so that no two readers can disagree about it.

A member is a regular file or a folder whose header says everything about it. What lets readers
differ is refused: extensions that replace a name or a size, links, sparse files, anything but
zeros between and behind the members. Headers are those of POSIX.1-2017, "pax Interchange
Format", and of GNU tar without its extensions: what Python's tarfile writes for NeMo.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

BLOCK = 512  # bytes
_MOST_MEMBERS = 1000  # a published Parakeet has six, one with many languages a few dozen
_LARGEST_EXTENSION = 1 << 16  # bytes of a pax header: tarfile writes a few dozen, for the time
_LONGEST_NUMBER = 20  # digits of a record's length
_AT_ONCE = 1 << 20  # bytes
_MAGICS = (b"ustar\x0000", b"ustar  \x00")  # POSIX and GNU
_FILE, _OLD_FILE, _FOLDER, _EXTENSION = b"0", b"\0", b"5", b"x"
_LINKS = {b"1": "hard link", b"2": "symbolic link"}
# The records that change neither a member's name nor its content.
_HARMLESS_RECORDS = frozenset(
    ["mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "comment"]
)


class TarError(Exception):
    """The file isn't a tar that everybody reads alike; the message says why."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its name as the archive has it, where its content is, and how long that is."""

    name: str
    offset: int  # bytes from the archive's start
    size: int  # bytes
    folder: bool


class MemberFile:
    """A member's content as a file to read from; the archive's own position doesn't matter."""

    def __init__(self, archive: IO[bytes], offset: int, size: int) -> None:
        self._archive, self._offset, self._size = archive, offset, size
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        self._archive.seek(self._offset + self._at)
        data = self._archive.read(left if size < 0 else min(size, left))
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("negative seek position")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True


def read_members(archive: IO[bytes], size: int) -> Iterator[Member]:
    """The members of a tar of `size` bytes, in order. Raises TarError, OSError."""
    at = count = 0
    while True:
        header = _block(archive, at, size)
        if not any(header):
            break
        if _type(header) == _EXTENSION:
            at = _skip_extension(archive, at, header, size)
            header = _block(archive, at, size)
        member = _member(header, at, size)
        count += 1
        if count > _MOST_MEMBERS:
            raise TarError(f"it has more than {_MOST_MEMBERS} members; no model has that many")
        yield member
        at = _end(archive, member.offset, member.size, size)
    if any(_block(archive, at + BLOCK, size)):
        raise TarError("its end is not marked by two blocks of zeros")
    if not _only_zeros(archive, at, size - at):
        raise TarError("something follows its end")


def _block(archive: IO[bytes], at: int, size: int) -> bytes:
    if at + BLOCK > size:
        raise TarError("it ends without an end mark: it is truncated or not a tar")
    archive.seek(at)
    block = archive.read(BLOCK)
    if len(block) != BLOCK:
        raise TarError("it became shorter while it was read")
    return block


def _type(header: bytes) -> bytes:
    """The member's type. Raises TarError for a header that is damaged or of another format."""
    if header[257:265] not in _MAGICS:
        raise TarError("it has a header that is not a tar's")
    expected = sum(header[:148]) + 8 * ord(" ") + sum(header[156:])
    if _number(header[148:156], "checksum") != expected:
        raise TarError("a header's checksum is wrong")
    if any(header[345:]):  # the prefix of a long name, and what GNU keeps there
        raise TarError("a header has more than a member's name and size")
    return header[156:157]


def _number(text: bytes, what: str) -> int:
    """An octal number; Python, GNU and BSD tar read anything else in different ways."""
    digits = text.rstrip(b" \0").lstrip(b" ")
    if not digits or not all(byte in b"01234567" for byte in digits):
        raise TarError(f"a header's {what} is not an octal number")
    return int(digits, 8)


def _size(field: bytes) -> int:
    """A member's size: octal, or from 8 GiB on GNU's binary form, which must be positive."""
    if field[0] != 0x80:
        return _number(field, "size")
    value = int.from_bytes(field[1:], "big")
    if value < 8**11:
        raise TarError("a header's size is written in two possible forms")
    return value


def _skip_extension(archive: IO[bytes], at: int, header: bytes, size: int) -> int:
    """Where the header after a pax header is; its records are checked. Raises TarError."""
    length = _size(header[124:136])
    if length > _LARGEST_EXTENSION:
        raise TarError(f"a header asks for {length} bytes at once")
    end = _end(archive, at + BLOCK, length, size)
    archive.seek(at + BLOCK)
    records = archive.read(length)
    while records:
        digits, space, rest = records.partition(b" ")
        if not space or not digits.isdigit() or len(digits) > _LONGEST_NUMBER:
            raise TarError("a pax header is damaged")
        total = int(digits)
        record, records = records[len(digits) + 1 : total], records[total:]
        key, equals, _ = record.partition(b"=")
        if total < len(digits) + 4 or not record.endswith(b"\n") or not equals or rest == b"":
            raise TarError("a pax header is damaged")
        if key.decode("utf-8", "replace") not in _HARMLESS_RECORDS:
            raise TarError(f"a pax header changes {key[:40]!r}: readers could disagree about it")
    return end


def _member(header: bytes, at: int, size: int) -> Member:
    kind = _type(header)
    raw, zero, rest = header[:100].partition(b"\0")
    name = raw.decode("utf-8", "backslashreplace")
    if zero and any(rest):
        raise TarError(f"{name[:80]!r} has something behind its name")
    if kind in _LINKS:
        target = header[157:257].rstrip(b"\0").decode("utf-8", "backslashreplace")
        raise TarError(f"it has {name[:80]!r}, a {_LINKS[kind]} to {target[:80]!r}")
    if kind not in (_FILE, _OLD_FILE, _FOLDER):
        raise TarError(
            f"it has {name[:80]!r} of the type {kind.decode('latin-1')!r}, which is neither a "
            "file nor a folder"
        )
    folder = kind == _FOLDER
    length = _size(header[124:136])
    if folder and length:
        raise TarError(f"the folder {name[:80]!r} has a content")
    if not folder and (not name or name.endswith("/")):
        raise TarError(f"the file {name[:80]!r} has the name of a folder")
    if at + BLOCK + length > size:
        raise TarError(f"it has {name[:80]!r} of {length} bytes, more than the file has")
    return Member(name, at + BLOCK, length, folder)


def _end(archive: IO[bytes], offset: int, length: int, size: int) -> int:
    """The byte after a member's content and its padding, which must be zeros."""
    padding = -length % BLOCK
    end = offset + length + padding
    if end > size:
        raise TarError("a member ends behind the end of the file")
    if padding and not _only_zeros(archive, offset + length, padding):
        raise TarError("something is between two members")
    return end


def _only_zeros(archive: IO[bytes], at: int, length: int) -> bool:
    archive.seek(at)
    while length > 0:
        data = archive.read(min(length, _AT_ONCE))
        if not data or data.count(0) != len(data):
            return False
        length -= len(data)
    return True
