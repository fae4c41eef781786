"""Checks what lies in an environment's `.parakeet` before anything is done with it.

It is data from a stranger: an environment may have been copied, unpacked or shared, and every
command looks there. What isn't exactly as a repair leaves it is refused, and nothing of it is
used, moved or removed.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

from parakeet_cli.doctor.repair.rollback import beneath
from parakeet_cli.doctor.repair.rollback.events import Event, parse_events
from parakeet_cli.doctor.repair.rollback.registry import FOLDER
from parakeet_cli.doctor.repair.rollback.snapshot import (
    SCRATCH,
    SNAPSHOT,
    Manifest,
    read_manifest_in,
)
from parakeet_cli.system.safety.printable import one_line

JOURNAL_BYTES = 2**20  # a repair of 200 packages writes some 10,000
REPAIRS = 10_000  # in one environment; those older than 30 days are removed
DEPTH = 100  # of folders in a snapshot and in pip's temporary ones
_ID = re.compile(r"[0-9]{8}-[0-9]{6}(-[0-9]{1,6})?")
_OF_THE_SYSTEM = re.compile(r"\.DS_Store\Z|\.nfs[0-9a-f]+\Z")  # files of macOS, and of NFS
_GROUP_OR_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class JournalRefused(Exception):
    """Something in `.parakeet` isn't what a repair leaves there. Nothing was touched."""

    def __init__(self, path: str, why: str, hint: str = "") -> None:
        """`why` goes on after the path, as in "is a link"."""
        super().__init__(f"{one_line(path)} {one_line(why)}. Nothing was touched.")
        self.hint = hint or (
            "If you know of no repair that left it, remove it and run this again: "
            f"rm -r {_quoted(_repair_of(path))}"
        )


def _quoted(path: str) -> str:
    return shlex.quote(one_line(path))


def _repair_of(path: str) -> str:
    """The repair's folder that something is in, or the path itself."""
    around, folder, inside = path.rpartition(f"/{FOLDER}/")
    return f"{around}{folder}{inside.split('/')[0]}"


# Cheap: for every command


def repair_ids(prefix: str) -> list[str]:
    """The names of the repairs' folders in an environment, the oldest first.

    Raises JournalRefused.
    """
    if os.open not in os.supports_dir_fd:  # Windows, where nothing is repaired
        return []
    try:
        with beneath.opened(prefix) as top:
            return _ids_below(top, os.path.join(prefix, FOLDER))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []  # there is no environment, or none that this user can read


def _ids_below(top: int, path: str) -> list[str]:
    around, status = os.fstat(top), beneath.status_of(top, FOLDER)
    if status is None:
        return []
    _check_folder(path, status, around)
    with _errors_of(path), beneath.opened(top, FOLDER) as folder:
        return sorted(_ids_in(folder, path))


def _ids_in(folder: int, path: str) -> Iterable[str]:
    with os.scandir(folder) as listing:
        names = [entry.name for entry in islice(listing, REPAIRS + 1)]
    if len(names) > REPAIRS:
        raise JournalRefused(path, f"has more than {REPAIRS:,} entries")
    for name in names:
        status = beneath.status_of(folder, name)
        if status is None or stat.S_ISREG(status.st_mode):
            continue  # removed meanwhile, or a file that no repair reads
        if not stat.S_ISDIR(status.st_mode) or not _ID.fullmatch(name):
            raise JournalRefused(os.path.join(path, name), "is not the folder of a repair")
        yield name


