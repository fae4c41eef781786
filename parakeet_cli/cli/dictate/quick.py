"""Sends `parakeet dictate start|stop|toggle|cancel|status` to a daemon that runs, at once.

A key was pressed and its user speaks already, so this imports only what a request takes: no
Typer, no Rich, no numpy. Whatever is unusual (other options, no daemon, an error) is left to
the whole command.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parakeet_cli.cli.dictate.states import STARTED_BEFORE, changed_line, status_line
from parakeet_cli.system.safety.peer_user import peer_user

_VERBS = ("start", "stop", "toggle", "cancel", "status")
_WITH_PROFILE = ("start", "toggle")
_TIMEOUT = 600.0  # seconds, as for the whole command
_LONGEST = 1 << 16  # bytes of an answer


def run_quickly(arguments: Sequence[str]) -> int | None:
    """Carry out `parakeet ARGUMENTS`; its exit code, or None if the whole command has to."""
    if len(arguments) < 2 or arguments[0] != "dictate" or arguments[1] not in _VERBS:
        return None
    verb = arguments[1]
    options = _options(verb, arguments[2:])
    path = _socket_path()
    if options is None or path is None:
        return None
    profile, as_json = options
    answer = _ask(path, {"verb": verb} | ({"profile": profile} if profile else {}))
    if answer is None:
        return None
    if answer.get("ok") is not True:
        return _show_refusal(answer)
    state = answer["state"]
    if as_json or verb == "status":
        return _print(json.dumps(state) if as_json else status_line(state))
    if sys.stderr is not None:
        line = STARTED_BEFORE.format("Listening") if verb == "start" else changed_line(state)
        sys.stderr.write(line + "\n")
    return 0


def _print(line: str) -> int:
    """Write a line to stdout. The console does it where there is anything to escape or to explain.

    A microphone or a window may have any name.
    """
    if sys.stdout is not None and line.isascii() and line.isprintable():
        with contextlib.suppress(OSError):  # told by the console, which tries again
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
            return 0
    from parakeet_cli import console
    from parakeet_cli.errors import ParakeetError

    console.prepare_streams()
    try:
        console.out(line + "\n")
    except ParakeetError as error:
        console.show_error(error)
        return error.exit_code
    return 0


def _options(verb: str, words: Sequence[str]) -> tuple[str, bool] | None:
    """The profile and whether JSON is asked for; None for any other option."""
    profile, as_json = "", False
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--json" and verb != "start":
            as_json = True
        elif word == "--profile" and rest and verb in _WITH_PROFILE:
            profile = rest.pop(0)
        elif word.startswith("--profile=") and verb in _WITH_PROFILE:
            profile = word.partition("=")[2]
        else:
            return None
    return profile, as_json


def _socket_path() -> str | None:
    """The daemon's socket, if the runtime folder is the one in the environment.

    As platformdirs decides, which the daemon asks: a folder of the user's that nobody else can
    enter. Other places are for the whole command to find.
    """
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if not runtime.is_absolute() or not hasattr(os, "getuid"):
        return None
    try:
        found = runtime.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
    if not private or found.st_uid != os.getuid():
        return None
    return str(runtime / "parakeet" / "dictate.sock")


def _ask(path: str, request: dict[str, str]) -> dict[str, Any] | None:
    """The daemon's answer; None if there is no daemon, or none of this user."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_TIMEOUT)
        try:
            connection.connect(path)
            if peer_user(connection) not in (os.getuid(), None):
                return None
        except OSError:
            return None
        line = b""
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            while not line.endswith(b"\n") and len(line) <= _LONGEST:
                more = connection.recv(4096)
                if not more:
                    break
                line += more
        except OSError as error:
            return {"error": f"The dictation can't be reached: {error.strerror or error}."}
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return {"error": "The dictation process ended before it answered."}
    return answer if isinstance(answer, dict) else {}


def _show_refusal(answer: dict[str, Any]) -> int:
    """Show an error as the whole command does, which the user can wait for."""
    from parakeet_cli import console
    from parakeet_cli.cli.dictate.daemon_run import errors_on_desktop
    from parakeet_cli.errors import ParakeetError

    error = ParakeetError(
        str(answer.get("error") or "The dictation refused the request."),
        hint=answer.get("hint"),
    )
    try:
        with errors_on_desktop():
            raise error
    except ParakeetError:
        console.show_error(error)
    return error.exit_code
