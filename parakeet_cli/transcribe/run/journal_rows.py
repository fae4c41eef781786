"""Says what of a run's journal is valid, and whether its word may have a file replaced.

A run's folder may be shared, or be somebody else's: what its journal says is data.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parakeet_cli.formats import row_values
from parakeet_cli.formats.row_values import Check, is_count, is_length, is_number, is_text, optional
from parakeet_cli.transcribe.inputs.storage import Place, Url
from parakeet_cli.transcript import Status

_STATUSES = frozenset(map(str, Status))
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)  # it becomes a part of outputs' names


def wrong_value(row: Mapping[str, Any]) -> str | None:
    """The first key whose value no run writes, None if there is none."""
    return row_values.wrong_value(row, _CHECKS, _REQUIRED)


def is_own(journal: os.stat_result) -> bool:
    """Whether only this user or root can have written a journal."""
    if sys.platform == "win32":  # which has neither owners nor modes of this kind
        return True
    others = journal.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return journal.st_uid in (0, os.geteuid()) and not others


def may_replace(journal: os.stat_result, output: Place) -> bool:
    """Whether a journal's word is enough to replace a file as one that the run wrote.

    It is if only this user or root can have written the journal. If others can have, each of
    them must be able to write the file itself, so that the journal gives them nothing: files
    of one owner in a shared folder, whoever that is there.
    """
    if is_own(journal):
        return True
    others = journal.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if isinstance(output, Url):
        return False
    try:
        found = Path(output).lstat()
    except OSError:
        return False
    if not stat.S_ISREG(found.st_mode):
        return False
    if found.st_mode & stat.S_IWOTH:
        return True
    same_group = found.st_gid == journal.st_gid and found.st_mode & stat.S_IWGRP
    me = 0 if sys.platform == "win32" else os.geteuid()
    return (
        journal.st_uid in (0, me, found.st_uid)
        and not others & stat.S_IWOTH
        and bool(same_group or not others & stat.S_IWGRP)
    )


def _is_identity(value: Any) -> bool:
    return (
        isinstance(value, list) and len(value) == 2 and is_count(value[0]) and _is_change(value[1])
    )


def _is_change(value: Any) -> bool:
    """Nanoseconds of the last change, which may lie before 1970, or an object's ETag."""
    return type(value) is int or is_text(value)


def _are_outputs(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_output, value))


def _is_output(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 4
        and is_text(value[0])
        and "\0" not in value[0]
        and is_text(value[1])
        and _is_identity(value[2:])
    )


_CHECKS: dict[str, Check] = {
    "ended": is_text,
    "status": lambda value: is_text(value) and value in _STATUSES,
    "id": optional(_is_identity),
    "options": is_text,
    "seconds": is_length,
    "outputs": _are_outputs,
    "reason": optional(is_text),
    "hint": optional(is_text),
    "line": optional(is_count),
    "at": is_number,
    "begun": is_text,
    "plan": is_count,
    "date": lambda value: is_text(value) and _DATE.fullmatch(value) is not None,
}
_REQUIRED = {
    "ended": ("status", "id", "options", "seconds", "outputs", "line", "at"),
    "begun": ("options",),
    "plan": ("seconds", "at", "date"),
}
