"""Scans a `.nemo`, which is a tar, and unpacks it into a private folder for the engine."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from parakeet_cli.models.scan.allowlist import DATA_SUFFIXES
from parakeet_cli.models.scan.configuration import LARGEST_CONFIG, scan_yaml
from parakeet_cli.models.scan.tar import Member, MemberFile, TarError, read_members
from parakeet_cli.models.scan.weights import scan_checkpoint
from parakeet_cli.models.types import Problem

CONFIG = "model_config.yaml"
WEIGHTS = "model_weights.ckpt"
# Canary has a second model in it, for the times of words: models/aed_multitask_models.py
_ALL_WEIGHTS = frozenset([WEIGHTS, "timestamps_asr_model_weights.ckpt"])
GZIP = b"\x1f\x8b"

_LARGEST_DATA = 64 << 20  # bytes of a vocabulary or a sentencepiece model; published: 1 MB
_HEAD = 512  # bytes, in which archives have their magic number
_AT_ONCE = 1 << 20  # bytes


def scan_nemo(stream: IO[bytes], size: int, where: str) -> Iterator[Problem]:
    """The problems of a `.nemo` of `size` bytes. Raises OSError where it can't be read."""
    members, problems = _listed(stream, size, where)
    yield from problems
    if problems:
        return  # the contents of such an archive aren't worth reading
    for name, member in sorted(members.items()):
        content = MemberFile(stream, member.offset, member.size)
        yield from _scan_content(content, member.size, name, members, where)  # type: ignore[arg-type]


def unpack_nemo(
    stream: IO[bytes], size: int, where: str, folder: Path, *, any_kind: bool = False
) -> list[Problem]:
    """Copy the members into an empty private folder, and scan the copies.

    Whatever happens to the archive meanwhile, the problems are those of the files that lie in
    the folder. With problems, it may have only some of the files. With `any_kind` the harmless
    ones don't count, so that also a model that transcribes nothing is unpacked. Raises OSError.
    """
    members, problems = _listed(stream, size, where)
    if problems:
        return problems
    for name, member in sorted(members.items()):
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy(stream, member, path)
        with path.open("rb") as copy:
            found = _scan_content(copy, member.size, name, members, where)
            problems += (one for one in found if not (any_kind and one.harmless))
        if problems:
            break
    return problems


def _copy(stream: IO[bytes], member: Member, path: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    stream.seek(member.offset)
    left = member.size
    with os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0) as copy:
        while left:
            data = stream.read(min(left, _AT_ONCE))
            if not data:
                raise OSError(0, "it became shorter while it was read")
            copy.write(data)
            left -= len(data)


@contextmanager
def _refused(problems: list[Problem], where: str) -> Iterator[None]:
    try:
        yield
    except TarError as error:
        problems.append(Problem(where, f"is not a readable tar: {error}"))


def _listed(stream: IO[bytes], size: int, where: str) -> tuple[dict[str, Member], list[Problem]]:
    """The files by their names without `./`, and what is wrong with their list."""
    problems: list[Problem] = []
    stream.seek(0)
    if stream.read(2) == GZIP:
        what = "is compressed, so its real size is unknown; NeMo has written plain archives "
        return {}, [Problem(where, f"{what}since 1.7")]
    members: dict[str, Member] = {}
    taken: set[str] = set()
    configurations = 0  # bytes
    with _refused(problems, where):
        for member in read_members(stream, size):
            name = posixpath.normpath(member.name)
            configurations += member.size if _is_yaml(name) else 0
            problems += _member_problems(member, name, where)
            if name == "." and member.folder:
                continue
            if name.casefold() in taken:
                problems.append(Problem(where, f"has {name[:80]!r} twice"))
            taken.add(name.casefold())
            if not member.folder:
                members[name] = member
    if configurations > LARGEST_CONFIG:
        what = f"has {configurations >> 20} MiB of YAML, too much for a model's configuration"
        problems.append(Problem(where, what))
    if not problems:
        missing = (name for name in (CONFIG, WEIGHTS) if name not in members)
        problems += (Problem(where, f"has no {name}: it isn't a NeMo model") for name in missing)
    return members, problems


def _member_problems(member: Member, name: str, where: str) -> Iterator[Problem]:
    shown = repr(member.name[:80])
    parts = member.name.split("/")
    if member.name.startswith("/") or ".." in parts or "\\" in member.name:
        yield Problem(where, f"has {shown}, which would be written outside of its folder")
    elif not member.name.isprintable() or ":" in name:
        yield Problem(where, f"has {shown}, which isn't a plain name")
    elif "/" in name and not member.folder:
        yield Problem(where, f"has {shown} in a folder; NeMo writes none")
    if not member.folder and not _is_expected(name):
        yield Problem(where, f"has {shown}, which isn't part of a model: it could be code")


def _is_expected(name: str) -> bool:
    base = posixpath.basename(name).casefold()
    suffix = posixpath.splitext(base)[1]
    if suffix == ".ckpt":
        return name.casefold() in _ALL_WEIGHTS
    return suffix in DATA_SUFFIXES or _is_yaml(base)


def _is_yaml(name: str) -> bool:
    return name.casefold().endswith((".yaml", ".yml"))


def _scan_content(
    stream: IO[bytes], size: int, name: str, members: dict[str, Member], where: str
) -> Iterator[Problem]:
    inside = f"{where}, {name}"
    if _is_yaml(name):
        yield from scan_yaml(stream.read(), inside, frozenset(members))
    elif name in _ALL_WEIGHTS:
        yield from scan_checkpoint(stream, size, inside)
    elif size > _LARGEST_DATA:
        yield Problem(inside, f"has {size >> 20} MiB, too much for a vocabulary")
    elif _is_packed(stream.read(_HEAD)):
        yield Problem(inside, "is another archive or a pickle, whatever its name says")


def _is_packed(head: bytes) -> bool:
    """Whether a text or a sentencepiece model is something that NeMo could restore."""
    return head.startswith((b"PK", GZIP, b"\x80")) or head[257:262] == b"ustar"
