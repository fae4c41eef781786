"""Delivers each text to every sink, and to the clipboard if it can't be typed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from parakeet_cli.dictate.sinks import SINKS, Sink, notifications
from parakeet_cli.dictate.sinks.clipboard import ClipboardSink
from parakeet_cli.dictate.sinks.file import FileSink
from parakeet_cli.dictate.sinks.stdout import StdoutSink
from parakeet_cli.dictate.sinks.typed import TypeSink
from parakeet_cli.errors import SinkError, SinkUnavailable


class TextPlace(StrEnum):
    """Where a text ended up."""

    SINK = "sink"  # where it was meant to go
    CLIPBOARD = "clipboard"  # the sink failed
    NOWHERE = "nowhere"  # the clipboard failed too


@dataclass(frozen=True, slots=True)
class SinkResult:
    """Where one text for one sink ended up; `reason` is why that isn't the sink."""

    sink: str
    place: TextPlace
    reason: str | None = None
    text: str = ""
    path: str | None = None  # of the file, for a sink that is one

    @property
    def line(self) -> str | None:
        """The message for people, None if all went well."""
        if self.reason is None:
            return None
        where = {
            TextPlace.SINK: "",
            TextPlace.CLIPBOARD: " The text is on the clipboard.",
            TextPlace.NOWHERE: " The text is saved: `parakeet dictate history` shows it.",
        }
        return f"{self.sink}: {self.reason}{where[self.place]}"


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """Where one text ended up, sink by sink.

    `replaced`: whether any sink undid the texts that this one replaces. `stuck` has the
    results of the sinks that could not.
    """

    results: tuple[SinkResult, ...]
    replaced: bool = False
    stuck: tuple[SinkResult, ...] = ()

    @property
    def safe(self) -> bool:
        """Whether it is in every sink, or on the clipboard instead."""
        return not self._lost

    @property
    def missing(self) -> str:
        """The text that is nowhere, "" if there is none."""
        return self._lost[0].text if self._lost else ""

    @property
    def lacking(self) -> tuple[str, ...]:
        """The sinks whose text is nowhere: files by their paths, others by their names."""
        return tuple(result.path or result.sink for result in self._lost)

    @property
    def lines(self) -> tuple[str, ...]:
        """The messages for people."""
        return tuple(result.line for result in self.results if result.line)

    @property
    def _lost(self) -> list[SinkResult]:
        return [result for result in self.results if result.place is TextPlace.NOWHERE]


