"""Runs `--then` for each transcript, one after the other, in a thread.

A program and its arguments get the outputs' paths as further arguments; a command that uses the
shell's signs finds them in "$@". Both have them in the environment, too. No name of a file is ever
a part of the command's text.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import IO

from parakeet_cli.errors import OutputError
from parakeet_cli.system.processes import exit_in_words, kill_group
from parakeet_cli.transcribe.then.record import Due, ThenContent, ThenJournal, read_then

LIMIT_SECONDS = 300.0
_POLL_SECONDS = 0.05
_IDLE_SECONDS = 0.5  # after which the thread sees that it is to end
_LAST_LINE = 1 << 12  # bytes that hold the last line that a command wrote
_SHELL_SIGNS = re.compile(r"[|&;<>()$`\n]")  # of a command that names its arguments itself


class ThenCommands:
    """Runs a command for each transcript that it is given.

    `path` is the file that records it, `limit` how many seconds a command may take, and `say` is
    called with a sentence for each that failed.
    """

    def __init__(
        self, command: str, path: Path, *, limit: float, say: Callable[[str], object]
    ) -> None:
        self.earlier = read_then(path)
        self._journal = ThenJournal(path)
        self._command = command
        self._limit = limit
        self._say = say
        self._due: SimpleQueue[Due] = SimpleQueue()
        self._lock = Lock()  # of the journal
        self._ending = Event()  # begin nothing more
        self._killing = Event()
        self._thread: Thread | None = None

    def record_due(self, due: Due) -> None:
        """Record that the command is to run, before the transcript is recorded as done.

        Raises OutputError.
        """
        with self._lock:
            self._journal.record_due(due)

    def add(self, due: Due) -> None:
        """Run the command for a transcript that is recorded as done."""
        self._due.put(due)
        if self._thread is None:
            self._thread = Thread(target=self._work, name="then", daemon=True)
            self._thread.start()

    def close(self, seconds: float) -> None:
        """Begin nothing more, and give the command that runs so many seconds; then kill it.

        What was due and has no result yet is due at the next start.
        """
        self._ending.set()
        if self._thread is not None:
            self._thread.join(seconds)
            self._killing.set()
            self._thread.join()
        self._journal.close()

    def _work(self) -> None:
        while not self._ending.is_set():
            with suppress(Empty):
                self._run(self._due.get(timeout=_IDLE_SECONDS))

    def _run(self, due: Due) -> None:
        reason = self._reason_of_failure(due)
        if self._killing.is_set() and reason is not None:
            return  # it was cut short, and runs again at the next start
        if reason is not None:
            self._say(f"--then failed for {due.source}: {reason} The transcript is there.")
        try:
            with self._lock:
                self._journal.record_end(due, reason)
                if reason is None:
                    self.earlier.done[due.key] = due.version
        except OutputError as error:
            self._say(f"{error} --then runs once more for {due.source} at the next start.")

    def _reason_of_failure(self, due: Due) -> str | None:
        """Run the command; in a sentence why it failed, or None."""
        try:
            return self._run_command(due)
        except (OSError, ValueError) as error:  # no file for its messages, or no such program
            return f"it can't be run: {getattr(error, 'strerror', None) or error}."

    def _run_command(self, due: Due) -> str | None:
        """Raises OSError, ValueError for a command that can't be begun."""
        # A file, not a pipe: what the command leaves running would hold a pipe open.
        with tempfile.TemporaryFile(prefix="parakeet-") as messages:
            process = subprocess.Popen(
                command_line(self._command, due.outputs),
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                stderr=messages,
                env={**os.environ, **variables(due)},
                start_new_session=True,  # so that Ctrl-C here isn't one there
            )
            in_time = self._wait(process)
            if not in_time:
                kill_group(process)
            last = _last_line(messages)
        if not in_time:
            return f"it had not ended after {self._limit:g} s and was killed."
        if process.returncode:
            return f"it {exit_in_words(process.returncode)}{f': {last}' if last else ''}."
        return None

    def _wait(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether the command ended in time, and before it had to be killed."""
        until = time.monotonic() + self._limit
        while time.monotonic() < until and not self._killing.is_set():
            with suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_SECONDS)
                return True
        return False


def command_line(command: str, outputs: tuple[str, ...]) -> list[str]:
    """The arguments that run a `--then` for these outputs."""
    if not _SHELL_SIGNS.search(command):
        command += ' "$@"'
    return ["sh", "-c", command, "parakeet", *outputs]


def variables(due: Due) -> dict[str, str]:
    """What the command's environment says of the recording and its outputs."""
    by_format = {
        f"PARAKEET_OUTPUT_{output.rpartition('.')[2].upper()}": output for output in due.outputs
    }
    return {
        **by_format,
        "PARAKEET_SOURCE": due.source,
        "PARAKEET_STATUS": due.status,
        "PARAKEET_OUTPUTS": "\n".join(due.outputs),
    }


def unfinished(content: ThenContent, *, retry_failed: bool) -> Iterator[Due]:
    """What an earlier session left to be run; with `retry_failed` also what failed."""
    yield from content.due.values()
    if retry_failed:
        yield from (due for due, _ in content.failed.values())


def _last_line(messages: IO[bytes]) -> str:
    messages.seek(max(0, messages.seek(0, os.SEEK_END) - _LAST_LINE))
    return messages.read().decode("utf-8", "replace").strip().rpartition("\n")[2].rstrip(".")
