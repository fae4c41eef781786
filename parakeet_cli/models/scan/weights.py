"""Scans a torch checkpoint as a zip, of which no two readers may see different contents."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from parakeet_cli.models.scan.instructions import LARGEST_PICKLE, scan_pickle
from parakeet_cli.models.types import Problem

_MOST_MEMBERS = 20_000  # one for each tensor: a Parakeet of 1.1e9 parameters has 1,500
_LARGEST_DIRECTORY = 8 << 20  # bytes, which zipfile reads at once

_MEMBER = re.compile(
    r"(?P<prefix>[^/\\]{1,255})/(?P<rest>data\.pkl|data/\d{1,9}|version|byteorder|"
    r"\.format_version|\.storage_alignment|\.data/serialization_id)"
)
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")


def scan_checkpoint(stream: IO[bytes], size: int, where: str) -> Iterator[Problem]:
    """The problems of a torch checkpoint of `size` bytes."""
    stream.seek(0)
    magic = stream.read(4)
    if magic != b"PK\3\4":
        yield Problem(where, "is not a checkpoint in the zip form that torch writes")
        return
    if (ambiguity := _ambiguity(stream, size)) is not None:
        yield Problem(where, ambiguity)
        return
    try:
        with zipfile.ZipFile(stream) as archive:
            yield from _scan_members(archive, size, where)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError) as error:
        yield Problem(where, f"is a damaged zip: {str(error)[:120]}")


def _ambiguity(stream: IO[bytes], size: int) -> str | None:
    """Why two readers could see two different archives in it; None where they can't.

    Python, which scans it here, and torch, which loads it later, must use the same directory:
    it ends the file, without a comment, and follows the members immediately.
    """
    if size < _END.size:
        return "is too short for a zip"
    end = size - _END.size
    record = _unpack(stream, _END, end)
    magic, disk, first, here, total, length, offset, comment = record
    if magic != b"PK\5\6" or comment or disk or first or here != total:
        return "is a zip with something behind its directory"
    if end >= _LOCATOR.size:
        locator = _unpack(stream, _LOCATOR, end - _LOCATOR.size)
        if locator[0] == b"PK\6\7":
            directory = _directory_64(stream, end, locator, (total, length, offset))
            if directory is None:
                return "is a zip with two directories"
            length, offset, end = directory
    if length > _LARGEST_DIRECTORY:
        return f"has a directory of {length >> 20} MiB; no model has that many members"
    if offset + length != end:
        return "is a zip with something before or behind its members"
    stream.seek(0)
    return None


def _directory_64(
    stream: IO[bytes], end: int, locator: tuple[Any, ...], short: tuple[int, int, int]
) -> tuple[int, int, int] | None:
    """The zip64 directory's length, its offset and where its own record starts.

    None unless the record precedes its locator and agrees with the short record, whose
    (entries, length, offset) are all ones where they don't fit it.
    """
    _, disk, at, disks = locator
    if disk or disks != 1 or at < 0 or at != end - _LOCATOR.size - _END_64.size:
        return None
    fields = _unpack(stream, _END_64, at)
    if fields[0] != b"PK\6\6" or fields[1] != _END_64.size - 12:
        return None
    total, length, offset = fields[7:10]
    limits = (0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
    for value, long, limit in zip(short, (total, length, offset), limits, strict=True):
        if value not in (limit, long):
            return None
    return length, offset, at


def _unpack(stream: IO[bytes], form: struct.Struct, at: int) -> tuple[Any, ...]:
    stream.seek(at)
    return form.unpack(stream.read(form.size))


def _scan_members(archive: zipfile.ZipFile, size: int, where: str) -> Iterator[Problem]:
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
        yield Problem(where, f"has {len(members)} members; no model has that many")
        return
    names: set[str] = set()
    prefixes = set()
    pickles = []
    for member in members:
        match = _MEMBER.fullmatch(member.orig_filename)
        if match is None or member.orig_filename != member.filename:
            shown = member.orig_filename[:80]
            yield Problem(where, f"has {shown!r}, which isn't part of a state_dict")
            return
        if (problem := _member_problem(member, size, names)) is not None:
            yield Problem(where, problem)
            return
        names.add(member.filename)
        prefixes.add(match["prefix"])
        if match["rest"] == "data.pkl":
            pickles.append(member)
    if len(prefixes) > 1 or len(pickles) != 1:
        yield Problem(where, "is not one state_dict")
        return
    if pickles[0].extra:
        # In these fields a size can be given again, which readers take or leave.
        yield Problem(where, "has a pickle whose size is given twice")
        return
    if pickles[0].file_size > LARGEST_PICKLE:
        yield Problem(where, f"has a pickle of {pickles[0].file_size >> 20} MiB")
        return
    yield from scan_pickle(archive.read(pickles[0]), f"{where}, {pickles[0].filename}")


def _member_problem(member: zipfile.ZipInfo, size: int, names: set[str]) -> str | None:
    if member.filename in names:
        return f"has {member.filename!r} twice"
    if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
        return f"has {member.filename!r} compressed, which torch never does"
    if member.flag_bits & 1 or member.file_size > size:
        return f"has {member.filename!r} with an impossible size"
    return None
