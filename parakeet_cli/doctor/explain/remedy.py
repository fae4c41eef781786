"""Splits a remedy into the one command to type and the prose around it.

A remedy is a text of lines: a command, a command behind a lower-case label (`by hand: pip
check`), or a sentence, which begins with a capital; a command may end in `, or: COMMAND`, or
in `, or` or `, and` with words. The label `or` names an alternative; a second command
without a label follows the first. What is typed has to work where the person is: with this
parakeet, with the examined Python, and with programs that are there.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from shutil import which

BY_HAND = "by hand"
_OR, _THEN = "or", "then"
_LABEL = re.compile(r"(?P<label>[a-z][a-z', ]*): (?P<command>\S.*)")
# A sentence that ends in what to type. "..., then:" waits for what the sentence says, and of
# "one, or another:" the person chooses.
_COMMAND = r"(?P<command>(?:parakeet|python3?|pip|export|unset|sudo|conda|uv|/\S+|'/[^']+') .*)"
_TAIL = re.compile(rf"(?P<prose>[A-Z](?:(?![,;] or\b).)*(?<!, then)): {_COMMAND}")
_LAST = re.compile(rf"(?P<prose>.*:) {_COMMAND}")
_NO_SENTENCE = ("To ", "In ", "On ", "For ", "The ", "An ", "With", "If ")
_ADDED = re.compile(r", (?P<word>or|and)(?P<colon>:?) ")
_OR_THEN = re.compile(r"^(?:or|then|and)\b")
_BUILTINS = frozenset({"export", "unset", "cd", "source", ".", "ulimit"})
_PREFIXES = frozenset({"sudo", "env", "command"})
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*")
_PLACEHOLDER = re.compile(r"\.\.\.|[A-Z]{3,}(\.[a-z]+)?|(.*=)?/path/.*|.*/a/folder/.*")
_PARAKEET = re.compile(
    r"(?<![\w./-])parakeet (?=doctor\b|transcribe\b|dictate\b|setup\b|models\b|config\b|serve\b)"
)
_DOCTOR = re.compile(r"(?<![\w./-])parakeet doctor\b(?!.*--python)")
_SUDO = re.compile(r"\bsudo (?=[a-z])")
_PYTHON = re.compile(r"(?<![\w./-])python3? (?=-[mc] )")
_PIP = re.compile(r"(?<![\w./-])(?<!uv )(?<!-m )pip (?=(?:un)?install\b|cache\b|config\b)")
_UV = re.compile(r"(?<![\w./-])uv (?=venv\b|pip\b|python\b|cache\b)")
_PIP_INSTALL = re.compile(r"(?P<python>'[^']+'|\S+) -m pip install ")


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _installed_uv() -> str:
    """How to run the uv that is installed with parakeet; "" if it isn't."""
    return f"{shlex.quote(sys.executable)} -m uv" if importlib.util.find_spec("uv") else ""


@dataclass(frozen=True, slots=True)
class Shell:
    """Where commands are typed: how parakeet is called, and the examined Python.

    An empty `python` leaves `pip` and `python` as they are. `has_pip` is false for an
    environment that uv made. `options` are those of this run that the doctor's commands need
    to examine the same Python. `find` looks for a program on PATH. `uv` runs the one that is
    installed with parakeet, where none is on PATH.
    """

    program: str = "parakeet"
    python: str = ""
    has_pip: bool = True
    options: tuple[str, ...] = ()
    find: Callable[[str], str | None] = which
    is_root: bool = field(default_factory=_is_root)
    uv: str = field(default_factory=_installed_uv)

    def adapted(self, text: str) -> str:
        """The text with the commands of parakeet and pip as they work here."""
        if self.is_root and self.find("sudo") is None:  # as in a container
            text = _SUDO.sub("", text)
        if self.options:
            doctor = shlex.join(["parakeet", "doctor", *self.options])
            text = _DOCTOR.sub(lambda _: doctor, text)
        text = _PARAKEET.sub(lambda _: f"{self.program} ", text)
        if self.python:
            python = shlex.quote(self.python)
            text = _PYTHON.sub(lambda _: f"{python} ", text)
            text = _PIP.sub(lambda _: f"{python} -m pip ", text)
        if not self.has_pip and self.find("uv") and "--upgrade-strategy" not in text:
            text = _PIP_INSTALL.sub(r"uv pip install --python \g<python> ", text)
        if self.uv and not self.find("uv"):
            text = _UV.sub(lambda _: f"{self.uv} ", text)
        return text

    def can_run(self, command: str) -> bool:
        """Whether every program of the command is there, and nothing is left to fill in."""
        try:
            words = shlex.split(command)
        except ValueError:
            return False
        if not words:
            return False
        if words[0] != "unset" and any(_PLACEHOLDER.fullmatch(word) for word in words):
            return False
        return all(self._has(part) for part in _parts(words))

    def _has(self, words: Sequence[str]) -> bool:
        for word in words:
            if _ASSIGNMENT.fullmatch(word):
                continue
            if word in _PREFIXES:
                if self.find(word) is None and word != "command":
                    return False
                continue
            return (
                word in _BUILTINS
                or word == "parakeet"
                or word == shlex.split(self.program)[0]
                or word == sys.executable
                or word == self.python
                or self.find(word) is not None
            )
        return False


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to type, what to do besides, and commands for the same work by hand."""

    command: str = ""
    prose: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()


def split_remedy(text: str, shell: Shell) -> Remedy:
    """The parts of a finding's remedy, as they work in this shell."""
    command, prose, by_hand = "", list[str](), list[str]()
    for label, line in _clauses(text):
        said = shell.adapted(line)
        tail = None if label is not None or command else _TAIL.fullmatch(said)
        if tail and shell.can_run(tail["command"]):
            command, said = tail["command"], f"{tail['prose']}."
        if label is None:
            prose.append(said)
        elif label == BY_HAND:
            by_hand.append(said)
        elif not command and shell.can_run(said):
            command = said
            if label not in ("", _OR):
                prose.append(f"{label.capitalize()}.")
        elif command or label:
            prose.append(f"{(label or _THEN).capitalize()}: {said}")
        else:
            prose.append(said)  # a program that isn't here, or something to fill in
    if not command and by_hand and shell.can_run(by_hand[0]):
        command = by_hand.pop(0)
    return Remedy(command, tuple(prose), tuple(by_hand))


