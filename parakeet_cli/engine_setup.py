"""Turns the settings into a choice of engine and its options, for every command that needs one."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

from parakeet_cli import console
from parakeet_cli.config.settings import Settings
from parakeet_cli.engines.base import DeviceFinder, Engine, EngineChoice, EngineOptions
from parakeet_cli.engines.registry import ENGINES, choose, refuse_unfit
from parakeet_cli.transcript import EngineInfo
from parakeet_cli.vocabulary.terms import phrases


def choose_engine(settings: Settings) -> EngineChoice:
    """The engine that was asked for, or the one that `auto` chooses.

    Raises UsageError for an unknown one, or one that can't honour what else was asked for.
    """
    choice = choose(settings.engine, settings.origins.get("engine", "default"), settings)
    refuse_unfit(choice.name, settings.decoding)
    if _asks_for_terms(settings) and not ENGINES[choice.name].expects_terms:
        able = " and ".join(name for name in ENGINES if ENGINES[name].expects_terms)
        note = (
            f"The engine {choice.name} only writes the words to expect as they are spelled; "
            f"{able} also recognise them more readily."
        )
        return replace(choice, note=note)
    return choice


def _asks_for_terms(settings: Settings) -> bool:
    """Whether this command names words to expect; what config.json has is said in docs."""
    asked = (settings.origins.get(name, "") for name in ("vocabulary", "hotwords"))
    return bool(settings.terms) and any(origin.startswith("--") for origin in asked)


def engine_options(
    settings: Settings, *, trust_model: bool = False, text: tuple[str, ...] = ()
) -> EngineOptions:
    """The engine's part of the settings; prints a warning if the model is to be trusted.

    `text` are the words of a given text.
    """
    if trust_model:
        _warn_of_trust()
    return EngineOptions(
        model=settings.model,
        device=settings.device,
        language=settings.language,
        beam_size=settings.beam_size,
        decoding=settings.decoding,
        terms=phrases(settings.terms),
        text=text,
        threads=settings.threads,
        offline=settings.offline,
        ml_python=settings.ml_python,
        progress=console.shows_progress(),
        trust_model=trust_model,
    )


class EngineLine:
    """The line on stderr that says which engine runs, where and why: printed once.

    An engine that finds its device while it loads is announced after that, so that the line
    says what is so. Other lines say why the model isn't the usual one, and give advice where
    someone may read it.
    """

    def __init__(self, choice: EngineChoice, workers: str = "") -> None:
        self._choice, self._workers = choice, workers
        self._lock = Lock()
        self._printed = False

    def made(self, engine: Engine) -> None:
        """Print it for an engine that isn't loaded yet, if its device is certain."""
        if not isinstance(engine, DeviceFinder):
            self.print(engine.info)

    def loaded(self, engine: Engine) -> None:
        """Print it for an engine that is loaded."""
        self.print(engine.info, runs_on(engine))

    def print(self, info: EngineInfo, where: str | None = None) -> None:
        with self._lock:  # engines may be loaded in several threads
            if self._printed:
                return
            self._printed = True
        language = f", language {info.language}" if info.language else ""
        console.info(
            f"Engine: {info.name} {info.model} on {where or info.device}{language}{self._workers} "
            f"({self._choice.reason})."
        )
        for note in (info.note, self._choice.note):
            if note:
                console.info(note)
        if self._choice.advice is not None and console.is_terminal():
            console.info(self._choice.advice)


def runs_on(engine: Engine) -> str:
    """Where a loaded engine runs, in words."""
    return engine.runs_on if isinstance(engine, DeviceFinder) else engine.info.device


def _warn_of_trust() -> None:
    """Printed every time, with --quiet too: no setting and no variable can turn trust on."""
    console.note(
        "Warning: --trust-model: the model is loaded whatever is in it, and can do all that "
        "you can on this machine.",
        style="bold yellow",
    )
