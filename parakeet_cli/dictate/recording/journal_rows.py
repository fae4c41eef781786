"""Says whether a line of a dictation's journal has the values that a dictation writes.

A journal may have been damaged, or planted by somebody else. Each line is checked before
anything of it is used; keys that are unknown belong to other versions and are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

_MOST = 1 << 53  # samples, bytes, numbers: what every JSON reader holds exactly

Check = Callable[[Any], bool]


def wrong_value(row: Mapping[str, Any]) -> str | None:
    """The first key whose value no dictation writes, None if there is none."""
    for key, required in _REQUIRED.items():
        if key in row:
            for name in required:
                if name not in row:
                    return name
    for key, value in row.items():
        check = _VALUES.get(key)
        if check is not None and not check(value):
            return key
    return None


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= _MOST


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) <= _MOST


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_interval(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(map(_is_count, value))
        and value[0] <= value[1]
    )


def _are_targets(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_target, value))


def _is_target(value: Any) -> bool:
    if not isinstance(value, dict) or not {"sink"} <= set(value) <= {"sink", "path", "size"}:
        return False
    path = value.get("path")
    return (
        _is_text(value["sink"])
        and (path is None or (_is_text(path) and "\0" not in path))
        and _is_count(value.get("size", 0))
    )


_VALUES: dict[str, Check] = {
    "version": _is_count,
    "source": _is_text,
    "sinks": _are_texts,
    "began": _is_time,
    "gap": _is_count,
    "seconds": _is_number,
    "quiet": _is_count,
    "heard": _is_interval,
    "failed": _is_interval,
    "intent": _is_count,
    "of": _is_interval,
    "text": _is_text,
    "to": _are_targets,
    "wall": _is_time,
    "replaced": _are_texts,
    "instead": _is_text,
    "again": lambda value: value is None or _is_count(value),
    "done": _is_count,
    "kept": _is_count,
    "lacking": _are_texts,
}
# What a line with the first key must have as well.
_REQUIRED = {"gap": ("seconds",), "intent": ("of", "text")}
