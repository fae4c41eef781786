"""Decides which files of a batch are transcribed, and reads how long they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.audio.decode.media import header_seconds, probe_duration
from parakeet_cli.transcribe.inputs.storage import Url, is_regular
from parakeet_cli.transcribe.outputs.earlier import was_partial
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.results import refusal
from parakeet_cli.transcript import FileResult

MAX_READERS = 16  # decoders' processes that read headers
_AT_ONCE = 1000  # headers read at once: each that waits takes a kilobyte


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


def with_durations(items: Sequence[PlannedFile], *, cores: int) -> Iterator[PlannedFile]:
    """The items with their durations, from the headers alone; unknown ones stay None."""
    with ThreadPoolExecutor(min(cores, MAX_READERS), thread_name_prefix="headers") as pool:
        for begin in range(0, len(items), _AT_ONCE):
            some = [with_known_duration(item) for item in items[begin : begin + _AT_ONCE]]
            # Our own readers take microseconds and the interpreter's lock; libav is a process.
            left = (item for item, known in some if not known)
            asked = iter(pool.map(with_asked_duration, left))
            yield from (item if known else next(asked) for item, known in some)


def with_known_duration(item: PlannedFile) -> tuple[PlannedFile, bool]:
    """The item with the duration that our own readers find; False if libav may know more."""
    job = item.job
    if job.duration is not None:
        return item._replace(seconds=job.duration), True
    if item.seconds is not None or isinstance(job.path, Url) or job.is_stdin:
        return item, True
    seconds = header_seconds(job.path)
    if seconds is None:
        return item, not is_regular(job.path)
    return item._replace(seconds=max(0.0, seconds - job.offset)), True


def with_asked_duration(item: PlannedFile) -> PlannedFile:
    """The item with the duration that libav finds in a decoder's process."""
    seconds = probe_duration(Path(str(item.job.path)))
    return item._replace(seconds=None if seconds is None else max(0.0, seconds - item.job.offset))
