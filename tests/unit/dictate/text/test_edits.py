from __future__ import annotations

import pytest

from parakeet_cli.dictate.text.commands import COMMANDS, Part, PlainText, SpokenCommand
from parakeet_cli.dictate.text.edits import compose


def parts(*texts: str) -> list[Part]:
    """Parts of these texts; the words of a command are the command."""
    return [
        SpokenCommand(text, COMMANDS[text]) if text in COMMANDS else PlainText(text)
        for text in texts
    ]


def written(*utterances: tuple[str, ...], undo: bool = True) -> str:
    """The text after these utterances; `undo`: whether insertions can be taken back."""
    inserted: list[str] = []
    caps = False
    for utterance in utterances:
        edit = compose(parts(*utterance), inserted, caps=caps)
        caps = edit.caps
        text = edit.text
        if edit.back and not undo:
            text = edit.instead
        elif edit.back:
            del inserted[-edit.back :]
        if text:
            inserted.append(text)
    return "".join(inserted)


@pytest.mark.parametrize(
    ("utterances", "text"),
    [
        ([("Hello world.",), ("How are you?",)], "Hello world. How are you?"),
        ([("hello",), ("world",)], "Hello world"),
        ([("Hello world",), ("The end.",)], "Hello world the end."),
        ([("I met",), ("Anna.",)], "I met Anna."),
        ([("Hello.",), ("new line",), ("see you.",)], "Hello.\nSee you."),
        ([("Hello.",), ("new paragraph",), ("Bye.",)], "Hello.\n\nBye."),
        ([("Hello.", "new line", "Bye.")], "Hello.\nBye."),
        ([("Hello world.",), ("comma",), ("And you?",)], "Hello world, and you?"),
        ([("Hello world.", "comma", "How are you?")], "Hello world, how are you?"),
        ([("Hello.",), ("period",), ("Bye.",)], "Hello. Bye."),
        ([("Is it?",), ("question mark",)], "Is it?"),
        ([("Is it.",), ("question mark",), ("Yes.",)], "Is it? Yes."),
        ([("hello",), ("exclamation mark",), ("you",)], "Hello! You"),
        ([("He said",), ("open quote",), ("hello.",)], "He said “hello."),
        ([("He said", "open quote", "hello", "close quote")], "He said “hello”"),
        ([("caps on",), ("hello",), ("caps off",), ("world",)], "HELLO world"),
        ([("One.",), ("Two.",), ("scratch that",), ("Three.",)], "One. Three."),
        ([("One.",), ("Two.",), ("scratch that",), ("undo that",)], ""),
        ([("One.",), ("Two.", "scratch that")], "One."),
        ([("One.",), ("Two.", "scratch that", "Three.")], "One. Three."),
        ([("scratch that",)], ""),
        ([("Hi", "new line", "scratch that")], ""),
    ],
)
def test_utterances_become_text(utterances: list[tuple[str, ...]], text: str) -> None:
    assert written(*utterances) == text


def test_where_nothing_can_be_taken_back_no_mark_is_doubled() -> None:
    assert written(("Hello.",), ("comma",), ("Bye.",), undo=False) == "Hello. Bye."
    assert written(("Hello",), ("comma",), ("Bye.",), undo=False) == "Hello, Bye."


def test_where_nothing_can_be_taken_back_no_word_after_a_command_is_lost() -> None:
    assert written(("Hello.",), ("comma", "And you?"), undo=False) == "Hello. And you?"
    assert written(("One.",), ("scratch that", "Two."), undo=False) == "One. Two."
    assert written(("One.",), ("scratch that", "Two."), undo=True) == "Two."


def test_stop_dictation_stops_after_the_text_before_it() -> None:
    edit = compose(parts("Goodbye.", "stop dictation"), [])
    assert (edit.text, edit.stop) == ("Goodbye.", True)
