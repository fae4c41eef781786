"""Says why a wheel must not be installed: what pip would write where no package belongs.

A wheel may come from a folder that somebody else filled. pip leaves some of this out by itself
and writes some of it; a repair refuses it all before anything is changed. The layout is that of
https://packaging.python.org/en/latest/specifications/binary-distribution-format/.
"""

from __future__ import annotations

import base64
import binascii
import configparser
import csv
import email.parser
import hashlib
import io
import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.repair.rollback.beneath import is_inside
from parakeet_cli.system.ml_versions import normalized_name
from parakeet_cli.system.regular_files import MOST

_MEMBERS = 200_000  # torch's wheel has 12,000
_BLOCK = 1 << 20  # bytes read at once
_ENCRYPTED = 0x1
_SCHEMES = frozenset({"purelib", "platlib", "headers", "scripts", "data"})
# What makes an environment one, and this tool's own folder in it: no package's files.
_INTERPRETER = re.compile(r"pythonw?[\d.]*(\.exe)?|activate(\.[^/]*)?", re.IGNORECASE)
_ENVIRONMENTS_OWN = re.compile(
    rf"pyvenv\.cfg|\.parakeet(/.*)?|(bin|scripts)/({_INTERPRETER.pattern})", re.IGNORECASE
)
# What describes a package, as the names in site-packages that importlib and pip look for.
_DESCRIPTION = re.compile(r"[^/]*\.(dist|egg)-info", re.IGNORECASE)
_SITE = re.compile(r"(pure|plat)lib/|data/lib\w*/[^/]+/(site|dist)-packages/", re.IGNORECASE)
_ENTRY = re.compile(r"[\w.]+\s*(:\s*[\w.]+\s*)?(\[[\w\s,.-]*\]\s*)?")
_SIGNATURES = (".dist-info/RECORD.jws", ".dist-info/RECORD.p7s")  # which RECORD can't list
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    OSError,  # an offset before the file's beginning, too
)
_SCRIPTS = ("console_scripts", "gui_scripts")


class _Wrong(Exception):
    """Why a wheel is refused."""


def objection(path: Path, name: str, version: str, *, sums: bool = False) -> str | None:
    """Why the wheel can't be installed as that package, None if it can.

    With `sums` every file is compared with its sum in RECORD, which reads all of the wheel.
    """
    try:
        with zipfile.ZipFile(path) as wheel:
            members = _checked_members(wheel)
            folder = _info_folder(members, name, version)
            _check_data(members, folder.removesuffix(".dist-info"))
            _check_metadata(_text(wheel, members, f"{folder}/METADATA"), name, version)
            _check_scripts(_text(wheel, members, f"{folder}/entry_points.txt", optional=True))
            record = _text(wheel, members, f"{folder}/RECORD")
            listed = dict(_record(record))
            for member, item in members.items() if sums else ():
                if member != f"{folder}/RECORD" and not member.endswith(_SIGNATURES):
                    _check_sum(wheel, item, listed.get(member, ""))
    except _Wrong as wrong:
        return str(wrong)
    except _DAMAGE as error:
        return f"it is not a whole wheel ({error})"
    return None


def is_of_the_environment(name: str) -> bool:
    """Whether no package may write there: in the environment's top folder or in site-packages."""
    return _ENVIRONMENTS_OWN.fullmatch(name) is not None


def description_of(name: str) -> str | None:
    """Of a file in site-packages: the folder, or itself, if that describes a package."""
    top = name.partition("/")[0]
    return top if _DESCRIPTION.fullmatch(top) else None


