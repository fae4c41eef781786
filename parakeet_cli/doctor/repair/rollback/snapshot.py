"""Snapshots of an environment's files: a manifest and hard links, compared and restored.

Standard library only: this must work while everything else may be broken. A link preserves
the file itself (bytes, times, mode, owner), because pip never writes into an existing file
but replaces it by a new one, and so does uv where it can link. The few files that something may
rewrite in place (`.pth`, scripts) are copied instead.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.doctor.repair.rollback import beneath
from parakeet_cli.doctor.repair.rollback.beneath import Beneath

CACHE = "__pycache__"
SNAPSHOT, SCRATCH = "kept", "kept.tmp"  # in a repair's folder
ENTRIES, MANIFEST_BYTES = 1_000_000, 2**28  # of one manifest: a stack of NeMo has 80,000 entries
_LINE_BYTES = 2**16  # a name and a target of 4096 bytes each, in ASCII
_KINDS = ("file", "dir", "link")


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


def _entry_in(folder: int, name: str) -> SnapshotEntry | None:
    """The same for a name in an open folder."""
    status = beneath.status_of(folder, name)
    return None if status is None else _entry(name, status, folder)


def _entry(path: str, status: os.stat_result, folder: int | None = None) -> SnapshotEntry:
    if stat.S_ISDIR(status.st_mode):
        kind, target, size = "dir", "", 0  # a folder's size depends on what was in it before
    elif stat.S_ISLNK(status.st_mode):
        kind, target, size = "link", os.readlink(path, dir_fd=folder), status.st_size
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
    """Write one JSON line per entry and wait until they are on the disk. Raises OSError.

    What could not be read again (`read_manifest`) isn't written.
    """
    if len(manifest) > ENTRIES:
        raise OSError(f"{len(manifest):,} files are more than a snapshot can hold")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o644), "w", encoding="utf-8") as out:
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
        if os.fstat(out.fileno()).st_size > MANIFEST_BYTES:
            raise OSError(f"The names of {len(manifest):,} files are more than a snapshot can hold")
        os.fsync(out.fileno())


def read_manifest(path: Path) -> Manifest:
    """Read what `write_manifest` wrote: all names are relative, and none leads out or is a link's.

    Raises OSError, and ValueError for anything that `write_manifest` doesn't write.
    """
    with beneath.opened(str(path.parent)) as folder:
        return read_manifest_in(folder, path.name)


def read_manifest_in(folder: int, name: str) -> Manifest:
    """The same for a file in an open folder."""
    manifest: Manifest = {}
    with open(beneath.open_file(folder, name), "rb") as lines:
        size = os.fstat(lines.fileno()).st_size
        if size > MANIFEST_BYTES:
            raise ValueError(f"it has {size:,} bytes")
        while line := lines.readline(_LINE_BYTES):
            name, entry = _parsed(line)
            above = manifest.get(name.rpartition("/")[0])
            if name in manifest or (above is not None and above.kind != "dir"):
                raise ValueError(f"{name!r} is in it twice, or in something that is no folder")
            if len(manifest) >= ENTRIES:
                raise ValueError(f"it has more than {ENTRIES:,} lines")
            manifest[name] = entry
    return manifest


def _parsed(line: bytes) -> tuple[str, SnapshotEntry]:
    """A line of a manifest. Raises ValueError."""
    try:
        row = json.loads(line)
    except RecursionError:
        row = None
    shape = [type(part) for part in row] if isinstance(row, list) else []
    if shape != [str, str, int, int, int, int, str]:
        raise ValueError(f"a line has another form: {line[:60]!r}")
    name, kind, mode, size, mtime, inode, target = row
    numbers = 0 <= mode <= 0o7777 and 0 <= size < 2**63 and 0 <= inode < 2**64
    if not (numbers and abs(mtime) < 2**63 and kind in _KINDS):
        raise ValueError(f"a line has values that no file has: {line[:60]!r}")
    if not beneath.is_inside(name):
        raise ValueError(f"the name {name!r} is not that of a file inside the environment")
    if (kind == "link") != bool(target) or "\0" in target:
        raise ValueError(f"the link {name!r} points nowhere")
    os.fsencode(target)  # raises ValueError
    return name, SnapshotEntry(kind, mode, size, mtime, inode, target)


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
            _make_folders(parent)
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


def _make_folders(path: str) -> None:
    """Make a folder and those above it, which only their owner can write."""
    if not os.path.isdir(path):
        _make_folders(os.path.dirname(path))
        os.mkdir(path, 0o755)


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


def restore(prefix: str, manifest: Manifest, journal: int, roots: Iterable[str]) -> list[str]:
    """Make everything under the roots as in the manifest; returns the names that failed.

    `journal` is the descriptor of the folder that the snapshot is in. May be interrupted
    anywhere and run again: nothing in the snapshot is moved or changed. What was not there
    before is removed first, which also makes room on a full disk. No link is followed.
    """
    roots = tuple(roots)
    failed: list[str] = []  # the comparison at the end finds each of them
    now = scan(prefix, roots)
    with beneath.Beneath(prefix) as target:
        for name in sorted(now, key=len, reverse=True):
            before = manifest.get(name)
            if before is None or before.kind != now[name].kind:
                _attempt(failed, name, _remove, target, name)
    folders = {name: entry for name, entry in manifest.items() if entry.kind == "dir"}
    with beneath.Beneath(prefix) as target, beneath.opened(journal, SNAPSHOT) as snapshot:
        for name in folders:
            _attempt(failed, name, target.make_folder, name)
        with beneath.Beneath(snapshot) as stored:
            for name, entry in manifest.items():
                if name not in folders and not entry.is_same_file(now.get(name)):
                    _attempt(failed, name, _replace, target, stored, journal, name, entry)
        beneath.remove(journal, SCRATCH)
        for name in sorted(folders, key=len, reverse=True):
            _attempt(failed, name, _reset_folder, target, name, folders[name])
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


def _remove(target: Beneath, name: str) -> None:
    try:
        beneath.remove(*target.parent(name))
    except FileNotFoundError:
        return  # with the folder that it was in


def _replace(
    target: Beneath, stored: Beneath, journal: int, name: str, entry: SnapshotEntry
) -> None:
    """Put the stored file in the place of what is there, in one rename."""
    try:
        source, last = stored.parent(name)
    except FileNotFoundError:
        return  # dropped because it never changed
    if not entry.matches(_entry_in(source, last)):
        return  # dropped because it never changed, or damaged: the comparison shows which
    beneath.remove(journal, SCRATCH)
    try:
        os.link(last, SCRATCH, src_dir_fd=source, dst_dir_fd=journal, follow_symlinks=False)
    except OSError:
        _copy(source, last, journal, entry)
    folder, last = target.parent(name)
    os.replace(SCRATCH, last, src_dir_fd=journal, dst_dir_fd=folder)
    beneath.remove(journal, SCRATCH)  # a rename onto the same file leaves both names


def _copy(source: int, name: str, journal: int, entry: SnapshotEntry) -> None:
    """Copy a stored file or link, with its mode and time, where no link to it can be made."""
    if entry.kind == "link":
        os.symlink(entry.target, SCRATCH, dir_fd=journal)
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with (
        open(beneath.open_file(source, name), "rb") as reader,
        open(os.open(SCRATCH, flags, 0o600, dir_fd=journal), "wb") as writer,
    ):
        shutil.copyfileobj(reader, writer)
        writer.flush()
        os.fchmod(writer.fileno(), entry.mode)
        os.utime(writer.fileno(), ns=(entry.mtime, entry.mtime))


def _reset_folder(target: Beneath, name: str, entry: SnapshotEntry) -> None:
    folder, last = target.parent(name)
    with beneath.opened(folder, last) as descriptor:
        os.fchmod(descriptor, entry.mode)
        os.utime(descriptor, ns=(entry.mtime, entry.mtime))


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
    """The path of every file and link below the folder, those to folders included."""
    for here, folders, names in os.walk(folder):
        for name in names:
            yield os.path.join(here, name)
        for name in folders:
            if os.path.islink(path := os.path.join(here, name)):
                yield path
