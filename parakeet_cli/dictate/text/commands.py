"""What was said as text and as commands.

Models write commands as they write everything: "Hello world. New line. How are you?" A
command acts where nothing else can be meant: when it is all that was said, or when a
pause or punctuation sets it off on both sides. In the midst of a sentence it is text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from parakeet_cli.transcript import Word

_PAUSE = 0.35  # seconds between two words that set apart what stands behind them
_MARKS = ".,;:!?…—"


class CommandKind(StrEnum):
    """What a command does."""

    MARK = "mark"  # punctuation behind what was said
    BREAK = "break"  # a new line or paragraph
    OPEN = "open"  # what stands before the next word
    SCRATCH = "scratch"  # takes back
    STOP = "stop"
    CAPS = "caps"


@dataclass(frozen=True, slots=True)
class Command:
    """A command and what it writes or means."""

    kind: CommandKind
    text: str = ""
    at_end: bool = False  # unmistakable behind any words: nobody says it otherwise


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
class Said:
    """Words that are text."""

    text: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """A command, as it was said."""

    phrase: str
    command: Command


Part = Said | Spoken


def parts(words: Sequence[Word]) -> list[Part]:
    """The words of one utterance in order, commands told from text."""
    found: list[Part] = []
    for clause in _clauses(words):
        phrase = _plain(clause)
        if phrase in COMMANDS:
            found.append(Spoken(phrase, COMMANDS[phrase]))
        elif (count := _command_at_end(clause)) is not None:
            phrase = _plain(clause[-count:])
            found += [_text(clause[:-count]), Spoken(phrase, COMMANDS[phrase])]
        else:
            found.append(_text(clause))
    return _joined(found)


def _clauses(words: Sequence[Word]) -> list[list[Word]]:
    """Cut behind punctuation and in pauses."""
    clauses: list[list[Word]] = []
    begins = True
    for at, word in enumerate(words):
        if begins:
            clauses.append([])
        clauses[-1].append(word)
        after = words[at + 1] if at + 1 < len(words) else None
        begins = word.text[-1:] in _MARKS or (
            after is not None and after.start - word.end >= _PAUSE
        )
    return clauses


def _plain(words: Sequence[Word]) -> str:
    """As the table spells it: without case, hyphens and punctuation."""
    if len(words) > _LONGEST:
        return ""
    text = " ".join(word.text for word in words).casefold().replace("-", " ")
    return " ".join("".join(char for char in text if char.isalnum() or char == " ").split())


def _command_at_end(clause: Sequence[Word]) -> int | None:
    for count in range(1, min(_LONGEST, len(clause) - 1) + 1):
        command = COMMANDS.get(_plain(clause[-count:]))
        if command is not None and command.at_end:
            return count
    return None


def _text(words: Sequence[Word]) -> Said:
    return Said(" ".join(word.text for word in words))


def _joined(found: Sequence[Part]) -> list[Part]:
    """Texts that follow one another are one."""
    joined: list[Part] = []
    for part in found:
        if isinstance(part, Said) and joined and isinstance(joined[-1], Said):
            joined[-1] = Said(f"{joined[-1].text} {part.text}")
        else:
            joined.append(part)
    return joined
