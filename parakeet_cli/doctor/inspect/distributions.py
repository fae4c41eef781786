"""Reads the distributions of site folders in one pass, without importlib.metadata.

Only the head of each METADATA is parsed, up to the blank line. Each RECORD is read once,
for the files that are missing or of another size, and for the compiled files to scan.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from parakeet_cli.doctor.facts import Distribution, Leftover, WrongSize, is_compiled
from parakeet_cli.system.ml_versions import normalized_name
from parakeet_cli.system.regular_files import read_regular

FIELD = re.compile(rb"^(Name|Version|Requires-Dist):[ \t]*(.*)$", re.MULTILINE)
HEAD_END = re.compile(rb"\r?\n\r?\n")
METADATA_LINE = re.compile(rb"^[^\n]*?\.dist-info/METADATA,[^,\n]*,(\d+)\r?$", re.MULTILINE)
# The files that an import reads; a quoted path ends in its quote.
IMPORTED_SUFFIXES = tuple(
    f".{kind}{quote}" for kind in ("py", "so", "pyi", "json", "yaml") for quote in ("", '"')
)
# Bytecode, which Python writes anew, and what only people and compilers read.
NOT_LOADED = tuple(
    f".{kind}{quote}"
    for kind in ("pyc", "h", "hpp", "cuh", "cu", "c", "cpp", "pxd", "pyx", "md", "rst", "cmake")
    for quote in ("", '"')
)
_DIGITS = re.compile(r"[0-9]{1,18}")
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
        site = _Site(folder)
        first = len(installed.distributions)
        for name in names:
            if name.startswith("~"):
                installed.leftovers.append(Leftover(f"{folder}/{name}"))
            elif name.endswith(".dist-info"):
                installed.distributions.append(_dist_info(site, name))
            elif name.endswith(".egg-info"):
                installed.distributions.append(_egg_info(folder, name))
            elif name == "pkg_resources":
                installed.pkg_resources = installed.pkg_resources or _is_package(folder, name)
        installed.distributions[first:] = _without_shared(installed.distributions[first:])
        for path, package in {**site.unrecorded, **site.recorded}.items():
            installed.compiled.append(Compiled(f"{folder}/{path}", package))
        installed.compiled.extend(_compiled_without_record(folder, names, installed))
    return installed


@dataclass(slots=True)
class _Site:
    """One site folder while it is read: its listings, and the owners of its compiled files."""

    folder: str
    listings: dict[str, set[str]] = field(default_factory=dict)
    recorded: dict[str, str] = field(default_factory=dict)
    unrecorded: dict[str, str] = field(default_factory=dict)  # in a package's folder only

    def listing(self, parent: str) -> set[str]:
        """The names in a folder, listed once: a stack has 50,000 files in 3,500 folders."""
        names = self.listings.get(parent)
        if names is None:
            try:
                names = set(os.listdir(f"{self.folder}/{parent}"))  # noqa: PTH208
            except (OSError, ValueError):  # ValueError: RECORD has a path with a NUL
                names = set()
            self.listings[parent] = names
        return names


def _is_package(folder: str, name: str) -> bool:
    return os.path.isfile(f"{folder}/{name}/__init__.py")  # noqa: PTH113 - hot


# dist-info


def _dist_info(site: _Site, entry: str) -> Distribution:
    info = f"{site.folder}/{entry}"
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
        files = _check_record(site, record, name)
        files.resized = [
            file for file in files.resized if tool.startswith(TRUSTED_INSTALLERS) or file.size == 0
        ]
    return Distribution(
        name=name,
        version=version or None,
        location=site.folder,
        info=info,
        requires=requires,
        has_record=isinstance(record, bytes),
        missing=tuple(files.missing),
        problem=problem,
        conda=tool == b"conda",
        trusted=tool.startswith(TRUSTED_INSTALLERS),
        resized=tuple(files.resized),
        modules=tuple(files.modules),
    )


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


def _check_record(site: _Site, record: bytes, package: str) -> _RecordedFiles:
    """Compare the listed files with those that exist. Compiled files are added to the site."""
    files = _RecordedFiles()
    parents: set[str] = set()
    for path, _, size, imported in recorded_files(record):
        if imported:
            parent, _, name = path.rpartition("/")
            if name not in site.listing(parent):
                files.missing.append(path)
                continue
            if ".so" in name:
                site.recorded[path] = package
            parents.add(parent)
            if not parent and (name.endswith(".py") or ".so" in name):
                files.modules.add(name.partition(".")[0])
        if size is not None:
            found = _size(f"{site.folder}/{path}")
            if found is not None and found != size:
                files.resized.append(WrongSize(path, found, size))
    parents.discard("")
    files.modules.update(parent.partition("/")[0] for parent in parents)
    _add_unrecorded(site, parents, package)
    return files


def recorded_files(record: bytes) -> Iterator[tuple[str, str, int | None, bool]]:
    """(path, hash, size, imported) of each file that a program may load.

    `imported` is true for what an import needs. The size is None if it isn't to be compared.
    """
    for line in record.decode("utf-8", errors="replace").splitlines():
        path, digest, size = line.rsplit(",", 2) if line.count(",") > 1 else (line, "", "")
        imported = path.endswith(IMPORTED_SUFFIXES) or ".so." in path
        if not imported and (not size or path.endswith(NOT_LOADED) or "/test" in path):
            continue
        if path.startswith('"'):
            path = path.strip('"').replace('""', '"')
        if path.startswith("/") or ".dist-info/" in path:
            continue
        # Scripts in ../../../bin get the path of their Python when they are installed.
        compared = _DIGITS.fullmatch(size) and not path.startswith("../")
        yield path, digest, int(size) if compared and not path.endswith(".pyi") else None, imported


def _add_unrecorded(site: _Site, parents: set[str], package: str) -> None:
    """A compiled file in a package's folder can be imported whether RECORD lists it or not."""
    for parent in parents:
        for name in site.listing(parent):
            if is_compiled(name):
                site.unrecorded.setdefault(f"{parent}/{name}", package)


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
