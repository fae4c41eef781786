"""Writes a batch's results beside its outputs: the manifest, and the texts for stdout."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from parakeet_cli.formats import encode
from parakeet_cli.formats.manifest import earlier_lines, manifest_line
from parakeet_cli.transcribe.outputs.line_store import LineStore
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.outputs.write import atomic_writer
from parakeet_cli.transcribe.run.run_folder import EarlierResult
from parakeet_cli.transcript import FileResult, Status


class ManifestWriter:
    """Collects a line for each input, and writes them in the inputs' order.

    A skipped file gets the line that an earlier run wrote, and the text in it. Without a
    path, the lines are only stored.
    """

    def __init__(self, path: Path | None, lines: LineStore) -> None:
        self._path = path
        self._lines = lines
        self._earlier = earlier_lines(path) if path else {}
        self._offsets: dict[int, int] = {}

    def add(self, item: PlannedFile, result: FileResult) -> int:
        """Store the item's line, and return its offset among the stored lines."""
        job, earlier = item.job, None
        if result.status is Status.SKIPPED:
            earlier = self._earlier.get((result.source, job.offset, job.audio_stream))
        line = earlier or manifest_line(
            result, offset=job.offset, duration=job.duration, audio_stream=job.audio_stream
        )
        offset = self._lines.add(line)
        if self._path is not None:
            self._offsets[item.number] = offset
        return offset

    def add_earlier(self, earlier: EarlierResult) -> None:
        """Use the line of an earlier session; a kill may have prevented that it was stored."""
        if earlier.line is None:
            self.add(earlier.item, earlier.result)
        elif self._path is not None:
            self._offsets[earlier.item.number] = earlier.line

    def write(self) -> None:
        """Write the lines of all files that have ended. Raises OutputError."""
        if self._path is None:
            return
        offsets = (self._offsets[number] for number in sorted(self._offsets))
        with atomic_writer(self._path) as stream:
            stream.writelines(map(encode, self._lines.lines(offsets)))


class OrderedTexts:
    """Shows texts in the inputs' order: a file that ends early waits for those before it.

    An empty line separates two texts.
    """

    def __init__(self, items: Iterable[PlannedFile], show: Callable[[str], object]) -> None:
        self._numbers = sorted((item.number for item in items), reverse=True)
        self._show = show
        self._waiting: dict[int, str | None] = {}
        self._separator = ""

    def add(self, number: int, text: str | None) -> None:
        """Add the text of input `number`; None if it has none."""
        self._waiting[number] = text
        while self._numbers and self._numbers[-1] in self._waiting:
            next_text = self._waiting.pop(self._numbers.pop())
            if next_text is not None:
                self._show(self._separator + next_text)
                self._separator = "\n"
