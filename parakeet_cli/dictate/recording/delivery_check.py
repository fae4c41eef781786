"""Checks whether a text that was being inserted when its process ended was delivered.

A file can be checked, because the journal has its size from before. A window, a pipe, the
clipboard and a command can't be, and a text that may be there is not inserted a second time.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from parakeet_cli.dictate.recording.journal import Intent, Target
from parakeet_cli.dictate.sinks.lines import as_lines
from parakeet_cli.formats.json import dumps
from parakeet_cli.system.regular_files import MOST, open_regular

EVENTS = "events"  # of --json, which carry the text if there is no sink


# A FIFO or a device, and a file to which too much was added since.
_NOT_CHECKABLE = (errno.EINVAL, errno.EFBIG)


class DeliveryState(StrEnum):
    """What can be found out about the delivery of a text."""

    DELIVERED = "delivered"
    MISSING = "missing"
    UNKNOWN = "unknown"


def delivery_targets(sinks: Sequence[str]) -> tuple[Target, ...]:
    """Where the sinks, named as by `--sink`, put a text, and the present sizes of their files."""
    return tuple(_target(spec) for spec in sinks or (EVENTS,))


def check_delivery(intent: Intent) -> tuple[DeliveryState, Intent]:
    """Whether any target has the text; if it is missing, the intent has what to insert now."""
    unknown = False
    left = intent
    for target in intent.to:
        missing = _missing_text(intent, target)
        if missing == "":
            return DeliveryState.DELIVERED, intent
        if missing is None:
            unknown = True
        else:
            left = replace(intent, text=missing)
    return (DeliveryState.UNKNOWN, intent) if unknown else (DeliveryState.MISSING, left)


def _target(spec: str) -> Target:
    name, _, argument = spec.partition(":")
    if name == "file":
        path = Path(argument).expanduser().absolute()
        return Target(name, str(path), path.stat().st_size if path.is_file() else 0)
    if name in ("stdout", EVENTS):
        return Target(name, *_stdout_file())
    return Target(name)


def _stdout_file() -> tuple[str | None, int]:
    """The file that stdout is redirected to, and its size; None for a pipe or a terminal."""
    try:
        status = os.fstat(1)
        # Linux gives the name of an open file; elsewhere stdout is treated like a pipe.
        path = Path("/proc/self/fd/1").readlink()
        if stat.S_ISREG(status.st_mode) and os.path.samestat(status, path.stat()):
            return str(path), status.st_size
    except OSError:
        pass
    return None, 0


def _missing_text(intent: Intent, target: Target) -> str | None:
    """What the target lacks of the text: "" if it has all of it, None if it can't be checked."""
    if not as_lines(intent.text) and not as_lines(intent.instead):
        return ""
    if target.path is None:
        return None
    before = "".join(map(as_lines, intent.replaced)).encode("utf-8", "replace")
    try:
        found = _read_from(target.path, max(0, target.size - len(before)))
    except OSError as error:
        if error.errno in _NOT_CHECKABLE:
            return None
        found = b""
    wanted = intent.text
    if before and found.startswith(before):  # what was to be replaced is still there
        found, wanted = found[len(before) :], intent.instead
    line = dumps(wanted) if target.sink == EVENTS else as_lines(wanted)
    if target.sink == "stdout":  # where the line ends with the sentence
        line = line.rstrip("\n")
    return "" if line.encode("utf-8", "replace") in found else wanted


def _read_from(path: str, offset: int) -> bytes:
    """What a regular file has from an offset on. Raises OSError, also if that is > 16 MiB."""
    with open(open_regular(path), "rb") as file:
        file.seek(offset)
        data = file.read(MOST + 1)
    if len(data) > MOST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    return data
