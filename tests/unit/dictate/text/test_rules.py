from __future__ import annotations

import pytest

from parakeet_cli.dictate.text.commands import COMMANDS, PlainText, SpokenCommand
from parakeet_cli.dictate.text.rules import TextRules
from parakeet_cli.transcript import Word

TEXT = "Hello world. New line."
WORDS = [Word(at, at + 1, word) for at, word in enumerate(TEXT.split())]


def test_commands_act_and_the_wording_changes_only_text() -> None:
    rules = TextRules(commands=True, change_text=str.upper)
    assert rules.parts(TEXT, WORDS) == [
        PlainText("HELLO WORLD."),
        SpokenCommand("new line", COMMANDS["new line"]),
    ]


def test_without_commands_everything_is_text() -> None:
    assert TextRules(commands=False, change_text=str).parts(TEXT, WORDS) == [PlainText(TEXT)]


def test_without_a_command_the_engine_s_own_text_is_used() -> None:
    rules = TextRules(commands=True, change_text=str)
    assert rules.parts("Hello  world.", WORDS[:2]) == [PlainText("Hello  world.")]


def test_text_that_is_removed_gives_no_part() -> None:
    assert TextRules(commands=True, change_text=lambda text: "").parts(TEXT[:12], WORDS[:2]) == []


def test_a_command_rewrites_texts_and_no_spoken_commands() -> None:
    rules = TextRules(commands=True, change_text=str, filter="tr a-z A-Z")
    failures: list[str] = []
    assert rules.filtered(rules.parts(TEXT, WORDS), failures.append) == [
        PlainText("HELLO WORLD."),
        SpokenCommand("new line", COMMANDS["new line"]),
    ]
    assert failures == []


def test_a_command_that_fails_leaves_the_text_and_that_is_said() -> None:
    rules = TextRules(commands=True, change_text=str, filter="false")
    failures: list[str] = []
    assert rules.filtered([PlainText("Hello.")], failures.append) == [PlainText("Hello.")]
    (why,) = failures
    assert "false ended with exit code 1" in why


@pytest.mark.parametrize("command", ["", " "])
def test_an_empty_command_drops_no_text(command: str) -> None:
    rules = TextRules(commands=True, change_text=str, filter=command)
    failures: list[str] = []
    assert rules.filtered([PlainText("Hello.")], failures.append) == [PlainText("Hello.")]
    assert failures == []