def read_repair(prefix: str, id_: str) -> tuple[list[Event], bool]:
    """A repair's events, and whether its folder is this user's own.

    The folder's owner, mode and contents are checked, not its manifests and snapshot.
    Raises JournalRefused, and FileNotFoundError if it was removed meanwhile.
    """
    path = os.path.join(prefix, FOLDER, id_)
    with (
        _errors_of(path),
        beneath.opened(prefix) as top,
        beneath.opened(top, FOLDER, id_) as folder,
    ):
        around, status = os.fstat(top), os.fstat(folder)
        _check_folder(path, status, around)
        names = set()
        with os.scandir(folder) as listing:
            for entry in islice(listing, 100):
                names.add(entry.name)
                _check_part(folder, entry.name, path, around)
        events = _read_events(folder, path)
        unexpected = names - {"journal", "ballast", "work", SNAPSHOT}
        if not events and unexpected:
            raise JournalRefused(path, f"has no journal to say where its {min(unexpected)} is from")
    return events, status.st_uid == os.geteuid()


@contextmanager
def _errors_of(path: str) -> Iterator[None]:
    """What can't be read is refused; what isn't there may have been removed meanwhile."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise JournalRefused(path, f"can't be read: {error.strerror or error}") from error


def _is_scratch(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


_PARTS: Mapping[str, Callable[[int], bool]] = {
    "journal": stat.S_ISREG,
    "before": stat.S_ISREG,
    "after": stat.S_ISREG,
    "ballast": stat.S_ISREG,
    "work": stat.S_ISDIR,
    SNAPSHOT: stat.S_ISDIR,
    SCRATCH: _is_scratch,
}


def _check_part(folder: int, name: str, path: str, around: os.stat_result) -> None:
    """One entry of a repair's folder: its kind, owner and mode."""
    status = beneath.status_of(folder, name)
    if status is None:
        return
    path = os.path.join(path, name)
    if _OF_THE_SYSTEM.match(name) and stat.S_ISREG(status.st_mode):
        return
    if name not in _PARTS or not _PARTS[name](status.st_mode):
        raise JournalRefused(path, "is nothing that a repair makes")
    if name == SCRATCH:  # a second name of a file of the environment
        return
    _check_owner(path, status, around)
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        raise JournalRefused(path, "has a second name elsewhere: it is a hard link")


def _read_events(folder: int, path: str) -> list[Event]:
    path = os.path.join(path, "journal")
    try:
        descriptor = beneath.open_file(folder, "journal")
    except FileNotFoundError:
        return []  # killed before the first event was written
    with open(descriptor, "rb") as file:
        data = file.read(JOURNAL_BYTES + 1)
    if len(data) > JOURNAL_BYTES:
        raise JournalRefused(path, f"has more than {JOURNAL_BYTES:,} bytes")
    try:
        return parse_events(data)
    except ValueError as error:
        raise JournalRefused(path, f"is not the journal of a repair: {error}") from None


def _check_folder(path: str, status: os.stat_result, around: os.stat_result) -> None:
    if not stat.S_ISDIR(status.st_mode):
        link = stat.S_ISLNK(status.st_mode)
        raise JournalRefused(path, "is a link, not a folder" if link else "is not a folder")
    _check_owner(path, status, around)


def _check_owner(path: str, status: os.stat_result, around: os.stat_result) -> None:
    """It is this user's or root's, and nobody else can write it.

    A group may where it can write the environment itself: that is what a umask of 002 makes.
    """
    if status.st_uid not in (os.geteuid(), 0):
        user = _user(status.st_uid)
        raise JournalRefused(
            path, f"belongs to {user}, not to you", f"Run this command as {user}, if it is theirs."
        )
    writable = status.st_mode & _GROUP_OR_OTHERS
    if status.st_gid == around.st_gid:
        writable &= ~(around.st_mode & stat.S_IWGRP)
    if writable:
        raise JournalRefused(
            path,
            "can be written by other users",
            f"If nobody else has written there: chmod go-w {_quoted(path)}; "
            f"else: rm -r {_quoted(_repair_of(path))}",
        )


def _user(uid: int) -> str:
    try:
        import pwd

        return pwd.getpwuid(uid).pw_name
    except (ImportError, KeyError):
        return f"user {uid}"


# Thorough: before a repair is restored, rolled back or removed


