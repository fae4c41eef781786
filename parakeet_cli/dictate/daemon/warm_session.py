"""The dictation that `parakeet dictate start` keeps warm: one engine, many dictations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from threading import Event as Flag
from threading import Thread

from parakeet_cli import console
from parakeet_cli.audio.segment.endpointer import SpeechState
from parakeet_cli.audio.segment.vad import SpeechDetector
from parakeet_cli.dictate.recording.history import History, history_path
from parakeet_cli.dictate.recording.recording import Recording, recordings_folder
from parakeet_cli.dictate.session.dictation import Dictation, DictationView, Summary
from parakeet_cli.dictate.session.engine_queue import EngineQueue
from parakeet_cli.dictate.session.events import Event
from parakeet_cli.dictate.session.request import (
    DictationRequest,
    chosen_engine,
    make_source,
    open_delivery,
    refuse_contradictions,
)
from parakeet_cli.errors import OutputError, UsageError


class WarmSession:
    """Follows `Controllable`: each `begin` is a dictation of its own, on the same engine.

    Making one opens the sinks and loads the model in the background. `make_view` gives the
    view of one dictation, as JSON or not. Raises ParakeetError.
    """

    def __init__(
        self, request: DictationRequest, make_view: Callable[[bool], DictationView]
    ) -> None:
        if request.recover:
            raise UsageError("--recover ends by itself: leave `start` out.")
        refuse_contradictions(request)
        self._make_view = make_view
        self._request = replace(request, sinks=request.sinks or ("type",))
        self._specs = self._request.sink_specs
        for warning in request.settings.warnings:
            console.info(f"Warning: {warning}")
        self._delivery = open_delivery(self._specs)
        self._engine_queue: EngineQueue | None = None
        self._running: _Running | None = None
        self._load()

    def begin(self) -> None:
        if self._running is not None and self._running.is_listening:
            return
        self._running = None  # one that ended by itself, and told its log how
        if self._delivery is not None:
            self._delivery.begin()
        view = _Awaited(self._make_view(self._request.json))
        running = _Running(self._make(view), view)
        try:
            running.wait_for_sound()
        except BaseException:
            running.stop()
            raise
        self._running = running

    def finish(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.stop()
            running.result()

    def discard(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            running.result()

    def state(self) -> Mapping[str, object]:
        engine_queue, running = self._engine_queue, self._running
        return {
            "listening": running is not None and running.is_listening,
            "speaking": running is not None and running.is_speaking,
            "loaded": engine_queue is not None and engine_queue.loaded.done(),
            "engine": None if engine_queue is None else engine_queue.engine.info.name,
            "sinks": list(self._specs),
        }

    def unload(self) -> None:
        engine_queue, self._engine_queue = self._engine_queue, None
        if engine_queue is not None:
            engine_queue.close()

    def quit(self) -> None:
        self.unload()
        if self._delivery is not None:
            self._delivery.close()

    def _load(self) -> EngineQueue:
        engine_queue = self._engine_queue
        if engine_queue is None or (engine_queue.loaded.done() and engine_queue.loaded.exception()):
            engine_queue = self._engine_queue = EngineQueue(chosen_engine(self._request))
            engine_queue.start()
        return engine_queue

    def _make(self, view: DictationView) -> Dictation:
        root = recordings_folder()
        try:
            recording = Recording.create(root)
        except OSError as error:
            raise OutputError(f"Nothing can be recorded in {root}: {error.strerror}.") from error
        options = self._request.options
        return Dictation(
            options,
            make_source(self._request),
            self._load(),
            SpeechDetector,
            recording,
            view,
            delivery=self._delivery,
            sinks=self._specs,
            history=History(history_path(), options.history_days),
        )


class _Running:
    """One dictation in a thread of its own."""

    def __init__(self, dictation: Dictation, view: _Awaited) -> None:
        self._dictation = dictation
        self._view = view
        self._summary: Summary | None = None
        self._error: BaseException | None = None
        self._stopped = False
        self._thread = Thread(target=self._run, name="dictation", daemon=True)
        self._thread.start()

    @property
    def is_listening(self) -> bool:
        return self._thread.is_alive() and not self._stopped

    @property
    def is_speaking(self) -> bool:
        return self.is_listening and self._dictation.state is not SpeechState.SILENCE

    def wait_for_sound(self) -> None:
        """Until the first of it is recorded; raises why there is none."""
        self._view.happened.wait()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        self._stopped = True
        self._dictation.stop()

    def cancel(self) -> None:
        self._stopped = True
        self._dictation.cancel()

    def result(self) -> None:
        """Until all text is where it was to go; raises what prevented that."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        if self._summary is not None and self._summary.kept:
            raise OutputError(
                f"Not all text arrived; the recording is kept in {self._summary.kept}.",
                hint="`parakeet dictate --recover` writes it, `parakeet dictate history` shows it.",
            )

    def _run(self) -> None:
        try:
            self._summary = self._dictation.run()
        except BaseException as error:  # raised for whoever waits or asks next
            self._error = error
            console.note(f"Error: {error}")
        finally:
            self._view.happened.set()


class _Awaited:
    """A view that can be waited for until something happens."""

    def __init__(self, view: DictationView) -> None:
        self._view = view
        self.happened = Flag()

    def event(self, event: Event) -> None:
        self._view.event(event)
        self.happened.set()

    def level(self, peak: float) -> None:
        self._view.level(peak)

    def aside(self) -> AbstractContextManager[None]:
        return self._view.aside()
