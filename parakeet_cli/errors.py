"""Defines one tree of errors, each with its exit code and its hint.

    ParakeetError            1  anything that makes one piece of work fail
    ├── InputError           1  a file that can't be read or decoded
    │   └── ProgramError     1  a file or microphone that a fault of ours kept from being read
    ├── OutputError          1  an output that can't be written
    ├── EngineError          1  an engine that failed while it transcribed
    ├── TranscriptionError   1  a recording that could not be transcribed, for programs
    ├── SinkError            1  a text that could not be inserted or undone
    ├── SinkUnavailable      1  a sink that can't work here
    ├── SetupError           1  a setup that was declined, or an engine that isn't proved
    ├── EngineUnavailable    3  an engine or a model that can't be used here
    ├── UsageError           2  options that can't be combined
    │   └── ConfigError      2  a configuration that can't be read or is invalid
    └── RepairError             the doctor's own
        ├── RepairFailed     4  the repair failed and everything was restored
        ├── RestoreFailed    5  something could not be restored
        └── Refused          6  nothing was changed

`parakeet_cli.console.show_error` is the one place that shows them: what happened and why
(the message), and what to do next (the hint). A traceback is shown only with `--debug`.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the process. Programs depend on them: never renumber."""

    OK = 0
    FAILED = 1
    USAGE = 2
    ENGINE = 3
    PUT_BACK = 4  # of the doctor and setup
    SURROUNDINGS = 4  # of transcribe
    NOT_PUT_BACK = 5
    REFUSED = 6
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143


# The hint of what is no fault of the input.
PROGRAM_FAULT = (
    "This is a fault of parakeet or of its installation, not of the recording. Install it again, "
    "or report it with what `parakeet doctor report` prints; --debug shows where it happened."
)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A fault of the surroundings, not of a file: a full disk, refused credentials, a lost network.

    `cause` says which, in words that are the same for each file. Unless it is `certain`, it may
    be this file's own fault after all. `passes` says whether it may be gone after a while.
    """

    cause: str
    certain: bool = True
    passes: bool = True


class ParakeetError(Exception):
    """What happened and why, in one plain sentence; `hint` is what to do next.

    With an `obstacle` the surroundings are to blame, and the exit code is theirs.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(
        self, message: str, *, hint: str | None = None, obstacle: Obstacle | None = None
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.obstacle = obstacle
        if obstacle is not None:
            self.exit_code = ExitCode.SURROUNDINGS


class InputError(ParakeetError):
    """A file that can't be read or decoded."""


class ProgramError(InputError):
    """A file or a microphone that a fault of the program or its installation kept from being read.

    The message gives the reason; `traceback` is that of the process that failed.
    """

    def __init__(self, message: str, *, traceback: str = "") -> None:
        super().__init__(message, hint=PROGRAM_FAULT)
        if traceback:  # `--debug` prints it
            self.add_note(traceback)


class OutputError(ParakeetError):
    """An output that can't be written."""


class EngineError(ParakeetError):
    """An engine that failed on one piece of audio."""


class TranscriptionError(ParakeetError):
    """A recording that can't be read, decoded or transcribed; raised by `parakeet_cli.api`."""


class SinkError(ParakeetError):
    """A text that could not be inserted, or not be taken back."""


class SinkUnavailable(ParakeetError):
    """A sink that can't work here at all."""


class SetupError(ParakeetError):
    """A setup that was declined, or an engine that could not be proved."""


class EngineUnavailable(ParakeetError):
    """An engine or a model that can't be used at all.

    With an obstacle the model may be had later; only a batch ends with the code of that.
    """

    exit_code = ExitCode.ENGINE

    def __init__(
        self, message: str, *, hint: str | None = None, obstacle: Obstacle | None = None
    ) -> None:
        super().__init__(message, hint=hint, obstacle=obstacle)
        self.exit_code = ExitCode.ENGINE


class UsageError(ParakeetError):
    """Options or arguments that are invalid or can't be combined.

    `option` is the one at fault, as `EngineOptions` or `Decoding` names it: a server's clients know
    it by another name.
    """

    exit_code = ExitCode.USAGE

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        obstacle: Obstacle | None = None,
        option: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, obstacle=obstacle)
        self.option = option


class ConfigError(UsageError):
    """A configuration file or variable that can't be read or is invalid."""


class RepairError(ParakeetError):
    """A repair of the doctor's that did not succeed."""


class RepairFailed(RepairError):
    """The repair failed and everything was restored."""

    exit_code = ExitCode.PUT_BACK


class RestoreFailed(RepairError):
    """Something could not be restored; the message says what."""

    exit_code = ExitCode.NOT_PUT_BACK


class Refused(RepairError):
    """Nothing was changed."""

    exit_code = ExitCode.REFUSED


_AGAIN = "then type the same command again."
_SYSTEM_HINTS = {
    errno.EFBIG: "The size of files is limited here, as `ulimit -f` shows: raise the limit "
    f"(`ulimit -f unlimited`, perhaps in a new shell), {_AGAIN}",
    errno.ENOSPC: f"Make room on the disk, {_AGAIN}",
    errno.EDQUOT: f"Your quota on that disk is used up: make room, {_AGAIN}",
    errno.EROFS: "That file system can only be read: name another folder.",
    errno.EMFILE: "The number of open files is limited here, as `ulimit -n` shows: raise the "
    f"limit (`ulimit -n 4096`), {_AGAIN}",
    errno.EAGAIN: "No more processes or threads can be started, as `ulimit -u` shows: end other "
    f"programs or raise the limit, {_AGAIN}",
    errno.ENOMEM: f"There is not enough memory: end other programs, {_AGAIN}",
    errno.ENFILE: f"The whole system has too many files open: end other programs, {_AGAIN}",
}


def system_hint(error: Exception) -> str | None:
    """What to do about a limit of the system; None for any other error."""
    if isinstance(error, MemoryError):
        return _SYSTEM_HINTS[errno.ENOMEM]
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return _SYSTEM_HINTS[errno.EAGAIN]
    if not isinstance(error, OSError):
        return None
    if (error.strerror or "").startswith("No usable temporary directory"):  # tempfile's words
        return (
            "Temporary files are needed: look whether those folders are full (`df`) and whether "
            "files may have any size (`ulimit -f`), or name another folder in TMPDIR."
        )
    return _SYSTEM_HINTS.get(error.errno or 0)


def describe_unexpected(error: Exception) -> str:
    """A bug of ours in words, to follow an article: `unexpected KeyError: 'x'`."""
    return f"unexpected {type(error).__name__}: {error}"
