"""Fetches or builds a wheel of everything that a repair installs, before it changes anything."""

from __future__ import annotations

import re
import urllib.parse
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.repair.indexes import refusal
from parakeet_cli.doctor.repair.pip import OnProgress, Pip, PipFailed
from parakeet_cli.doctor.repair.plan import Change
from parakeet_cli.doctor.repair.resolve import Resolution
from parakeet_cli.doctor.repair.wheel_members import objection
from parakeet_cli.errors import Refused
from parakeet_cli.system.files import sha256_of
from parakeet_cli.system.ml_versions import normalized_name
from parakeet_cli.system.safety.scratch_folders import scratch_file

_DATA = re.compile(r"[^/]*\.data/data/([^/]+)")  # a wheel's folder for the environment's own


def fetch(
    pip: Pip,
    resolution: Resolution,
    folder: Path,
    *,
    on_progress: OnProgress | None = None,
) -> None:
    """Put a wheel of everything that is installed into the folder. Raises Refused.

    What has no wheel is built from its source.
    """
    if not resolution.installs:
        return
    sources = resolution.sources
    command = ["wheel", "--no-deps", *(["--progress-bar", "raw"] if pip.reports_progress else [])]
    try:
        with _as_arguments(resolution.installs) as wanted:
            pip.run(
                [*command, "-w", str(folder), *sources.arguments, *wanted],
                on_progress=on_progress,
                sealed=sources.wheelhouse is not None,
            )
    except PipFailed as error:
        raise refusal(error, sources) from error
    _check_wheels(resolution, folder)


@contextmanager
def _as_arguments(changes: Sequence[Change]) -> Iterator[list[str]]:
    """What pip is asked for: the planned files where all their sums are known, else the versions.

    Indexes may have different files of one version, of which uv and pip may take another one.
    """
    if not all(change.hashes for change in changes):
        yield [change.pinned for change in changes]
        return
    text = "".join(f"{change.with_hashes}\n" for change in changes)
    with scratch_file("wheels.txt", text) as path:
        yield ["-r", path]


def _check_wheels(resolution: Resolution, folder: Path) -> None:
    """Refuse unless each wheel is there and is the very one that was planned."""
    wheels = wheels_by_key(folder)
    for change in resolution.installs:
        path = wheels.get(change.key)
        if path is None:
            raise Refused(
                f"pip made no wheel of {change.name} {change.after}. Nothing was changed."
            )
        if change.is_wheel and change.hashes and sha256_of(path) not in change.hashes:
            raise Refused(
                f"{path.name} is not the file that was planned: its hash differs. "
                "Nothing was changed."
            )
        sums = resolution.sources.wheelhouse is not None  # an index's were compared by pip
        wrong = objection(path, change.name, str(change.after), sums=sums)
        if wrong is not None:
            raise Refused(f"{path.name} is not installed: {wrong}. Nothing was changed.")


def wheels_by_key(folder: Path) -> dict[tuple[str, str], Path]:
    """The folder's wheels by the name and version of what they install (`Change.key`)."""
    return {_wheel_key(path.name): path for path in folder.glob("*.whl")}


def _wheel_key(name: str) -> tuple[str, str]:
    parts = name.split("-")
    try:
        return normalized_name(parts[0]), str(
            Version(urllib.parse.unquote(parts[1]).replace("_", "+"))
        )
    except (InvalidVersion, IndexError):
        return name, ""


@dataclass(frozen=True, slots=True)
class InstalledSize:
    """What wheels take when they are installed."""

    size: int  # bytes, with bytecode
    files: int
    data_folders: frozenset[str]  # top folders of the environment that their data goes to

    def __add__(self, other: InstalledSize) -> InstalledSize:
        folders = self.data_folders | other.data_folders
        return InstalledSize(self.size + other.size, self.files + other.files, folders)


def installed_size(folder: Path) -> InstalledSize:
    """What the folder's wheels take when they are installed. Raises OSError."""
    size = files = 0
    data_folders: set[str] = set()
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for item in archive.infolist():
                copies = 2 if item.filename.endswith(".py") else 1  # source and bytecode
                size += copies * item.file_size
                files += copies
                if data := _DATA.match(item.filename):
                    data_folders.add(data[1])
    return InstalledSize(size, files, frozenset(data_folders))
