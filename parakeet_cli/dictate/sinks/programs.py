"""Runs other programs to their end: their output, and why they failed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Thread
from typing import IO

from parakeet_cli.errors import SinkError, SinkUnavailable
from parakeet_cli.system.processes import exit_in_words, kill_group

MOST = 64 << 20  # bytes of output: a clipboard's picture may have some
MOST_TEXT = 1 << 20  # bytes of a text, which takes minutes to type
LAST_LINE = 1 << 12  # bytes that hold the last line on stderr
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
    """The output of a command for the shell with `given` on its stdin. Raises SinkError.

    A text is expected: of `MOST_TEXT` bytes at most.
    """
    return _run(command, given, limit, None, subprocess.PIPE, MOST_TEXT)


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
    most: int = MOST,
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
        except ValueError as error:  # a null character
            raise SinkError(f"{name} can't be run: {error}.") from error
        try:
            output = _exchange(process, given, limit, most)
        except subprocess.TimeoutExpired:
            kill_group(process)
            raise SinkError(f"{name} had not ended after {limit:g} seconds.") from None
        except OverflowError:
            kill_group(process)
            raise SinkError(f"{name} printed more than {most >> 20} MiB.") from None
        messages.seek(max(0, messages.seek(0, os.SEEK_END) - LAST_LINE))
        last = messages.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
    if process.returncode:
        how = exit_in_words(process.returncode)
        raise SinkError(f"{name} {how}{f': {last}' if last else '.'}")
    return output


def _exchange(process: subprocess.Popen[bytes], given: bytes, limit: float, most: int) -> bytes:
    """Give the process its input, wait for its end, and return its output.

    Raises TimeoutExpired, and OverflowError as soon as the output has more than `most` bytes.
    """
    deadline = time.monotonic() + limit
    Thread(target=_write, args=(process.stdin, given), daemon=True).start()
    output: list[bytes] = []
    if process.stdout is not None:
        reader = Thread(target=_read, args=(process.stdout, output, most), daemon=True)
        reader.start()
        reader.join(limit)
        if reader.is_alive():  # it runs, or what it started holds its output open
            raise subprocess.TimeoutExpired(process.args, limit)
        if len(output[0]) > most:
            raise OverflowError
    process.wait(max(0.0, deadline - time.monotonic()))
    return output[0] if output else b""


def _write(stream: IO[bytes], given: bytes) -> None:
    with suppress(OSError), stream:  # a program may end without having read it all
        stream.write(given)


def _read(stream: IO[bytes], output: list[bytes], most: int) -> None:
    with stream:
        output.append(stream.read(most + 1))
