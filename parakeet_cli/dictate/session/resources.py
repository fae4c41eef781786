"""Shares the engine, the sinks and the rules for text between the dictations of a process.

A program dictates with it like this:

    with SessionResources(request) as resources:
        summary = resources.make_dictation(make_source(request), view).run()
"""

from __future__ import annotations

import gc
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np

from parakeet_cli import console
from parakeet_cli.audio.samples import Samples
from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.audio.segment.frames import FRAME
from parakeet_cli.audio.segment.vad import SpeechDetector
from parakeet_cli.dictate.heap import give_back_memory
from parakeet_cli.dictate.recording.history import History, history_path
from parakeet_cli.dictate.recording.kept_audio import KeptAudio, kept_audio_folder
from parakeet_cli.dictate.recording.recording import Recording, recordings_folder
from parakeet_cli.dictate.session.dictation import Dictation
from parakeet_cli.dictate.session.engine_queue import EngineQueue
from parakeet_cli.dictate.session.engine_queue import Priority as JobPriority
from parakeet_cli.dictate.session.insertion import TextOutputs
from parakeet_cli.dictate.session.recovery import Recovery
from parakeet_cli.dictate.session.request import DictationRequest, check_request
from parakeet_cli.dictate.session.setup import DictationSetup
from parakeet_cli.dictate.session.shared_engine import QueueAccess
from parakeet_cli.dictate.sinks import make_sink
from parakeet_cli.dictate.sinks.delivery import Delivery
from parakeet_cli.dictate.text.edits import compose
from parakeet_cli.dictate.text.rules import TextRules
from parakeet_cli.dictate.text.vocabulary import make_text_change
from parakeet_cli.engine_setup import EngineLine, choose_engine, engine_options
from parakeet_cli.engines.base import Engine, EngineChoice
from parakeet_cli.engines.registry import make_engine
from parakeet_cli.engines.shared.access import find_engine, find_or_offer
from parakeet_cli.engines.shared.fair_queue import Priority
from parakeet_cli.engines.shared.host import EngineHost
from parakeet_cli.engines.shared.request import EngineSetup
from parakeet_cli.errors import EngineUnavailable, OutputError
from parakeet_cli.transcript import words_of

if TYPE_CHECKING:
    from parakeet_cli.dictate.session.events import DictationView
    from parakeet_cli.dictate.session.sources import SoundSource


