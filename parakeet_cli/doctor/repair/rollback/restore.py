"""Restores an environment: after an interrupted repair, or when the user rolls one back.

Standard library only, and so is all it imports: it runs before anything else is imported, in
an environment where anything else may be half replaced.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from parakeet_cli.doctor.repair.rollback import registry, snapshot
from parakeet_cli.doctor.repair.rollback.events import RepairEvent
from parakeet_cli.doctor.repair.rollback.journal import (
    RepairJournal,
    environment_lock,
    journals,
    same_mtime,
)
from parakeet_cli.doctor.repair.rollback.snapshot import Manifest
from parakeet_cli.doctor.repair.rollback.validate import JournalRefused

RETENTION_DAYS = 30  # after which a repair can no longer be rolled back


class RestoreIncomplete(Exception):
    """Something could not be restored: the message says what."""


class ChangedSinceRepair(Exception):
    """The environment isn't as the repair left it: a rollback would undo more than the repair."""


@dataclass(frozen=True, slots=True)
class RestorePoint:
    """A complete repair that can be rolled back."""

    id: str
    time: float  # when the repair began, in seconds since the epoch
    size: int  # bytes that only this snapshot holds
    summary: str


# After an interrupted repair


def recover(
    prefix: str,
    *,
    wait: float = 0.0,
    notify: Callable[[str], None] | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> list[RepairJournal]:
    """Lock the environment and deal with its interrupted repairs, as `recover_locked` does.

    Waits for the lock for at most `wait` seconds. Raises LockHeld if a repair is under way,
    RestoreIncomplete if files could not be restored, JournalRefused if nothing was touched.
    """
    if all(journal.ended for journal in journals(prefix)):
        return []
    with environment_lock(prefix, seconds=wait):
        return recover_locked(prefix, notify=notify, confirm=confirm)


def recover_locked(
    prefix: str,
    *,
    notify: Callable[[str], None] | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> list[RepairJournal]:
    """Restore what interrupted repairs changed, the newest first; gives those repairs.

    What a repair left that had changed nothing is removed. The caller holds the lock: the
    journals are read again, because another process may have dealt with them while this one
    waited. All are checked before the first is restored, and `confirm` is asked about those
    of another user. Raises RestoreIncomplete, JournalRefused.
    """
    interrupted = [journal for journal in reversed(journals(prefix)) if not journal.ended]
    manifests = {journal.id: journal.checked_before() for journal in interrupted if journal.changed}
    for journal in interrupted:
        journal.check_removable()
        if not journal.own:
            _ask(journal, confirm)
    for journal in interrupted:
        if journal.changed:
            if notify is not None:
                notify(f"A repair of {prefix} was interrupted. Putting everything back.")
            _restore(prefix, journal, manifests[journal.id])
        else:
            journal.remove()
    registry.unregister(prefix)
    return [journal for journal in interrupted if journal.changed]


def _ask(journal: RepairJournal, confirm: Callable[[str], bool] | None) -> None:
    """Raises JournalRefused unless the user wants another user's repair dealt with."""
    question = f"root began a repair of {journal.prefix}, and it was interrupted. Put it back?"
    if confirm is None or not confirm(question):
        python = os.path.join(journal.prefix, "bin", "python")
        command = shlex.join(["parakeet", "doctor", "rollback", "--python", python])
        raise JournalRefused(
            str(journal.folder),
            "is of an interrupted repair that root began, not you",
            f"To put everything back, as root: {command}",
        )


def restore(prefix: str, journal: RepairJournal) -> None:
    """Make everything as the `before` manifest says, then remove the journal.

    Raises RestoreIncomplete, and leaves the snapshot then; JournalRefused if the snapshot isn't
    as a repair leaves it, and nothing was touched.
    """
    _restore(prefix, journal, journal.checked_before())


def _restore(prefix: str, journal: RepairJournal, before: Manifest) -> None:
    journal.drop_temporary()
    with suppress(OSError):  # a full disk: the manifest is what counts
        journal.write(RepairEvent.RESTORING)
    try:
        with journal.opened() as folder, same_mtime(prefix):
            failed = snapshot.restore(prefix, before, folder, journal.roots)
    except OSError as error:
        raise RestoreIncomplete(f"The snapshot can't be read: {error}") from error
    if failed:
        shown = ", ".join(os.path.join(prefix, name) for name in failed[:5])
        more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
        raise RestoreIncomplete(f"{len(failed)} files could not be put back: {shown}{more}")
    journal.write(RepairEvent.RESTORED)
    journal.remove()


# On request


def restore_points(prefix: str) -> list[RestorePoint]:
    """The repairs that can be rolled back, the newest first. Raises JournalRefused, OSError."""
    return [
        RestorePoint(
            journal.id,
            journal.began_at,
            snapshot.exclusive_size(journal.snapshot),
            str(journal.events[-1].get("summary", "")),
        )
        for journal in reversed(journals(prefix))
        if journal.complete
    ]


def rollback(prefix: str, id_: str | None = None) -> RestorePoint:
    """Roll back the newest repair, without a network.

    Raises ChangedSinceRepair, LookupError if there is no such repair, LockHeld,
    RestoreIncomplete, and JournalRefused.
    """
    with environment_lock(prefix):
        points = restore_points(prefix)
        if not points:
            raise LookupError("no snapshot is stored")
        newest = points[0]
        if id_ not in (None, newest.id):
            if id_ in [point.id for point in points]:
                raise LookupError(f"{newest.id} is newer: roll that back first")
            raise LookupError(f"there is no {id_}")
        journal = next(one for one in journals(prefix) if one.id == newest.id)
        before, after = journal.checked_before(), journal.checked_after()
        changed = snapshot.differences(prefix, after, journal.roots)
        if changed:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            raise ChangedSinceRepair(", ".join(changed[:3]) + more)
        registry.register(prefix)
        _restore(prefix, journal, before)
        registry.unregister(prefix)
    return newest


def prune(prefix: str, *, days: float = RETENTION_DAYS) -> list[str]:
    """Remove older snapshots, while the caller holds the lock; returns their ids.

    Raises JournalRefused, OSError.
    """
    removed = []
    found = journals(prefix)
    for journal in found:
        journal.check_removable()
    for journal in found:
        if not journal.ended:
            continue
        if not journal.complete or time.time() - journal.began_at > days * 86400:
            journal.write(RepairEvent.ABANDONED)
            journal.remove()
            removed.append(journal.id)
        else:
            journal.drop_temporary()  # its doctor was killed when everything was done
    return removed
