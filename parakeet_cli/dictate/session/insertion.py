"""Inserts edits into the sinks, and records in journal and history what became of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from parakeet_cli.dictate.recording.delivery_check import delivery_targets
from parakeet_cli.dictate.recording.history import History, HistoryEntry
from parakeet_cli.dictate.recording.journal import Intent, Interval
from parakeet_cli.dictate.recording.stream import RecordedStream
from parakeet_cli.dictate.session.events import EventKind, EventReporter
from parakeet_cli.dictate.sinks.delivery import Delivery, DeliveryResult
from parakeet_cli.dictate.text.commands import Part, PlainText, SpokenCommand
from parakeet_cli.dictate.text.edits import Edit

_MAX_UNDOABLE = 200  # insertions that can be taken back
# A sink that can't be checked, by its `--sink` name, and what people call it.
_PLACES = {"type": "a window", "events": "stdout", "command": "a command", "file": "a file"}


@dataclass(frozen=True, slots=True)
class TextOutputs:
    """Where text goes: the sinks as `--sink` names them, their delivery, and the history.

    Without a delivery the events are the only output.
    """

    sinks: tuple[str, ...] = ()
    delivery: Delivery | None = None
    history: History | None = None
    inserted: list[str] = field(default_factory=list)  # by earlier dictations, into the same text


@dataclass(frozen=True, slots=True)
class Insertion:
    """An edit, the interval of the recording that it comes from, and when that was spoken.

    `parts` and `details` are for its events. `retry_of` is the intent of an earlier attempt.
    """

    edit: Edit
    first: int
    last: int
    wall: float  # seconds since 1970
    parts: Sequence[Part] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    retry_of: Intent | None = None
    joined: bool = False  # the rest of speech of which the last insertion is the beginning


class TextInserter:
    """Inserts one edit after the other. For one thread."""

    def __init__(
        self,
        stream: RecordedStream,
        outputs: TextOutputs,
        reporter: EventReporter,
        *,
        final: EventKind = EventKind.FINAL,
        inserted: list[str] | None = None,
    ) -> None:
        """`final` is the event of a text; `inserted` are the insertions made before."""
        self._stream = stream
        self._journal = stream.journal
        self._outputs = outputs
        self._reporter = reporter
        self._final = final
        self._inserted = outputs.inserted if inserted is None else inserted
        self.delivered = 0  # texts that reached where they were meant to go, or the clipboard
        self.undelivered = 0  # texts that reached neither a sink nor the clipboard

    @property
    def inserted(self) -> list[str]:
        """The insertions that the next text follows; none if it will stand elsewhere."""
        delivery = self._outputs.delivery
        if self._inserted and delivery is not None and not delivery.continues():
            self._inserted.clear()
        return self._inserted

    def insert(self, insertion: Insertion) -> None:
        edit, retry_of = insertion.edit, insertion.retry_of
        text = edit.text
        if not text and not edit.back:
            self._journal.write(sync=False, heard=[insertion.first, insertion.last])
            self._report(insertion, text)
            return
        number = self._write_intent(insertion)
        with self._reporter.aside():
            delivered = self._deliver(insertion, retry_of.delivered_files if retry_of else ())
        if edit.back and (delivered is None or delivered.replaced):
            del self._inserted[-edit.back :]
        elif edit.back:
            text = edit.instead
        if text:
            self._inserted.append(text)
            del self._inserted[:-_MAX_UNDOABLE]
        safe = delivered is None or delivered.safe
        if delivered is None:  # the event is the delivery, and comes before it is recorded
            self._report(insertion, text)
            self._journal.write(done=number)
        else:
            if safe:
                self._journal.write(done=number)
            else:
                self._journal.write(kept=number, text=delivered.missing, lacking=delivered.lacking)
            self._report(insertion, text, delivered)
        self.undelivered += not safe
        self.delivered += safe and bool(text.strip())
        interval = (insertion.first, insertion.last)
        self._add_to_history(insertion.wall, text, self._outputs.sinks, safe, interval)

    def report_uncertain(self, intent: Intent) -> None:
        """Show a text that may have been delivered, and settle it.

        If it were inserted again it might be there twice.
        """
        text = intent.text.strip()
        places = " and ".join(_PLACES.get(target.sink, target.sink) for target in intent.to)
        self._reporter.report(
            EventKind.ERROR,
            f"When dictation was ended, this text was on its way to {places} and may be there, "
            f"whole or in part. It is not inserted again: {text}",
            uncertain=text,
        )
        sinks = tuple(target.sink for target in intent.to)
        self._add_to_history(intent.wall, text, sinks, None, (intent.first, intent.last))
        self._journal.write(done=intent.number)

    def _write_intent(self, insertion: Insertion) -> int:
        # In the page cache, which outlives this process, before the sink has the text. It is
        # synced to the disk afterwards, so that the text doesn't wait for that.
        edit = insertion.edit
        return self._journal.write_intent(
            insertion.first,
            insertion.last,
            edit.text,
            delivery_targets(self._outputs.sinks),
            wall=insertion.wall,
            replaced=self._inserted[-edit.back :] if edit.back else (),
            instead=edit.instead,
            retry_of=insertion.retry_of.number if insertion.retry_of else None,
        )

    def _deliver(self, insertion: Insertion, there: Collection[str]) -> DeliveryResult | None:
        edit, delivery = insertion.edit, self._outputs.delivery
        if delivery is None:
            return None
        if edit.back:
            replaced = self._inserted[: -edit.back - 1 : -1]
            return delivery.replace(replaced, edit.text, edit.instead)
        return delivery.deliver(edit.text, there=there, joined=insertion.joined)

    def _add_to_history(
        self,
        wall: float,
        text: str,
        sinks: tuple[str, ...],
        delivered: bool | None,
        interval: Interval,
    ) -> None:
        history = self._outputs.history
        if history is None or not text.strip():
            return
        audio = ""
        if history.audio is not None:
            audio = history.audio.save(wall, self._stream.recording.read(*interval))
        history.add(HistoryEntry(wall, text.strip(), sinks, delivered, audio))

    def _report(
        self, insertion: Insertion, text: str, delivered: DeliveryResult | None = None
    ) -> None:
        parts, details = insertion.parts, insertion.details
        for line in delivered.lines if delivered is not None else ():
            self._reporter.report(EventKind.ERROR, line)
        if delivered is not None and not text:  # taking text back was all that was asked for
            for result in delivered.stuck:
                self._reporter.report(EventKind.ERROR, result.line or "")
        for part in parts:
            if isinstance(part, SpokenCommand):
                self._reporter.report(EventKind.COMMAND, part.phrase, inserted=text)
        if text and (not parts or any(isinstance(part, PlainText) for part in parts)):
            # The time of a recovered text is the time at which it was spoken.
            at = details.get("start") if self._final is EventKind.RECOVERED else None
            self._reporter.report(self._final, text.strip(), at=at, inserted=text, **details)
