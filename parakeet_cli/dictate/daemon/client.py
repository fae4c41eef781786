"""Ask the warm process, or start one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from parakeet_cli.dictate.daemon.messages import Answer, encode_request, read_line
from parakeet_cli.dictate.daemon.paths import Paths
from parakeet_cli.errors import ExitCode, ParakeetError

# The descriptor on which a process that was just started says how it went.
READY_VARIABLE = "PARAKEET_READY_FD"
_PATIENCE = 600.0  # seconds: `stop` returns when long speech has been heard to its end


class NotRunning(ParakeetError):
    """There is nobody to ask."""

    def __init__(self) -> None:
        super().__init__("No dictation is running.", hint="`parakeet dictate start` starts one.")


def ask(paths: Paths, verb: str) -> Mapping[str, object]:
    """The state after it. Raises NotRunning, or ParakeetError with what the process says."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(str(paths.socket))
            connection.sendall(encode_request(verb))
            line = read_line(connection)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning from None
        except OSError as error:
            raise ParakeetError(f"The dictation can't be asked: {error.strerror}.") from error
    if not line:
        raise ParakeetError("The dictation has ended in the middle of it.")
    answer = Answer.decode(line)
    if not answer.ok:
        raise ParakeetError(answer.error or "The dictation refused.", hint=answer.hint)
    return answer.state


def spawn(arguments: Sequence[str], paths: Paths) -> int:
    """Start `parakeet ARGUMENTS` in a session of its own; its pid, once it answers requests.

    Raises ParakeetError with the reason where it does not come to that; its words are in
    the log.
    """
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as told, _fresh_log(paths) as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "parakeet_cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(writing,),
            env={**os.environ, READY_VARIABLE: str(writing)},
            start_new_session=True,
        )
        os.close(writing)
        line = told.readline()
    if line == b"ready\n":
        return process.pid
    code = process.wait()
    if line:
        raise _reported(json.loads(line))
    lines = paths.log.read_text("utf-8", "replace").splitlines()
    # A usage error stands in a box.
    words = [line.strip(" │") for line in lines if any(map(str.isalnum, line))]
    error = ParakeetError(
        f"The dictation ended while it started: {words[-1] if words else f'exit code {code}'}",
        hint=f"Its words are in {paths.log}.",
    )
    if code in tuple(ExitCode):
        error.exit_code = ExitCode(code)
    raise error


def _fresh_log(paths: Paths) -> IO[bytes]:
    """An empty log that only its owner can read; the last one is kept beside it."""
    with suppress(FileNotFoundError):
        paths.log.replace(paths.log.with_suffix(".log.1"))
    return os.fdopen(os.open(paths.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


class Starter:
    """How the started process tells the one that started it; of no effect without one."""

    def __init__(self) -> None:
        given = os.environ.pop(READY_VARIABLE, None)
        self._descriptor = int(given) if given else None

    def ready(self) -> None:
        self._tell(b"ready\n")

    def failed(self, error: ParakeetError) -> None:
        reason = {"error": str(error), "hint": error.hint, "code": int(error.exit_code)}
        self._tell(json.dumps(reason).encode() + b"\n")

    def _tell(self, line: bytes) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):  # whoever started it was interrupted meanwhile
                os.write(descriptor, line)
            os.close(descriptor)


def _reported(reason: Mapping[str, object]) -> ParakeetError:
    error = ParakeetError(str(reason["error"]), hint=str(reason["hint"] or "") or None)
    error.exit_code = ExitCode(int(str(reason["code"])))
    return error
