"""What `parakeet dictate` does once its options are known, and what it shows."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from parakeet_cli import console
from parakeet_cli.config import Settings
from parakeet_cli.dictate.options import DictationOptions
from parakeet_cli.errors import ExitCode, OutputError, UsageError

if TYPE_CHECKING:
    from parakeet_cli.dictate.delivery import Delivery
    from parakeet_cli.dictate.sources import SoundSource
    from parakeet_cli.engines.base import Engine


@dataclass(frozen=True, slots=True)
class Request:
    """What the options of the command ask for, as they were written."""

    settings: Settings
    input_device: str | None = None
    from_file: str | None = None
    fast: bool = False
    max_silence: float = 0.6
    duration: float | None = None
    sinks: tuple[str, ...] = ()
    json: bool = False
    partials: bool = True
    commands: bool = True
    digits: bool = False
    recover: bool = False
    history: bool = True
    trust_model: bool = False

    @property
    def options(self) -> DictationOptions:
        settings = self.settings
        return DictationOptions(
            max_silence=self.max_silence,
            duration=self.duration,
            partials=self.partials,
            commands=self.commands,
            digits=self.digits,
            language=settings.language,
            replacements=settings.replacements,
            vocabulary=settings.vocabulary,
            history_days=settings.history_days if self.history else 0,
        )

    @property
    def sink_specs(self) -> tuple[str, ...]:
        """With --json the events are what stdout is for."""
        if self.json and "stdout" in self.sinks:
            raise UsageError("--json and --sink stdout would write to the same place.")
        return self.sinks or (() if self.json else ("stdout",))


def run(request: Request) -> int:
    """The exit code. Raises ParakeetError for what stops everything."""
    from parakeet_cli.audio.vad import SpeechDetector
    from parakeet_cli.cli.dictation_views import make_view
    from parakeet_cli.dictate.dictation import Dictation
    from parakeet_cli.dictate.hearing import Hearing
    from parakeet_cli.dictate.history import History, history_path
    from parakeet_cli.dictate.recording import Recording, recordings_folder
    from parakeet_cli.dictate.recovery import Recovery, pending
    from parakeet_cli.dictate.wording import make_wording

    for warning in request.settings.warnings:
        console.info(f"Warning: {warning}")
    options, specs = request.options, request.sink_specs
    refuse_contradictions(request)
    make_wording({}, (), digits=options.digits, language=options.language)  # or say why not
    source = None if request.recover else make_source(request)
    root = recordings_folder()
    delivery = open_delivery(specs)
    hearing = Hearing(chosen_engine(request))
    hearing.start()
    at_once = False
    history = History(history_path(), options.history_days)
    try:
        if source is None:
            with make_view(as_json=request.json, live=False) as view:
                recovery = Recovery(
                    options,
                    hearing,
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
                hearing,
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
            hearing.close()


def refuse_contradictions(request: Request) -> None:
    if request.fast and not request.from_file:
        raise UsageError("--fast is for --from-file: a microphone takes its time.")
    if request.from_file and request.input_device:
        raise UsageError("--from-file plays a file as the microphone: leave --input-device out.")
    if request.recover and (request.from_file or request.input_device):
        raise UsageError("--recover hears what was recorded, and no other microphone.")


def make_source(request: Request) -> SoundSource:
    from parakeet_cli.dictate.sources import FileSource, MicrophoneSource

    if request.from_file:
        return FileSource(request.from_file, live=not request.fast)
    return MicrophoneSource(request.input_device)


def open_delivery(specs: tuple[str, ...]) -> Delivery | None:
    from parakeet_cli.dictate.delivery import Delivery
    from parakeet_cli.dictate.sinks import make_sink

    if not specs:
        return None
    delivery = Delivery([make_sink(spec) for spec in specs])
    for line in delivery.open():
        console.info(f"Sink: {line}")
    return delivery


def chosen_engine(request: Request) -> Engine:
    from parakeet_cli.cli.engine import choose_engine, engine_options, say_which
    from parakeet_cli.engines import make_engine

    choice = choose_engine(request.settings)
    options = engine_options(request.settings, trust_model=request.trust_model)
    # Two lanes: what is final never waits for what is only looked at.
    engine = make_engine(choice.name, options, lanes=2)
    say_which(choice, engine.info)
    return engine


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

    from parakeet_cli.audio.microphone import find_device, list_devices

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

    from parakeet_cli.dictate.history import Entry, history_path, read_history
    from parakeet_cli.dictate.recording import recordings_folder
    from parakeet_cli.dictate.recovery import pending

    entries = deque(read_history(history_path()), maxlen=count)
    waiting = list(pending(recordings_folder()))
    known = {entry.text for entry in entries}
    for item in waiting:
        missing = ((text, there) for text, there in item.texts if text not in known)
        entries.extend(Entry(item.began, text, delivered=there) for text, there in missing)
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
    from parakeet_cli.dictate.history import history_path

    history_path().unlink(missing_ok=True)
