"""Turns the command's inputs into jobs, one for each recording."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from parakeet_cli.errors import InputError
from parakeet_cli.formats.manifest import BadRow, ManifestRow, read_manifest
from parakeet_cli.system.safety.url_passwords import without_passwords
from parakeet_cli.transcribe.inputs.storage import (
    Place,
    Url,
    canonical,
    is_url,
    list_objects,
    mode_of,
    name_of,
    recorded,
    split_suffix,
    to_place,
)

STDIN = "-"

# The suffixes searched for in a folder: what libav opens without being told a rate. A file named
# outright is tried whatever its suffix.
_SOUND = (
    "3ga 722 aa3 aac aax ac3 ac4 act adp adts adx aea afc aif aifc aiff alac amr ape apl aptx "
    "ast au awb bwf caf dff dsf dss dts dtshd eac3 ec3 f4a f4b fap flac g722 g723_1 gsm iamf "
    "ilbc ircam kvag lbc lc3 loas m2a m4a m4b m4r mka mlp mp1 mp2 mp3 mpa mpc mpga nist oga ogg "
    "oma omg opus paf pvf qcp qoa ra rf64 rka rso sbc sf shn snd sox sph tak thd tta voc vqe vqf "
    "vql w64 wa wav wave weba wma wsd wv xma"
)
_VIDEO = (
    "3g2 3gp 3gpp amv asf avi dav divx dv f4v flv gxf ism isma ismv ivr kux lrv lxf m2t m2ts "
    "m4v mj2 mk3d mkv mov mp4 mpeg mpg mts mxf nsv nut ogm ogv ogx psp qt rm rmvb roq smk swf "
    "tod trp ts ty viv vob webm wmv wtv"
)
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

    name: str  # as the user wrote it, without passwords; results and manifests use it
    path: Place
    folder: str = ""  # of the outputs, below the output folder
    offset: float = 0.0  # seconds into the recording: manifests name parts of files
    duration: float | None = None  # seconds from there; None means to the end
    error: InputError | None = None
    relative: str = ""  # the `shared_name`, for a job without a root
    root: SearchRoot | None = None
    audio_stream: int | None = None  # if it is one of several jobs for the streams of a file
    label: str = ""  # of that stream, for the outputs' names

    @property
    def shared_name(self) -> str:
        """Its name below the input it was found in: the same on every machine."""
        name = self.relative if self.root is None else str(self.path)[self.root.prefix_length :]
        return name + self.label

    @property
    def key(self) -> str:
        """A name that doesn't depend on the working folder: the absolute path and the part."""
        if self.root is not None:
            name: str = self.path[self.root.prefix_length :]  # type: ignore[index]
            return self.root.path + name + self._stream_mark
        if self.is_stdin:
            return STDIN
        part = self.offset or self.duration is not None
        mark = f"#{self.offset:g}+{self.duration}" if part else ""
        return recorded(self.path) + mark + self._stream_mark

    @property
    def _stream_mark(self) -> str:
        return "" if self.audio_stream is None else f"@{self.audio_stream}"

    @property
    def stem(self) -> str:
        if self.is_stdin:
            return self.name
        return split_suffix(without_passwords(name_of(self.path)))[0] + self.label

    @property
    def is_stdin(self) -> bool:
        return self.path == STDIN


def job_below(folder: str, name: str) -> Job:
    """The job for a file by its name below a folder, as a search of that folder makes it."""
    root = _search_root(folder)
    path = str(Path(folder, name))
    return Job(path, path, folder=name.rpartition("/")[0], root=root)


def _search_root(folder: str) -> SearchRoot:
    top = str(Path(folder))
    length = 0 if top == "." else len(top.rstrip("/")) + 1
    return SearchRoot(f"{canonical(top).rstrip('/')}/", length)


def find_jobs(inputs: Iterable[str]) -> list[Job]:
    """The jobs for files, folders, globs, URLs, manifests and `-`, each recording once."""
    return JobFinder().find(inputs)


