"""Decides which files of a batch are transcribed, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.audio.decode.media import probe_duration
from parakeet_cli.transcribe.inputs.storage import Url, is_regular
from parakeet_cli.transcribe.outputs.earlier import was_partial
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.results import refusal
from parakeet_cli.transcript import FileResult

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
