"""Runs before every command: deals with interrupted repairs before anything else is imported.

Standard library only, and so is all it imports. It also is `parakeet doctor rollback` where
the command line itself can't be imported.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from parakeet_cli.doctor.repair.rollback import registry
from parakeet_cli.doctor.repair.rollback.journal import environment_lock, journals
from parakeet_cli.doctor.repair.rollback.registry import FOLDER
from parakeet_cli.doctor.repair.rollback.restore import (
    ChangedSinceRepair,
    RestoreIncomplete,
    recover,
    rollback,
)
from parakeet_cli.doctor.repair.rollback.validate import JournalRefused
from parakeet_cli.system.locks import LockHeld
from parakeet_cli.system.safety.printable import printable
from parakeet_cli.system.safety.url_passwords import without_passwords

# How long a command waits for the pip of a killed doctor: its packages are on this disk.
ORPHAN_SECONDS = 120.0
# Of errors.ExitCode, which is imported later.
NOT_PUT_BACK, REFUSED = 5, 6


def finish_interrupted_repairs(arguments: list[str]) -> None:
    """Restore every environment with an interrupted repair.

    Ends the process if that was all it was started for (`doctor rollback`), or if this very
    environment can't be restored.
    """
    rolling_back = asks_rollback(arguments)
    target = _target(arguments)
    restored = [
        _recover(prefix, rolling_back=rolling_back, named=prefix == target)
        for prefix in registry.registered()
    ]
    if any(restored) and rolling_back:
        raise SystemExit(0)


def _recover(prefix: str, *, rolling_back: bool, named: bool) -> bool:
    """Restore one environment; whether there was anything to restore.

    If its journal is refused, that is shown unless the environment is `named`: the command then
    looks at it too, and refuses.
    """
    try:
        wait = _seconds_to_wait(prefix)
        restored = bool(recover(prefix, wait=wait, notify=_print, confirm=_confirm))
    except LockHeld:
        return False  # a doctor is at work there and reports for itself
    except JournalRefused as error:
        if not named:
            _print_refusal(error)
        return False
    except RestoreIncomplete as error:
        _print(f"Error: {error}")
        _print("  The snapshot is in " + os.path.join(prefix, FOLDER))
        if rolling_back or prefix == sys.prefix:
            raise SystemExit(NOT_PUT_BACK) from None
        return False
    except OSError as error:
        _print(f"A repair of {prefix} was interrupted, and its journal can't be read: {error}")
        return False
    if restored:
        _print("Everything was put back.")
    else:
        _unregister_if_idle(prefix)
    return restored


def asks_rollback(arguments: list[str]) -> bool:
    """Whether the command line is `parakeet doctor ... rollback ...`."""
    words = [word for word in arguments if not word.startswith("-")]
    return words[:1] == ["doctor"] and "rollback" in words and "--help" not in arguments


def _target(arguments: list[str]) -> str:
    """The environment that a command repairs or rolls back; empty for other commands."""
    words = [word for word in arguments if not word.startswith("-")]
    changes = not {"--fix", "--reinstall"}.isdisjoint(arguments) and "--dry-run" not in arguments
    if words[:1] == ["doctor"] and (changes or asks_rollback(arguments)):
        return _prefix_of(_python_of(arguments))
    return ""


def run_rollback(arguments: list[str]) -> int:
    """`parakeet doctor rollback` without the command line's modules; returns the exit code."""
    prefix = _prefix_of(_python_of(arguments))
    try:
        point = rollback(prefix)
    except JournalRefused as error:
        _print_refusal(error)
        return REFUSED
    except (LockHeld, ChangedSinceRepair, LookupError) as error:
        _print(f"Error: nothing was changed: {str(error) or 'another repair is under way'}.")
        return REFUSED
    except (RestoreIncomplete, OSError, ValueError) as error:
        _print(f"Error: {error}")
        return NOT_PUT_BACK
    _print(f"{prefix} is as it was before the repair of {point.id}.")
    return 0


def start_time(pid: int) -> str:
    """When the process started, in the kernel's clock ticks; empty if it doesn't run."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    fields = text.rpartition(b")")[2].split()
    return "" if fields[:1] == [b"Z"] else fields[19].decode()


def _seconds_to_wait(prefix: str) -> float:
    """None while the doctor runs; else until the pip that it started has ended."""
    for journal in journals(prefix):
        if not journal.ended and not _is_running(journal.first):
            return ORPHAN_SECONDS
    return 0.0


def _is_running(first: dict[str, Any]) -> bool:
    pid = first.get("pid")
    return isinstance(pid, int) and start_time(pid) == first.get("started") != ""


def _unregister_if_idle(prefix: str) -> None:
    """Unregister an environment without an interrupted repair, unless one is just beginning.

    An environment that isn't there, on an unmounted disk for instance, stays registered.
    """
    with suppress(OSError, LockHeld), environment_lock(prefix):
        if all(journal.ended for journal in journals(prefix)):
            registry.unregister(prefix)


def _python_of(arguments: list[str]) -> str:
    for number, word in enumerate(arguments):
        if word == "--python" and number + 1 < len(arguments):
            return arguments[number + 1]
        if word.startswith("--python="):
            return word.partition("=")[2]
    return os.environ.get("PARAKEET_ML_PYTHON") or sys.executable


def _prefix_of(python: str) -> str:
    """The environment that an interpreter belongs to: the folder above its `bin`."""
    path = os.path.abspath(os.path.expanduser(python))
    if os.path.isdir(path):
        return path
    return os.path.dirname(os.path.dirname(path))


def _print_refusal(error: JournalRefused) -> None:
    _print(f"Error: {error}")
    _print(f"  {error.hint}")


def _confirm(question: str) -> bool:
    """Ask on the terminal; no where there is none."""
    try:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return False
        print(f"{_shown(question)} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except (OSError, AttributeError, ValueError):
        return False


def _print(text: str) -> None:
    with suppress(OSError, AttributeError):
        print(_shown(text), file=sys.stderr, flush=True)


def _shown(text: str) -> str:
    return printable(without_passwords(text))
