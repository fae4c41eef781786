"""A wheel of everything that a repair installs, before anything is changed."""

from __future__ import annotations

import hashlib
import urllib.parse
import zipfile
from collections.abc import Callable
from pathlib import Path

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.repair.indexes import refusal
from parakeet_cli.doctor.repair.pip import Pip, PipFailed
from parakeet_cli.doctor.repair.resolve import Resolution
from parakeet_cli.errors import Refused
from parakeet_cli.system.ml_versions import normalized_name


def fetch(
    pip: Pip,
    resolution: Resolution,
    folder: Path,
    *,
    listen: Callable[[str], None] | None = None,
) -> None:
    """A wheel of everything that will be installed; sources are built. Raises Refused."""
    if not resolution.installs:
        return
    where = resolution.sources
    progress = ["--progress-bar", "raw"] if pip.reports_progress else []
    texts = [f"{change.name}=={change.after}" for change in resolution.installs]
    try:
        pip.run(
            ["wheel", "--no-deps", *progress, "-w", str(folder), *where.arguments, *texts],
            listen=listen,
            sealed=where.wheelhouse is not None,
        )
    except PipFailed as error:
        raise refusal(error, where) from error
    _verify(resolution, folder)


def _verify(resolution: Resolution, folder: Path) -> None:
    """Each wheel is there and is the very one that was planned."""
    there = {_wheel_key(path.name): path for path in folder.glob("*.whl")}
    for change in resolution.installs:
        path = there.get((change.name, str(Version(str(change.after)))))
        if path is None:
            raise Refused(
                f"pip made no wheel of {change.name} {change.after}; nothing was touched."
            )
        if change.sha256 and _sha256(path) != change.sha256:
            raise Refused(
                f"{path.name} is not the file that was planned: its hash differs. "
                "Nothing was touched."
            )


def _wheel_key(name: str) -> tuple[str, str]:
    parts = name.split("-")
    try:
        return normalized_name(parts[0]), str(
            Version(urllib.parse.unquote(parts[1]).replace("_", "+"))
        )
    except (InvalidVersion, IndexError):
        return name, ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpacked(folder: Path) -> tuple[int, int, set[str]]:
    """Bytes and files that the wheels come to when installed, and the top folders of the
    environment that their data goes to."""
    size = number = 0
    tops: set[str] = set()
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for item in archive.infolist():
                size += item.file_size + (item.file_size if item.filename.endswith(".py") else 0)
                number += 2 if item.filename.endswith(".py") else 1
                parts = item.filename.split("/")
                if (
                    len(parts) > 2
                    and parts[0].endswith(".data")
                    and parts[1] == "data"
                    and parts[2]
                ):
                    tops.add(parts[2])
    return size, number, tops
