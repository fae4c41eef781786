"""The dictation that the daemon keeps ready: one loaded engine for many dictations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from threading import Event as Flag
from threading import Thread

from parakeet_cli import console
from parakeet_cli.audio.microphone.ready import ReadyMicrophone
from parakeet_cli.audio.segment.endpointer import SpeechState
from parakeet_cli.dictate.desktop.overlay import OverlayView
from parakeet_cli.dictate.desktop.players import players_paused
from parakeet_cli.dictate.desktop.sleep import ASLEEP, SleepWatch
from parakeet_cli.dictate.session.dictation import Dictation, Summary
from parakeet_cli.dictate.session.events import DictationView, Event
from parakeet_cli.dictate.session.request import DictationRequest
from parakeet_cli.dictate.session.resources import SessionResources
from parakeet_cli.dictate.session.sources import SoundSource, make_source
from parakeet_cli.errors import UsageError


class WarmSession:
    """A `Controllable`: each `begin` is a dictation of its own, with the same engine and sinks.

    `make_request` makes the request of one dictation from the name of its profile, and
    `make_view` makes its view.
    """

    def __init__(
        self,
        make_request: Callable[[str | None], DictationRequest],
        make_view: Callable[[], DictationView],
        profile: str | None = None,
    ) -> None:
        """Open the profile's sinks and start loading the model. Raises ParakeetError."""
        request = make_request(profile)
        if request.recover:
            raise UsageError("--recover ends by itself: leave `start` out.")
        self._make_request = make_request
        self._make_view = make_view
        self._request = _typing(request)
        console.show_warnings(request.settings.warnings, show=console.info)
        self._running: _RunningDictation | None = None
        self._ready = ReadyMicrophone(request.pre_roll)
        if not request.from_file:
            self._ready.prepare(request.input_device)
        self._sleep_watch = SleepWatch(self._suspend, self._resume)
        self._resources = SessionResources(self._request, shares=True)
        self._resources.warm_up()

    def begin(self, profile: str | None = None) -> None:
        if self._running is not None and self._running.is_listening:
            return
        self._running = None  # one that ended by itself, and has logged how
        request = self._request = _typing(self._make_request(profile))
        overlay = OverlayView(self._make_view()) if request.overlay else None
        view = _AwaitableView(overlay or self._make_view())
        source = make_source(request, self._ready)  # it records from here on
        try:
            dictation = self._resources.make_dictation(source, view, request)
        except BaseException:
            source.close()
            self._ready.released()
            if overlay is not None:
                overlay.close()
            raise

        def on_end() -> None:
            self._ready.released()
            if overlay is not None:
                overlay.close()

        players = players_paused(wanted=request.pause_players)
        running = _RunningDictation(dictation, source, view, players, on_end)
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
            running.wait()

    def discard(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            running.wait()

    def state(self) -> Mapping[str, object]:
        queue, running = self._resources.engine_queue, self._running
        listening = running is not None and running.is_listening
        return {
            "listening": listening,
            "since": round(running.since, 3) if running is not None and listening else None,
            "microphone": running.microphone if running is not None and listening else None,
            "writing": running is not None and running.is_writing,
            "speaking": running is not None and running.is_speaking,
            "loaded": queue is not None and queue.loaded.done(),
            "engine": None if queue is None else queue.engine.info.name,
            "sinks": list(self._request.sink_specs),
            "target": ", ".join(self._request.sink_specs),
        }

    def check(self) -> None:
        if not self._request.from_file:
            self._ready.check()

    def unload(self) -> None:
        self._resources.unload_engine()

    def quit(self) -> None:
        self._sleep_watch.close()
        self._ready.close()
        self._resources.close()

    def _suspend(self) -> None:
        self._ready.suspend()
        running = self._running
        if running is not None:
            running.source.suspend(ASLEEP)

    def _resume(self) -> None:
        self._ready.resume()
        running = self._running
        if running is not None:
            running.source.resume()


def _typing(request: DictationRequest) -> DictationRequest:
    """The request, which types unless it names its sinks: nobody sees this process's stdout."""
    return replace(request, sinks=request.sinks or ("type",))


class _RunningDictation:
    """One dictation in a thread of its own."""

    def __init__(
        self,
        dictation: Dictation,
        source: SoundSource,
        view: _AwaitableView,
        around: AbstractContextManager[None],
        on_end: Callable[[], None],
    ) -> None:
        self._dictation = dictation
        self.source = source
        self._around, self._on_end = around, on_end
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
    def since(self) -> float:
        """When its first sound was captured, seconds since 1970."""
        return self._dictation.began

    @property
    def is_writing(self) -> bool:
        return self._thread.is_alive() and self._dictation.is_writing

    @property
    def microphone(self) -> str:
        return self.source.name

    @property
    def is_speaking(self) -> bool:
        return self.is_listening and self._dictation.state is not SpeechState.SILENCE

    def wait_for_sound(self) -> None:
        """Wait until the first sound is recorded. Raises what prevents that."""
        self._view.has_event.wait()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        self._stopped = True
        self._dictation.stop()

    def cancel(self) -> None:
        self._stopped = True
        self._dictation.cancel()

    def wait(self) -> None:
        """Wait until all text is delivered. Raises what prevents that."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        if self._summary is not None and (error := self._summary.error) is not None:
            raise error

    def _run(self) -> None:
        try:
            with self._around:
                self._summary = self._dictation.run()
        except BaseException as error:  # raised by `wait_for_sound` or `wait`
            self._error = error
            console.note(f"Error: {error}")
        finally:
            self._on_end()
            self._view.has_event.set()


class _AwaitableView:
    """Passes everything to a view, and sets `has_event` at the first event."""

    def __init__(self, view: DictationView) -> None:
        self._view = view
        self.has_event = Flag()

    def event(self, event: Event) -> None:
        self._view.event(event)
        self.has_event.set()

    def level(self, peak: float) -> None:
        self._view.level(peak)

    def aside(self) -> AbstractContextManager[None]:
        return self._view.aside()
