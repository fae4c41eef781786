"""Turns the command's inputs into jobs, one for each recording."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from parakeet_cli.errors import InputError
from parakeet_cli.formats.manifest import BadRow, ManifestRow, read_manifest
from parakeet_cli.transcribe.inputs.storage import (
    Place,
    canonical,
    is_url,
    list_objects,
    mode_of,
    name_of,
    split_suffix,
    to_place,
)

STDIN = "-"

# The suffixes searched for in a folder. A file named outright is tried whatever its suffix.
_SOUND = (
    "3ga aac ac3 aif aifc aiff alac amr ape au awb caf dts eac3 flac gsm m4a m4b mka mp1 mp2 mp3 "
    "mpga oga ogg opus ra rf64 snd spx tak tta w64 wav wma wv"
)
_VIDEO = "3g2 3gp avi flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogm ogv rm ts vob webm wmv"
MEDIA_SUFFIXES = frozenset(f".{suffix}" for suffix in f"{_SOUND} {_VIDEO}".split())
MANIFEST_SUFFIX = ".jsonl"


class SearchRoot(NamedTuple):
    """A folder among the inputs. The jobs found below it make their names from it."""

    path: str  # absolute, with a slash at the end
    prefix_length: int  # of what every path below it begins with


class Job(NamedTuple):
    """One recording, or an input that isn't one and the error that says why.

    Not a dataclass, since there may be a hundred thousand and this is made three times as fast.
    """

    name: str  # as the user wrote it; results and manifests use it
    path: Place
    folder: str = ""  # of the outputs, below the output folder
    offset: float = 0.0  # seconds into the recording: manifests name parts of files
    duration: float | None = None  # seconds from there; None means to the end
    error: InputError | None = None
    relative: str = ""  # the `shared_name`, for a job without a root
    root: SearchRoot | None = None

    @property
    def shared_name(self) -> str:
        """Its name below the input it was found in: the same on every machine."""
        return self.relative if self.root is None else str(self.path)[self.root.prefix_length :]

    @property
    def key(self) -> str:
        """A name that doesn't depend on the working folder: the absolute path and the part."""
        if self.root is not None:
            return self.root.path + self.path[self.root.prefix_length :]  # type: ignore[index]
        if self.is_stdin:
            return STDIN
        part = self.offset or self.duration is not None
        return canonical(self.path) + (f"#{self.offset:g}+{self.duration}" if part else "")

    @property
    def stem(self) -> str:
        return self.name if self.is_stdin else split_suffix(name_of(self.path))[0]

    @property
    def is_stdin(self) -> bool:
        return self.path == STDIN


def find_jobs(inputs: Iterable[str]) -> list[Job]:
    """The jobs for files, folders, globs, URLs, manifests and `-`, each recording once."""
    found: dict[str, Job] = {}
    for given in inputs:
        for job in _jobs(given):
            found.setdefault(job.key, job)
    return list(found.values())


def _jobs(given: str) -> Iterator[Job]:
    if given == STDIN:
        yield Job("stdin", STDIN)
    elif is_url(given):
        yield from _from_url(given)
    elif not os.path.lexists(given) and glob.has_magic(given):
        yield from _glob(given)
    else:
        yield from _named(given)


def _from_url(given: str) -> Iterator[Job]:
    """One object, all media below a prefix, or every match of a pattern."""
    where = to_place(given)
    if isinstance(where, str):  # file://
        yield from _named(where)
        return
    try:
        found = list_objects(given)
    except InputError as error:
        yield Job(given, where, error=error)
        return
    if [url.text for url in found] == [where.text]:
        yield Job(given, found[0], relative=given)
        return
    media = [url for url in found if _is_media(name_of(url))]
    if not media:
        yield Job(given, where, error=InputError("No object there has the suffix of a media file."))
    root = given[: re.search(r"[*?\[]|$", given).start()].rpartition("/")[0]  # type: ignore[union-attr]
    root = where.text if root + "/" == given or not glob.has_magic(given) else root
    for url in media:
        relative = url.text.removeprefix(root).lstrip("/")
        below = relative.rpartition("/")[0] if not glob.has_magic(given) else ""
        yield Job(url.text, url, folder=below, relative=relative)


