from __future__ import annotations

import pytest

from parakeet_cli.formats.formulas import harmless_in_csv, harmless_in_tsv


@pytest.mark.parametrize("start", "=+@\uff0b\uff0d\uff1d\uff20")
def test_each_start_of_a_formula_has_a_space_before_it(start: str) -> None:
    assert harmless_in_csv(f"{start}a") == harmless_in_tsv(f"{start}a") == f" {start}a"


def test_a_hyphen_before_speech_is_left_alone_where_programs_read() -> None:
    assert harmless_in_tsv("- Oh, no!") == "- Oh, no!"
    assert harmless_in_csv("- Oh, no!") == " - Oh, no!"
    assert harmless_in_tsv("- a(1)") == " - a(1)"


def test_semicolons_end_cells_in_csv_alone() -> None:
    assert harmless_in_csv("Well;=a") == "Well; =a"
    assert harmless_in_tsv("Well;=a") == "Well;=a"