class JobFinder:
    """Finds jobs, and counts the files that it leaves out of folders, by their suffix.

    With `all_files` it leaves out hidden files alone. Files without a suffix count as "".
    """

    def __init__(self, *, all_files: bool = False) -> None:
        self.left_out: Counter[str] = Counter()
        self._all_files = all_files

    def find(self, inputs: Iterable[str]) -> list[Job]:
        """The jobs for files, folders, globs, URLs, manifests and `-`, each recording once."""
        found: dict[str, Job] = {}
        for given in inputs:
            for job in self._jobs(given):
                found.setdefault(job.key, job)
        return list(found.values())

    def _jobs(self, given: str) -> Iterator[Job]:
        if given == STDIN:
            yield Job("stdin", STDIN)
        elif is_url(given):
            yield from self._from_url(given)
        elif not os.path.lexists(given) and glob.has_magic(given):
            yield from self._glob(given)
        else:
            yield from self._named(given)

    def _from_url(self, given: str) -> Iterator[Job]:
        """One object, all media below a prefix, or every match of a pattern."""
        where = to_place(given)
        if isinstance(where, str):  # file://
            yield from self._named(where)
            return
        try:
            found = list_objects(given)
        except InputError as error:
            if error.obstacle is not None:  # nothing is known of what is there
                raise
            yield Job(without_passwords(given), where, error=error)
            return
        if [url.text for url in found] == [where.text]:
            yield Job(without_passwords(given), found[0], relative=given)
            return
        media = [url for url in found if self._takes(name_of(url))]
        if not media:
            message = "No object there has the suffix of a media file."
            yield Job(without_passwords(given), where, error=InputError(message))
        root = given[: re.search(r"[*?\[]|$", given).start()].rpartition("/")[0]  # type: ignore[union-attr]
        root = where.text if root + "/" == given or not glob.has_magic(given) else root
        for url in media:
            relative = url.text.removeprefix(root).lstrip("/")
            below = relative.rpartition("/")[0] if not glob.has_magic(given) else ""
            yield Job(without_passwords(url.text), url, folder=below, relative=relative)

    def _glob(self, given: str) -> Iterator[Job]:
        """Every match as if it had been named outright, as with a shell's own expansion."""
        matches = sorted(glob.glob(given, recursive=True))
        if not matches:
            yield _failed(given, "No file matches this pattern.")
        for match in matches:
            yield from self._named(match)

    def _named(self, given: str) -> Iterator[Job]:
        mode = mode_of(given)
        if stat.S_ISDIR(mode):
            yield from self._directory(given)
        elif split_suffix(given)[1].lower() == MANIFEST_SUFFIX and stat.S_ISREG(mode):
            yield from _manifest(given, Path(given))
        else:
            yield Job(given, given, relative=os.path.normpath(given))

    def _directory(self, given: str) -> Iterator[Job]:
        top = str(Path(given))
        base = "" if top == "." else f"{top.rstrip('/')}/"
        root = _search_root(given)
        unreadable: list[OSError] = []
        found = False
        pending = [""]  # folders below it, the next one last
        while pending:
            folder = pending.pop()
            prefix = f"{folder}/" if folder else ""
            try:
                media, folders = self._list_folder(base + folder or ".")
            except OSError as error:
                unreadable.append(error)
                continue
            for name in media:
                found = True
                path = f"{base}{prefix}{name}"
                yield Job(path, path, folder=folder, root=root)
            pending += [prefix + name for name in reversed(folders)]
        for cause in unreadable:
            message = f"The folder can't be read: {cause.strerror}."
            yield _failed(str(cause.filename or given), message)
        if not found and not unreadable:
            yield _failed(
                given,
                "The folder holds no media files.",
                "Name the files themselves, or add --all-files, if they have unusual suffixes.",
            )

    def _list_folder(self, folder: str) -> tuple[list[str], list[str]]:
        """The names of the files to take and of the folders, both sorted. Raises OSError."""
        media, folders = [], []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):  # a link may lead back to where it is
                    folders.append(entry.name)
                elif self._takes(entry.name) and _may_hold_audio(entry):
                    media.append(entry.name)
        return sorted(media), sorted(folders)

    def _takes(self, name: str) -> bool:
        """Whether a file of that name is tried; one that isn't is counted."""
        suffix = split_suffix(name)[1].lower()
        if suffix in MEDIA_SUFFIXES:
            # macOS puts a `._clip.wav` without audio beside each clip.wav on foreign disks.
            return not name.startswith("._")
        if self._all_files or name.startswith("."):
            return not name.startswith(".")
        self.left_out[suffix] += 1
        return False


def _failed(given: str, message: str, hint: str | None = None) -> Job:
    return Job(given, given, error=InputError(message, hint=hint))


def _may_hold_audio(entry: os.DirEntry[str]) -> bool:
    """Whether it is a regular file, or a link to one or to nothing."""
    if entry.is_file(follow_symlinks=False):
        return True
    mode = mode_of(entry.path)
    return not mode or stat.S_ISREG(mode)


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
        without_passwords(str(sound)) if isinstance(sound, Url) else str(sound),
        f"./{STDIN}" if sound == STDIN else sound,
        offset=row.offset or 0.0,
        duration=None if row.offset is None else row.duration,
        relative=row.written,
    )


def _bad_row(given: str, row: BadRow) -> Job:
    """A failure of its own, by the place of the row: the same recording may have a good one."""
    place = f"{given}, line {row.line}"
    return Job(row.written or place, place, error=row.error, relative=os.path.normpath(place))
