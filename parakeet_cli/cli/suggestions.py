"""Guesses what a person meant by a command line that the parser refuses."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from os.path import lexists as exists
from pathlib import Path
from typing import Any

from parakeet_cli.errors import UsageError

_NO_COMMAND = re.compile(r"No such command '(.*?)'\.", re.DOTALL)
_NO_OPTION = re.compile(r"No such option:? '?(-[\w-]+)")
_PROGRAM = "parakeet"


def suggest(error: Any, words: Sequence[str], commands: Mapping[str, Any]) -> UsageError | None:
    """An error with what to type in the place of the parser's; None if there is no guess.

    `words` are the command line after the program's name, `commands` the program's commands.
    """
    path = getattr(getattr(error, "ctx", None), "command_path", _PROGRAM).split()[1:]
    message = getattr(error, "message", "")
    if match := _NO_COMMAND.match(message):
        line = _for_command(match[1], words, path, commands)
        told = f"There is no command '{match[1]}'."
    elif not path and (match := _NO_OPTION.match(message)):
        line = ["transcribe", *words] if any(map(_is_recording, words)) else None
        told = f"The option {match[1]} belongs to a command, whose name is missing."
    elif path and (match := _NO_OPTION.match(message)) and (files := _files_like_options(words)):
        others = [word for word in words[len(path) :] if word not in files]
        line = [*path, *others, "--", *files]
        told = f"There is no option {match[1]}. A name that begins with a hyphen goes after --."
    else:
        return None
    if line is None:
        return None
    return UsageError(told, hint=f"Did you mean: {shlex.join([_PROGRAM, *line])}")


def _for_command(
    typed: str, words: Sequence[str], path: Sequence[str], commands: Mapping[str, Any]
) -> list[str] | None:
    """The words that the person may have meant; None if nothing comes close."""
    known = _commands_at(path, commands)
    rest = list(words[list(words).index(typed) + 1 :]) if typed in words else []
    if typed.strip("-").lower() in ("help", "?"):
        return [*path, *(rest[:1] if rest[:1] and rest[0] in known else []), "--help"]
    if typed.strip("-").lower() == "version" and not path:
        return ["--version"]
    if close := get_close_matches(typed.lower(), known, n=1):
        return [*path, close[0], *rest]
    if path == ["dictate"] and _is_recording(typed):
        return ["dictate", "--from-file", typed, *rest]
    if path:
        return None
    if _is_recording(typed):
        return ["transcribe", *words]
    for name, command in commands.items():
        if typed in getattr(command, "commands", {}):
            return [name, *words]
    return None


def _files_like_options(words: Sequence[str]) -> list[str]:
    """The files that are there, and whose names look like options."""
    return [word for word in words if word.startswith("-") and len(word) > 1 and exists(word)]


def _commands_at(path: Sequence[str], commands: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in path:
        commands = getattr(commands.get(name), "commands", {})
    return commands


def _is_recording(word: str) -> bool:
    """Whether `parakeet transcribe` would take it: a media file, or something that is there."""
    from parakeet_cli.transcribe.inputs.find import MEDIA_SUFFIXES

    if word.startswith("-"):
        return False
    return Path(word).suffix.lower() in MEDIA_SUFFIXES or Path(word).exists()
