"""The events of a repair's journal: their names on the disk, and the exact form of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from itertools import pairwise
from typing import Any

from parakeet_cli.doctor.repair.rollback.beneath import is_inside
from parakeet_cli.doctor.repair.rollback.registry import FOLDER

Event = dict[str, Any]
ROOTS = 4096  # of one repair; a stack of NeMo has some ten
_LATEST = 253_402_300_800  # the year 10,000, in seconds since the epoch
_BEGINNING = b'{"event":'


class RepairEvent(StrEnum):
    """The journal's events, by the names they have on disk."""

    BEGUN = "begin"
    FETCHING = "fetching"
    FETCHED = "fetched"
    TAKING_SNAPSHOT = "keeping"
    SNAPSHOT_TAKEN = "kept"  # from here on the environment may have been changed
    STEP = "step"
    STEP_DONE = "step-done"
    VERIFYING = "proving"
    COMPLETE = "stands"
    RESTORING = "putting-back"
    RESTORED = "put-back"
    ABANDONED = "abandoned"


# A repair whose last event is another one was interrupted.
ENDED = frozenset({RepairEvent.COMPLETE, RepairEvent.RESTORED, RepairEvent.ABANDONED})
BEFORE_CHANGES = frozenset(
    {RepairEvent.BEGUN, RepairEvent.FETCHING, RepairEvent.FETCHED, RepairEvent.TAKING_SNAPSHOT}
)


def is_root(name: object) -> bool:
    """Whether a repair may name it as a folder that its snapshot covers.

    Those are pip's own (bin, include, share), site-packages, and what wheels bring: each a top
    folder of the environment, or one inside `lib`.
    """
    if not isinstance(name, str) or not is_inside(name):
        return False
    top, *below = name.split("/")
    return top != FOLDER and (not below or top in ("lib", "lib64"))


def _are_roots(value: object) -> bool:
    if not isinstance(value, list) or not 0 < len(value) <= ROOTS:
        return False
    if not all(is_root(root) for root in value) or len(set(value)) < len(value):
        return False
    ordered = sorted(f"{root}/" for root in value)
    return not any(after.startswith(before) for before, after in pairwise(ordered))


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < _LATEST  # type: ignore[operator]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_one_line(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_start(value: object) -> bool:
    return isinstance(value, str) and (value == "" or (value.isascii() and value.isdecimal()))


_KEYS: Mapping[str, Callable[[object], bool]] = {
    "event": _is_text,
    "time": _is_time,
    "prefix": _is_text,
    "pid": _is_count,
    "python": _is_text,
    "started": _is_start,
    "roots": _are_roots,
    "files": _is_count,
    "stage": _is_count,
    "title": _is_text,
    "summary": _is_one_line,
}
# Beside `event` and `time`; earlier versions and torn rows may lack some.
_KEYS_OF: Mapping[str, frozenset[str]] = {
    RepairEvent.BEGUN: frozenset({"prefix", "pid", "python", "started"}),
    RepairEvent.TAKING_SNAPSHOT: frozenset({"roots"}),
    RepairEvent.SNAPSHOT_TAKEN: frozenset({"roots", "files"}),
    RepairEvent.STEP: frozenset({"stage", "title"}),
    RepairEvent.STEP_DONE: frozenset({"stage"}),
    RepairEvent.COMPLETE: frozenset({"summary"}),
}


def parse_events(data: bytes) -> list[Event]:
    """The events of a journal, oldest first; a torn line is left out.

    Raises ValueError for anything that no repair writes.
    """
    events = []
    for line in data.split(b"\n"):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            _check_torn(line)
            continue
        _check_event(row)
        events.append(row)
    covered = {tuple(event["roots"]) for event in events if "roots" in event}
    if len(covered) > 1:
        raise ValueError("its events name different folders")
    return events


def _check_torn(line: bytes) -> None:
    """A kill, a full disk or a power cut leaves a row's beginning, or zeros."""
    line = line.strip(b"\0")
    if not (line.startswith(_BEGINNING) or _BEGINNING.startswith(line)):
        raise ValueError(f"a line is no event: {line[:60]!r}")


def _check_event(row: object) -> None:
    if not isinstance(row, dict) or row.get("event") not in list(RepairEvent):
        raise ValueError(f"a line is no event: {str(row)[:60]!r}")
    allowed = {"event", "time", *_KEYS_OF.get(row["event"], ())}
    for key, value in row.items():
        if key not in allowed or not _KEYS[key](value):
            raise ValueError(
                f"no repair writes {key!r}: {str(value)[:60]!r} in the event {row['event']!r}"
            )
