"""Checks the values of a row that may have been damaged, or planted by somebody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]

_MOST = 1 << 53  # bytes, samples, numbers: what every JSON reader holds exactly


def wrong_value(
    row: Mapping[str, Any],
    checks: Mapping[str, Check],
    required: Mapping[str, tuple[str, ...]],
) -> str | None:
    """The first key without a valid value, None if there is none.

    `required` are the keys that a row with another one must have. Keys without a check belong
    to other versions and are left out.
    """
    for key, others in required.items():
        if key in row:
            for name in others:
                if name not in row:
                    return name
    for key, value in row.items():
        check = checks.get(key)
        if check is not None and not check(value):
            return key
    return None


def is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def is_number(value: Any) -> bool:
    """Whether it is a finite number, negative ones included."""
    return type(value) in (int, float) and abs(value) <= _MOST  # which NaN isn't


def is_length(value: Any) -> bool:
    return is_number(value) and value >= 0


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_text, value))


def optional(check: Check) -> Check:
    """The check that takes None, too."""
    return lambda value: value is None or check(value)
