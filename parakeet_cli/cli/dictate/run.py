"""What `parakeet dictate` does once its options are known, and what it shows."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from parakeet_cli import console
from parakeet_cli.dictate.session.request import (
    DictationRequest,
    chosen_engine,
    make_source,
    open_delivery,
    refuse_contradictions,
)
from parakeet_cli.errors import ExitCode, OutputError


def dictate(request: DictationRequest) -> int:
    """The exit code. Raises ParakeetError for what stops everything."""
    from parakeet_cli.audio.segment.vad import SpeechDetector
    from parakeet_cli.cli.dictate.views import make_view
    from parakeet_cli.dictate.recording.history import History, history_path
    from parakeet_cli.dictate.recording.recording import Recording, recordings_folder
    from parakeet_cli.dictate.session.dictation import Dictation
    from parakeet_cli.dictate.session.engine_queue import EngineQueue
    from parakeet_cli.dictate.session.recovery import Recovery, pending
    from parakeet_cli.dictate.text.vocabulary import make_wording

    for warning in request.settings.warnings:
        console.info(f"Warning: {warning}")
    options, specs = request.options, request.sink_specs
    refuse_contradictions(request)
    make_wording({}, (), digits=options.digits, language=options.language)  # or say why not
    source = None if request.recover else make_source(request)
    root = recordings_folder()
    delivery = open_delivery(specs)
    engine_queue = EngineQueue(chosen_engine(request))
    engine_queue.start()
    at_once = False
    history = History(history_path(), options.history_days)
    try:
        if source is None:
            with make_view(as_json=request.json, live=False) as view:
                recovery = Recovery(
                    options,
                    engine_queue,
                    SpeechDetector(),
                    view,
                    delivery=delivery,
                    sinks=specs,
                    history=history,
                )
                with _stopped_by_signals(recovery.stop):
                    left = recovery.run(root)
            return _end_recovery(left)
        if any(True for _ in pending(root)):
            console.info(
                "An earlier dictation left text undelivered: `parakeet dictate --recover`."
            )
        try:
            recording = Recording.create(root)
        except OSError as error:
            raise OutputError(f"Nothing can be recorded in {root}: {error.strerror}.") from error
        with make_view(as_json=request.json, live=source.live) as view:
            dictation = Dictation(
                options,
                source,
                engine_queue,
                SpeechDetector,
                recording,
                view,
                delivery=delivery,
                sinks=specs,
                history=history,
            )
            with _stopped_by_signals(dictation.stop), view.keys(dictation):
                summary = dictation.run()
        if summary.overflows:
            console.note(f"The machine was too slow {summary.overflows} times, and sound was lost.")
        if summary.kept:
            console.note(
                f"Not all text arrived; the recording is kept in {summary.kept}.\n"
                "  `parakeet dictate --recover` writes it, `parakeet dictate history` shows it."
            )
            return ExitCode.FAILED
        return ExitCode.OK
    except KeyboardInterrupt:
        at_once = True
        raise
    finally:
        if delivery is not None:
            delivery.close()
        if not at_once:
            engine_queue.close()


def _end_recovery(left: int) -> int:
    if left:
        console.note(f"{left} recordings are still not written; they are kept.")
        return ExitCode.FAILED
    console.info("Nothing is left to recover.")
    return ExitCode.OK


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C ends well, the second at once; what was recorded stays either way."""

    def end(number: int, frame: FrameType | None) -> None:
        for again in (signal.SIGINT, signal.SIGTERM):
            signal.signal(again, signal.default_int_handler)
        stop()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def show_devices(*, as_json: bool) -> int:
    """The microphones as a table, or as JSON."""
    import json
    from dataclasses import asdict

    from parakeet_cli.audio.microphone.microphone import find_device, list_devices

    devices = list_devices()
    if as_json:
        console.out(json.dumps([asdict(device) for device in devices], indent=2) + "\n")
        return ExitCode.OK
    find_device(None, devices)  # or say what to do where there is none
    width = max(len(device.name) for device in devices)
    for device in devices:
        mark = "*" if device.default else " "
        console.out(
            f"{mark} {device.index:3}  {console.printable(device.name):{width}}  "
            f"{device.channels:3} channel{'s' if device.channels != 1 else ' '}  {device.rate} Hz\n"
        )
    console.info("* is the default. --input-device takes a number or a part of a name.")
    return ExitCode.OK


def show_history(count: int, *, as_json: bool) -> None:
    """The last utterances, and what waits to be recovered."""
    import json
    from collections import deque
    from dataclasses import asdict

    from parakeet_cli.dictate.recording.history import HistoryEntry, history_path, read_history
    from parakeet_cli.dictate.recording.recording import recordings_folder
    from parakeet_cli.dictate.session.recovery import pending

    entries = deque(read_history(history_path()), maxlen=count)
    waiting = list(pending(recordings_folder()))
    known = {entry.text for entry in entries}
    for item in waiting:
        missing = ((text, there) for text, there in item.texts if text not in known)
        entries.extend(HistoryEntry(item.began, text, delivered=there) for text, there in missing)
    for entry in entries:
        if as_json:
            console.out(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
            continue
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.wall))
        mark = {True: "", False: "  (not inserted)", None: "  (perhaps inserted)"}[entry.delivered]
        console.out(f"{when}  {console.printable(entry.text)}{mark}\n")
    if waiting:
        console.info("`parakeet dictate --recover` writes what was recorded and not delivered.")


def clear_history() -> None:
    """Forget every utterance."""
    from parakeet_cli.dictate.recording.history import history_path

    history_path().unlink(missing_ok=True)
