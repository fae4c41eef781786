"""Lists the environments that `parakeet setup` keeps: a JSON file for each, in one folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from parakeet_cli.system.files import atomic_writer
from parakeet_cli.system.regular_files import read_regular
from parakeet_cli.system.safety.private_folders import private_folder

FOLDER = "environments"  # below the user's data folder of parakeet
_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class KeptEnvironment:
    """One environment: what it is for, and how far it is."""

    name: str
    path: str  # absolute
    stack: str
    model: str | None = None  # the one it was proved with
    ready: bool = False  # whether it was proved; until then it is being built
    made: bool = True  # whether setup made it, and may remove it
    torch_index: str | None = None  # where its torch is from, as --torch-index takes it
    index_named: bool = False  # whether that was asked for, and isn't what the GPU suggests

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return Path(self.path, "bin", "python")


def kept_environments(data: Path) -> Iterator[KeptEnvironment]:
    """Each environment in the list below the user's data folder, by name.

    A file that isn't one of ours, or can't be read, is left out.
    """
    try:
        found = (path for path in (data / FOLDER).iterdir() if path.suffix == _SUFFIX)
        files = sorted(found, key=lambda path: path.stem)
    except OSError:
        return
    for path in files:
        kept = read_kept(data, path.stem)
        if kept is not None:
            yield kept


def read_kept(data: Path, name: str) -> KeptEnvironment | None:
    """The environment of that name; None if there is none."""
    try:
        row = json.loads(read_regular(_file_of(data, name)))
        kept = KeptEnvironment(name=name, **{key: row[key] for key in row if key in _FIELDS})
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return kept if Path(str(kept.path)).is_absolute() else None


def kept_at(data: Path, python: str | Path) -> KeptEnvironment | None:
    """The environment that this Python, or this folder, belongs to; None if setup keeps none."""
    path = Path(os.path.abspath(python))
    return next(
        (one for one in kept_environments(data) if path in (one.python, Path(one.path))), None
    )


def python_named(data: Path, named: str) -> str:
    """The Python of the environment that setup keeps under this name; else what was named."""
    if Path(named).name != named:  # a path
        return named
    kept = read_kept(data, named)
    return named if kept is None else str(kept.python)


def keep(data: Path, environment: KeptEnvironment) -> None:
    """Write the environment into the list, or its new state. Raises OSError."""
    private_folder(data / FOLDER, own=2)
    row = asdict(environment)
    del row["name"]
    with atomic_writer(_file_of(data, environment.name)) as stream:
        stream.write(json.dumps(row, indent=2).encode() + b"\n")


def forget(data: Path, name: str) -> None:
    """Take the environment off the list; its folder stays. Raises OSError."""
    _file_of(data, name).unlink(missing_ok=True)


def _file_of(data: Path, name: str) -> Path:
    return data / FOLDER / f"{name}{_SUFFIX}"


_FIELDS = frozenset(field.name for field in fields(KeptEnvironment)) - {"name"}
