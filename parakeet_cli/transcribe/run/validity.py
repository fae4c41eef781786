"""Says whether what a run recorded of an input still holds, and if not, what has changed."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from parakeet_cli.system.files import sha256_of
from parakeet_cli.transcribe.inputs.storage import FileState, Place, Url, state_of


class Change(StrEnum):
    """Why a recording that was transcribed is transcribed again, in words."""

    OPTIONS = "the options have changed"
    INPUT = "the recording has changed"
    OUTPUT = "an output is missing or has changed"


def same_state(identity: Sequence[Any] | None, state: FileState | None) -> bool:
    """Whether an input is as it was when its result was recorded."""
    return state == (None if identity is None else tuple(identity))


def output_holds(where: Place, output: Sequence[Any]) -> bool:
    """Whether an output is as it was written; `output` is a row's path, SHA-256, size, change.

    Compares size and time of change, and the content if only the time differs. An object can
    only be replaced as a whole, and isn't downloaded for this: it need only exist.
    """
    sha256: str = output[1]
    size, changed = output[2:]
    found = state_of(where)
    if found == (size, changed):
        return True
    if isinstance(where, Url) or found is None:
        return found is not None
    if found[0] != size:
        return False
    try:
        return sha256_of(Path(where)) == sha256
    except OSError:
        return False