def _clauses(text: str) -> Iterator[tuple[str | None, str]]:
    """Each command with its label, "" if it has none; each sentence with None.

    What `, or` or `, and` adds to a command is a clause of its own.
    """
    for line in text.splitlines():
        added = None if line[:1].isupper() else _ADDED.search(line)
        yield _labelled(line[: added.start()] if added else line)
        if added:
            word, rest = added["word"], line[added.end() :]
            sentence = _sentence(f"{word.capitalize()} {rest}")
            yield (word, rest) if added["colon"] else (None, sentence)


def split_last_command(prose: str, shell: Shell) -> tuple[str, str]:
    """A sentence and the command that it ends in; "" if it ends in none that can be typed."""
    found = _LAST.fullmatch(prose)
    if found and shell.can_run(found["command"]):
        return found["prose"], found["command"]
    return prose, ""


def split_row(remedy: str, commands: Sequence[str], shell: Shell) -> Remedy:
    """The parts of a remedy whose commands are known: the first that works here is typed."""
    command = next((one for one in commands if shell.can_run(shell.adapted(one))), "")
    prose = shell.adapted(_without(remedy, command) if command else remedy)
    return Remedy(shell.adapted(command), (prose,) if prose else ())


def _labelled(line: str) -> tuple[str | None, str]:
    """A command with its label; None as the label of a sentence."""
    if line[:1].isupper():
        return None, line
    found = _LABEL.fullmatch(line)
    return (found["label"], found["command"]) if found else ("", line)


def _without(remedy: str, command: str) -> str:
    """The prose of a remedy without the command, where it can be left out of a sentence."""
    if remedy.rstrip(".") == command:
        return ""
    quoted = re.escape(command)
    if rest := re.fullmatch(rf"{quoted}(?:, (?=(?:or|then|and)\b)|\. )(.*)", remedy):
        return _sentence(_OR_THEN.sub(lambda word: word[0].capitalize(), rest[1]))
    if aside := re.fullmatch(rf"{quoted} \((?P<aside>[^()]*)\)(?P<rest>.*)", remedy):
        return _sentence(aside["aside"][:1].upper() + aside["aside"][1:] + aside["rest"])
    if f" ({command})" in remedy:
        return remedy.replace(f" ({command})", "")
    named = re.sub(rf"(?<=: ){quoted}(?= [a-z]+s )", "the command", remedy)
    named = re.sub(rf"(?:^|(?<=\. )|(?<=; )){quoted}(?= [a-z]+s )", "The command", named)
    if named != remedy:
        return _sentence(named.replace("; The command", "; the command"))
    behind = re.search(rf"(?:, then)?: {quoted}(?=$|\.(?:$| )|, or|; | \()", remedy)
    if behind is None:
        return remedy
    begin = remedy.rfind(". ", 0, behind.start())
    if remedy[begin + 2 if begin >= 0 else 0 :].startswith(_NO_SENTENCE):
        return remedy  # "To see it: nvidia-smi" is nothing without the command
    return _sentence(remedy[: behind.start()] + remedy[behind.end() :])


def _sentence(text: str) -> str:
    return text if text.endswith((".", ")")) else f"{text}."


def _parts(words: Sequence[str]) -> list[list[str]]:
    """The commands of a line, which `&&`, `;` and `|` separate."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word in ("&&", ";", "|", "||"):
            parts.append([])
        else:
            parts[-1].append(word)
    return parts
