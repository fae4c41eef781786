"""Reads the distributions of site folders in one pass, without importlib.metadata.

Only the head of each METADATA is parsed, up to the blank line. Each RECORD is read once,
for the files that are missing or of another size, and for the compiled files to scan. A stack
has 50,000 files in 3,500 folders: half of a report's time goes by here, so processes share the
distributions.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from parakeet_cli.doctor.facts import Distribution, Leftover, WrongSize, is_compiled
from parakeet_cli.doctor.parallel_map import map_in_processes
from parakeet_cli.system.hardware import usable_cores
from parakeet_cli.system.ml_versions import normalized_name
from parakeet_cli.system.regular_files import read_regular

FIELD = re.compile(rb"^(Name|Version|Requires-Dist):[ \t]*(.*)$", re.MULTILINE)
HEAD_END = re.compile(rb"\r?\n\r?\n")
METADATA_LINE = re.compile(rb"^[^\n]*?\.dist-info/METADATA,[^,\n]*,(\d+)\r?$", re.MULTILINE)
# The suffixes of files that an import reads.
IMPORTED = frozenset({".py", ".so", ".pyi", ".json", ".yaml"})
# Bytecode, which Python writes again, and what only people and compilers read.
NOT_LOADED = frozenset(
    f".{kind}"
    for kind in ("pyc", "h", "hpp", "cuh", "cu", "c", "cpp", "pxd", "pyx", "md", "rst", "cmake")
)
MOST_DIGITS = 18  # of a size; int() refuses thousands
MOST_PROCESSES = 4
SHARED_FROM = 256 << 10  # bytes of RECORD; a process takes as long to start as some 2,000 files
# They write RECORD as the files are. conda and distributions' packages change files after it.
TRUSTED_INSTALLERS = (b"pip", b"uv", b"poetry", b"pdm", b"installer")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled file and the distribution that owns it."""

    path: str
    package: str


@dataclass(slots=True)
class Installed:
    """What the site folders contain, in import order."""

    distributions: list[Distribution] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)
    compiled: list[Compiled] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    pkg_resources: bool = False


def read_distributions(paths: tuple[str, ...]) -> Installed:
    """Read every distribution of every folder, in the order of the path."""
    installed = Installed()
    for folder in paths:
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            continue  # nothing can be imported from a folder that doesn't exist
        except OSError as error:
            installed.unlisted.append(f"{folder}: {error.strerror or error}")
            continue
        found = iter(_dist_infos(folder, [n for n in names if n.endswith(".dist-info")]))
        contents = []
        first = len(installed.distributions)
        for name in names:
            if name.startswith("~"):
                installed.leftovers.append(Leftover(f"{folder}/{name}"))
            elif name.endswith(".dist-info"):
                contents.append(next(found))
                installed.distributions.append(contents[-1].distribution)
            elif name.endswith(".egg-info"):
                installed.distributions.append(_egg_info(folder, name))
            elif name == "pkg_resources":
                installed.pkg_resources = installed.pkg_resources or _is_package(folder, name)
        installed.distributions[first:] = _without_shared(installed.distributions[first:])
        installed.compiled.extend(_compiled(folder, contents))
        installed.compiled.extend(_compiled_without_record(folder, names, installed))
    return installed


@dataclass(frozen=True, slots=True)
class _Content:
    """A distribution, and the compiled files of its folders, below the site folder."""

    distribution: Distribution
    recorded: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()


def _compiled(folder: str, contents: Sequence[_Content]) -> Iterator[Compiled]:
    """Each compiled file once: of the distribution that lists it, if one does."""
    owners: dict[str, str] = {}
    for content in contents:
        for path in content.unrecorded:
            owners.setdefault(path, content.distribution.name)
    for content in contents:
        owners.update(dict.fromkeys(content.recorded, content.distribution.name))
    return (Compiled(f"{folder}/{path}", package) for path, package in owners.items())


