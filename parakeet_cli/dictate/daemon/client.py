"""Sends requests to the daemon, and starts it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from parakeet_cli.dictate.daemon.paths import DaemonPaths
from parakeet_cli.dictate.daemon.protocol import Answer, encode_request, read_line
from parakeet_cli.errors import ExitCode, ParakeetError
from parakeet_cli.system.processes import exit_in_words, parakeet_command
from parakeet_cli.system.safety.peer_user import peer_user

# The descriptor on which a daemon that was just started reports that it is ready, or why not.
READY_VARIABLE = "PARAKEET_READY_FD"
_TIMEOUT = 600.0  # seconds: `stop` returns once long speech has been transcribed to its end


class NotRunning(ParakeetError):
    """There is no daemon."""

    def __init__(self) -> None:
        super().__init__("No dictation is running.", hint="`parakeet dictate start` starts one.")


def send_verb(paths: DaemonPaths, verb: str, profile: str | None = None) -> Mapping[str, object]:
    """The daemon's state after a request. Raises NotRunning, or ParakeetError with its error."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_TIMEOUT)
        try:
            connection.connect(str(paths.socket))
            if peer_user(connection) not in (os.getuid(), None):
                raise ParakeetError(f"{paths.socket} belongs to another user. Nothing was sent.")
            connection.sendall(encode_request(verb, profile))
            line = read_line(connection, seconds=_TIMEOUT)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning from None
        except OSError as error:
            reason = error.strerror or error
            raise ParakeetError(f"The dictation can't be reached: {reason}.") from error
    if not line:
        raise ParakeetError("The dictation process ended before it answered.")
    answer = Answer.decode(line)
    if not answer.ok:
        raise ParakeetError(answer.error or "The dictation refused the request.", hint=answer.hint)
    return answer.state


def start_daemon(arguments: Sequence[str], paths: DaemonPaths) -> int:
    """Start `parakeet ARGUMENTS` in a session of its own; its pid, once it answers requests.

    Raises ParakeetError with the reason if it ends before that. Its output goes to the log.
    """
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as report, _new_log(paths) as log:
        process = subprocess.Popen(
            parakeet_command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(writing,),
            env={**os.environ, READY_VARIABLE: str(writing)},
            start_new_session=True,
        )
        os.close(writing)
        line = report.readline()
    if line == b"ready\n":
        return process.pid
    code = process.wait()
    if line:
        raise _reported_error(json.loads(line))
    lines = paths.log.read_text("utf-8", "replace").splitlines()
    # A usage error is printed in a box.
    printed = [line.strip(" │") for line in lines if any(map(str.isalnum, line))]
    error = ParakeetError(
        "The dictation process ended while it started: "
        f"{printed[-1] if printed else f'it {exit_in_words(code)}'}",
        hint=f"Its output is in {paths.log}.",
    )
    if code in tuple(ExitCode):
        error.exit_code = ExitCode(code)
    raise error


def _new_log(paths: DaemonPaths) -> IO[bytes]:
    """An empty log that only its owner can read; the one before is kept beside it."""
    with suppress(FileNotFoundError):
        paths.log.replace(paths.log.with_suffix(".log.1"))
    return os.fdopen(os.open(paths.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


class StartReport:
    """Reports to the process that started this one; does nothing if there is none."""

    def __init__(self) -> None:
        given = os.environ.pop(READY_VARIABLE, None)
        self._descriptor = int(given) if given else None

    def ready(self) -> None:
        """Report that the daemon answers requests now."""
        self._send(b"ready\n")

    def failed(self, error: ParakeetError) -> None:
        """Report why the daemon can't start."""
        reason = {"error": str(error), "hint": error.hint, "code": int(error.exit_code)}
        self._send(json.dumps(reason).encode() + b"\n")

    def _send(self, line: bytes) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):  # the process that started it was interrupted meanwhile
                os.write(descriptor, line)
            os.close(descriptor)


def _reported_error(reason: Mapping[str, object]) -> ParakeetError:
    error = ParakeetError(str(reason["error"]), hint=str(reason["hint"] or "") or None)
    error.exit_code = ExitCode(int(str(reason["code"])))
    return error
