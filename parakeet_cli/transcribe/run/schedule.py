"""Decides which files of a batch are transcribed, and in which order."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.audio.decode.media import probe_duration
from parakeet_cli.errors import ParakeetError, UsageError
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.inputs.storage import Place, Url, downloaded, is_regular
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.results import refusal
from parakeet_cli.transcript import FileResult, Status

_MAX_PROBES = 16  # processes that read headers: disks and network shares wait on each
_PROBES_WAITING = 1000  # headers asked for at once: each that waits takes a kilobyte
_HEADERS_EACH = 50  # for which one more process is worth starting


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every input in its order: either to be transcribed, or with its result already."""

    todo: tuple[PlannedFile, ...]
    settled: tuple[tuple[PlannedFile, FileResult], ...] = ()


def make_schedule(planned: Iterable[PlannedFile], options: PipelineOptions) -> Schedule:
    """Refuse and skip what is certain before anything starts; the rest is to be transcribed.

    From here on, whatever exists at the paths of an item to do is the run's own: a worker
    that died may have left it, and the next attempt replaces it.
    """
    todo, settled = [], []
    for item in planned:
        if options.skip_existing and not options.accept_partial and was_partial(item):
            console.info(f"{item.job.name}: its transcript is partial, so it is done again.")
            item = item._replace(replaces=True)
        result = refusal(item, options)
        if result is not None:
            settled.append((item, result))
            continue
        missing = item.paths
        if options.skip_existing and not item.replaces:
            existing = set(item.existing)
            missing = tuple(pair for pair in item.paths if pair[1] not in existing)
        todo.append(item._replace(paths=missing, replaces=True))
    return Schedule(tuple(todo), tuple(settled))


def was_partial(item: PlannedFile) -> bool:
    """Whether an earlier run transcribed only a part of the recording, according to its JSON.

    The other formats don't record that, and a JSON file that isn't ours doesn't count.
    """
    for form, path in item.paths:
        if form.name == "json":
            with suppress(OSError, ValueError, ParakeetError):
                found = json.loads(_content(path))
                return isinstance(found, dict) and found.get("status") == Status.PARTIAL
    return False


def _content(where: Place) -> bytes:
    if isinstance(where, Url):
        with downloaded(where) as copy:
            return copy.read_bytes()
    return Path(where).read_bytes()


def with_durations(
    items: Sequence[PlannedFile],
    *,
    cores: int,
    on_progress: Callable[[int], object] = lambda _: None,
) -> Iterator[PlannedFile]:
    """The items with their durations, from the headers alone; unknown ones stay None.

    `on_progress` gets the number of headers read so far.
    """
    threads = max(1, min(cores, _MAX_PROBES, len(items) // _HEADERS_EACH))
    with ThreadPoolExecutor(threads, thread_name_prefix="probe") as pool:
        for begin in range(0, len(items), _PROBES_WAITING):
            some = items[begin : begin + _PROBES_WAITING]
            found = zip(some, pool.map(_duration, some), strict=True)
            for count, (item, seconds) in enumerate(found, begin + 1):
                on_progress(count)
                yield item._replace(seconds=seconds)


def _duration(item: PlannedFile) -> float | None:
    job = item.job
    if job.duration is not None:
        return job.duration
    if item.seconds is not None or isinstance(job.path, Url) or not is_regular(job.path):
        return item.seconds
    whole = probe_duration(Path(job.path))
    return None if whole is None else max(0.0, whole - job.offset)


def longest_first(items: Iterable[PlannedFile]) -> list[PlannedFile]:
    """The order in which no worker is left alone with a long recording at the end.

    Items of unknown duration come first: any of them may be the longest.
    """
    return sorted(items, key=lambda item: (item.seconds is not None, -(item.seconds or 0.0)))


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts of the inputs, numbered from 1; an input's name decides its part."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From `I/N`. Raises UsageError."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if match and 1 <= int(match[1]) <= int(match[2]):
            return cls(int(match[1]), int(match[2]))
        raise UsageError(
            f"--shard {text}: it must be I/N, with I from 1 to N.",
            hint="Three machines take --shard 1/3, --shard 2/3 and --shard 3/3.",
        )

    @property
    def folder(self) -> str:
        return f"shard-{self.number}-of-{self.count}"

    def contains(self, job: Job) -> bool:
        """Whether the job is in this shard: the same wherever its folder is mounted."""
        name = f"{job.shared_name}#{job.offset:g}" if job.offset else job.shared_name
        digest = hashlib.sha256(os.fsencode(name)).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1
