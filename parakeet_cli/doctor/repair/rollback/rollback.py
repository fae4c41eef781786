"""Puts an environment back: at once, by whatever command runs next, or on `rollback`.

Standard library only, and so is all it imports: it runs before anything else is imported,
in an environment where anything else may be half replaced.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.doctor.repair.rollback import snapshot
from parakeet_cli.doctor.repair.rollback.journal import (
    ABANDONED,
    PUT_BACK,
    STANDS,
    Lock,
    Locked,
    RepairJournal,
    states,
)
from parakeet_cli.doctor.repair.rollback.register import FOLDER, forget, remember, to_check

KEPT_DAYS = 30
# How long a command waits for the pip of a killed doctor: its packages lie on this disk.
ORPHAN_SECONDS = 120.0


class NotPutBack(Exception):
    """Something could not be put back: the message says what."""


class Changed(Exception):
    """The environment is no longer what the repair left: going back would undo more."""


@dataclass(frozen=True, slots=True)
class State:
    """A repair that can be gone back on."""

    id: str
    when: float
    size: int  # bytes that only this state holds
    summary: str


# Broken off


def recover(
    prefix: str, *, wait: float = 0.0, say: Callable[[str], None] | None = None
) -> list[RepairJournal]:
    """Ends what was broken off in this environment: puts back, or clears away.

    Gives the repairs that had changed something. Raises Locked where a repair is at work,
    NotPutBack where files could not be put back.
    """
    if not any(not journal.ended for journal in states(prefix)):
        return []
    with Lock(prefix).take(wait):
        # Looked at again: another may have dealt with it while this one waited.
        found = [journal for journal in states(prefix) if not journal.ended]
        changed = [journal for journal in reversed(found) if journal.changed]
        for journal in reversed(found):
            if journal.changed:
                if say is not None:
                    say(f"A repair of {prefix} was broken off. Putting everything back.")
                undo(prefix, journal)
            else:
                journal.remove()
        forget(prefix)
    return changed


def undo(prefix: str, journal: RepairJournal) -> None:
    """Everything as the `before` manifest says; then the journal says so and is removed.

    Raises NotPutBack, and leaves what was kept where it is.
    """
    journal.drop("ballast", "work")
    with suppress(OSError):  # a full disk: the manifest is what counts
        journal.write("putting-back")
    try:
        before = snapshot.read_manifest(journal.folder / "before")
        failed = snapshot.put_back(prefix, before, journal.folder / "kept", journal.roots)
    except (OSError, ValueError) as error:
        raise NotPutBack(f"What was kept can't be read: {error}") from error
    if failed:
        shown = ", ".join(os.path.join(prefix, name) for name in failed[:5])
        more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
        raise NotPutBack(f"{len(failed)} could not be put back: {shown}{more}")
    journal.write(PUT_BACK)
    journal.remove()


# Going back on purpose


def kept_states(prefix: str) -> list[State]:
    """What `rollback` can go back to, the newest first."""
    found = [journal for journal in states(prefix) if journal.last == STANDS]
    return [
        State(
            journal.folder.name,
            journal.when,
            snapshot.size_of(journal.folder / "kept"),
            str(journal.events[-1].get("summary", "")),
        )
        for journal in reversed(found)
    ]


def rollback(prefix: str, named: str | None = None) -> State:
    """Goes back on the newest repair. No network, nothing but the standard library.

    Raises Changed where the environment was changed since, LookupError where nothing is
    kept, Locked, NotPutBack.
    """
    with Lock(prefix).take():
        there = kept_states(prefix)
        if not there:
            raise LookupError("nothing is kept")
        state = there[0]
        if named not in (None, state.id):
            if named in [other.id for other in there]:
                raise LookupError(f"{state.id} was later: roll that back first")
            raise LookupError(f"there is no {named}")
        journal = RepairJournal.read(Path(prefix, FOLDER, state.id))
        after = snapshot.read_manifest(journal.folder / "after")
        changed = snapshot.differences(prefix, after, journal.roots)
        if changed:
            raise Changed(describe(changed))
        remember(prefix)
        undo(prefix, journal)
        forget(prefix)
    return state


def describe(names: list[str]) -> str:
    """The first few of the names, and how many there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def prune(prefix: str, *, days: float = KEPT_DAYS) -> list[str]:
    """Removes kept states that are older, under the caller's lock; gives their ids."""
    gone = []
    for journal in states(prefix):
        if journal.ended and (journal.last != STANDS or time.time() - journal.when > days * 86400):
            journal.write(ABANDONED)
            journal.remove()
            gone.append(journal.folder.name)
        elif journal.ended:
            journal.drop("work", "ballast")  # its doctor was killed when all was done
    return gone