def check_removable(prefix: str, id_: str) -> None:
    """Whether a repair's folder can be removed: nothing is nested too deeply.

    Raises JournalRefused, and FileNotFoundError if it was removed meanwhile.
    """
    path = os.path.join(prefix, FOLDER, id_)
    with _errors_of(path), beneath.opened(prefix, FOLDER) as around:
        for here, _, _, _ in os.fwalk(id_, dir_fd=around):
            if here.count("/") > DEPTH:
                raise JournalRefused(path, f"has folders nested more than {DEPTH} deep")


def checked_manifest(prefix: str, id_: str, name: str, roots: Iterable[str]) -> Manifest:
    """A repair's manifest `before` or `after`, every name of it under the roots.

    Raises JournalRefused.
    """
    path = os.path.join(prefix, FOLDER, id_, name)
    roots = frozenset(roots)
    if not roots:
        raise JournalRefused(os.path.dirname(path), "has a journal that names no folders")
    try:
        with _errors_of(path), beneath.opened(prefix, FOLDER, id_) as folder:
            manifest = read_manifest_in(folder, name)
    except FileNotFoundError:
        raise JournalRefused(os.path.dirname(path), f"has no list of files ({name})") from None
    except ValueError as error:
        raise JournalRefused(path, f"is not the list of a repair: {error}") from None
    for entry in manifest:
        if entry not in roots and entry.rpartition("/")[0] not in manifest:
            raise JournalRefused(path, f"names {entry!r}, which no folder of its repair holds")
    return manifest


def check_snapshot(prefix: str, id_: str, manifest: Manifest, roots: Iterable[str]) -> None:
    """Every stored file is in the manifest as what it is, and no root is behind a link.

    Raises JournalRefused.
    """
    check_removable(prefix, id_)
    check_way(prefix, roots)
    path = os.path.join(prefix, FOLDER, id_, SNAPSHOT)
    above = {name.rpartition("/")[0] for name in manifest} | {
        root[:at] for root in roots for at, char in enumerate(root) if char == "/"
    }
    try:
        with _errors_of(path):
            _compare(prefix, id_, manifest, above)
    except FileNotFoundError:
        raise JournalRefused(path, "is not there") from None


def _compare(prefix: str, id_: str, manifest: Manifest, above: set[str]) -> None:
    """Compare the stored files with the manifest; `above` are the folders that hold others."""
    path = os.path.join(prefix, FOLDER, id_, SNAPSHOT)
    with beneath.opened(prefix, FOLDER, id_, SNAPSHOT) as top, beneath.Beneath(top) as stored:
        waiting = [""]
        while waiting:
            here = waiting.pop()
            for name, status in _listed(stored, here):
                entry = manifest.get(name)
                if stat.S_ISDIR(status.st_mode):
                    agree = name in above and (entry is None or entry.kind == "dir")
                    waiting.append(name)
                else:
                    kind = "link" if stat.S_ISLNK(status.st_mode) else "file"
                    whole = kind == "link" or stat.S_ISREG(status.st_mode)
                    agree = whole and entry is not None and entry.kind == kind
                if not agree:
                    raise JournalRefused(os.path.join(path, name), "is not in the list of files")


def _listed(stored: beneath.Beneath, folder: str) -> Iterable[tuple[str, os.stat_result]]:
    descriptor, last = stored.parent(folder)
    with beneath.opened(descriptor, *([last] if last else [])) as here, os.scandir(here) as listing:
        for entry in listing:
            name = f"{folder}/{entry.name}" if folder else entry.name
            yield name, entry.stat(follow_symlinks=False)


def check_way(prefix: str, roots: Iterable[str]) -> None:
    """The folders above each root are folders, where they are there at all."""
    for root in roots:
        parts = root.split("/")
        for count in range(1, len(parts)):
            path = os.path.join(prefix, *parts[:count])
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                break
            if not stat.S_ISDIR(status.st_mode):
                raise JournalRefused(
                    path,
                    "is not a folder, and a repair's journal names folders in it",
                    "Put back the folder that was there, then run this again.",
                )
