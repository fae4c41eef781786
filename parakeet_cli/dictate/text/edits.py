"""Texts and commands to what is inserted: spaces, capitals, and no mark twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from parakeet_cli.dictate.text.commands import CommandKind, Part, Said

_ENDS = ".!?…"  # a sentence
_MARKS = ".,;:!?…"
_OPENING = "([{“‘«"
_CLOSING = ".,;:!?…)]}”’»%"

# Words that are no names: a model writes them large only because it takes each utterance
# for a sentence.
_SMALL_WORDS = """
a about after all also although an and another any are as at be because been before being but
by can could did do does down each either even every few for from had has have he her here him
his how if in into is it its just like many may maybe me might more most much must my neither no
nor not now of off on once one only or other our out over perhaps rather same she should since
so some such than that the their them then there these they this those though through to too
under until up upon us very was we were what when where whether which while who whom whose why
will with without would yes yet you your
"""
_SMALL = frozenset(_SMALL_WORDS.split())


@dataclass(frozen=True, slots=True)
class Edit:
    """What one utterance does to the text: take the last insertions back, then insert.

    `instead` is what to insert where the last can't be taken back.
    """

    back: int = 0  # insertions
    text: str = ""
    instead: str = ""
    caps: bool = False  # how it leaves the capitals
    stop: bool = False


def compose(parts: Sequence[Part], before: Sequence[str], *, caps: bool = False) -> Edit:
    """The edit that one utterance's parts make behind the insertions `before`."""
    edit = _composed(parts, before, caps=caps, undoable=True)
    if not edit.back:
        return replace(edit, instead=edit.text)
    return replace(edit, instead=_composed(parts, before, caps=caps, undoable=False).text)


def _composed(parts: Sequence[Part], before: Sequence[str], *, caps: bool, undoable: bool) -> Edit:
    """The same, `instead` left out; `undoable`: whether anything can be taken back."""
    stack = list(before)
    text, back, stop = "", 0, False
    opening = ""
    for part in parts:
        behind = text or (stack[-1] if stack else "")
        if isinstance(part, Said):
            text += _said(opening + part.text, behind, caps=caps, opened=len(opening))
            opening = ""
            continue
        command = part.command
        match command.kind:
            case CommandKind.SCRATCH if text or opening:
                text = opening = ""
            case CommandKind.SCRATCH if stack and undoable:
                stack.pop()
                back += 1
            case CommandKind.BREAK:
                text = text.rstrip(" ") + command.text
            case CommandKind.OPEN:
                opening += command.text
            case CommandKind.MARK if text.strip():
                text = _marked(text, command.text)
            case CommandKind.MARK if stack and stack[-1].strip():
                last = stack[-1]
                marked = _marked(last, command.text)
                if marked.startswith(last):
                    text += marked[len(last) :]
                elif undoable and marked != last:
                    stack.pop()
                    back, text = back + 1, marked
            case CommandKind.CAPS:
                caps = command.text == "on"
            case CommandKind.STOP:
                stop = True
    if opening:
        text += _said(
            opening, text or (stack[-1] if stack else ""), caps=False, opened=len(opening)
        )
    return Edit(back, text, caps=caps, stop=stop)


def _marked(text: str, mark: str) -> str:
    """The text with that mark behind it, and not behind another one."""
    bare = text.rstrip(" ")
    if mark in _MARKS:
        bare = bare.rstrip(_MARKS)
    return bare + mark


def _said(text: str, behind: str, *, caps: bool, opened: int) -> str:
    """A text as it goes on behind another one."""
    text = text.strip()
    if caps:
        text = text.upper()
    elif _ends_sentence(behind):
        text = text[:opened] + text[opened : opened + 1].upper() + text[opened + 1 :]
    else:
        text = text[:opened] + _lowered(text[opened:])
    space = " " if behind and not behind[-1].isspace() and behind[-1] not in _OPENING else ""
    return text if text[:1] in _CLOSING else space + text


def _ends_sentence(behind: str) -> bool:
    bare = behind.rstrip(" ")
    return not bare or bare.endswith("\n") or bare.rstrip('”’")]}»')[-1:] in tuple(_ENDS)


def _lowered(text: str) -> str:
    """Its first letter small, where only the model's idea of a sentence made it large."""
    first = re.match(r"[A-Z][a-z]*(?=[\s,;:.!?]|$)", text)
    if first and first[0].casefold() in _SMALL:
        return text[0].lower() + text[1:]
    return text
