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
from dataclasses import dataclass, replace
from pathlib import Path

from parakeet_cli.errors import InputError
from parakeet_cli.formats.manifest import read_manifest
from parakeet_cli.transcribe.storage import Place, Url, fetched, is_url, key, objects, place

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

_STDIN_PATH = Path(STDIN)
_PIPE_PATIENCE = 10.0  # seconds until a pipe that nobody writes to is given up


@dataclass(frozen=True, slots=True)
class Job:
    """One recording, or the reason why what was named is none."""

    name: str  # as the user wrote it; what results and outputs call it
    path: Place
    folder: Path = Path()  # of the outputs, below the output folder
    offset: float = 0.0  # seconds into the recording: manifests name parts of files
    duration: float | None = None  # seconds of it; None is to its end
    error: InputError | None = None
    relative: str = ""  # its name below what was asked for: the same on every machine

    @property
    def stem(self) -> str:
        return STDIN_NAME if self.name == STDIN_NAME else self.path.stem or self.path.name


def find_jobs(inputs: Iterable[str]) -> list[Job]:
    """Files, directories, globs, `-` and manifests to jobs, each recording once."""
    found: dict[object, Job] = {}
    for given in inputs:
        for job in _jobs(given):
            where = STDIN if job.path == _STDIN_PATH else key(job.path)
            found.setdefault((where, job.offset, job.duration), job)
    return list(found.values())


def _jobs(given: str) -> Iterator[Job]:
    if given == STDIN:
        yield Job(STDIN_NAME, Path(STDIN))
    elif is_url(given):
        yield from _elsewhere(given)
    elif not os.path.lexists(given) and glob.has_magic(given):
        yield from _glob(given)
    else:
        yield from _named(given)


def _elsewhere(given: str) -> Iterator[Job]:
    """A URL: one object, all media below a prefix, or what a pattern matches."""
    where = place(given)
    if isinstance(where, Path):  # file://
        yield from _named(str(where))
        return
    try:
        found = objects(given)
    except InputError as error:
        yield Job(given, where, error=error)
        return
    if [url.text for url in found] == [where.text]:
        yield Job(given, found[0], relative=given)
        return
    media = [url for url in found if url.suffix.lower() in MEDIA_SUFFIXES]
    if not media:
        yield Job(given, where, error=InputError("Nothing there looks like a recording."))
    top = given[: re.search(r"[*?\[]|$", given).start()].rpartition("/")[0]  # type: ignore[union-attr]
    top = where.text if top + "/" == given or not glob.has_magic(given) else top
    for url in media:
        relative = url.text.removeprefix(top).lstrip("/")
        below = Path(relative).parent if not glob.has_magic(given) else Path()
        yield Job(url.text, url, folder=below, relative=relative)


def _named(given: str) -> Iterator[Job]:
    path = Path(given)
    kind = _kind(path)
    if stat.S_ISDIR(kind):
        yield from _directory(given, path)
    elif path.suffix.lower() == MANIFEST_SUFFIX and stat.S_ISREG(kind):
        yield from _manifest(given, path)
    else:
        yield Job(given, _not_stdin(path), relative=os.path.normpath(given))


def _kind(path: Path) -> int:
    """The mode that says what it is; 0 where that can't be seen, and opening it says why."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def is_regular(path: Place) -> bool:
    """Whether it is a plain file: a pipe must be opened once only, its writer would notice."""
    return isinstance(path, Path) and stat.S_ISREG(_kind(path))


def _not_stdin(path: Path) -> Path:
    """`./-` is a file, and would be taken for stdin: Path drops the `./`."""
    return Path.cwd() / path if path == Path(STDIN) else path


def _failed(given: str, message: str, hint: str | None = None) -> Job:
    return Job(given, Path(given), error=InputError(message, hint=hint))


def _directory(given: str, top: Path) -> Iterator[Job]:
    unreadable: list[OSError] = []
    count = 0
    for folder, folders, files in os.walk(top, onerror=unreadable.append):
        folders.sort()
        below = Path(folder).relative_to(top)
        prefix = "" if str(below) == "." else f"{below}/"
        for name in sorted(files):
            # `._clip.wav` is what macOS keeps beside a clip.wav on foreign disks, no sound.
            if Path(name).suffix.lower() not in MEDIA_SUFFIXES or name.startswith("._"):
                continue
            path = Path(folder, name)
            kind = _kind(path)
            if stat.S_ISREG(kind) or not kind:
                count += 1
                yield Job(str(path), path, folder=below, relative=prefix + name)
    for error in unreadable:
        yield _failed(str(error.filename or given), f"The folder can't be read: {error.strerror}.")
    if not count and not unreadable:
        yield _failed(
            given,
            "The folder holds no media files.",
            "Name the files outright if they have unusual suffixes.",
        )


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
            sound = place(row.written) if is_url(row.written) else _not_stdin(row.path)
            job = Job(
                str(sound) if is_url(row.written) else str(row.path), sound, relative=row.written
            )
            if row.offset is not None:
                job = replace(job, offset=row.offset, duration=row.duration)
            yield job
    except InputError as error:
        yield Job(given, path, error=error)
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
    elif path == Path(STDIN):
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
        yield path


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
