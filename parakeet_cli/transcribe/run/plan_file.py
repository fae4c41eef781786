"""The plan of a run as its latest session recorded it: what `--status` counts.

    {"plan": 2000, "of": 6000, "shard": "1/3", "options": "...", "at": ...,
     "root": "/data/in", "folder": "/data/out"}
    {"keys": [KEY, [KEY, PATH], [KEY, PATH, OUTPUTS], ...]}    a thousand inputs a row
    {"settled": [[KEY, STATUS, REASON], ...]}                  skipped or refused at once
    {"added": [KEY, [KEY, PATH], ...]}                         what came to a watched folder since

`plan` counts this shard's inputs, `of` those of all shards. A key stands for its path; where
the path is another one, it follows. `OUTPUTS` are there where options don't decide them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from parakeet_cli.errors import OutputError, system_hint
from parakeet_cli.formats import row_values
from parakeet_cli.formats.row_values import Check, are_texts, is_count, is_number, is_text, optional
from parakeet_cli.system import json_lines
from parakeet_cli.system.files import atomic_writer
from parakeet_cli.transcribe.inputs.shard import Shard
from parakeet_cli.transcribe.inputs.storage import Url, canonical, recorded
from parakeet_cli.transcribe.inputs.surroundings import obstacle_of
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcript import FileResult, Status

PLAN = "plan.jsonl"
_KEYS_A_ROW = 1000


@dataclass(frozen=True, slots=True)
class PlannedInput:
    """An input of the plan: where it is, and its outputs if options don't decide them."""

    path: str
    outputs: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SettledInput:
    """An input that a session skipped or refused before it was begun."""

    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """What a session was asked to do.

    `options` is the fingerprint of its options, `at` when it was planned in seconds since the
    epoch, `root` the folder that all its inputs are in, and `folder` that of its outputs. If that
    root is `watched`, inputs come and go.
    """

    count: int
    total: int
    options: str
    shard: str | None = None
    root: str | None = None
    folder: str | None = None
    at: float = 0.0
    watched: bool = False

    def as_json(self) -> json_lines.Row:
        return {
            "plan": self.count,
            "of": self.total,
            "shard": self.shard,
            "options": self.options,
            "at": self.at,
            "root": self.root,
            "folder": self.folder,
            **({"watched": True} if self.watched else {}),
        }


@dataclass(slots=True)
class RunPlan:
    """A plan that was read."""

    header: PlanHeader
    inputs: dict[str, PlannedInput] = field(default_factory=dict)
    settled: dict[str, SettledInput] = field(default_factory=dict)


def write_plan(
    path: Path,
    header: PlanHeader,
    planned: Iterable[PlannedFile],
    settled: Sequence[tuple[PlannedFile, FileResult]],
    *,
    with_outputs: bool,
) -> None:
    """Replace the plan by this one. Raises OutputError."""
    here = canonical(".")
    entries = (_entry(item, here, with_outputs=with_outputs) for item in planned)
    ends = [[item.job.key, str(end.status), end.reason or ""] for item, end in settled]
    try:
        with atomic_writer(path) as file:
            file.write(json_lines.encode(header.as_json()))
            for some in _batched(entries):
                file.write(json_lines.encode({"keys": some}))
            for some in _batched(ends):
                file.write(json_lines.encode({"settled": some}))
    except OSError as error:
        message = f"The plan {path} can't be written: {error.strerror}."
        obstacle = obstacle_of(error, str(path.parent))
        raise OutputError(message, hint=system_hint(error), obstacle=obstacle) from error


def add_to_plan(
    path: Path, planned: Iterable[PlannedFile], settled: Iterable[tuple[PlannedFile, FileResult]]
) -> None:
    """Add to the plan what has arrived in a watched folder. Raises OSError."""
    here = canonical(".")
    added = [_entry(item, here, with_outputs=False) for item in planned]
    ends = [[item.job.key, str(end.status), end.reason or ""] for item, end in settled]
    rows = json_lines.Appender(path, links=False)
    try:
        rows.append({"added": added})
        if ends:
            rows.append({"settled": ends})
    finally:
        rows.close()


