"""What there is to do, how long each recording is, and in which order to take them."""

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
from parakeet_cli.transcribe.inputs.find import Job, is_regular
from parakeet_cli.transcribe.inputs.storage import Place, Url, downloaded
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.jobs import PipelineOptions, refusal
from parakeet_cli.transcript import FileResult, Status

_PROBES_AT_MOST = 16  # processes that read headers: disks and network shares wait on each
_PROBES_WAITING = 1000  # headers asked for at once: each that waits takes a kilobyte
_PROBES_EACH = 50  # headers for which one more process is worth starting


@dataclass(frozen=True, slots=True)
class Batch:
    """Every input in its order: either what is to be heard, or its result already."""

    todo: tuple[PlannedFile, ...]
    settled: tuple[tuple[PlannedFile, FileResult], ...] = ()

    @property
    def seconds(self) -> float:
        """Of all that is to be heard and whose length is known."""
        return sum(item.seconds or 0.0 for item in self.todo)


def settle(planned: Iterable[PlannedFile], options: PipelineOptions) -> Batch:
    """Who is refused or skipped now, before anything starts, and what the others write.

    From here on whatever stands at an item's paths is the run's own: a try that was cut
    off by a dying worker may have left it, and the next one replaces it.
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
            there = set(item.existing)
            missing = tuple(pair for pair in item.paths if pair[1] not in there)
        todo.append(item._replace(paths=missing, replaces=True))
    return Batch(tuple(todo), tuple(settled))


def was_partial(item: PlannedFile) -> bool:
    """Whether an earlier run could hear the recording in part only, as its JSON says.

    The other formats have no place for that; what is no transcript of ours says nothing.
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


def measured(
    items: Sequence[PlannedFile], *, cores: int, told: Callable[[int], object] = lambda _: None
) -> Iterator[PlannedFile]:
    """The items with their lengths, from the headers alone; `told` hears how many are read.

    A header that says nothing leaves the length unknown.
    """
    threads = max(1, min(cores, _PROBES_AT_MOST, len(items) // _PROBES_EACH))
    with ThreadPoolExecutor(threads, thread_name_prefix="probe") as pool:
        for begin in range(0, len(items), _PROBES_WAITING):
            some = items[begin : begin + _PROBES_WAITING]
            found = zip(some, pool.map(_seconds, some), strict=True)
            for count, (item, seconds) in enumerate(found, begin + 1):
                told(count)
                yield item._replace(seconds=seconds)


def _seconds(item: PlannedFile) -> float | None:
    job = item.job
    if job.duration is not None:
        return job.duration
    if item.seconds is not None or isinstance(job.path, Url) or not is_regular(job.path):
        return item.seconds
    whole = probe_duration(Path(job.path))
    return None if whole is None else max(0.0, whole - job.offset)


def longest_first(items: Iterable[PlannedFile]) -> list[PlannedFile]:
    """The order that leaves no worker alone with a long recording at the end.

    Unknown lengths come first: any of them may be the longest.
    """
    return sorted(items, key=lambda item: (item.seconds is not None, -(item.seconds or 0.0)))


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` parts of the inputs, counted from 1, by the name of each alone."""

    number: int
    count: int

    @classmethod
    def parsed(cls, text: str) -> Shard:
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

    def has(self, job: Job) -> bool:
        """Whether it belongs here: the same everywhere, wherever the folder is mounted."""
        name = f"{job.shared_name}#{job.offset:g}" if job.offset else job.shared_name
        digest = hashlib.sha256(os.fsencode(name)).digest()
        return int.from_bytes(digest[:8]) % self.count == self.number - 1


def usable_cores() -> int:
    """The cores this process was given."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
