from __future__ import annotations

from parakeet_cli.cli.transcribe.language_codes import code_of


def test_a_language_s_name_in_any_case_is_its_code() -> None:
    assert [code_of(name) for name in ("German", "haitian creole", "CASTILIAN")] == [
        "de",
        "ht",
        "es",
    ]


def test_a_code_and_what_is_no_name_stay_as_they_are() -> None:
    assert [code_of(name) for name in ("de", "yue", "Klingon")] == ["de", "yue", "Klingon"]
