"""What a batch leaves behind beside its outputs: text on stdout, a manifest of the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from parakeet_cli.formats.manifest import earlier_lines, manifest_line
from parakeet_cli.transcribe.outputs.line_store import LineStore
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.outputs.write import atomic_writer
from parakeet_cli.transcribe.run.run_folder import EarlierResult
from parakeet_cli.transcript import FileResult, Status


class Manifest:
    """A line for each input, in the inputs' order whatever order they end in.

    A skipped file keeps the line that an earlier run wrote, and the text in it.
    """

    def __init__(self, path: Path | None, spool: LineStore) -> None:
        self._path = path
        self._spool = spool
        self._earlier = earlier_lines(path) if path else {}
        self._places: dict[int, int] = {}

    def add(self, item: PlannedFile, result: FileResult) -> int:
        """Keep its line; where it begins in the spool."""
        known = self._earlier.get(result.source) if result.status is Status.SKIPPED else None
        job = item.job
        place = self._spool.add(
            known or manifest_line(result, offset=job.offset, duration=job.duration)
        )
        if self._path is not None:
            self._places[item.number] = place
        return place

    def add_earlier(self, one: EarlierResult) -> None:
        """An earlier session's line is in the spool already, unless a kill came in between."""
        if one.line is None:
            self.add(one.item, one.result)
        elif self._path is not None:
            self._places[one.item.number] = one.line

    def write(self) -> None:
        """All that ended so far, where a manifest was asked for. Raises OutputError."""
        if self._path is None:
            return
        places = (self._places[number] for number in sorted(self._places))
        with atomic_writer(self._path) as stream:
            stream.writelines(self._spool.lines(places))


class InOrder:
    """Texts to stdout in the inputs' order: who ends early waits for those before."""

    def __init__(self, items: Iterable[PlannedFile], show: Callable[[str, bool], None]) -> None:
        self._numbers = sorted((item.number for item in items), reverse=True)
        self._show = show
        self._waiting: dict[int, str | None] = {}
        self._first = True

    def add(self, number: int, text: str | None) -> None:
        self._waiting[number] = text
        while self._numbers and self._numbers[-1] in self._waiting:
            said = self._waiting.pop(self._numbers.pop())
            if said is not None:
                self._show(said, self._first)
                self._first = False
