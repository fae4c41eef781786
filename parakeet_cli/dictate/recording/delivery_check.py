"""Whether a text that was on its way when its process ended had arrived.

A file can be asked: what it held before is in the journal. A window, a pipe, the clipboard
and a command can't, and a text that may be there is not inserted a second time.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from parakeet_cli.dictate.recording.journal import Intent, Target
from parakeet_cli.dictate.sinks.lines import as_lines

EVENTS = "events"  # of --json, which are the text's way out where there is no sink


class Arrival(StrEnum):
    """What the places that a text was on its way to tell of it."""

    THERE = "there"
    MISSING = "missing"
    UNKNOWN = "unknown"


def targets(sinks: Sequence[str]) -> tuple[Target, ...]:
    """Where a text goes by `--sink`, and how long what can be asked is before it."""
    return tuple(_target(spec) for spec in sinks or (EVENTS,))


def arrival(intent: Intent) -> tuple[Arrival, Intent]:
    """Whether it arrived anywhere, and what is still to be inserted where it did not."""
    unknown = False
    left = intent
    for target in intent.to:
        wanted = _missing(intent, target)
        if wanted == "":
            return Arrival.THERE, intent
        if wanted is None:
            unknown = True
        else:
            left = replace(intent, text=wanted)
    return (Arrival.UNKNOWN, intent) if unknown else (Arrival.MISSING, left)


def _target(spec: str) -> Target:
    name, _, argument = spec.partition(":")
    if name == "file":
        path = Path(argument).expanduser().absolute()
        return Target(name, str(path), path.stat().st_size if path.is_file() else 0)
    if name in ("stdout", EVENTS):
        return Target(name, *_stdout())
    return Target(name)


def _stdout() -> tuple[str | None, int]:
    """The file that stdout is, and its size; no file where it is a pipe or a terminal."""
    try:
        status = os.fstat(1)
        # Linux tells the name of an open file; elsewhere stdout is like a pipe.
        path = Path("/proc/self/fd/1").readlink()
        if stat.S_ISREG(status.st_mode) and os.path.samestat(status, path.stat()):
            return str(path), status.st_size
    except OSError:
        pass
    return None, 0


def _missing(intent: Intent, target: Target) -> str | None:
    """What that place lacks of the text, "" where that is nothing; None where it can't tell."""
    if not as_lines(intent.text) and not as_lines(intent.instead):
        return ""
    if target.path is None:
        return None
    before = "".join(map(as_lines, intent.replaced)).encode("utf-8", "replace")
    try:
        with Path(target.path).open("rb") as file:
            file.seek(max(0, target.size - len(before)))
            found = file.read()
    except OSError:
        found = b""
    wanted = intent.text
    if before and found.startswith(before):  # what was to be replaced is there
        found, wanted = found[len(before) :], intent.instead
    line = json.dumps(wanted, ensure_ascii=False) if target.sink == EVENTS else as_lines(wanted)
    return "" if line.encode("utf-8", "replace") in found else wanted