def _forget_idle(prefix: str) -> None:
    """Nothing is unfinished there: it is forgotten, unless a repair is just beginning.

    What isn't there, an unmounted disk for instance, may come again and stays noted.
    """
    with suppress(OSError, Locked), Lock(prefix).take():
        if all(journal.ended for journal in states(prefix)):
            forget(prefix)


# The hook: before anything else is imported


def before_anything(arguments: list[str]) -> None:
    """Deals with repairs that were broken off. Ends the process where that was all that
    was asked (`doctor rollback`), or where this very environment can't be put back."""
    rolling_back = asks_rollback(arguments)
    recovered = False
    for prefix in to_check():
        own = prefix == sys.prefix
        patience = _patience(prefix)
        try:
            done = recover(prefix, wait=patience, say=_say)
        except Locked:
            continue  # a doctor is at work there, and answers for it
        except NotPutBack as error:
            _say(f"Error: {error}")
            _say("  What was kept is in " + os.path.join(prefix, FOLDER))
            if own or rolling_back:
                raise SystemExit(5) from None
            continue
        except OSError as error:
            _say(f"A repair of {prefix} was broken off, and can't be looked at: {error}")
            continue
        if done:
            recovered = True
            _say("Everything was put back.")
        else:
            _forget_idle(prefix)
    if recovered and rolling_back:
        raise SystemExit(0)


def _patience(prefix: str) -> float:
    """Nothing while the doctor lives; else until the pip that it started has ended."""
    for journal in states(prefix):
        if not journal.ended and not _lives(journal.began):
            return ORPHAN_SECONDS
    return 0.0


def started(pid: int) -> str:
    """When the process began, in the kernel's clock ticks; "" where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    fields = text.rpartition(b")")[2].split()
    return "" if fields[:1] == [b"Z"] else fields[19].decode()


def _lives(began: dict[str, object]) -> bool:
    pid = began.get("pid")
    return isinstance(pid, int) and bool(started(pid)) and started(pid) == began.get("started")


def asks_rollback(arguments: list[str]) -> bool:
    """Whether the command line is `parakeet doctor ... rollback ...`."""
    words = [word for word in arguments if not word.startswith("-")]
    return words[:1] == ["doctor"] and "rollback" in words and "--help" not in arguments


def main(arguments: list[str]) -> int:
    """`parakeet doctor rollback` where the command line itself can't be imported."""
    prefix = prefix_of(_python_of(arguments))
    try:
        state = rollback(prefix)
    except (Locked, Changed, LookupError) as error:
        _say(f"Error: nothing was touched: {error or 'another repair is at work'}.")
        return 6
    except (NotPutBack, OSError, ValueError) as error:
        _say(f"Error: {error}")
        return 5
    _say(f"{prefix} is what it was before the repair of {state.id}.")
    return 0


def _python_of(arguments: list[str]) -> str:
    for number, word in enumerate(arguments):
        if word == "--python" and number + 1 < len(arguments):
            return arguments[number + 1]
        if word.startswith("--python="):
            return word.partition("=")[2]
    return os.environ.get("PARAKEET_ML_PYTHON") or sys.executable


def prefix_of(python: str) -> str:
    """The environment an interpreter belongs to: the folder of its pyvenv.cfg or its bin."""
    path = os.path.abspath(os.path.expanduser(python))
    if os.path.isdir(path):
        return path
    return os.path.dirname(os.path.dirname(path))


def _say(text: str) -> None:
    with suppress(OSError, AttributeError):
        print(text, file=sys.stderr, flush=True)
