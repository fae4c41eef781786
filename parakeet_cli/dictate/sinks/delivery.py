"""A text to every sink, and to the clipboard where it could not be typed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from parakeet_cli.dictate.sinks import SINKS, Sink, notifications
from parakeet_cli.dictate.sinks.clipboard import Clipboard
from parakeet_cli.dictate.sinks.file import File
from parakeet_cli.errors import SinkError, SinkUnavailable


class Place(StrEnum):
    """Where a text is."""

    SINK = "sink"  # where it was to go
    CLIPBOARD = "clipboard"  # it could not go there
    NOWHERE = "nowhere"  # nor there


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one text at one sink; `reason` is why it is not where it was to go."""

    sink: str
    place: Place
    reason: str | None = None
    text: str = ""
    path: str | None = None  # of the file that the sink is

    @property
    def line(self) -> str | None:
        """What to tell people, None where all went well."""
        if self.reason is None:
            return None
        where = {
            Place.SINK: "",
            Place.CLIPBOARD: " The text is on the clipboard.",
            Place.NOWHERE: " The text is kept: `parakeet dictate history` shows it.",
        }
        return f"{self.sink}: {self.reason}{where[self.place]}"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one text, sink by sink.

    `replaced`: whether any sink took back what it stands in the place of; `stuck` are those
    that could not.
    """

    outcomes: tuple[Outcome, ...]
    replaced: bool = False
    stuck: tuple[Outcome, ...] = ()

    @property
    def safe(self) -> bool:
        """Whether it is in every sink's place, or on the clipboard instead."""
        return all(outcome.place is not Place.NOWHERE for outcome in self.outcomes)

    @property
    def missing(self) -> str:
        """The text that is nowhere."""
        return next((out.text for out in self.outcomes if out.place is Place.NOWHERE), "")

    @property
    def lacking(self) -> tuple[str, ...]:
        """The sinks in whose place no text is: files by their paths, others by their names."""
        return tuple(out.path or out.sink for out in self.outcomes if out.place is Place.NOWHERE)

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(outcome.line for outcome in self.outcomes if outcome.line)


class Delivery:
    """The sinks of one dictation. No failure of theirs is an exception here.

    What went wrong is in the outcome, whose `lines` are for stderr, and is shown on the
    desktop (`notify`). `deliver` may take seconds; calls come from one thread at a time.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        *,
        clipboard: Callable[[], Clipboard] = Clipboard,
        notify: Callable[[str, str], bool] = notifications.show,
    ) -> None:
        self._sinks = list(sinks)
        self._make_clipboard = clipboard
        self._instead: Clipboard | None = None
        self._notify = notify
        # For each text, the sinks that hold it now, in the order of `_sinks`.
        self._held: list[tuple[Sink | None, ...]] = []

    def open(self) -> tuple[str, ...]:
        """A line a sink: which way it works and why.

        A sink that can't type works by the clipboard from the start, and its line says so.
        Raises SinkUnavailable where neither works.
        """
        lines = tuple(self._opened(index) for index in range(len(self._sinks)))
        # Once for each that stands for itself: the clipboard may stand for `type` as well.
        self._sinks = list({id(sink): sink for sink in self._sinks}.values())
        return lines

    def begin(self) -> None:
        """Another dictation with the same sinks: a clipboard starts afresh."""
        for sink in (*self._sinks, self._instead):
            if isinstance(sink, Clipboard):
                sink.begin()
        self._held.clear()

    def deliver(self, text: str, *, there: Collection[str] = ()) -> Delivered:
        """The text to every sink, whatever becomes of it at the others.

        But for the files `there`, absolute paths, which have it already.
        """
        return self._delivered(
            ["" if isinstance(sink, File) and sink.path in there else text for sink in self._sinks]
        )

    def replace(self, texts: Sequence[str], text: str, instead: str) -> Delivered:
        """The text in the place of the last ones, which were `texts`, the latest first.

        A sink that can't take all of them back gets `instead`, and what it holds stays.
        """
        held = [self._held.pop() if self._held else (None,) * len(self._sinks) for _ in texts]
        stuck: dict[int, Outcome] = {}
        for at, sink in enumerate(self._sinks):
            for last, where in zip(texts, held, strict=True):
                outcome = self._taken_back(sink, where[at], last)
                if outcome.reason is not None:
                    stuck[at] = outcome
                    break
        wanted = [instead if at in stuck else text for at in range(len(self._sinks))]
        delivered = self._delivered(wanted) if any(wanted) else Delivered(())
        if not text:  # that it is gone is all that was asked for
            self._told("Not taken back", Delivered(tuple(stuck.values())))
        replaced = len(stuck) < len(self._sinks)
        return replace(delivered, replaced=replaced, stuck=tuple(stuck.values()))

    def _delivered(self, texts: Sequence[str]) -> Delivered:
        """To each sink its own; nothing to one whose text is empty."""
        outcomes, held = zip(
            *(
                self._inserted(sink, text) if text else (Outcome(sink.name, Place.SINK), None)
                for sink, text in zip(self._sinks, texts, strict=True)
            ),
            strict=True,
        )
        self._held.append(held)
        return self._told("Not inserted", Delivered(outcomes))

    def close(self) -> None:
        for sink in self._sinks:
            sink.close()

    def _opened(self, index: int) -> str:
        sink = self._sinks[index]
        try:
            return sink.open()
        except SinkUnavailable as error:
            if not SINKS[sink.name].falls_back:
                raise
            try:
                instead = self._clipboard()
            except SinkUnavailable:
                raise error from None
            self._sinks[index] = instead
            return f"{sink.name}: {error} The text goes to the clipboard instead."

    def _clipboard(self) -> Clipboard:
        if self._instead is None:
            asked = (sink for sink in self._sinks if isinstance(sink, Clipboard))
            clipboard = next(asked, None) or self._make_clipboard()
            clipboard.open()
            self._instead = clipboard
        return self._instead

    def _inserted(self, sink: Sink, text: str) -> tuple[Outcome, Sink | None]:
        try:
            sink.insert(text)
        except SinkError as error:
            return self._kept(sink, text, str(error))
        return Outcome(sink.name, Place.SINK), sink

    def _kept(self, sink: Sink, text: str, reason: str) -> tuple[Outcome, Sink | None]:
        if not SINKS[sink.name].falls_back:
            path = sink.path if isinstance(sink, File) else None
            return Outcome(sink.name, Place.NOWHERE, reason, text, path), None
        try:
            clipboard = self._clipboard()
            if clipboard in self._sinks:  # which puts it there for its own part
                return Outcome(sink.name, Place.CLIPBOARD, reason), None
            clipboard.insert(text)
        except (SinkError, SinkUnavailable) as error:
            return Outcome(sink.name, Place.NOWHERE, f"{reason} {error}", text), None
        return Outcome(sink.name, Place.CLIPBOARD, reason), clipboard

    def _taken_back(self, sink: Sink, where: Sink | None, text: str) -> Outcome:
        try:
            if where is not None:
                where.undo(text)
        except SinkError as error:
            return Outcome(sink.name, Place.SINK, str(error))
        return Outcome(sink.name, Place.SINK)

    def _told(self, title: str, delivered: Delivered) -> Delivered:
        for line in delivered.lines:
            self._notify(title, line)
        return delivered
