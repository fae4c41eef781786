"""Site folders -> the distributions in them, in one pass, without importlib.metadata.

Only the head of each METADATA is read, up to the blank line, and each RECORD once:
for the files that are gone, and for the compiled files that are worth a scan.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from parakeet_cli.doctor.facts import Distribution, Leftover
from parakeet_cli.system.ml_versions import normalized_name

FIELD = re.compile(rb"^(Name|Version|Requires-Dist):[ \t]*(.*)$", re.MULTILINE)
HEAD_END = re.compile(rb"\r?\n\r?\n")
METADATA_LINE = re.compile(rb"^[^\n]*?\.dist-info/METADATA,[^,\n]*,(\d+)\r?$", re.MULTILINE)
# What an import reads; a quoted path ends in its quote.
READ = tuple(
    f".{kind}{quote}" for kind in ("py", "so", "pyi", "json", "yaml") for quote in ("", '"')
)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled file and the distribution that owns it."""

    path: str
    package: str


@dataclass(slots=True)
class Installed:
    """What the site folders hold, gathered in import order."""

    distributions: list[Distribution] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)
    compiled: list[Compiled] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    pkg_resources: bool = False


def read(paths: tuple[str, ...]) -> Installed:
    """Every distribution of every folder, the first on the path first."""
    installed = Installed()
    for folder in paths:
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            continue  # a folder on the path that is gone holds nothing to import
        except OSError as error:
            installed.unlisted.append(f"{folder}: {error.strerror or error}")
            continue
        site = _Site(folder)
        for name in names:
            if name.startswith("~"):
                installed.leftovers.append(Leftover(f"{folder}/{name}"))
            elif name.endswith(".dist-info"):
                installed.distributions.append(_dist_info(site, name))
            elif name.endswith(".egg-info"):
                installed.distributions.append(_egg_info(folder, name))
            elif name == "pkg_resources":
                installed.pkg_resources = installed.pkg_resources or _is_package(folder, name)
        for path, package in {**site.beside, **site.recorded}.items():
            installed.compiled.append(Compiled(f"{folder}/{path}", package))
        installed.compiled.extend(_unrecorded(folder, names, installed))
    return installed


@dataclass(slots=True)
class _Site:
    """One site folder while it is read: its listings, and who owns its compiled files."""

    folder: str
    listings: dict[str, set[str]] = field(default_factory=dict)
    recorded: dict[str, str] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)  # in a package's folder, in no RECORD

    def listing(self, parent: str) -> set[str]:
        """A folder's names, asked for once: a stack has 50,000 files in 3,500 folders."""
        there = self.listings.get(parent)
        if there is None:
            try:
                there = set(os.listdir(f"{self.folder}/{parent}"))  # noqa: PTH208
            except OSError:
                there = set()
            self.listings[parent] = there
        return there


def _is_package(folder: str, name: str) -> bool:
    return os.path.isfile(f"{folder}/{name}/__init__.py")  # noqa: PTH113 - hot


# dist-info


def _dist_info(site: _Site, entry: str) -> Distribution:
    info = f"{site.folder}/{entry}"
    stem_name, _, stem_version = entry.removesuffix(".dist-info").partition("-")
    record = _bytes(f"{info}/RECORD")
    metadata = _bytes(f"{info}/METADATA")
    name, version, requires, problem = _head(metadata, record)
    if problem:  # half a name or half a version may be all that a cut file has
        name, version = stem_name, stem_version
    name = normalized_name(name)
    missing: tuple[str, ...] = ()
    if isinstance(record, bytes):
        missing = _record(site, record, name)
    installer = _bytes(f"{info}/INSTALLER")
    return Distribution(
        name=name,
        version=version or None,
        location=site.folder,
        info=info,
        requires=requires,
        has_record=isinstance(record, bytes),
        missing=missing,
        problem=problem,
        conda=isinstance(installer, bytes) and installer.strip() == b"conda",
    )


def _head(
    metadata: bytes | OSError, record: bytes | OSError
) -> tuple[str, str, tuple[str, ...], str]:
    """Name, version, requirements, and what is wrong with the file."""
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
            word for word, there in (("name", name), ("version", version)) if not there
        )
        problem = f"its METADATA has no {lacking}"
    elif isinstance(record, bytes) and (size := METADATA_LINE.search(record)):
        expected = int(size[1])
        if len(metadata) < expected:
            problem = f"its METADATA is cut short: {len(metadata)} of {expected} bytes"
    return name, version, tuple(requires), problem


def _bytes(path: str) -> bytes | OSError:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        return error


# RECORD


def _record(site: _Site, record: bytes, package: str) -> tuple[str, ...]:
    """The listed files that are gone; the compiled ones that are there go to the site."""
    missing: list[str] = []
    parents: set[str] = set()
    for line in record.decode("utf-8", errors="replace").splitlines():
        path = line.rsplit(",", 2)[0]
        if not path.endswith(READ) and ".so." not in path:
            continue  # headers, tests' data, bytecode: nothing that an import reads
        if path.startswith('"'):
            path = path.strip('"').replace('""', '"')
        if path.startswith("/"):
            continue
        parent, _, name = path.rpartition("/")
        if name not in site.listing(parent):
            missing.append(path)
        elif ".so" in name:
            site.recorded[path] = package
        parents.add(parent)
    # What lies in a package's folder is imported whether RECORD lists it or not.
    for parent in parents - {""}:
        for name in site.listing(parent):
            if name.endswith(".so") or ".so." in name:
                site.beside.setdefault(f"{parent}/{name}", package)
    return tuple(missing)


def _unrecorded(folder: str, names: list[str], installed: Installed) -> Iterator[Compiled]:
    """Compiled files at the top of packages whose distribution keeps no RECORD."""
    known = {dist.name for dist in installed.distributions if not dist.has_record}
    for name in names:
        if normalized_name(name) in known and (Path(folder) / name).is_dir():
            for root, _, files in os.walk(Path(folder) / name):
                for file in files:
                    if ".so" in file:
                        yield Compiled(f"{root}/{file}", normalized_name(name))


# egg-info, as Debian and older tools leave it


def _egg_info(folder: str, entry: str) -> Distribution:
    path = Path(folder) / entry
    stem = entry.removesuffix(".egg-info").split("-")
    source = path / "PKG-INFO" if path.is_dir() else path
    name, version, requires, problem = _head(_bytes(str(source)), FileNotFoundError())
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
    text = _bytes(str(path))
    if isinstance(text, OSError):
        return  # an egg-info without requirements has no such file
    suffix = ""
    for line in (line.strip() for line in text.decode("utf-8", errors="replace").splitlines()):
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            parts = [f'extra == "{extra}"'] if extra else []
            parts += [f"({marker})"] if marker else []
            suffix = "; " + " and ".join(parts) if parts else ""
        elif line:
            yield line + suffix
