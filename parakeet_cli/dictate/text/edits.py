"""Composes the edit of an utterance: spaces, capitals, and no punctuation mark twice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from parakeet_cli.dictate.text.commands import Command, CommandKind, Part, PlainText

_ENDS = ".!?…"  # a sentence
_MARKS = ".,;:!?…"
_OPENING = "([{“‘«"
_CLOSING = ".,;:!?…)]}”’»%"

# Words that aren't names: a model capitalizes them only because it takes each utterance for a
# sentence.
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

    `instead` is what to insert where the last insertions can't be taken back.
    """

    back: int = 0  # insertions to take back
    text: str = ""
    instead: str = ""
    caps: bool = False  # whether capitals are on after it
    stop: bool = False  # whether it ends the dictation


def compose(parts: Sequence[Part], before: Sequence[str], *, caps: bool = False) -> Edit:
    """The edit that the parts of one utterance make after the insertions `before`."""
    edit = _composed(parts, before, caps=caps, undoable=True)
    if not edit.back:
        return replace(edit, instead=edit.text)
    return replace(edit, instead=_composed(parts, before, caps=caps, undoable=False).text)


def _composed(parts: Sequence[Part], before: Sequence[str], *, caps: bool, undoable: bool) -> Edit:
    """The edit without `instead`; `undoable`: whether insertions can be taken back."""
    composer = _Composer(before, caps=caps, undoable=undoable)
    for part in parts:
        if isinstance(part, PlainText):
            composer.add_text(part.text)
        else:
            composer.apply(part.command)
    return composer.edit()


class _Composer:
    """The text of one utterance, part by part, and the insertions that it takes back."""

    def __init__(self, before: Sequence[str], *, caps: bool, undoable: bool) -> None:
        self._before = list(before)
        self._undoable = undoable
        self._caps = caps
        self._text = ""
        self._back = 0
        self._opening = ""  # marks that stand before the next text
        self._stop = False

    def add_text(self, text: str) -> None:
        opened = len(self._opening)
        self._text += _continued(
            self._opening + text, self._preceding, caps=self._caps, opened=opened
        )
        self._opening = ""

    def apply(self, command: Command) -> None:
        match command.kind:
            case CommandKind.SCRATCH:
                self._scratch()
            case CommandKind.BREAK:
                self._text = self._text.rstrip(" ") + command.text
            case CommandKind.OPEN:
                self._opening += command.text
            case CommandKind.MARK:
                self._mark(command.text)
            case CommandKind.CAPS:
                self._caps = command.text == "on"
            case CommandKind.STOP:
                self._stop = True

    def edit(self) -> Edit:
        text, opening = self._text, self._opening
        if opening:
            text += _continued(opening, self._preceding, caps=False, opened=len(opening))
        return Edit(self._back, text, caps=self._caps, stop=self._stop)

    @property
    def _preceding(self) -> str:
        return self._text or (self._before[-1] if self._before else "")

    def _scratch(self) -> None:
        if self._text or self._opening:
            self._text = self._opening = ""
        elif self._before and self._undoable:
            self._take_back()

    def _mark(self, mark: str) -> None:
        if self._text.strip():
            self._text = _marked(self._text, mark)
            return
        last = self._before[-1] if self._before else ""
        if not last.strip():
            return
        marked = _marked(last, mark)
        if marked.startswith(last):
            self._text += marked[len(last) :]
        elif self._undoable:
            self._take_back()
            self._text = marked

    def _take_back(self) -> None:
        self._before.pop()
        self._back += 1


def _marked(text: str, mark: str) -> str:
    """The text with the mark after it, in place of another one."""
    bare = text.rstrip(" ")
    if mark in _MARKS:
        bare = bare.rstrip(_MARKS)
    return bare + mark


def _continued(text: str, preceding: str, *, caps: bool, opened: int) -> str:
    """A text with the space and the first letter that it needs after another one."""
    text = text.strip()
    if caps:
        text = text.upper()
    elif _ends_sentence(preceding):
        text = text[:opened] + text[opened : opened + 1].upper() + text[opened + 1 :]
    else:
        text = text[:opened] + _lowered(text[opened:])
    last = preceding[-1:]
    if not last or last.isspace() or last in _OPENING or text[:1] in _CLOSING:
        return text
    return f" {text}"


def _ends_sentence(preceding: str) -> bool:
    bare = preceding.rstrip(" ")
    return not bare or bare.endswith("\n") or bare.rstrip('”’")]}»')[-1:] in tuple(_ENDS)


def _lowered(text: str) -> str:
    """The text with a small first letter, unless it may be a name."""
    first = re.match(r"[A-Z][a-z]*(?=[\s,;:.!?]|$)", text)
    if first and first[0].casefold() in _SMALL:
        return text[0].lower() + text[1:]
    return text
