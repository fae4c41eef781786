from __future__ import annotations

import pytest

from parakeet_cli.dictate.text.commands import COMMANDS, PlainText, SpokenCommand, split_commands
from parakeet_cli.transcript import Word


def words(text: str, *, pauses: tuple[int, ...] = ()) -> list[Word]:
    """Half a second a word; a second of silence before those numbered in `pauses`."""
    found, at = [], 0.0
    for number, word in enumerate(text.split()):
        at += 1.0 if number in pauses else 0.0
        found.append(Word(at, at + 0.5, word))
        at += 0.5
    return found


def split(text: str, *, pauses: tuple[int, ...] = ()) -> list[str]:
    """The parts: text as it is, commands in brackets."""
    return [
        part.text if isinstance(part, PlainText) else f"[{part.phrase}]"
        for part in split_commands(words(text, pauses=pauses))
    ]


@pytest.mark.parametrize("phrase", COMMANDS)
def test_every_command_acts_as_a_whole_utterance(phrase: str) -> None:
    assert split(phrase) == [f"[{phrase}]"]
    assert split(phrase.capitalize() + ".") == [f"[{phrase}]"]
    assert split(phrase.title() + "!") == [f"[{phrase}]"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hello world. New line. How are you?", ["Hello world.", "[new line]", "How are you?"]),
        ("Hello world, comma, how are you?", ["Hello world,", "[comma]", "how are you?"]),
        ("Buy milk. Scratch that.", ["Buy milk.", "[scratch that]"]),
        ("New-paragraph.", ["[new paragraph]"]),
        ("Full stop. New line.", ["[full stop]", "[new line]"]),
        ("Is it raining question mark", ["Is it raining", "[question mark]"]),
    ],
)
def test_punctuation_sets_a_command_off(text: str, parts: list[str]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        "They opened a new line to the north.",
        "He used a comma where she used a period",
        "The Victorian period was long.",
        "Please scratch that itch for me.",
        "We will stop dictation at noon.",
        "Put the colon cancer first.",
    ],
)
def test_in_the_middle_of_a_sentence_it_is_text(text: str) -> None:
    assert split(text) == [text]


def test_a_pause_on_both_sides_sets_a_command_off_as_well() -> None:
    assert split("hello world comma how are you", pauses=(2, 3)) == [
        "hello world",
        "[comma]",
        "how are you",
    ]
    assert split("hello world comma how are you", pauses=(2,)) == ["hello world comma how are you"]


def test_no_words_have_no_parts() -> None:
    assert split_commands([]) == []
    assert isinstance(split_commands(words("Comma"))[0], SpokenCommand)
