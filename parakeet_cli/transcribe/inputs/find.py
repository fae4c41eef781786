"""What the user named, to jobs: one a recording."""

from __future__ import annotations

import glob
import os
import re
import select
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from parakeet_cli.errors import InputError
from parakeet_cli.formats.manifest import read_manifest
from parakeet_cli.transcribe.inputs.storage import (
    Place,
    Url,
    fetched,
    is_url,
    key,
    name_of,
    objects,
    place,
    split_suffix,
)

STDIN = "-"
STDIN_NAME = "stdin"

# What a directory is searched for. A file named outright is tried whatever its suffix.
_SOUND = (
    "3ga aac ac3 aif aifc aiff alac amr ape au awb caf dts eac3 flac gsm m4a m4b mka mp1 mp2 mp3 "
    "mpga oga ogg opus ra rf64 snd spx tak tta w64 wav wma wv"
)
_VIDEO = "3g2 3gp avi flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogm ogv rm ts vob webm wmv"
MEDIA_SUFFIXES = frozenset(f".{suffix}" for suffix in f"{_SOUND} {_VIDEO}".split())
MANIFEST_SUFFIX = ".jsonl"

_PIPE_PATIENCE = 10.0  # seconds until a pipe that nobody writes to is given up


class Top(NamedTuple):
    """A folder that was asked for. What lies below it knows its own names by it."""

    where: str  # its whole path and a slash
    length: int  # of what every path below it begins with


class Job(NamedTuple):
    """One recording, or the reason why what was named is none.

    No dataclass, as it takes a third of the time to make: there may be a hundred thousand.
    """

    name: str  # as the user wrote it; what results and outputs call it
    path: Place
    folder: str = ""  # of the outputs, below the output folder
    offset: float = 0.0  # seconds into the recording: manifests name parts of files
    duration: float | None = None  # seconds of it; None is to its end
    error: InputError | None = None
    relative: str = ""  # as `shared_name`, where there is no top
    top: Top | None = None

    @property
    def shared_name(self) -> str:
        """Its name below what was asked for: the same on every machine."""
        return self.relative if self.top is None else str(self.path)[self.top.length :]

    @property
    def key(self) -> str:
        """Its one name from wherever it is looked at: the whole path, and which part of it."""
        if self.top is not None:
            return self.top.where + self.path[self.top.length :]  # type: ignore[index]
        if self.path == STDIN:
            return STDIN
        part = self.offset or self.duration is not None
        return key(self.path) + (f"#{self.offset:g}+{self.duration}" if part else "")

    @property
    def stem(self) -> str:
        return STDIN_NAME if self.name == STDIN_NAME else split_suffix(name_of(self.path))[0]


def find_jobs(inputs: Iterable[str]) -> list[Job]:
    """Files, directories, globs, `-` and manifests to jobs, each recording once."""
    found: dict[str, Job] = {}
    for given in inputs:
        for job in _jobs(given):
            found.setdefault(job.key, job)
    return list(found.values())


def _jobs(given: str) -> Iterator[Job]:
    if given == STDIN:
        yield Job(STDIN_NAME, STDIN)
    elif is_url(given):
        yield from _elsewhere(given)
    elif not os.path.lexists(given) and glob.has_magic(given):
        yield from _glob(given)
    else:
        yield from _named(given)


def _elsewhere(given: str) -> Iterator[Job]:
    """A URL: one object, all media below a prefix, or what a pattern matches."""
    where = place(given)
    if isinstance(where, str):  # file://
        yield from _named(where)
        return
    try:
        found = objects(given)
    except InputError as error:
        yield Job(given, where, error=error)
        return
    if [url.text for url in found] == [where.text]:
        yield Job(given, found[0], relative=given)
        return
    media = [url for url in found if _is_media(name_of(url))]
    if not media:
        yield Job(given, where, error=InputError("Nothing there looks like a recording."))
    top = given[: re.search(r"[*?\[]|$", given).start()].rpartition("/")[0]  # type: ignore[union-attr]
    top = where.text if top + "/" == given or not glob.has_magic(given) else top
    for url in media:
        relative = url.text.removeprefix(top).lstrip("/")
        below = relative.rpartition("/")[0] if not glob.has_magic(given) else ""
        yield Job(url.text, url, folder=below, relative=relative)


def _named(given: str) -> Iterator[Job]:
    kind = _kind(given)
    if stat.S_ISDIR(kind):
        yield from _directory(given)
    elif split_suffix(given)[1].lower() == MANIFEST_SUFFIX and stat.S_ISREG(kind):
        yield from _manifest(given, Path(given))
    else:
        yield Job(given, given, relative=os.path.normpath(given))


