"""Runs a dictation or a recovery for `parakeet dictate`, and prints how it ended."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import FrameType

from parakeet_cli import console
from parakeet_cli.cli.dictate.views import InteractiveView, make_view
from parakeet_cli.dictate.desktop.players import players_paused
from parakeet_cli.dictate.desktop.sleep import ASLEEP, SleepWatch
from parakeet_cli.dictate.recording.recording import recordings_folder
from parakeet_cli.dictate.session.dictation import Summary
from parakeet_cli.dictate.session.recovery import find_undelivered
from parakeet_cli.dictate.session.request import DictationRequest, check_request
from parakeet_cli.dictate.session.resources import SessionResources
from parakeet_cli.dictate.session.sources import SoundSource, make_source
from parakeet_cli.errors import EngineUnavailable, ExitCode
from parakeet_cli.system.processes import handle_signals


def run_dictate(request: DictationRequest) -> int:
    """Dictate or recover, and return the exit code. Raises ParakeetError."""
    if sys.platform == "win32":
        raise EngineUnavailable(
            "parakeet doesn't dictate on Windows.",
            hint="parakeet transcribe works there; WSL has both.",
        )
    console.show_warnings(request.settings.warnings, show=console.info)
    check_request(request)
    source = None if request.recover else make_source(request)
    with SessionResources(request) as resources:
        if source is None:
            return _recover(resources, as_json=request.json)
        return _dictate(resources, source, as_json=request.json)


def _dictate(resources: SessionResources, source: SoundSource, *, as_json: bool) -> int:
    if any(True for _ in find_undelivered(recordings_folder())):
        console.info("An earlier dictation left text undelivered: `parakeet dictate --recover`.")
    with make_view(as_json=as_json, live=source.live) as view:
        dictation = resources.make_dictation(source, view)
        with (
            _stop_on_signals(dictation.stop),
            _close_when_stopped(source, view),
            players_paused(wanted=resources.request.pause_players),
            SleepWatch(lambda: source.suspend(ASLEEP), source.resume),
            view.keys(dictation),
        ):
            summary = dictation.run()
    return _print_end(summary)


def _print_end(summary: Summary) -> int:
    if summary.overflows:
        console.note(f"The machine was too slow {summary.overflows} times, and sound was lost.")
    if (error := summary.error) is not None:
        console.note(f"{error}\n  {error.hint}")
        return ExitCode.FAILED
    return ExitCode.OK


def _recover(resources: SessionResources, *, as_json: bool) -> int:
    with make_view(as_json=as_json, live=False) as view:
        recovery = resources.make_recovery(view)
        with _stop_on_signals(recovery.stop):
            left = recovery.run(recordings_folder())
    if left:
        console.note(
            f"{recovery.delivered} texts were delivered; "
            f"{left} recordings are still not delivered, and are kept."
        )
        return ExitCode.FAILED
    count = recovery.delivered
    if count:
        console.info(f"{count} text{'s were' if count > 1 else ' was'} delivered; nothing is left.")
    else:
        console.info("There is nothing to recover.")
    return ExitCode.OK


def _close_when_stopped(source: SoundSource, view: InteractiveView) -> AbstractContextManager[None]:
    """Ctrl-Z closes the microphone first: what is said until `fg` is nobody's business."""
    if sys.platform == "win32":
        return nullcontext()

    def handle(number: int, frame: FrameType | None) -> None:
        with view.stopped():
            source.suspend("this program is stopped")
            os.kill(os.getpid(), signal.SIGSTOP)
            source.resume()

    return handle_signals(handle, signal.SIGTSTP)


def _stop_on_signals(stop: Callable[[], None]) -> AbstractContextManager[None]:
    """The first Ctrl-C stops normally, the second at once; the recording is kept either way."""

    def handle(number: int, frame: FrameType | None) -> None:
        for again in (signal.SIGINT, signal.SIGTERM):
            signal.signal(again, signal.default_int_handler)
        stop()

    return handle_signals(handle, signal.SIGINT, signal.SIGTERM)
