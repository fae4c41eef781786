"""Where each output goes, and how it gets there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import string
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import IO, NamedTuple

from parakeet_cli.errors import OutputError, UsageError
from parakeet_cli.formats import Format
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.inputs.storage import (
    Place,
    Url,
    exists,
    key,
    name_of,
    parent_name,
    place,
    put,
)
from parakeet_cli.transcribe.outputs.temp_files import new_part

TEMPLATE_FIELDS = ("filename", "parent", "index", "date")
_ENCODING = "utf-8"
# A file's name may hold bytes that are no text. Escaped like this they stay valid JSON,
# and a JSON reader gets the same name back.
_ERRORS = "backslashreplace"


class Planned(NamedTuple):
    """The outputs of one job: a path for each format."""

    job: Job
    paths: tuple[tuple[Format, Place], ...]
    number: int = 0  # its place among the inputs
    seconds: float | None = None  # of sound, where that is known before it is heard
    replaces: bool = False  # what stands at its paths is this run's own

    @property
    def existing(self) -> tuple[Place, ...]:
        return tuple(path for _, path in self.paths if exists(path))


def plan_outputs(
    jobs: Sequence[Job],
    formats: Sequence[Format],
    folder: Place,
    template: str,
    *,
    today: str | None = None,
) -> list[Planned]:
    """A path for every job and format, all different and none of them an input.

    Raises UsageError where two jobs would write one path, before anything is started.
    """
    check_template(template)
    # What is done a hundred thousand times is not done for nothing.
    plain, asks_parent = template == "{filename}", "{parent" in template
    today = today or date.today().isoformat()
    planned = []
    owners: dict[str, Job] = {}
    suffixes = tuple(form.suffix for form in formats)
    inputs = {key(job.path) for job in jobs if str(job.path).endswith(suffixes)}
    for index, job in enumerate(jobs, start=1):
        name = job.stem
        if not plain:
            parent = (parent_name(job.path) or "root") if asks_parent else ""
            name = template.format(filename=name, parent=parent, index=index, date=today)
        below = f"{job.folder}/{name}" if job.folder else name
        paths = tuple([(form, _below(folder, below + form.suffix)) for form in formats])
        for _, path in paths:
            if (other := owners.setdefault(str(path), job)) is not job:
                raise UsageError(
                    f"{other.name} and {job.name} would both be written to {path}.",
                    hint="Give them different names with --output-template, e.g. "
                    "'{parent}-{filename}' or '{filename}-{index}', or run them one by one.",
                )
            if inputs and key(path) in inputs:
                raise UsageError(f"{path} is an input, and would be overwritten by an output.")
        planned.append(Planned(job, paths, number=index - 1))
    return planned


def _below(folder: Place, name: str) -> Place:
    if ".." in name or "//" in name or "/./" in name:
        name = os.path.normpath(name)
    if isinstance(folder, Url):
        return folder.below(name)
    return name if folder == "." else f"{folder.rstrip('/')}/{name}"


def folders(items: Iterable[Planned]) -> set[Path]:
    """Where outputs are written on this machine."""
    paths = (path for item in items for _, path in item.paths)
    return {Path(path).parent for path in paths if isinstance(path, str)}


def check_template(template: str) -> None:
    """Raise UsageError for a template with a field that is none, or that leaves the folder."""
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
        unknown = [name for name in fields if name not in TEMPLATE_FIELDS]
        template.format(filename="f", parent="p", index=1, date="d")
    except (ValueError, KeyError, IndexError, AttributeError):
        unknown = [template]
    if unknown:
        raise UsageError(
            f"--output-template: '{unknown[0]}' means nothing here.",
            hint="Fields: " + ", ".join("{" + name + "}" for name in TEMPLATE_FIELDS) + ".",
        )
    parts = Path(template).parts
    if not fields or not parts or Path(template).is_absolute() or ".." in parts:
        raise UsageError(
            f"--output-template '{template}' must be a name inside the output folder "
            "with at least one field, such as '{filename}'."
        )


def check_apart(path: Path, inputs: Iterable[str], planned: Sequence[Planned]) -> None:
    """Raise UsageError where a file beside the outputs would replace one of this run's own."""
    mine = key(str(path))
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a file to write to.")

    def among(places: Iterable[Place]) -> bool:
        return any(name_of(one) == path.name and key(one) == mine for one in places)

    if among(map(place, inputs)) or among(item.job.path for item in planned):
        raise UsageError(f"{path} is an input, and would be overwritten by an output.")
    if among(output for item in planned for _, output in item.paths):
        raise UsageError(f"{path} would be written twice.")


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[str]]:
    """A text file that appears at `path` whole when the block ends well, or not at all.

    It is written in the same folder, synced and renamed. Raises OutputError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary, descriptor = new_part(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with open(descriptor, "w", encoding=_ENCODING, errors=_ERRORS, newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BrokenPipeError:
        raise  # of what the block wrote elsewhere: no file is a pipe
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_output(where: Place, pieces: Iterable[str]) -> str:
    """The text where it belongs, whole or not at all, and its SHA-256; raises OutputError."""
    return put(where, pieces) if isinstance(where, Url) else write_atomically(Path(where), pieces)


def write_atomically(path: Path, pieces: Iterable[str]) -> str:
    """The text at `path`, whole or not at all, and its SHA-256; raises OutputError."""
    sha256 = hashlib.sha256()
    with atomic_writer(path) as stream:
        for piece in pieces:
            stream.write(piece)
            sha256.update(piece.encode(_ENCODING, _ERRORS))
    return sha256.hexdigest()


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(f"{path} can't be written: {error.strerror or error}.")


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can sync a folder."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems can't sync a folder; the file is there all the same.
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
