"""Snapshots of an environment's files: a manifest and hard links, compared and restored.

Standard library only: this must work while everything else may be broken. A link preserves
the file itself (bytes, times, mode, owner), because pip never writes into an existing file
but replaces it by a new one. The few files that something may rewrite in place (`.pth`,
scripts) are copied instead.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

CACHE = "__pycache__"


@dataclass(frozen=True, slots=True)
class SnapshotEntry:
    """One file, folder or link: what lstat returns, and where a link points."""

    kind: str  # "file", "dir", "link"
    mode: int
    size: int
    mtime: int  # nanoseconds
    inode: int
    target: str = ""

    def is_same_file(self, other: SnapshotEntry | None) -> bool:
        """Whether it is the very same file, unchanged."""
        return other is not None and self.matches(other) and self.inode == other.inode

    def matches(self, other: SnapshotEntry | None) -> bool:
        """Whether all is equal that a copy preserves, which a link's own time isn't."""
        if other is None or self.kind != other.kind or self.target != other.target:
            return False
        if self.kind == "link":
            return True
        return (self.mode, self.size, self.mtime) == (other.mode, other.size, other.mtime)


Manifest = dict[str, SnapshotEntry]


def entry_of(path: str) -> SnapshotEntry | None:
    """The file, folder or link at a path, or None."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _entry(path, status)


def _entry(path: str, status: os.stat_result) -> SnapshotEntry:
    if stat.S_ISDIR(status.st_mode):
        kind, target, size = "dir", "", 0  # a folder's size depends on what was in it before
    elif stat.S_ISLNK(status.st_mode):
        kind, target, size = "link", os.readlink(path), status.st_size
    else:
        kind, target, size = "file", "", status.st_size
    return SnapshotEntry(
        kind, stat.S_IMODE(status.st_mode), size, status.st_mtime_ns, status.st_ino, target
    )


def scan(prefix: str, roots: Iterable[str]) -> Manifest:
    """Everything under the roots (relative to the prefix), folders before what is in them.

    Raises OSError if a folder can't be read, because then it could not be restored.
    """
    manifest: Manifest = {}
    for root in roots:
        entry = entry_of(os.path.join(prefix, root))
        if entry is None or root in manifest:
            continue
        manifest[root] = entry
        if entry.kind == "dir":
            _scan_folder(prefix, root, manifest)
    return manifest


def _scan_folder(prefix: str, folder: str, manifest: Manifest) -> None:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        with os.scandir(os.path.join(prefix, here)) as listing:
            for item in listing:
                name = f"{here}/{item.name}"
                entry = _entry(item.path, item.stat(follow_symlinks=False))
                manifest[name] = entry
                if entry.kind == "dir":
                    waiting.append(name)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write one JSON line per entry and wait until they are on the disk. Raises OSError."""
    with path.open("w", encoding="utf-8", errors="surrogateescape") as out:
        for name, entry in manifest.items():
            row = [
                name,
                entry.kind,
                entry.mode,
                entry.size,
                entry.mtime,
                entry.inode,
                entry.target,
            ]
            out.write(json.dumps(row, ensure_ascii=True) + "\n")
        out.flush()
        os.fsync(out.fileno())


def read_manifest(path: Path) -> Manifest:
    """Read what `write_manifest` wrote. Raises OSError or ValueError if it can't be read."""
    manifest: Manifest = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            name, kind, mode, size, mtime, inode, target = json.loads(line)
            manifest[name] = SnapshotEntry(kind, mode, size, mtime, inode, target)
    return manifest


def take(prefix: str, manifest: Manifest, folder: Path) -> None:
    """Put every file of the manifest under the folder, by a hard link where one can be made.

    Raises OSError.
    """
    made: set[str] = set()
    for name, entry in manifest.items():
        if entry.kind == "dir":
            continue
        stored = os.path.join(folder, name)
        parent = os.path.dirname(stored)
        if parent not in made:
            os.makedirs(parent, exist_ok=True)
            made.add(parent)
        source = os.path.join(prefix, name)
        if entry.kind == "file" and _may_be_rewritten_in_place(name):
            shutil.copy2(source, stored)
            continue
        try:
            os.link(source, stored, follow_symlinks=False)
        except FileNotFoundError:
            raise
        except OSError:  # another file system, or one without links
            shutil.copy2(source, stored, follow_symlinks=False)


