from __future__ import annotations

import pytest

from parakeet_cli.dictate.recording.journal_rows import wrong_value


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"quiet": 5}, None),
        ({"of_another_version": object()}, None),
        ({"gap": 5, "seconds": 0.5}, None),
        ({"gap": 5}, "seconds"),
        ({"quiet": True}, "quiet"),
        ({"intent": 1, "of": [0, 1], "text": "", "to": [{"sink": "type"}]}, None),
        ({"intent": 1, "of": [0, 1], "text": "", "to": [{"path": "x"}]}, "to"),
        ({"version": 1, "began": -5.0}, None),
    ],
)
def test_the_first_key_is_named_whose_value_no_dictation_writes(
    row: dict[str, object], wrong: str | None
) -> None:
    assert wrong_value(row) == wrong
