"""Plans the path of every output, and refuses plans in which two files collide."""

from __future__ import annotations

import os
import string
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from parakeet_cli.errors import InputError, UsageError
from parakeet_cli.formats import Format
from parakeet_cli.system.portable.file_names import windows_problem
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.inputs.storage import (
    Place,
    Url,
    canonical,
    exists,
    name_of,
    parent_name,
    to_place,
)

TEMPLATE_FIELDS = ("filename", "parent", "index", "date")


class PlannedFile(NamedTuple):
    """One job with a path for each output."""

    job: Job
    paths: tuple[tuple[Format, Place], ...]
    number: int = 0  # its position among the inputs, from 0
    seconds: float | None = None  # of audio, if known before it is decoded
    replaces: bool = False  # whether files at its paths are this run's own

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
) -> list[PlannedFile]:
    """A path for every job and format, all different and none of them an input.

    Raises UsageError if two jobs would write to one path, before anything starts.
    """
    check_template(template)
    # The usual template costs nothing: there may be a hundred thousand jobs.
    plain = template == "{filename}"
    today = today or date.today().isoformat()
    planned = []
    owners: dict[str, Job] = {}
    suffixes = tuple(form.suffix for form in formats)
    inputs = {canonical(job.path) for job in jobs if str(job.path).endswith(suffixes)}
    for index, job in enumerate(jobs, start=1):
        if job.error is not None:  # it never writes, so it can't collide either
            planned.append(PlannedFile(job, (), number=index - 1))
            continue
        name = job.stem if plain else _fill_template(template, job, index, today)
        below = f"{job.folder}/{name}" if job.folder else name
        # The key of an object, or its folder's, may be anything.
        if _leads_out(below):
            planned.append(PlannedFile(_refused(job), (), number=index - 1))
            continue
        if sys.platform == "win32" and (problem := windows_problem(below)):
            planned.append(PlannedFile(_refused_by_windows(job, problem), (), number=index - 1))
            continue
        paths = tuple([(form, _below(folder, below + form.suffix)) for form in formats])
        for _, path in paths:
            _check_output(path, job, owners.setdefault(str(path), job), inputs)
        planned.append(PlannedFile(job, paths, number=index - 1))
    return planned


def _fill_template(template: str, job: Job, index: int, today: str) -> str:
    parent = (parent_name(job.path) or "root") if "{parent" in template else ""
    return template.format(filename=job.stem, parent=parent, index=index, date=today)


def _check_output(path: Place, job: Job, owner: Job, inputs: set[str]) -> None:
    """Raise UsageError if the path belongs to another job, or is an input."""
    if owner is not job:
        raise UsageError(
            f"{owner.name} and {job.name} would both be written to {path}.",
            hint="Give them different names with --output-template, e.g. "
            "'{parent}-{filename}' or '{filename}-{index}', or run them one by one.",
        )
    if inputs and canonical(path) in inputs:
        raise UsageError(f"{path} is an input, and would be overwritten by an output.")


def _refused(job: Job) -> Job:
    message = "Its name has parts that would lead its outputs out of the output folder."
    return job._replace(error=InputError(message, hint="Name it by itself, without its folder."))


def _refused_by_windows(job: Job, problem: str) -> Job:
    hint = "Name its outputs with --output-template, e.g. 'talk-{index}'."
    return job._replace(error=InputError(f"The name of its outputs {problem}.", hint=hint))


def _leads_out(name: str) -> bool:
    """Whether a relative name is one of something outside of the folder that it is below."""
    return ".." in name and ".." in Path(os.path.normpath(name)).parts


def _below(folder: Place, name: str) -> Place:
    if ".." in name or "//" in name or "/./" in name:
        name = os.path.normpath(name)
    if isinstance(folder, Url):
        return folder.below(name)
    return name if folder == "." else f"{folder.rstrip('/')}/{name}"


def folders(items: Iterable[PlannedFile]) -> set[Path]:
    """The local folders that outputs are written to."""
    paths = (path for item in items for _, path in item.paths)
    return {Path(path).parent for path in paths if isinstance(path, str)}


def check_folders(items: Iterable[PlannedFile]) -> None:
    """Raise UsageError if a file is where a folder for outputs must be, before anything starts."""
    paths = (path for item in items for _, path in item.paths)
    names = {os.path.dirname(path) for path in paths if isinstance(path, str)}  # noqa: PTH120
    for name in sorted(names):
        folder = Path(name)
        nearest = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
        if not nearest.is_dir():
            raise UsageError(
                f"{nearest} is a file, and outputs need a folder there.",
                hint="-o names a folder, which is made where it is missing; each output is named "
                "after its input.",
            )


def check_template(template: str) -> None:
    """Raise UsageError for a template with an unknown field, or that leaves the folder."""
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
        unknown = [name for name in fields if name not in TEMPLATE_FIELDS]
        template.format(filename="f", parent="p", index=1, date="d")
    except (ValueError, KeyError, IndexError, AttributeError):
        unknown = [template]
    if unknown:
        raise UsageError(
            f"--output-template: '{unknown[0]}' is not a field.",
            hint="Fields: " + ", ".join("{" + name + "}" for name in TEMPLATE_FIELDS) + ".",
        )
    parts = Path(template).parts
    if not fields or not parts or Path(template).is_absolute() or ".." in parts:
        raise UsageError(
            f"--output-template '{template}' must be a name inside the output folder "
            "with at least one field, such as '{filename}'."
        )


def check_apart(path: Path, inputs: Iterable[str], planned: Sequence[PlannedFile]) -> None:
    """Raise UsageError if `path`, a manifest for instance, is an input or an output, too."""
    name = canonical(str(path))
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a file to write to.")

    def among(places: Iterable[Place]) -> bool:
        return any(name_of(one) == path.name and canonical(one) == name for one in places)

    if among(map(to_place, inputs)) or among(item.job.path for item in planned):
        raise UsageError(f"{path} is an input, and would be overwritten by an output.")
    if among(output for item in planned for _, output in item.paths):
        raise UsageError(f"{path} would be written twice.")
