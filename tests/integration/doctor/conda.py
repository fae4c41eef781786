"""Conda environments as conda makes them: packages in a local channel, linked by py-rattler."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import posixpath
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

# The marks of the modules whose tests make such environments.
REAL_CONDA = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the packages are for Linux"),
    pytest.mark.skipif(sys.version_info >= (3, 13), reason="no stack supports it"),
]
# What conda-build leaves in files that name the prefix; the installer replaces it.
PLACEHOLDER = "/opt/placeholder" + "_placehold" * 20
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"lib/python{MINOR}/site-packages"
STANDARD_LIBRARY = Path(sys.base_prefix) / "lib" / f"python{MINOR}"


@dataclass(frozen=True, slots=True)
class CondaPackage:
    """One package of a channel. `files` are below the prefix; a Path is a link to it.

    A noarch one has its modules in `site-packages/`, wherever the environment has that.
    """

    name: str
    version: str
    files: Mapping[str, bytes | Path]
    depends: tuple[str, ...] = ()
    noarch: bool = False
    entry_points: tuple[str, ...] = ()
    names_prefix: frozenset[str] = field(default_factory=frozenset)  # with PLACEHOLDER in it


def python_package() -> CondaPackage:
    """A Python that runs: this one's program, with links to its standard library."""
    program = Path(sys.base_prefix) / "bin" / f"python{MINOR}"
    files: dict[str, bytes | Path] = {
        f"bin/python{MINOR}": program.read_bytes(),
        "bin/python": Path(f"python{MINOR}"),
        "bin/python3": Path(f"python{MINOR}"),
        f"{SITE}/README.txt": b"packages\n",
    }
    for entry in STANDARD_LIBRARY.iterdir():
        if entry.name not in ("site-packages", "__pycache__"):
            files[f"lib/python{MINOR}/{entry.name}"] = entry
    version = ".".join(str(part) for part in sys.version_info[:3])
    return CondaPackage("python", version, files)


def distribution_files(
    name: str, version: str, files: Mapping[str, bytes], *, site: str = "site-packages"
) -> dict[str, bytes | Path]:
    """The files with the dist-info that conda packages bring, its RECORD as at the build."""
    info = f"{site}/{name.replace('-', '_')}-{version}.dist-info"
    found: dict[str, bytes | Path] = {
        posixpath.normpath(f"{site}/{path}"): data for path, data in files.items()
    }
    found[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    )
    found[f"{info}/INSTALLER"] = b"conda"
    lines = []
    for path, data in found.items():
        if isinstance(data, bytes):
            digest = hashlib.sha256(data).hexdigest()
            lines.append(f"{posixpath.relpath(path, site)},sha256={digest},{len(data)}")
    lines.append(f"{info.removeprefix(f'{site}/')}/RECORD,,")
    found[f"{info}/RECORD"] = "\n".join([*lines, ""]).encode()
    return found


def fill_channel(channel: Path, packages: list[CondaPackage]) -> None:
    """Write the packages and the channel's index."""
    from rattler.index import index_fs

    for package in packages:
        _write(channel, package)
    asyncio.run(index_fs(channel))


def install(channel: Path, prefix: Path, specs: list[str], cache: Path) -> None:
    """Solve and link into the prefix, as conda, mamba and pixi do."""
    from rattler import Channel, solve
    from rattler import install as link

    async def run() -> None:
        sources = [Channel(channel.as_uri())]
        records = await solve(sources, specs, platforms=["linux-64", "noarch"])
        await link(records, prefix, cache_dir=cache, show_progress=False)

    asyncio.run(run())


def _write(channel: Path, package: CondaPackage) -> None:
    subdir = "noarch" if package.noarch else "linux-64"
    build = "pyh0_0" if package.noarch else "h0_0"
    stem = f"{package.name}-{package.version}-{build}"
    index: dict[str, object] = {
        "name": package.name,
        "version": package.version,
        "build": build,
        "build_number": 0,
        "depends": list(package.depends),
        "subdir": subdir,
        "timestamp": 1700000000000,
    }
    paths = []
    for name, content in package.files.items():
        data = content if isinstance(content, bytes) else b""
        entry: dict[str, object] = {
            "_path": name,
            "path_type": "hardlink" if isinstance(content, bytes) else "softlink",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data),
        }
        if name in package.names_prefix:
            mode = "binary" if b"\0" in data else "text"
            entry |= {"prefix_placeholder": PLACEHOLDER, "file_mode": mode}
        paths.append(entry)
    info: dict[str, object] = {
        "info/paths.json": {"paths": paths, "paths_version": 1},
        "info/about.json": {},
    }
    if package.noarch:
        index["noarch"] = "python"
        noarch = {"type": "python", "entry_points": list(package.entry_points)}
        info["info/link.json"] = {"noarch": noarch, "package_metadata_version": 1}
    info["info/index.json"] = index
    target = channel / subdir / f"{stem}.tar.bz2"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:bz2", compresslevel=1) as archive:
        for name, value in info.items():
            _add(archive, name, json.dumps(value).encode())
        _add(archive, "info/files", "\n".join([*package.files, ""]).encode())
        for name, content in package.files.items():
            _add(archive, name, content)


def _add(archive: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    member = tarfile.TarInfo(name)
    member.mode = 0o755 if "bin/" in name else 0o644
    if isinstance(content, Path):
        member.type, member.linkname = tarfile.SYMTYPE, str(content)
        archive.addfile(member)
    else:
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
