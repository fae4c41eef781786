from __future__ import annotations

import pytest

from parakeet_cli.config import values


@pytest.mark.parametrize("wrong", [True, "1", None, float("nan"), float("inf"), -0.5])
def test_seconds_are_a_finite_number_that_is_large_enough(wrong: object) -> None:
    with pytest.raises(ValueError, match="must be a number"):
        values.number(wrong)


def test_a_whole_number_of_seconds_is_one_as_well() -> None:
    assert values.number(2, least=0.1) == 2.0