def _may_be_rewritten_in_place(name: str) -> bool:
    """`easy-install.pth` is; the others are copied to be safe, because they are small."""
    parts = name.split("/")
    return (parts[0] == "bin" and len(parts) == 2) or (
        name.endswith((".pth", ".egg-link")) and parts[-2:-1] == ["site-packages"]
    )


def differences(prefix: str, manifest: Manifest, roots: Iterable[str]) -> list[str]:
    """Names under the roots that aren't as in the manifest.

    Bytecode caches and the times of folders don't count: an import alone changes them.
    """
    now = scan(prefix, roots)
    return sorted(
        name
        for name in {*manifest, *now}
        if CACHE not in name.split("/") and not _unchanged(manifest.get(name), now.get(name))
    )


def _unchanged(before: SnapshotEntry | None, now: SnapshotEntry | None) -> bool:
    if before is None or now is None:
        return False
    return before.kind == now.kind if before.kind == "dir" else before.matches(now)


def restore(prefix: str, manifest: Manifest, folder: Path, roots: Iterable[str]) -> list[str]:
    """Make everything under the roots as in the manifest; returns the names that failed.

    May be interrupted anywhere and run again: nothing under `folder` is moved or changed.
    What was not there before is removed first, which also makes room on a full disk.
    """
    roots = tuple(roots)
    failed: list[str] = []  # the comparison at the end finds each of them
    now = scan(prefix, roots)
    for name in sorted(now, key=len, reverse=True):
        before = manifest.get(name)
        if before is None or before.kind != now[name].kind:
            _attempt(failed, name, _remove, os.path.join(prefix, name))
    folders = {name: entry for name, entry in manifest.items() if entry.kind == "dir"}
    for name in folders:
        _attempt(failed, name, _make_folder, os.path.join(prefix, name))
    scratch = f"{folder}.tmp"
    for name, entry in manifest.items():
        if name not in folders and not entry.is_same_file(now.get(name)):
            _attempt(failed, name, _replace, prefix, name, entry, folder, scratch)
    _remove(scratch)
    for name in sorted(folders, key=len, reverse=True):
        _attempt(failed, name, _reset_folder, os.path.join(prefix, name), folders[name])
    return _not_restored(manifest, scan(prefix, roots))


def _not_restored(manifest: Manifest, after: Manifest) -> list[str]:
    return sorted(
        name
        for name in {*after, *manifest}
        if not _restored(manifest.get(name), after.get(name))
        and not (name not in after and CACHE in name.split("/"))  # Python makes those again
    )


def _restored(before: SnapshotEntry | None, now: SnapshotEntry | None) -> bool:
    return before is not None and before.matches(now)


def _attempt(failed: list[str], name: str, act: Callable[..., None], *given: object) -> None:
    """Go on with the other files if one can't be restored."""
    try:
        act(*given)
    except OSError:
        failed.append(name)


def _make_folder(path: str) -> None:
    os.makedirs(path, exist_ok=True)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _replace(prefix: str, name: str, entry: SnapshotEntry, folder: Path, scratch: str) -> None:
    """Put the stored file in the place of what is there, in one rename."""
    stored, path = os.path.join(folder, name), os.path.join(prefix, name)
    if not entry.matches(entry_of(stored)):
        return  # dropped because it never changed, or damaged: the comparison shows which
    _remove(scratch)
    try:
        os.link(stored, scratch, follow_symlinks=False)
    except OSError:
        shutil.copy2(stored, scratch, follow_symlinks=False)
    os.replace(scratch, path)
    _remove(scratch)  # a rename onto the same file leaves both names


def _reset_folder(path: str, entry: SnapshotEntry) -> None:
    os.chmod(path, entry.mode)
    os.utime(path, ns=(entry.mtime, entry.mtime))


def drop_unchanged(prefix: str, manifest: Manifest, folder: Path) -> None:
    """Remove the stored files that are still in their place, so that only changes are stored."""
    for name, entry in manifest.items():
        if entry.kind != "dir" and entry.matches(entry_of(os.path.join(prefix, name))):
            stored = os.path.join(folder, name)
            if os.path.lexists(stored):
                os.unlink(stored)
    for here, _, _ in os.walk(folder, topdown=False):
        if here != str(folder) and not os.listdir(here):
            os.rmdir(here)


def exclusive_size(folder: Path) -> int:
    """Bytes that only this folder holds: of files that have no other name left."""
    total = 0
    for path in files_in(folder):
        status = os.lstat(path)
        if status.st_nlink == 1:
            total += status.st_blocks * 512
    return total


def files_in(folder: Path) -> Iterator[str]:
    """The path of every file below the folder."""
    for here, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(here, name)