def _checked_members(wheel: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Every file by its name."""
    members: dict[str, zipfile.ZipInfo] = {}
    items = wheel.infolist()
    if len(items) > _MEMBERS:
        raise _Wrong(f"it has more than {_MEMBERS} files")
    for item in items:
        _check_name(item.orig_filename.removesuffix("/"))
        kind = stat.S_IFMT(item.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _Wrong(f"{item.filename!r} is a link or another thing that is no file")
        if item.flag_bits & _ENCRYPTED:
            raise _Wrong(f"{item.filename!r} is encrypted")
        if item.filename in members:
            raise _Wrong(f"{item.filename!r} is in it twice")
        if not item.is_dir():
            members[item.filename] = item
    return members


def _check_name(name: str) -> None:
    if not is_inside(name) or "\\" in name or re.match(r"[A-Za-z]:", name):
        raise _Wrong(f"{name!r} leads out of the environment")


def _info_folder(members: dict[str, zipfile.ZipInfo], name: str, version: str) -> str:
    """The name of the wheel's one dist-info folder."""
    folders = list({top for member in members if (top := description_of(member))})
    if len(folders) != 1 or not folders[0].endswith(".dist-info"):
        raise _Wrong(f"it describes {len(folders)} packages, where a wheel describes one")
    described, _, of = folders[0].removesuffix(".dist-info").rpartition("-")
    if normalized_name(described) != name or not _equal(of, version):
        raise _Wrong(f"{folders[0]!r} describes another package")
    return folders[0]


def _check_data(members: dict[str, zipfile.ZipInfo], stem: str) -> None:
    """Refuse files for another scheme, another package, or an environment's own files."""
    for member in members:
        top, _, rest = member.partition("/")
        if not top.endswith(".data") or not rest:
            if is_of_the_environment(member):
                raise _Wrong(f"{member!r} would replace a file of the environment's own")
            continue
        scheme, _, below = rest.partition("/")
        if top != f"{stem}.data" or scheme not in _SCHEMES or not below:
            raise _Wrong(f"{member!r} belongs to no part of an environment")
        own = _INTERPRETER if scheme == "scripts" else _ENVIRONMENTS_OWN
        if own.fullmatch(below):
            raise _Wrong(f"{member!r} would replace a file of the environment's own")
        site = _SITE.match(rest)
        if site and description_of(rest[site.end() :]):
            raise _Wrong(f"{member!r} would describe a package")


def _check_metadata(text: str, name: str, version: str) -> None:
    fields = email.parser.HeaderParser().parsestr(text)
    found = str(fields.get("Name", "")), str(fields.get("Version", ""))
    if normalized_name(found[0]) != name or not _equal(found[1], version):
        raise _Wrong(f"its METADATA is that of {found[0]!r} {found[1]!r}")


def _check_scripts(text: str) -> None:
    """Refuse commands that would be written elsewhere, or that are no Python names."""
    parser = configparser.ConfigParser(
        delimiters=("=",), strict=False, interpolation=None, allow_no_value=True
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise _Wrong("its entry_points.txt can't be read") from error
    for section in _SCRIPTS:
        for command, target in parser.items(section) if parser.has_section(section) else ():
            own = command in (".", "..") or _INTERPRETER.fullmatch(command)
            if own or re.search(r"[/\\\0]", command) or not _ENTRY.fullmatch(target or ""):
                raise _Wrong(f"its command {command!r} can't be made")


def _record(text: str) -> Iterator[tuple[str, str]]:
    """Each file in RECORD and its sum. Raises _Wrong for one outside of the environment."""
    try:
        for row in csv.reader(io.StringIO(text)):
            if row:
                _check_name(row[0])
                yield row[0], row[1] if len(row) > 1 else ""
    except csv.Error as error:
        raise _Wrong("its RECORD can't be read") from error


def _check_sum(wheel: zipfile.ZipFile, item: zipfile.ZipInfo, sum_of: str) -> None:
    kind, _, wanted = sum_of.partition("=")
    if kind not in ("sha256", "sha384", "sha512"):
        raise _Wrong(f"RECORD has no usable sum of {item.filename!r}")
    digest = hashlib.new(kind)
    with wheel.open(item) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    try:
        expected = base64.urlsafe_b64decode(wanted + "=" * (-len(wanted) % 4))
    except (ValueError, binascii.Error):
        expected = b""
    if digest.digest() != expected:
        raise _Wrong(f"{item.filename!r} is not the file that its RECORD has the sum of")


def _text(
    wheel: zipfile.ZipFile,
    members: dict[str, zipfile.ZipInfo],
    name: str,
    *,
    optional: bool = False,
) -> str:
    item = members.get(name)
    if item is None:
        if optional:
            return ""
        raise _Wrong(f"it has no {name!r}")
    with wheel.open(item) as file:
        data = file.read(MOST + 1)
    if len(data) > MOST:
        raise _Wrong(f"{name!r} is larger than {MOST >> 20} MiB")
    return data.decode("utf-8", "replace")


def _equal(one: str, other: str) -> bool:
    try:
        return Version(one.replace("_", "+")) == Version(other)
    except InvalidVersion:
        return False