def _kind(path: str) -> int:
    """The mode that says what it is; 0 where that can't be seen, and opening it says why."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError):
        return 0


def is_regular(path: Place) -> bool:
    """Whether it is a plain file: a pipe must be opened once only, its writer would notice."""
    return isinstance(path, str) and stat.S_ISREG(_kind(path))


def _failed(given: str, message: str, hint: str | None = None) -> Job:
    return Job(given, given, error=InputError(message, hint=hint))


def _directory(given: str) -> Iterator[Job]:
    top = str(Path(given))
    base = "" if top == "." else f"{top.rstrip('/')}/"
    below = Top(f"{key(top).rstrip('/')}/", len(base))
    unreadable: list[OSError] = []
    found = False
    waiting = [""]  # folders below it, the next one last
    while waiting:
        folder = waiting.pop()
        prefix = f"{folder}/" if folder else ""
        try:
            media, folders = _listed(base + folder or ".")
        except OSError as error:
            unreadable.append(error)
            continue
        for name in media:
            found = True
            path = f"{base}{prefix}{name}"
            yield Job(path, path, folder=folder, top=below)
        waiting += [prefix + name for name in reversed(folders)]
    for refused in unreadable:
        yield _failed(
            str(refused.filename or given), f"The folder can't be read: {refused.strerror}."
        )
    if not found and not unreadable:
        yield _failed(
            given,
            "The folder holds no media files.",
            "Name the files outright if they have unusual suffixes.",
        )


def _listed(folder: str) -> tuple[list[str], list[str]]:
    """The names of its recordings and of its folders, both sorted. Raises OSError."""
    media, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):  # a link may lead back to where it is
                folders.append(entry.name)
            elif _is_media(entry.name) and _may_be_sound(entry):
                media.append(entry.name)
    return sorted(media), sorted(folders)


def _is_media(name: str) -> bool:
    # `._clip.wav` is what macOS keeps beside a clip.wav on foreign disks, no sound.
    return split_suffix(name)[1].lower() in MEDIA_SUFFIXES and not name.startswith("._")


def _may_be_sound(entry: os.DirEntry[str]) -> bool:
    """Whether it is a plain file, or a link that leads to one or to nothing."""
    if entry.is_file(follow_symlinks=False):
        return True
    kind = _kind(entry.path)
    return not kind or stat.S_ISREG(kind)


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
            sound = place(row.written) if is_url(row.written) else str(row.path)
            yield Job(
                str(sound),
                f"./{STDIN}" if sound == STDIN else sound,
                offset=row.offset or 0.0,
                duration=None if row.offset is None else row.duration,
                relative=row.written,
            )
    except InputError as error:
        yield Job(given, given, error=error)
    else:
        if row is None:
            yield _failed(given, "The manifest names no recording.")


@contextmanager
def as_file(path: Place, *, patience: float = _PIPE_PATIENCE) -> Iterator[Path]:
    """A file that can be sought in: stdin and pipes are written to a temporary one first.

    Containers keep their index at the end as often as at the start, and a promise can
    only be held against a length that is known.
    """
    if isinstance(path, Url):
        with fetched(path) as here:
            yield here
    elif path == STDIN:
        if sys.stdin is None:
            raise InputError("stdin is closed.")
        with _spooled(sys.stdin.fileno(), "stdin", lambda: None) as spooled:
            yield spooled
    elif stat.S_ISFIFO(_kind(path)):
        try:
            # Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise InputError(f"This pipe can't be read: {error.strerror}.") from error
        try:
            wait = _writer_awaited(descriptor, patience)
            with _spooled(descriptor, "the pipe", wait) as spooled:
                yield spooled
        finally:
            os.close(descriptor)
    else:
        yield Path(path)


def _writer_awaited(descriptor: int, patience: float) -> Callable[[], None]:
    def wait() -> None:
        until = time.monotonic() + patience
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        # A pipe that had no writer yet reports nothing; one whose writer left, POLLHUP.
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            raise InputError(f"Nothing was written to this pipe for {patience:.0f} seconds.")
        os.set_blocking(descriptor, True)

    return wait


@contextmanager
def _spooled(descriptor: int, what: str, wait: Callable[[], None]) -> Iterator[Path]:
    wait()
    with tempfile.NamedTemporaryFile(prefix="parakeet-") as file:
        try:
            with open(descriptor, "rb", closefd=False) as stream:
                shutil.copyfileobj(stream, file)
            file.flush()
        except OSError as error:
            raise InputError(f"Reading {what} failed: {error.strerror}.") from error
        if file.tell() == 0:
            raise InputError(f"Nothing came from {what}.")
        yield Path(file.name)
