from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.transcribe.run.journal_rows import is_own, may_replace, wrong_value


@pytest.mark.parametrize(
    ("journal", "output", "allowed"),
    [
        (0o600, 0o600, True),
        (0o644, 0o644, True),
        (0o664, 0o664, True),
        (0o664, 0o644, False),
        (0o666, 0o664, False),
        (0o666, 0o666, True),
    ],
)
def test_a_file_is_replaced_if_who_can_write_the_journal_can_write_it_too(
    journal: int, output: int, allowed: bool, tmp_path: Path
) -> None:
    for name, mode in (("journal", journal), ("output", output)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    status = (tmp_path / "journal").stat()
    assert may_replace(status, str(tmp_path / "output")) == allowed
    assert is_own(status) == (journal & 0o022 == 0)


def test_a_link_is_not_replaced_on_the_word_of_others(tmp_path: Path) -> None:
    (tmp_path / "journal").touch()
    (tmp_path / "journal").chmod(0o666)
    (tmp_path / "output").symlink_to("elsewhere")
    assert not may_replace((tmp_path / "journal").stat(), str(tmp_path / "output"))


def test_the_rows_of_a_run_have_their_keys() -> None:
    assert wrong_value({"begun": "a.wav", "options": "x"}) is None
    assert wrong_value({"begun": "a.wav"}) == "options"
    assert wrong_value({"plan": 1, "seconds": 1, "at": 1, "date": "../x"}) == "date"