class _Listings(dict[str, frozenset[str]]):
    """The names in each folder below a site folder, listed once."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def __missing__(self, parent: str) -> frozenset[str]:
        try:
            names = frozenset(os.listdir(f"{self.folder}/{parent}"))  # noqa: PTH208 - hot
        except (OSError, ValueError):  # ValueError: RECORD has a path with a NUL
            names = frozenset()
        self[parent] = names
        return names


def _is_package(folder: str, name: str) -> bool:
    return os.path.isfile(f"{folder}/{name}/__init__.py")  # noqa: PTH113 - hot


# dist-info


def _dist_infos(folder: str, entries: Sequence[str]) -> list[_Content]:
    """What each dist-info folder describes, in their order."""
    sizes = {entry: _size(f"{folder}/{entry}/RECORD") or 0 for entry in entries}
    number = min(MOST_PROCESSES, usable_cores()) if sum(sizes.values()) >= SHARED_FROM else 1
    shares = _shares(sizes, number)
    contents = map_in_processes(lambda share: _read_share(folder, share), shares)
    by_entry = {
        entry: content
        for share, read in zip(shares, contents, strict=True)
        for entry, content in zip(share, read, strict=True)
    }
    return [by_entry[entry] for entry in entries]


def _shares(sizes: Mapping[str, int], number: int) -> list[list[str]]:
    """The names in that many lists whose sizes come to about the same."""
    shares: list[list[str]] = [[] for _ in range(number)]
    totals = [0] * number
    for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
        least = totals.index(min(totals))
        shares[least].append(name)
        totals[least] += sizes[name]
    return shares


def _read_share(folder: str, entries: Sequence[str]) -> list[_Content]:
    listings = _Listings(folder)
    return [_dist_info(listings, entry) for entry in entries]


def _dist_info(listings: _Listings, entry: str) -> _Content:
    folder = listings.folder
    info = f"{folder}/{entry}"
    stem_name, _, stem_version = entry.removesuffix(".dist-info").partition("-")
    record = _read_bytes(f"{info}/RECORD")
    metadata = _read_bytes(f"{info}/METADATA")
    name, version, requires, problem = _parse_metadata(metadata, record)
    if problem:  # a truncated file may contain half a name or half a version
        name, version = stem_name, stem_version
    name = normalized_name(name)
    installer = _read_bytes(f"{info}/INSTALLER")
    tool = installer.strip() if isinstance(installer, bytes) else b""
    files = _RecordedFiles()
    if isinstance(record, bytes):
        files = _check_record(listings, record)
        files.resized = [
            file for file in files.resized if tool.startswith(TRUSTED_INSTALLERS) or file.size == 0
        ]
    distribution = Distribution(
        name=name,
        version=version or None,
        location=folder,
        info=info,
        requires=requires,
        has_record=isinstance(record, bytes),
        missing=tuple(files.missing),
        problem=problem,
        conda=tool == b"conda",
        trusted=tool.startswith(TRUSTED_INSTALLERS),
        resized=tuple(files.resized),
        modules=tuple(sorted(files.modules)),
    )
    return _Content(distribution, tuple(files.compiled), tuple(files.unrecorded))


def _parse_metadata(
    metadata: bytes | OSError, record: bytes | OSError
) -> tuple[str, str, tuple[str, ...], str]:
    """Name, version, requirements, and what is wrong with the file ("" if nothing)."""
    if isinstance(metadata, FileNotFoundError):
        return "", "", (), "its METADATA is missing"
    if isinstance(metadata, OSError):
        return "", "", (), f"its METADATA can't be read: {metadata.strerror or metadata}"
    name = version = ""
    requires: list[str] = []
    for key, value in FIELD.findall(HEAD_END.split(metadata, maxsplit=1)[0]):
        text = value.decode("utf-8", errors="replace").strip()
        if key == b"Requires-Dist":
            requires.append(text)
        elif key == b"Name":
            name = name or text
        else:
            version = version or text
    problem = ""
    if not name or not version:
        lacking = " and ".join(
            word for word, value in (("name", name), ("version", version)) if not value
        )
        problem = f"its METADATA has no {lacking}"
    elif isinstance(record, bytes) and (size := METADATA_LINE.search(record)):
        expected = int(size[1])
        if len(metadata) < expected:
            problem = f"its METADATA is cut short: {len(metadata)} of {expected} bytes"
    return name, version, tuple(requires), problem


def _read_bytes(path: str) -> bytes | OSError:
    try:
        return read_regular(path)
    except OSError as error:
        return error


# RECORD


@dataclass(slots=True)
class _RecordedFiles:
    """What a RECORD tells of its files."""

    missing: list[str] = field(default_factory=list)
    resized: list[WrongSize] = field(default_factory=list)
    modules: set[str] = field(default_factory=set)
    compiled: list[str] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)  # compiled, too, in a package's folder


def _check_record(listings: _Listings, record: bytes) -> _RecordedFiles:
    """Compare the listed files with those that exist."""
    files = _RecordedFiles()
    parents: set[str] = set()
    sizes: list[tuple[str, int]] = []
    last, names = "", listings[""]
    for path, _, size, imported in recorded_files(record):
        if imported:
            parent, _, name = path.rpartition("/")
            if parent != last:  # RECORD has the files of a folder one after another
                last, names = parent, listings[parent]
            if name not in names:
                files.missing.append(path)
                continue
            parents.add(parent)
            if ".so" in name:
                files.compiled.append(path)
            if not parent and (name.endswith(".py") or ".so" in name):
                files.modules.add(name.partition(".")[0])
        if size is not None:
            sizes.append((path, size))
    files.resized = list(_wrong_sizes(listings.folder, sizes))
    parents.discard("")
    files.modules.update(parent.partition("/")[0] for parent in parents)
    # A compiled file in a package's folder can be imported whether RECORD lists it or not.
    files.unrecorded = [
        f"{parent}/{name}" for parent in parents for name in listings[parent] if is_compiled(name)
    ]
    return files


def recorded_files(record: bytes) -> Iterator[tuple[str, str, int | None, bool]]:
    """(path, hash, size, imported) of each file that a program may load.

    `imported` is true for what an import needs. The size is None if it isn't to be compared.
    """
    for line in record.decode("utf-8", errors="replace").splitlines():
        if line.endswith(".pyc,,"):
            continue  # half of the lines of an environment that pip made
        try:
            path, digest, size = line.rsplit(",", 2)
        except ValueError:
            path, digest, size = line, "", ""
        outside = False
        if path.startswith(('"', "/", "../")):
            path = path.strip('"').replace('""', '"')
            if path.startswith("/"):
                continue
            # Scripts in ../../../bin get the path of their Python when they are installed.
            outside = path.startswith("../")
        suffix = path[path.rfind(".") :]
        imported = suffix in IMPORTED or ".so." in path
        if not imported and (not size or suffix in NOT_LOADED or "/test" in path):
            continue
        if ".dist-info/" in path:
            continue
        compared = size.isdecimal() and len(size) <= MOST_DIGITS
        compared = compared and suffix != ".pyi" and not outside
        yield path, digest, int(size) if compared else None, imported


def _wrong_sizes(folder: str, sizes: Iterable[tuple[str, int]]) -> Iterator[WrongSize]:
    for path, size in sizes:
        found = _size(f"{folder}/{path}")
        if found != size and found is not None:
            yield WrongSize(path, found, size)


def _size(path: str) -> int | None:
    """The size of a file; None if it isn't one, or is gone."""
    try:
        status = os.stat(path)  # noqa: PTH116 - hot: 40,000 files
    except (OSError, ValueError):  # ValueError: RECORD has a path with a NUL
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _without_shared(found: list[Distribution]) -> list[Distribution]:
    """The distributions, without the files that are whole for another one.

    Several distributions may bring one file, and the last one's is there.
    """
    suspects = {file.path: file.size for dist in found for file in dist.resized}
    if not suspects:
        return found
    whole: set[str] = set()
    for dist in found:
        record = _read_bytes(f"{dist.info}/RECORD")
        for path, _, size, _ in recorded_files(record if isinstance(record, bytes) else b""):
            if size is not None and suspects.get(path) == size:
                whole.add(path)
    return [
        replace(dist, resized=tuple(file for file in dist.resized if file.path not in whole))
        if dist.resized
        else dist
        for dist in found
    ]


