"""Scans a torch checkpoint as a zip and its pickle as a list of opcodes, never unpickling it.

A pickle is a program. The one that torch.save writes for a state_dict calls five functions.
Any other function is refused, and so is any opcode that could name one indirectly.
"""

from __future__ import annotations

import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import IO, Any

from parakeet_cli.models.scan.allowlist import GLOBALS, OPCODES
from parakeet_cli.models.types import Problem

_MOST_MEMBERS = 100_000
_LARGEST_PICKLE = 256 << 20
_MOST_PROBLEMS = 10

_MEMBER = re.compile(
    r"(?P<prefix>[^/\\]{1,255})/(?P<rest>data\.pkl|data/\d{1,9}|version|byteorder|"
    r"\.format_version|\.storage_alignment|\.data/serialization_id)"
)
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")


def scan_checkpoint(stream: IO[bytes], size: int, where: str) -> Iterator[Problem]:
    """The problems of a torch checkpoint of `size` bytes."""
    magic = stream.read(4)
    stream.seek(0)
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
    if pickles[0].file_size > _LARGEST_PICKLE:
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


def scan_pickle(data: bytes, where: str) -> Iterator[Problem]:
    """The instructions of a pickle that a state_dict doesn't need."""
    problems: dict[str, None] = {}  # in order, each once
    stopped = False
    try:
        for opcode, argument in _instructions(data):
            if (problem := _instruction_problem(opcode.name, argument)) is not None:
                problems[problem] = None
            stopped = opcode.name == "STOP"
            if len(problems) >= _MOST_PROBLEMS:
                break
    except Exception as error:  # pickletools raises many kinds for bytes that aren't a pickle
        problems[f"is a damaged pickle: {str(error)[:100]}"] = None
    else:
        if not stopped and len(problems) < _MOST_PROBLEMS:
            problems["is a pickle without an end"] = None
    yield from (Problem(where, what) for what in problems)


def _instruction_problem(name: str, argument: object) -> str | None:
    if name == "GLOBAL":
        called = str(argument)
        module, _, attribute = called.partition(" ")
        allowed = (module, attribute) in GLOBALS
        return None if allowed else f"would import and could call {called[:100]!r}"
    if name not in OPCODES:
        return f"has the instruction {name}, which a state_dict doesn't need"
    return None


def _instructions(data: bytes) -> Iterator[tuple[pickletools.OpcodeInfo, object]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about escapes in texts that are refused anyway
        for opcode, argument, _ in pickletools.genops(BytesIO(data)):
            yield opcode, argument
