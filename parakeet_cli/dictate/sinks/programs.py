"""Runs other programs to their end: their output, and why they failed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from parakeet_cli.errors import SinkError, SinkUnavailable
from parakeet_cli.system.processes import exit_in_words, kill_group

LIMIT = 10.0  # seconds: a program that puts text somewhere takes a tenth of one


def run(
    arguments: Sequence[str] | str,
    *,
    given: bytes = b"",
    limit: float = LIMIT,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run it with `given` on its stdin; a string is a command for the shell.

    The output of a command for the shell goes to our stderr. Raises SinkError with the exit
    code and the last line on stderr, or if it hasn't ended within `limit` seconds.
    """
    _run(arguments, given, limit, env, None if isinstance(arguments, str) else subprocess.DEVNULL)


def read(
    arguments: Sequence[str], *, limit: float = LIMIT, env: Mapping[str, str] | None = None
) -> bytes:
    """Its output. Raises SinkError as `run` does."""
    return _run(arguments, b"", limit, env, subprocess.PIPE)


def pipe(command: str, given: bytes, *, limit: float = LIMIT) -> bytes:
    """The output of a command for the shell with `given` on its stdin. Raises SinkError."""
    return _run(command, given, limit, None, subprocess.PIPE)


def require(program: str) -> None:
    """Raises SinkUnavailable if the program is not installed."""
    if not shutil.which(program):
        raise SinkUnavailable(f"{program} is not installed.", hint=f"Install {program}.")


def probe(*arguments: str) -> None:
    """Raises SinkUnavailable if the program is not installed or this command of it fails."""
    require(arguments[0])
    try:
        read(arguments)
    except SinkError as error:
        raise SinkUnavailable(str(error)) from None


def _run(
    arguments: Sequence[str] | str,
    given: bytes,
    limit: float,
    env: Mapping[str, str] | None,
    out: int | None,
) -> bytes:
    name = arguments if isinstance(arguments, str) else arguments[0]
    # A file, not a pipe: xclip and wl-copy leave a process running that would hold the pipe
    # open. A session of its own: Ctrl-C here must not end that process and its clipboard.
    with tempfile.TemporaryFile() as messages:
        try:
            process = subprocess.Popen(
                arguments,
                shell=isinstance(arguments, str),
                stdin=subprocess.PIPE,
                stdout=sys.stderr if out is None else out,
                stderr=messages,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        except OSError as error:
            raise SinkError(f"{name} can't be run: {error.strerror or error}.") from error
        try:
            output, _ = process.communicate(given, timeout=limit)
        except subprocess.TimeoutExpired:
            kill_group(process)
            raise SinkError(f"{name} had not ended after {limit:g} seconds.") from None
        messages.seek(0)
        last = messages.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
    if process.returncode:
        how = exit_in_words(process.returncode)
        raise SinkError(f"{name} {how}{f': {last}' if last else '.'}")
    return output or b""
