"""Other programs, run to their end: what they said, and why they failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress

from parakeet_cli.errors import SinkError

LIMIT = 10.0  # seconds: a program that puts text somewhere is done in a tenth of one


def run(
    arguments: Sequence[str] | str,
    *,
    given: bytes = b"",
    limit: float = LIMIT,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run it with `given` on its stdin; a text is a line for the shell.

    What a line for the shell prints goes to our stderr. Raises SinkError with the exit
    code and the last words, or where it has not ended within `limit` seconds.
    """
    _run(arguments, given, limit, env, None if isinstance(arguments, str) else subprocess.DEVNULL)


def read(
    arguments: Sequence[str], *, limit: float = LIMIT, env: Mapping[str, str] | None = None
) -> bytes:
    """What it prints. Raises SinkError as `run` does."""
    return _run(arguments, b"", limit, env, subprocess.PIPE)


def _run(
    arguments: Sequence[str] | str,
    given: bytes,
    limit: float,
    env: Mapping[str, str] | None,
    out: int | None,
) -> bytes:
    name = arguments if isinstance(arguments, str) else arguments[0]
    # A file, not a pipe: xclip and wl-copy leave a process behind that would hold the pipe
    # open. A session of its own: Ctrl-C here must not take that process's clipboard along.
    with tempfile.TemporaryFile() as words:
        try:
            process = subprocess.Popen(
                arguments,
                shell=isinstance(arguments, str),
                stdin=subprocess.PIPE,
                stdout=sys.stderr if out is None else out,
                stderr=words,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        except OSError as error:
            raise SinkError(f"{name} can't be run: {error.strerror or error}.") from error
        try:
            said, _ = process.communicate(given, timeout=limit)
        except subprocess.TimeoutExpired:
            _end(process)
            raise SinkError(f"{name} had not ended after {limit:g} seconds.") from None
        words.seek(0)
        last = words.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
    if process.returncode:
        how = (
            f"was ended by {signal.Signals(-process.returncode).name}"
            if process.returncode < 0
            else f"ended with exit code {process.returncode}"
        )
        raise SinkError(f"{name} {how}{f': {last}' if last else '.'}")
    return said or b""


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it and what it started."""
    if sys.platform != "win32":
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
