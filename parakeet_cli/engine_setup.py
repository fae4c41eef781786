"""Turns the settings into a choice of engine and its options, for every command that needs one."""

from __future__ import annotations

from parakeet_cli import console
from parakeet_cli.config import Settings
from parakeet_cli.engines.base import EngineChoice, EngineOptions
from parakeet_cli.engines.registry import choose
from parakeet_cli.transcript import EngineInfo


def choose_engine(settings: Settings) -> EngineChoice:
    """The engine that was asked for, or the one that `auto` chooses."""
    return choose(settings.engine, settings.origins.get("engine", "default"), settings)


def engine_options(settings: Settings, *, trust_model: bool = False) -> EngineOptions:
    """The engine's part of the settings; prints a warning if the model is to be trusted."""
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
    )


def print_engine(choice: EngineChoice, info: EngineInfo, workers: str = "") -> None:
    """One line on stderr: which engine was chosen, and why; advice where someone may read it.

    Another line says why the model isn't the usual one.
    """
    language = f", language {info.language}" if info.language else ""
    console.info(
        f"Engine: {info.name} {info.model} on {info.device}{language}{workers} ({choice.reason})."
    )
    if info.note:
        console.info(info.note)
    if choice.advice is not None and console.is_terminal():
        console.info(choice.advice)


def _warn_of_trust() -> None:
    """Printed every time, with --quiet too: no setting and no variable can turn trust on."""
    console.note(
        "Warning: --trust-model: the model is loaded whatever is in it, and can do all that "
        "you can on this machine.",
        style="bold yellow",
    )
