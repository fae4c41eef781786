"""An environment's files as they were: surveyed, kept by hard links, put back.

Standard library only: this must work while everything else lies in pieces. A link keeps
the file itself (bytes, times, mode, owner), and pip never writes into a file that is
there, it puts a new one in its place. The few files that something may rewrite where they
lie (`.pth`, scripts) are copied as well.
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
    """One file, folder or link: what lstat says, and where a link points."""

    kind: str  # "file", "dir", "link"
    mode: int
    size: int
    mtime: int  # nanoseconds
    inode: int
    target: str = ""

    def same_as(self, other: SnapshotEntry | None) -> bool:
        """The very same file, untouched."""
        return other is not None and self.looks_like(other) and self.inode == other.inode

    def looks_like(self, other: SnapshotEntry | None) -> bool:
        """Equal in all that a copy keeps. A link's own time is not one of them."""
        if other is None or self.kind != other.kind or self.target != other.target:
            return False
        if self.kind == "link":
            return True
        return (self.mode, self.size, self.mtime) == (other.mode, other.size, other.mtime)


Manifest = dict[str, SnapshotEntry]


def entry_of(path: str) -> SnapshotEntry | None:
    """What lies there, or None."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _entry(path, found)


def _entry(path: str, found: os.stat_result) -> SnapshotEntry:
    if stat.S_ISDIR(found.st_mode):
        kind, target, size = "dir", "", 0  # a folder's size tells what it once held
    elif stat.S_ISLNK(found.st_mode):
        kind, target, size = "link", os.readlink(path), found.st_size
    else:
        kind, target, size = "file", "", found.st_size
    return SnapshotEntry(
        kind, stat.S_IMODE(found.st_mode), size, found.st_mtime_ns, found.st_ino, target
    )


def survey(prefix: str, roots: Iterable[str]) -> Manifest:
    """Everything under the roots (relative to the prefix), folders before what is in them.

    Raises OSError where a folder can't be read: what isn't known can't be put back.
    """
    found: Manifest = {}
    for root in roots:
        first = entry_of(os.path.join(prefix, root))
        if first is None or root in found:
            continue
        found[root] = first
        if first.kind == "dir":
            _walk(prefix, root, found)
    return found


def _walk(prefix: str, folder: str, found: Manifest) -> None:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        with os.scandir(os.path.join(prefix, here)) as listing:
            for item in listing:
                name = f"{here}/{item.name}"
                entry = _entry(item.path, item.stat(follow_symlinks=False))
                found[name] = entry
                if entry.kind == "dir":
                    waiting.append(name)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """One JSON line an entry, synced to the disk."""
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
    """What `write_manifest` wrote. Raises OSError or ValueError where it can't be read."""
    found: Manifest = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            name, kind, mode, size, mtime, inode, target = json.loads(line)
            found[name] = SnapshotEntry(kind, mode, size, mtime, inode, target)
    return found


def keep(prefix: str, manifest: Manifest, folder: Path) -> None:
    """Every file of the manifest under the folder, by a hard link where one can be made."""
    made: set[str] = set()
    for name, entry in manifest.items():
        if entry.kind == "dir":
            continue
        kept = os.path.join(folder, name)
        parent = os.path.dirname(kept)
        if parent not in made:
            os.makedirs(parent, exist_ok=True)
            made.add(parent)
        source = os.path.join(prefix, name)
        if entry.kind == "file" and _rewritten_in_place(name):
            shutil.copy2(source, kept)
            continue
        try:
            os.link(source, kept, follow_symlinks=False)
        except FileNotFoundError:
            raise
        except OSError:  # another filesystem, or one without links
            shutil.copy2(source, kept, follow_symlinks=False)


def _rewritten_in_place(name: str) -> bool:
    """`easy-install.pth` is written where it lies; the rest to be sure: they are small."""
    parts = name.split("/")
    return (parts[0] == "bin" and len(parts) == 2) or (
        name.endswith((".pth", ".egg-link")) and parts[-2:-1] == ["site-packages"]
    )


