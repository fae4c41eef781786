"""Splits an utterance into text and spoken commands.

Models write commands like any other words: "Hello world. New line. How are you?" Words act as
a command where nothing else can be meant: when they are the whole utterance, or when a pause
or punctuation sets them off on both sides. In the middle of a sentence they are text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from parakeet_cli.transcript import Word

_PAUSE = 0.35  # seconds between two words that set the second one off
_MARKS = ".,;:!?…—"


class CommandKind(StrEnum):
    """What a command does."""

    MARK = "mark"  # punctuation after the text before it
    BREAK = "break"  # a new line or paragraph
    OPEN = "open"  # a mark that stands before the next word
    SCRATCH = "scratch"  # takes the last insertion back
    STOP = "stop"
    CAPS = "caps"


@dataclass(frozen=True, slots=True)
class Command:
    """A command, and what it writes or sets."""

    kind: CommandKind
    text: str = ""
    at_end: bool = False  # acts after any words: it has no other use in speech


COMMANDS: dict[str, Command] = {
    "new line": Command(CommandKind.BREAK, "\n"),
    "newline": Command(CommandKind.BREAK, "\n"),
    "next line": Command(CommandKind.BREAK, "\n"),
    "new paragraph": Command(CommandKind.BREAK, "\n\n"),
    "next paragraph": Command(CommandKind.BREAK, "\n\n"),
    "period": Command(CommandKind.MARK, "."),
    "full stop": Command(CommandKind.MARK, "."),
    "comma": Command(CommandKind.MARK, ","),
    "question mark": Command(CommandKind.MARK, "?", at_end=True),
    "exclamation mark": Command(CommandKind.MARK, "!", at_end=True),
    "exclamation point": Command(CommandKind.MARK, "!", at_end=True),
    "colon": Command(CommandKind.MARK, ":"),
    "semicolon": Command(CommandKind.MARK, ";"),
    "ellipsis": Command(CommandKind.MARK, "…"),
    "close quote": Command(CommandKind.MARK, "”"),
    "close parenthesis": Command(CommandKind.MARK, ")"),
    "open quote": Command(CommandKind.OPEN, "“"),
    "open parenthesis": Command(CommandKind.OPEN, "("),
    "scratch that": Command(CommandKind.SCRATCH),
    "undo that": Command(CommandKind.SCRATCH),
    "stop dictation": Command(CommandKind.STOP),
    "caps on": Command(CommandKind.CAPS, "on"),
    "caps off": Command(CommandKind.CAPS, "off"),
}

_LONGEST = max(len(phrase.split()) for phrase in COMMANDS)


@dataclass(frozen=True, slots=True)
class PlainText:
    """Words that are text."""

    text: str


@dataclass(frozen=True, slots=True)
class SpokenCommand:
    """A command, and the words it was given in."""

    phrase: str
    command: Command


Part = PlainText | SpokenCommand


def split_commands(words: Sequence[Word]) -> list[Part]:
    """The words of one utterance as text and commands, in order."""
    found: list[Part] = []
    for clause in _clauses(words):
        phrase = _normalized(clause)
        if phrase in COMMANDS:
            found.append(SpokenCommand(phrase, COMMANDS[phrase]))
        elif (count := _command_at_end(clause)) is not None:
            phrase = _normalized(clause[-count:])
            found += [_text(clause[:-count]), SpokenCommand(phrase, COMMANDS[phrase])]
        else:
            found.append(_text(clause))
    return _merged(found)


def _clauses(words: Sequence[Word]) -> list[list[Word]]:
    """Cut the words after punctuation and at pauses."""
    clauses: list[list[Word]] = []
    starts = True
    for at, word in enumerate(words):
        if starts:
            clauses.append([])
        clauses[-1].append(word)
        after = words[at + 1] if at + 1 < len(words) else None
        starts = word.text[-1:] in _MARKS or (
            after is not None and after.start - word.end >= _PAUSE
        )
    return clauses


def _normalized(words: Sequence[Word]) -> str:
    """The words as the table spells them: without case, hyphens and punctuation."""
    if len(words) > _LONGEST:
        return ""
    text = " ".join(word.text for word in words).casefold().replace("-", " ")
    return " ".join("".join(char for char in text if char.isalnum() or char == " ").split())


def _command_at_end(clause: Sequence[Word]) -> int | None:
    """How many words at the end of a clause are a command, if any are."""
    for count in range(1, min(_LONGEST, len(clause) - 1) + 1):
        command = COMMANDS.get(_normalized(clause[-count:]))
        if command is not None and command.at_end:
            return count
    return None


def _text(words: Sequence[Word]) -> PlainText:
    return PlainText(" ".join(word.text for word in words))


def _merged(found: Sequence[Part]) -> list[Part]:
    """Merge texts that follow one another."""
    merged: list[Part] = []
    for part in found:
        if isinstance(part, PlainText) and merged and isinstance(merged[-1], PlainText):
            merged[-1] = PlainText(f"{merged[-1].text} {part.text}")
        else:
            merged.append(part)
    return merged
