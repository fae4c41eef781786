from __future__ import annotations

from typing import Any

import pytest

from parakeet_cli.formats import row_values


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "1", True, None])
def test_only_finite_numbers_of_a_usual_size_are_numbers(value: Any) -> None:
    assert not row_values.is_number(value)
    assert not row_values.is_count(value)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"at": 1, "size": 2}, None),
        ({"at": 1}, "size"),
        ({"at": "x", "size": 2}, "at"),
        ({"unknown": []}, None),
    ],
)
def test_the_key_is_named_that_has_no_valid_value(row: dict[str, Any], wrong: str | None) -> None:
    checks = {"at": row_values.is_count, "size": row_values.optional(row_values.is_count)}
    assert row_values.wrong_value(row, checks, {"at": ("size",)}) == wrong