def _compiled_without_record(
    folder: str, names: list[str], installed: Installed
) -> Iterator[Compiled]:
    """Compiled files in packages whose distribution has no RECORD."""
    recordless = {dist.name for dist in installed.distributions if not dist.has_record}
    for name in names:
        if normalized_name(name) in recordless and (Path(folder) / name).is_dir():
            for root, _, files in os.walk(Path(folder) / name):
                for file in files:
                    if ".so" in file:
                        yield Compiled(f"{root}/{file}", normalized_name(name))


# egg-info, which Debian and older tools write


def _egg_info(folder: str, entry: str) -> Distribution:
    path = Path(folder) / entry
    stem = entry.removesuffix(".egg-info").split("-")
    source = path / "PKG-INFO" if path.is_dir() else path
    name, version, requires, problem = _parse_metadata(
        _read_bytes(str(source)), FileNotFoundError()
    )
    problem = problem.replace("METADATA", source.name)
    if path.is_dir() and not requires:
        requires = tuple(_requires_txt(path / "requires.txt"))
    return Distribution(
        name=normalized_name(name or stem[0]),
        version=version or (stem[1] if len(stem) > 1 else None),
        location=folder,
        info=str(path),
        requires=requires,
        has_record=False,
        problem=problem,
    )


def _requires_txt(path: Path) -> Iterator[str]:
    """`[extra:marker]` sections of requires.txt as Requires-Dist lines."""
    text = _read_bytes(str(path))
    if isinstance(text, OSError):
        return  # an egg-info without requirements lacks this file
    suffix = ""
    for line in (line.strip() for line in text.decode("utf-8", errors="replace").splitlines()):
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            parts = [f'extra == "{extra}"'] if extra else []
            parts += [f"({marker})"] if marker else []
            suffix = "; " + " and ".join(parts) if parts else ""
        elif line:
            yield line + suffix
