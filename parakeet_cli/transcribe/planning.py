"""What there is to do, how long each recording is, and in which order to take them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from parakeet_cli.audio.media import probe_duration
from parakeet_cli.transcribe.inputs import is_regular
from parakeet_cli.transcribe.outputs import Planned
from parakeet_cli.transcribe.pipeline import Options, refusal
from parakeet_cli.transcript import FileResult

_PROBES_AT_MOST = 16  # processes that read headers: disks and network shares wait on each
_PROBES_EACH = 50  # headers for which one more process is worth starting


@dataclass(frozen=True, slots=True)
class Batch:
    """Every input in its order: either what is to be heard, or its result already."""

    todo: tuple[Planned, ...]
    settled: tuple[tuple[Planned, FileResult], ...] = ()

    @property
    def seconds(self) -> float:
        """Of all that is to be heard and whose length is known."""
        return sum(item.seconds or 0.0 for item in self.todo)


def settle(planned: Iterable[Planned], options: Options) -> Batch:
    """Who is refused or skipped now, before anything starts, and what the others write.

    From here on whatever stands at an item's paths is the run's own: a try that was cut
    off by a dying worker may have left it, and the next one replaces it.
    """
    todo, settled = [], []
    for item in planned:
        result = refusal(item, options)
        if result is not None:
            settled.append((item, result))
            continue
        missing = item.paths
        if options.skip_existing and not item.replaces:
            there = set(item.existing)
            missing = tuple(pair for pair in item.paths if pair[1] not in there)
        todo.append(replace(item, paths=missing, replaces=True))
    return Batch(tuple(todo), tuple(settled))


def measured(
    items: Sequence[Planned], *, cores: int, told: Callable[[int], object] = lambda _: None
) -> Iterator[Planned]:
    """The items with their lengths, from the headers alone; `told` hears how many are read.

    A header that says nothing leaves the length unknown.
    """
    threads = max(1, min(cores, _PROBES_AT_MOST, len(items) // _PROBES_EACH))
    with ThreadPoolExecutor(threads, thread_name_prefix="probe") as pool:
        for count, seconds in enumerate(pool.map(_seconds, items, chunksize=1), 1):
            told(count)
            yield replace(items[count - 1], seconds=seconds)


def _seconds(item: Planned) -> float | None:
    job = item.job
    if job.duration is not None:
        return job.duration
    if item.seconds is not None or not is_regular(job.path):
        return item.seconds
    whole = probe_duration(job.path)
    return None if whole is None else max(0.0, whole - job.offset)


def longest_first(items: Iterable[Planned]) -> list[Planned]:
    """The order that leaves no worker alone with a long recording at the end.

    Unknown lengths come first: any of them may be the longest.
    """
    return sorted(items, key=lambda item: (item.seconds is not None, -(item.seconds or 0.0)))


def usable_cores() -> int:
    """The cores this process was given."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