def _named(given: str) -> Iterator[Job]:
    mode = mode_of(given)
    if stat.S_ISDIR(mode):
        yield from _directory(given)
    elif split_suffix(given)[1].lower() == MANIFEST_SUFFIX and stat.S_ISREG(mode):
        yield from _manifest(given, Path(given))
    else:
        yield Job(given, given, relative=os.path.normpath(given))


def _failed(given: str, message: str, hint: str | None = None) -> Job:
    return Job(given, given, error=InputError(message, hint=hint))


def _directory(given: str) -> Iterator[Job]:
    top = str(Path(given))
    base = "" if top == "." else f"{top.rstrip('/')}/"
    root = SearchRoot(f"{canonical(top).rstrip('/')}/", len(base))
    unreadable: list[OSError] = []
    found = False
    pending = [""]  # folders below it, the next one last
    while pending:
        folder = pending.pop()
        prefix = f"{folder}/" if folder else ""
        try:
            media, folders = _list_folder(base + folder or ".")
        except OSError as error:
            unreadable.append(error)
            continue
        for name in media:
            found = True
            path = f"{base}{prefix}{name}"
            yield Job(path, path, folder=folder, root=root)
        pending += [prefix + name for name in reversed(folders)]
    for cause in unreadable:
        yield _failed(str(cause.filename or given), f"The folder can't be read: {cause.strerror}.")
    if not found and not unreadable:
        yield _failed(
            given,
            "The folder holds no media files.",
            "Name the files themselves if they have unusual suffixes.",
        )


def _list_folder(folder: str) -> tuple[list[str], list[str]]:
    """The names of its media files and of its folders, both sorted. Raises OSError."""
    media, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):  # a link may lead back to where it is
                folders.append(entry.name)
            elif _is_media(entry.name) and _may_hold_audio(entry):
                media.append(entry.name)
    return sorted(media), sorted(folders)


def _is_media(name: str) -> bool:
    # macOS puts a `._clip.wav` without audio beside each clip.wav on foreign disks.
    return split_suffix(name)[1].lower() in MEDIA_SUFFIXES and not name.startswith("._")


def _may_hold_audio(entry: os.DirEntry[str]) -> bool:
    """Whether it is a regular file, or a link to one or to nothing."""
    if entry.is_file(follow_symlinks=False):
        return True
    mode = mode_of(entry.path)
    return not mode or stat.S_ISREG(mode)


def _glob(given: str) -> Iterator[Job]:
    """Every match as if it had been named outright, as with a shell's own expansion."""
    matches = sorted(glob.glob(given, recursive=True))
    if not matches:
        yield _failed(given, "No file matches this pattern.")
    for match in matches:
        yield from _named(match)


def _manifest(given: str, path: Path) -> Iterator[Job]:
    row = None
    try:
        for row in read_manifest(path):
            yield _bad_row(given, row) if isinstance(row, BadRow) else _row(row)
    except InputError as error:
        yield Job(given, given, error=error)
    else:
        if row is None:
            yield _failed(given, "The manifest names no recording.")


def _row(row: ManifestRow) -> Job:
    sound = to_place(row.written) if is_url(row.written) else str(row.path)
    return Job(
        str(sound),
        f"./{STDIN}" if sound == STDIN else sound,
        offset=row.offset or 0.0,
        duration=None if row.offset is None else row.duration,
        relative=row.written,
    )


def _bad_row(given: str, row: BadRow) -> Job:
    """A failure of its own, by the place of the row: the same recording may have a good one."""
    place = f"{given}, line {row.line}"
    return Job(row.written or place, place, error=row.error, relative=os.path.normpath(place))
