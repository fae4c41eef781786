"""Writes results to stdout, and everything else to stderr.

How much goes to stderr is a property of the process, as the streams themselves are: it is
set once, when a command's options are known. Modules that don't draw anything log to
`logging.getLogger(__name__)`; INFO shows with --verbose, WARNING always.

Rich is only imported where stderr is a terminal: elsewhere its import would be a tenth
of a short run, and nobody would see the difference.
"""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TextIO

from parakeet_cli.errors import (
    ExitCode,
    OutputError,
    ParakeetError,
    describe_unexpected,
    system_hint,
)
from parakeet_cli.system.safety.printable import one_line
from parakeet_cli.system.safety.printable import printable as printable
from parakeet_cli.system.safety.url_passwords import values_without_passwords, without_passwords
from parakeet_cli.system.units import clock_time

if TYPE_CHECKING:
    import logging

    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Verbosity:
    """How much a run writes to stderr."""

    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    progress: bool = True


_verbosity = Verbosity()
_log: TextIO | None = None  # a copy of the messages


def verbosity() -> Verbosity:
    """How much this process writes to stderr."""
    return _verbosity


def set_verbosity(wanted: Verbosity) -> None:
    """Set it, for the functions here and for the package's loggers."""
    global _verbosity
    _verbosity = wanted
    _logger().setLevel("INFO" if wanted.verbose or _log is not None else "WARNING")
    # system.child_errors.TRACEBACKS
    _logger().getChild("tracebacks").setLevel("INFO" if wanted.debug else "WARNING")


@cache
def _logger() -> logging.Logger:
    """The logger above all of the package's, with a handler that writes to stderr."""
    import logging  # here, since --help and --version need none of it

    class NoteHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING or _verbosity.verbose or _verbosity.debug:
                note(record.getMessage())
            else:
                log_line(record.getMessage())

    logger = logging.getLogger(__package__)
    logger.addHandler(NoteHandler())
    return logger


def prepare_streams() -> None:
    """Make stdout and stderr take any text, even if the caller closed or limited them.

    A character that the encoding lacks is escaped instead of raising an exception.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # Closed by the caller: the next file to be opened would get this number, and a
            # library that writes to stderr would write into that file.
            os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def is_terminal() -> bool:
    """Whether stderr is a terminal that can redraw a line."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def shows_progress() -> bool:
    """Whether to draw a progress bar: on a terminal, unless an option forbids it."""
    return is_terminal() and _verbosity.progress and not _verbosity.quiet


def rich_console() -> Console:
    """Rich on stderr, which takes nothing in file names or texts for markup."""
    from rich.console import Console

    return Console(stderr=True, markup=False, emoji=False, highlight=False)


def out(text: str) -> None:
    """Write a result to stdout, with what a terminal would obey as escapes. Raises like `raw_out`.

    Names and messages of others may be in it. Passwords in URLs are left out. Text that was
    cleaned already goes to `raw_out`.
    """
    raw_out(_shown(text))


def raw_out(text: str) -> None:
    """Write text to stdout unchanged: a transcript, JSON, or a report with its colours.

    It has to be free of what a terminal obeys. Raises OutputError or BrokenPipeError.
    """
    if sys.stdout is None:
        raise OutputError("stdout is closed, so the text can't be written there.")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"stdout can't be written: {error.strerror}.") from error


def print_json(value: object) -> None:
    """Write a value to stdout as indented JSON in ASCII, without passwords. Raises like `out`."""
    import json  # here, since --help and --version need none of it

    raw_out(json.dumps(values_without_passwords(value), indent=2) + "\n")


def note(text: str, *, style: str | None = None) -> None:
    """Write a line to stderr; `style` is one of Rich's, for terminals only."""
    log_line(text)
    if style is None or not is_terminal() or "NO_COLOR" in os.environ:
        try:
            print(_shown(text), file=sys.stderr)
        except BrokenPipeError:
            raise
        except OSError:
            # A log on a full disk: the outputs matter more, and nobody can be told. What is in
            # the buffer goes the same way.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    else:
        rich_console().print(_shown(text), style=style, soft_wrap=True)


def info(text: str) -> None:
    """Write a line to stderr, except with --quiet; in any case to the log."""
    if not _verbosity.quiet:
        note(text)
    else:
        log_line(text)


def open_log(path: str) -> None:
    """Add a copy of every message to that file from now on, and one for each file.

    Raises OutputError.
    """
    global _log
    try:
        place = os.path.expanduser(path)  # noqa: PTH111  # nothing else here needs pathlib
        _log = open(place, "a", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115
    except OSError as error:
        raise OutputError(
            f"The log {path} can't be written: {error.strerror}.", hint=system_hint(error)
        ) from error
    set_verbosity(_verbosity)


def log_line(text: str) -> None:
    """Add lines to the log alone, if there is one, each with the time.

    A log that can't be written any more is given up, and a line says so.
    """
    global _log
    if _log is None:
        return
    import datetime  # here, since --help and --version need none of it

    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    log = _log
    try:
        log.write("".join(f"{now} {line}\n" for line in _shown(text).splitlines()))
    except OSError as error:
        _log = None
        note(f"The log {log.name} can't be written any more: {error.strerror}.")


def show_warnings(warnings: Iterable[str], *, show: Callable[[str], None]) -> None:
    """Show each on a line of its own, by `note`, or by `info` where --quiet leaves them out."""
    for warning in warnings:
        show(f"Warning: {warning}")


def trace(error: Exception) -> None:
    """Print the traceback, with --debug only."""
    if _verbosity.debug:
        import traceback

        note("".join(traceback.format_exception(error)).removesuffix("\n"))


def show_unexpected(error: Exception) -> ExitCode:
    """Show an error that is our own bug, or a limit of the system that nothing else expected.

    That is one line and a hint, and the traceback with --debug.
    """
    trace(error)
    if hint := system_hint(error):
        reason = str(error) or type(error).__name__
        if isinstance(error, OSError) and error.strerror:
            reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        note(f"Error: the system refused it: {reason}.", style="bold red")
        note(f"  {hint}")
        return ExitCode.FAILED
    note(f"Error: an {describe_unexpected(error)}", style="bold red")
    note("  This is a bug in parakeet. --debug shows where it happened.")
    return ExitCode.FAILED


def show_error(error: ParakeetError) -> None:
    """Show what happened and why, and what to do next. The one place that shows errors."""
    trace(error)
    note(f"Error: {error}", style="bold red")
    if error.hint:
        note(textwrap.indent(error.hint, "  "))


def _shown(text: str) -> str:
    return printable(without_passwords(text))


shown_name = one_line  # of a file, which may have any character in its name


def clock(seconds: float | None) -> str:
    """Seconds for people: 7.1 s, 4:05, 1:02:03, or ? if unknown."""
    if seconds is None:
        return "?"
    if seconds < 59.95:  # more would be shown as 60.0 s
        return f"{seconds:.1f} s"
    return clock_time(max(seconds, 60))
