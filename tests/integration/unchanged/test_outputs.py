"""Outputs recorded from version 0.1.0, before the layout changed, are made byte for byte.

What a program or a person reads of them: files, stdout, JSON, exit codes, the names of
options. stderr is for people and may be reworded. A change that is meant is recorded by
`python -m tests.integration.unchanged.record`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.unchanged.cases import CASES
from tests.integration.unchanged.running import RECORDED, recorded

AGAIN = "If that is meant: python -m tests.integration.unchanged.record {}"


@pytest.mark.parametrize("name", CASES)
def test_what_is_made_is_what_was_recorded(name: str, tmp_path: Path) -> None:
    found = CASES[name](tmp_path.resolve())
    wanted = recorded(name)
    again = AGAIN.format(name)
    assert sorted(found) == sorted(wanted), f"other files than recorded. {again}"
    for file, data in wanted.items():
        made, kept = (text.decode("utf-8", "replace") for text in (found[file], data))
        assert made.splitlines() == kept.splitlines(), f"{name}/{file} has changed. {again}"
        assert found[file] == data, f"the line ends of {name}/{file} have changed. {again}"


def test_nothing_is_recorded_that_no_case_makes() -> None:
    assert {path.name for path in (RECORDED / "outputs").iterdir()} == set(CASES)
