"""From the settings to an engine, for every command that hears something."""

from __future__ import annotations

import logging

from parakeet_cli import console
from parakeet_cli.config import Settings
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.registry import Choice, choose
from parakeet_cli.transcript import EngineInfo


def choose_engine(settings: Settings) -> Choice:
    """The engine that was asked for, or what `auto` comes to."""
    return choose(settings.engine, settings.origins.get("engine", "default"), settings)


def engine_options(settings: Settings, *, trust_model: bool = False) -> EngineOptions:
    """What is asked of the engine; trusting a model is said aloud."""
    if trust_model:
        _warn_of_trust()
    return EngineOptions(
        model=settings.model,
        device=settings.device,
        language=settings.language,
        beam_size=settings.beam_size,
        threads=settings.threads,
        offline=settings.offline,
        ml_python=settings.ml_python,
        progress=console.shows_progress(),
        trust_model=trust_model,
        say=logging.getLogger(__name__).info,
    )


def say_which(choice: Choice, info: EngineInfo, workers: str = "") -> None:
    """One line on stderr: what was taken, and why."""
    console.info(f"Engine: {info.name} {info.model} on {info.device}{workers} ({choice.reason}).")


def _warn_of_trust() -> None:
    """Said every time, --quiet or not: no setting and no variable can ask for it."""
    console.note(
        "Warning: --trust-model: the model is loaded whatever is in it, and can do all that "
        "you can on this machine.",
        style="bold yellow",
    )
