"""A torch checkpoint, looked at as a zip of bytes and a list of opcodes, never unpickled.

A pickle is a program. The one that torch.save writes for a state_dict calls five functions;
any other function, and any way to name one that is not written out, is refused.
"""

from __future__ import annotations

import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import IO

from parakeet_cli.models.scan.allowed import GLOBALS, OPCODES
from parakeet_cli.models.types import Problem

_MOST_MEMBERS = 100_000
_LARGEST_PICKLE = 256 << 20
_SMALL = 4096
_MOST_PROBLEMS = 10

_MEMBER = re.compile(
    r"(?P<prefix>[^/\\]{1,255})/(?P<rest>data\.pkl|data/\d{1,9}|version|byteorder|"
    r"\.format_version|\.storage_alignment|\.data/serialization_id)"
)
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")


def scan_checkpoint(stream: IO[bytes], size: int, where: str) -> Iterator[Problem]:
    """What is wrong with a torch checkpoint of `size` bytes."""
    magic = stream.read(4)
    stream.seek(0)
    if magic != b"PK\3\4":
        yield Problem(where, "is no checkpoint in the zip form that torch writes")
        return
    if (odd := _odd_end(stream, size)) is not None:
        yield Problem(where, odd)
        return
    try:
        with zipfile.ZipFile(stream) as archive:
            yield from _scan_members(archive, size, where)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError) as error:
        yield Problem(where, f"is a damaged zip: {str(error)[:120]}")


def _odd_end(stream: IO[bytes], size: int) -> str | None:
    """Why two readers could see two different archives in it; None where they can't.

    Python, which looks at it here, and torch, which loads it later, must take the same
    directory: it ends the file, without a comment, and follows the members at once.
    """
    if size < _END.size:
        return "is too short for a zip"
    stream.seek(size - _END.size)
    magic, disk, first, here, total, length, offset, comment = _END.unpack(stream.read(_END.size))
    if magic != b"PK\5\6" or comment or disk or first or here != total:
        return "is a zip with something behind its directory"
    end = size - _END.size
    if end >= _LOCATOR.size:
        stream.seek(end - _LOCATOR.size)
        magic, disk, at, disks = _LOCATOR.unpack(stream.read(_LOCATOR.size))
        if magic == b"PK\6\7":
            expected = end - _LOCATOR.size - _END_64.size
            if disk or disks != 1 or at != expected or expected < 0:
                return "is a zip with two directories"
            stream.seek(at)
            fields = _END_64.unpack(stream.read(_END_64.size))
            if fields[0] != b"PK\6\6" or fields[1] != _END_64.size - 12:
                return "is a zip with two directories"
            # What the short record can't hold is all ones there; what it holds must agree.
            for short, long, limit in (
                (total, fields[7], 0xFFFF),
                (length, fields[8], 0xFFFFFFFF),
                (offset, fields[9], 0xFFFFFFFF),
            ):
                if short not in (limit, long):
                    return "is a zip with two directories"
            length, offset, end = fields[8], fields[9], at
    if offset + length != end:
        return "is a zip with something before or behind its members"
    stream.seek(0)
    return None


def _scan_members(archive: zipfile.ZipFile, size: int, where: str) -> Iterator[Problem]:
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
        yield Problem(where, f"holds {len(members)} members; no model has that many")
        return
    names = set()
    prefixes = set()
    pickles = []
    for member in members:
        match = _MEMBER.fullmatch(member.orig_filename)
        if match is None or member.orig_filename != member.filename:
            shown = member.orig_filename[:80]
            yield Problem(where, f"holds {shown!r}, which is no part of a state_dict")
            return
        prefixes.add(match["prefix"])
        if member.filename in names:
            yield Problem(where, f"holds {member.filename!r} twice")
            return
        names.add(member.filename)
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            yield Problem(where, f"holds {member.filename!r} compressed, which torch never does")
            return
        if member.flag_bits & 1 or member.file_size > size:
            yield Problem(where, f"holds {member.filename!r} with a size that can't be")
            return
        if match["rest"] == "data.pkl":
            pickles.append(member)
    if len(prefixes) > 1 or len(pickles) != 1:
        yield Problem(where, "is not one state_dict")
        return
    if pickles[0].file_size > _LARGEST_PICKLE:
        yield Problem(where, f"has a pickle of {pickles[0].file_size >> 20} MB")
        return
    yield from scan_pickle(archive.read(pickles[0]), f"{where}, {pickles[0].filename}")


def scan_pickle(data: bytes, where: str) -> Iterator[Problem]:
    """What a pickle would do that a state_dict has no need of."""
    found: dict[str, None] = {}
    stopped = False
    try:
        for opcode, argument in _instructions(data):
            if opcode.name == "GLOBAL":
                module, _, name = str(argument).partition(" ")
                if (module, name) not in GLOBALS:
                    found[f"would import and could call {str(argument)[:100]!r}"] = None
            elif opcode.name not in OPCODES:
                found[f"has the instruction {opcode.name}, which a state_dict has no need of"] = (
                    None
                )
            stopped = opcode.name == "STOP"
            if len(found) >= _MOST_PROBLEMS:
                break
    except Exception as error:  # pickletools raises many kinds for bytes that are no pickle
        found[f"is a damaged pickle: {str(error)[:100]}"] = None
    else:
        if not stopped and len(found) < _MOST_PROBLEMS:
            found["is a pickle without an end"] = None
    yield from (Problem(where, what) for what in found)


def _instructions(data: bytes) -> Iterator[tuple[pickletools.OpcodeInfo, object]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in texts that are refused anyway
        for opcode, argument, _ in pickletools.genops(BytesIO(data)):
            yield opcode, argument
