"""Says whether a line of a dictation's journal has the values that a dictation writes.

A journal may have been damaged, or planted by somebody else. Each line is checked before
anything of it is used; keys that are unknown belong to other versions and are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parakeet_cli.formats import row_values
from parakeet_cli.formats.row_values import (
    Check,
    are_texts,
    is_count,
    is_length,
    is_number,
    is_text,
    optional,
)


def wrong_value(row: Mapping[str, Any]) -> str | None:
    """The first key whose value no dictation writes, None if there is none."""
    return row_values.wrong_value(row, _CHECKS, _REQUIRED)


def _is_interval(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(map(is_count, value))
        and value[0] <= value[1]
    )


def _are_targets(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_target, value))


def _is_target(value: Any) -> bool:
    if not isinstance(value, dict) or not {"sink"} <= set(value) <= {"sink", "path", "size"}:
        return False
    path = value.get("path")
    return (
        is_text(value["sink"])
        and (path is None or (is_text(path) and "\0" not in path))
        and is_count(value.get("size", 0))
    )


_CHECKS: dict[str, Check] = {
    "version": is_count,
    "source": is_text,
    "sinks": are_texts,
    "began": is_number,
    "gap": is_count,
    "seconds": is_length,
    "quiet": is_count,
    "heard": _is_interval,
    "failed": _is_interval,
    "intent": is_count,
    "of": _is_interval,
    "text": is_text,
    "to": _are_targets,
    "wall": is_number,
    "replaced": are_texts,
    "instead": is_text,
    "again": optional(is_count),
    "done": is_count,
    "kept": is_count,
    "lacking": are_texts,
}
# What a line with the first key must have as well.
_REQUIRED = {"gap": ("seconds",), "intent": ("of", "text")}