class Delivery:
    """The sinks of one dictation. It never raises because one of them failed.

    Failures are in the result, whose `lines` are for stderr, and are shown on the desktop
    (`notify`). `deliver` may take seconds. Call it from one thread at a time.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        *,
        clipboard: Callable[[], ClipboardSink] = ClipboardSink,
        notify: Callable[[str, str], bool] = notifications.show,
    ) -> None:
        self._sinks = list(sinks)
        self._make_clipboard = clipboard
        self._fallback: ClipboardSink | None = None
        self._notify = notify
        # For each text, the sinks that hold it now, in the order of `_sinks`.
        self._holders: list[tuple[Sink | None, ...]] = []

    def open(self) -> tuple[str, ...]:
        """Open every sink; a line for each says how it works and why.

        A sink that can't type is replaced by the clipboard, and its line says so. Raises
        SinkUnavailable if neither works.
        """
        lines = tuple(self._open(index) for index in range(len(self._sinks)))
        # The clipboard may replace `type` and be asked for as well: it gets each text once.
        self._sinks = list({id(sink): sink for sink in self._sinks}.values())
        return lines

    def begin(self) -> bool:
        """Start another dictation with the same sinks; whether it goes on with the last text.

        It doesn't where that is on the clipboard, whose text starts empty.
        """
        clipboards = {
            id(sink): sink
            for sink in (*self._sinks, self._fallback)
            if isinstance(sink, ClipboardSink)
        }
        held = {id(sink) for holders in self._holders[-1:] for sink in holders}
        for clipboard in clipboards.values():
            clipboard.begin()
        asked = any(isinstance(sink, ClipboardSink) for sink in self._sinks)
        if asked or held & clipboards.keys():
            self._holders.clear()
            return False
        return True

    def continues(self) -> bool:
        """Whether a text delivered now would follow the last one in every sink."""
        following = [sink.continues() for sink in self._sinks]
        if not all(following):
            self._holders.clear()
        return all(following)

    def deliver(
        self, text: str, *, there: Collection[str] = (), joined: bool = False
    ) -> DeliveryResult:
        """Give the text to every sink, even if others fail.

        The files `there`, absolute paths, have it already and are left out. `joined`: it is the
        rest of speech of which the last text is the beginning.
        """
        return self._deliver(
            [
                "" if isinstance(sink, FileSink) and sink.path in there else text
                for sink in self._sinks
            ],
            joined=joined,
        )

    def replace(self, texts: Sequence[str], text: str, instead: str) -> DeliveryResult:
        """Undo the last texts, which were `texts`, latest first, and deliver `text` for them.

        A sink that can't undo all of them keeps what it holds and gets `instead`.
        """
        holders = [
            self._holders.pop() if self._holders else (None,) * len(self._sinks) for _ in texts
        ]
        stuck: dict[int, SinkResult] = {}
        for at, sink in enumerate(self._sinks):
            for last, holder in zip(texts, holders, strict=True):
                result = self._undo(sink, holder[at], last)
                if result.reason is not None:
                    stuck[at] = result
                    break
        wanted = [instead if at in stuck else text for at in range(len(self._sinks))]
        delivered = self._deliver(wanted) if any(wanted) else DeliveryResult(())
        if not text:  # undoing was all that was asked for
            self._notified("Not taken back", DeliveryResult(tuple(stuck.values())))
        replaced = len(stuck) < len(self._sinks)
        return replace(delivered, replaced=replaced, stuck=tuple(stuck.values()))

    def press_enter(self) -> tuple[str, ...]:
        """Press Return after the text in the window; the messages for people if that fails."""
        lines = []
        for sink in self._sinks:
            if isinstance(sink, TypeSink):
                try:
                    sink.press_enter()
                except SinkError as error:
                    lines.append(f"{sink.name}: Return was not pressed: {error}")
        return tuple(lines)

    def close(self) -> None:
        for sink in self._sinks:
            with suppress(SinkError):  # the text was inserted; only the end of its line is missing
                sink.close()

    def _open(self, index: int) -> str:
        sink = self._sinks[index]
        try:
            return sink.open()
        except SinkUnavailable as error:
            if not SINKS[sink.name].falls_back:
                raise
            try:
                fallback = self._clipboard()
            except SinkUnavailable:
                raise error from None
            self._sinks[index] = fallback
            return f"{sink.name}: {error} The text goes to the clipboard instead."

    def _clipboard(self) -> ClipboardSink:
        if self._fallback is None:
            asked = (sink for sink in self._sinks if isinstance(sink, ClipboardSink))
            clipboard = next(asked, None) or self._make_clipboard()
            clipboard.open()
            self._fallback = clipboard
        return self._fallback

    def _deliver(self, texts: Sequence[str], *, joined: bool = False) -> DeliveryResult:
        """Give each sink its own text; a sink whose text is empty gets nothing."""
        results, holders = zip(
            *(
                self._insert(sink, text, joined)
                if text
                else (SinkResult(sink.name, TextPlace.SINK), None)
                for sink, text in zip(self._sinks, texts, strict=True)
            ),
            strict=True,
        )
        self._holders.append(holders)
        return self._notified("Not inserted", DeliveryResult(results))

    def _insert(self, sink: Sink, text: str, joined: bool) -> tuple[SinkResult, Sink | None]:
        """The result, and the sink that holds the text now."""
        try:
            if joined and isinstance(sink, StdoutSink):
                sink.insert(text, joined=True)
            else:
                sink.insert(text)
        except SinkError as error:
            return self._fall_back(sink, text, str(error))
        return SinkResult(sink.name, TextPlace.SINK), sink

    def _fall_back(self, sink: Sink, text: str, reason: str) -> tuple[SinkResult, Sink | None]:
        if not SINKS[sink.name].falls_back:
            path = sink.path if isinstance(sink, FileSink) else None
            return SinkResult(sink.name, TextPlace.NOWHERE, reason, text, path), None
        try:
            clipboard = self._clipboard()
            if clipboard in self._sinks:  # it gets the text for itself anyway
                return SinkResult(sink.name, TextPlace.CLIPBOARD, reason), None
            clipboard.insert(text)
        except (SinkError, SinkUnavailable) as error:
            return SinkResult(sink.name, TextPlace.NOWHERE, f"{reason} {error}", text), None
        return SinkResult(sink.name, TextPlace.CLIPBOARD, reason), clipboard

    def _undo(self, sink: Sink, holder: Sink | None, text: str) -> SinkResult:
        try:
            if holder is not None:
                holder.undo(text)
        except SinkError as error:
            return SinkResult(sink.name, TextPlace.SINK, str(error))
        return SinkResult(sink.name, TextPlace.SINK)

    def _notified(self, title: str, delivered: DeliveryResult) -> DeliveryResult:
        for line in delivered.lines:
            self._notify(title, line)
        return delivered