class SessionResources:
    """Makes dictations and recoveries, one at a time, that share an engine and sinks."""

    def __init__(self, request: DictationRequest, *, shares: bool = False) -> None:
        """Open the sinks and start loading the engine. Raises ParakeetError.

        `shares` offers the engine to the user's other processes: this process lasts.
        """
        check_request(request)
        self._request = request
        self._deliveries: dict[tuple[str, ...], Delivery | None] = {}
        self._inserted: dict[tuple[str, ...], list[str]] = {}  # by those sinks, in this process
        self._delivery(request)
        self._engine_queue: EngineQueue | None = None
        self._host: EngineHost | None = None
        self._shares = shares
        self.load_engine()

    def __enter__(self) -> SessionResources:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(wait=kind is not KeyboardInterrupt)

    def close(self, *, wait: bool = True) -> None:
        """Close the sinks and free the engine; without `wait`, a running job is abandoned."""
        for delivery in self._deliveries.values():
            if delivery is not None:
                delivery.close()
        if wait:
            self.unload_engine()

    @property
    def request(self) -> DictationRequest:
        return self._request

    def transcribe(self, samples: Samples) -> str:
        """The text of mono float32, shape (n,), as it would be inserted. Raises ParakeetError."""
        chunk = Chunk(samples, (Piece(0.0, 0.0),), last=True)
        result = self.load_engine().transcribe(lambda: chunk, JobPriority.FINAL).future.result()
        words = [word for segment in result.segments for word in words_of(segment, split=True)]
        text = " ".join(text for segment in result.segments if (text := segment.text.strip()))
        rules = _make_rules(self._request)
        return compose(rules.filtered(rules.parts(text, words), console.note), ()).text.strip()

    @property
    def engine_queue(self) -> EngineQueue | None:
        """The engine, None while it is unloaded."""
        return self._engine_queue

    def load_engine(self) -> EngineQueue:
        """Start loading the engine, unless it is loaded. Raises EngineUnavailable, UsageError."""
        queue = self._engine_queue
        if queue is not None and queue.loaded.done() and queue.loaded.exception():
            self.unload_engine()  # and offer it no more
            queue = None
        if queue is None:
            queue = self._engine_queue = self._make_queue()
            queue.start()
        return queue

    def _make_queue(self) -> EngineQueue:
        """The queue of another process's engine, or else of one of this process."""
        choice, setup = _setup_of(self._request)
        access = QueueAccess(setup) if self._shares else None
        found = _find_or_offer(setup, access)
        if isinstance(found, EngineHost):
            self._host, found = found, None
        try:
            engine = found or make_engine(setup.name, setup.options, concurrency=setup.concurrency)
        except BaseException as error:
            if access is not None:
                access.fail(error)
            self.unload_engine()
            raise
        line = EngineLine(choice)
        line.made(engine)
        queue = EngineQueue(engine, on_loaded=line.loaded)
        if access is not None:
            access.set_queue(queue)
        return queue

    def warm_up(self) -> None:
        """Load what a dictation needs besides the engine, in the background."""
        # The speech detector's model stays loaded; without its package a dictation says so.
        Thread(target=_load_detector, name="warm-up", daemon=True).start()

    def unload_engine(self) -> None:
        """Free the engine's memory until the next dictation."""
        if self._host is not None:
            self._host.close()
            self._host = None
        queue, self._engine_queue = self._engine_queue, None
        if queue is not None:
            queue.close()
            del queue
            gc.collect()
            give_back_memory()

    def make_dictation(
        self, source: SoundSource, view: DictationView, request: DictationRequest | None = None
    ) -> Dictation:
        """A dictation that records in a new folder, with another request if one is given.

        The engine stays the same. Raises OutputError, EngineUnavailable, SinkUnavailable.
        """
        parts = self._parts(request or self._request)
        root = recordings_folder()
        try:
            recording = Recording.create(root)
        except OSError as error:
            raise OutputError(
                f"Nothing can be recorded in {root}: {error.strerror}.",
                hint=getattr(error, "hint", None),
            ) from error
        delivery = parts.outputs.delivery
        if delivery is None or not delivery.begin():
            parts.outputs.inserted.clear()
        return Dictation(parts, source, recording, view)

    def make_recovery(self, view: DictationView) -> Recovery:
        """A recovery of what earlier dictations left. Raises EngineUnavailable."""
        return Recovery(self._parts(self._request), view)

    def _parts(self, request: DictationRequest) -> DictationSetup:
        if request is not self._request:
            check_request(request)
        audio = KeptAudio(kept_audio_folder())
        audio.drop_old(request.keep_audio_days)
        kept = audio if request.keep_audio else None
        history = History(history_path(), request.history_days, kept)
        specs = request.sink_specs
        inserted = self._inserted.setdefault(specs, [])
        outputs = TextOutputs(specs, self._delivery(request), history, inserted)
        rules = _make_rules(request)
        return DictationSetup(request, self.load_engine(), SpeechDetector, rules, outputs)

    def _delivery(self, request: DictationRequest) -> Delivery | None:
        """The delivery to the request's sinks, which are opened the first time."""
        specs = request.sink_specs
        if specs not in self._deliveries:
            self._deliveries[specs] = _open_delivery(specs)
        return self._deliveries[specs]


def _load_detector() -> None:
    with suppress(EngineUnavailable):  # raised again when a dictation begins
        SpeechDetector()(np.zeros((1, FRAME), np.float32))


def _make_rules(request: DictationRequest) -> TextRules:
    settings = request.settings
    change = make_text_change(
        settings.replacements,
        settings.terms,
        digits=request.digits,
        language=settings.language,
        fillers=request.fillers,
    )
    return TextRules(request.commands, change, request.filter)


def _open_delivery(specs: tuple[str, ...]) -> Delivery | None:
    if not specs:
        return None
    delivery = Delivery([make_sink(spec) for spec in specs])
    for line in delivery.open():
        console.info(f"Sink: {line}")
    return delivery


def _setup_of(request: DictationRequest) -> tuple[EngineChoice, EngineSetup]:
    choice = choose_engine(request.settings)
    options = engine_options(request.settings, trust_model=request.trust_model)
    # Two chunks at once: a final never waits for a partial.
    return choice, EngineSetup(choice.name, options, concurrency=2)


def _find_or_offer(setup: EngineSetup, access: QueueAccess | None) -> Engine | EngineHost | None:
    if access is None:
        return find_engine(setup, "dictate", priority=Priority.INTERACTIVE)
    return find_or_offer(setup, "dictate", access, priority=Priority.INTERACTIVE)