def differences(prefix: str, manifest: Manifest, roots: Iterable[str]) -> list[str]:
    """Names under the roots that aren't as the manifest says; caches and times of folders
    apart, which merely importing something changes."""
    now = survey(prefix, roots)
    return sorted(
        name
        for name in {*manifest, *now}
        if CACHE not in name.split("/") and not _alike(manifest.get(name), now.get(name))
    )


def _alike(one: SnapshotEntry | None, other: SnapshotEntry | None) -> bool:
    if one is None or other is None:
        return False
    return one.kind == other.kind if one.kind == "dir" else one.looks_like(other)


def put_back(prefix: str, manifest: Manifest, folder: Path, roots: Iterable[str]) -> list[str]:
    """Makes everything under the roots what the manifest says; gives what could not be.

    May be broken off anywhere and begun again: nothing under `folder` is moved or changed.
    What was not there is taken away first, which also makes room on a full disk.
    """
    roots = tuple(roots)
    failed: list[str] = []  # each is seen again in the comparison at the end
    now = survey(prefix, roots)
    for name in sorted(now, key=len, reverse=True):
        wanted = manifest.get(name)
        if wanted is None or wanted.kind != now[name].kind:
            _guard(failed, name, _remove, os.path.join(prefix, name))
    for name, entry in manifest.items():
        if entry.kind == "dir":
            _guard(failed, name, _make_folder, os.path.join(prefix, name))
    scratch = f"{folder}.tmp"
    for name, entry in manifest.items():
        if entry.kind != "dir" and not entry.same_as(now.get(name)):
            _guard(failed, name, _replace, prefix, name, entry, folder, scratch)
    _remove(scratch)
    for name in sorted(manifest, key=len, reverse=True):
        if manifest[name].kind == "dir":
            _guard(failed, name, _as_it_was, os.path.join(prefix, name), manifest[name])
    after = survey(prefix, roots)
    return sorted(
        name
        for name in {*after, *manifest}
        if not _restored(manifest.get(name), after.get(name))
        and not (name not in after and CACHE in name.split("/"))  # Python makes those anew
    )


def _restored(wanted: SnapshotEntry | None, there: SnapshotEntry | None) -> bool:
    return wanted is not None and wanted.looks_like(there)


def _guard(failed: list[str], name: str, act: Callable[..., None], *given: object) -> None:
    """One file that can't be put back must not keep the others from it."""
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
    """The kept file in the place of what is there, in one rename."""
    kept, path = os.path.join(folder, name), os.path.join(prefix, name)
    if not entry.looks_like(entry_of(kept)):
        return  # let go because it never changed, or damaged: the comparison says which
    _remove(scratch)
    try:
        os.link(kept, scratch, follow_symlinks=False)
    except OSError:
        shutil.copy2(kept, scratch, follow_symlinks=False)
    os.replace(scratch, path)
    _remove(scratch)  # a rename onto the same file leaves both names


def _as_it_was(path: str, entry: SnapshotEntry) -> None:
    os.chmod(path, entry.mode)
    os.utime(path, ns=(entry.mtime, entry.mtime))


def let_go(prefix: str, manifest: Manifest, folder: Path) -> None:
    """Drops the kept files that are still in their place: what is left is what changed."""
    for name, entry in manifest.items():
        if entry.kind != "dir" and entry.looks_like(entry_of(os.path.join(prefix, name))):
            kept = os.path.join(folder, name)
            if os.path.lexists(kept):
                os.unlink(kept)
    for here, _, _ in os.walk(folder, topdown=False):
        if here != str(folder) and not os.listdir(here):
            os.rmdir(here)


def size_of(folder: Path) -> int:
    """Bytes that only this folder holds: files whose last other name is gone."""
    total = 0
    for path in files_in(folder):
        found = os.lstat(path)
        if found.st_nlink == 1:
            total += found.st_blocks * 512
    return total


def files_in(folder: Path) -> Iterator[str]:
    """Every file below it."""
    for here, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(here, name)
