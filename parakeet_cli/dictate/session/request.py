"""What a dictation was asked for, and the parts it is made of: source, sinks, engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parakeet_cli import console
from parakeet_cli.config import Settings
from parakeet_cli.dictate.session.options import DictationOptions
from parakeet_cli.errors import UsageError

if TYPE_CHECKING:
    from parakeet_cli.dictate.session.sources import SoundSource
    from parakeet_cli.dictate.sinks.delivery import Delivery
    from parakeet_cli.engines.base import Engine


@dataclass(frozen=True, slots=True)
class DictationRequest:
    """The options of `parakeet dictate`, as they were written."""

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


def refuse_contradictions(request: DictationRequest) -> None:
    if request.fast and not request.from_file:
        raise UsageError("--fast is for --from-file: a microphone takes its time.")
    if request.from_file and request.input_device:
        raise UsageError("--from-file plays a file as the microphone: leave --input-device out.")
    if request.recover and (request.from_file or request.input_device):
        raise UsageError("--recover hears what was recorded, and no other microphone.")


def make_source(request: DictationRequest) -> SoundSource:
    from parakeet_cli.dictate.session.sources import FileSource, MicrophoneSource

    if request.from_file:
        return FileSource(request.from_file, live=not request.fast)
    return MicrophoneSource(request.input_device)


def open_delivery(specs: tuple[str, ...]) -> Delivery | None:
    from parakeet_cli.dictate.sinks import make_sink
    from parakeet_cli.dictate.sinks.delivery import Delivery

    if not specs:
        return None
    delivery = Delivery([make_sink(spec) for spec in specs])
    for line in delivery.open():
        console.info(f"Sink: {line}")
    return delivery


def chosen_engine(request: DictationRequest) -> Engine:
    from parakeet_cli.engine_setup import choose_engine, engine_options, print_engine
    from parakeet_cli.engines.registry import make_engine

    choice = choose_engine(request.settings)
    options = engine_options(request.settings, trust_model=request.trust_model)
    # Two lanes: what is final never waits for what is only looked at.
    engine = make_engine(choice.name, options, concurrency=2)
    print_engine(choice, engine.info)
    return engine
