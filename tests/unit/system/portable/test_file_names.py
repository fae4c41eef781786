from __future__ import annotations

import pytest

from parakeet_cli.system.portable.file_names import windows_problem


@pytest.mark.parametrize(
    "name",
    ["talk.txt", "a/b c.srt", "console.txt", "com10.txt", ".hidden", "nullify.vtt", "größe.txt"],
)
def test_usual_names_are_fine(name: str) -> None:
    assert windows_problem(name) == ""


@pytest.mark.parametrize(
    "name", ["aux", "CON.txt", "a/nul.srt", "com1.tar.txt", "LPT²", "a\\prn.txt", "com0.vtt"]
)
def test_names_of_devices_are_told_in_any_folder_and_with_any_suffix(name: str) -> None:
    assert "device" in windows_problem(name)


@pytest.mark.parametrize("name", ["12:30.txt", "what?.txt", "a<b", "tab\t.txt", "x|y/z.txt"])
def test_characters_that_no_name_has_are_told(name: str) -> None:
    assert "character" in windows_problem(name)


@pytest.mark.parametrize("name", ["folder./a.txt", "end ", "talk."])
def test_ends_that_windows_drops_are_told(name: str) -> None:
    assert "leaves out" in windows_problem(name)