def read_header(path: Path) -> PlanHeader | None:
    """What the latest session was asked to do; None if that isn't recorded. Raises OutputError."""
    return next((_header(row) for row in _rows(path) if "plan" in row), None)


def read_plan(path: Path) -> RunPlan | None:
    """The plan of the latest session; None if there is none. Raises OutputError."""
    plan: RunPlan | None = None
    for row in _rows(path):
        if "plan" in row:
            plan = RunPlan(_header(row))
        elif plan is not None and "keys" in row:
            plan.inputs.update(map(_planned_input, row["keys"]))
        elif plan is not None and "added" in row:
            _add_inputs(plan, row["added"])
        elif plan is not None and "settled" in row:
            plan.settled.update(
                (key, SettledInput(Status(status), reason))
                for key, status, reason in row["settled"]
            )
    return plan


def _add_inputs(plan: RunPlan, entries: list[Any]) -> None:
    before = len(plan.inputs)
    plan.inputs.update(map(_planned_input, entries))
    more = len(plan.inputs) - before
    header = plan.header
    plan.header = replace(header, count=header.count + more, total=header.total + more)


def root_of(planned: Iterable[PlannedFile]) -> str | None:
    """The folder that all inputs are in; None if there is none, or an input is a URL."""
    folders = set()
    for item in planned:
        job = item.job
        if isinstance(job.path, Url):
            return None
        if job.root is not None:
            folders.add(job.root.path.rstrip("/") or "/")
        elif job.error is None:
            folders.add(os.path.dirname(canonical(job.path)))  # noqa: PTH120
    return os.path.commonpath(folders) if folders else None


def now() -> float:
    """The time of a plan, in seconds since the epoch."""
    return round(time.time(), 3)


def _batched(entries: Iterable[Any]) -> Iterator[list[Any]]:
    some: list[Any] = []
    for entry in entries:
        some.append(entry)
        if len(some) == _KEYS_A_ROW:
            yield some
            some = []
    if some:
        yield some


def _entry(item: PlannedFile, here: str, *, with_outputs: bool) -> Any:
    key = item.job.key
    path = recorded(item.job.path, here)
    if with_outputs:
        return [key, path, [recorded(output) for _, output in item.paths]]
    return key if key == path else [key, path]


def _planned_input(entry: Any) -> tuple[str, PlannedInput]:
    if isinstance(entry, str):
        return entry, PlannedInput(entry)
    key, path, *outputs = entry
    return key, PlannedInput(path, tuple(outputs[0]) if outputs else None)


def _header(row: json_lines.Row) -> PlanHeader:
    return PlanHeader(
        count=row["plan"],
        total=row["of"],
        options=row["options"],
        shard=row["shard"],
        root=row["root"],
        folder=row["folder"],
        at=row["at"],
        watched=row.get("watched", False),
    )


def _rows(path: Path) -> Iterator[json_lines.Row]:
    """The valid rows of the file: it may be torn, or be somebody else's."""
    try:
        for row in json_lines.read(path):
            if row_values.wrong_value(row, _CHECKS, _REQUIRED) is None:
                yield row
    except OSError as error:
        raise OutputError(f"The plan {path} can't be read: {error.strerror}.") from error


def _are_entries(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_entry, value))


def _is_entry(value: Any) -> bool:
    if is_text(value):
        return "\0" not in value
    if not isinstance(value, list) or not 2 <= len(value) <= 3 or not are_texts(value[:2]):
        return False
    return len(value) == 2 or are_texts(value[2])


def _are_settled(value: Any) -> bool:
    return isinstance(value, list) and all(
        are_texts(one) and len(one) == 3 and one[1] in _STATUSES for one in value
    )


def _is_shard(value: Any) -> bool:
    return is_text(value) and Shard.is_one(value)


_STATUSES = frozenset(map(str, Status))
_CHECKS: dict[str, Check] = {
    "plan": is_count,
    "of": is_count,
    "shard": optional(_is_shard),
    "options": is_text,
    "at": is_number,
    "root": optional(is_text),
    "folder": optional(is_text),
    "watched": lambda value: isinstance(value, bool),
    "keys": _are_entries,
    "added": _are_entries,
    "settled": _are_settled,
}
_REQUIRED = {"plan": ("of", "shard", "options", "at", "root", "folder")}
