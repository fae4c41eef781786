"""The table of engines, and how one is chosen and made.

To add an engine, write a module with a class that follows `base.Engine`, and a row in ENGINES.
Nothing of an engine is imported before it is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from parakeet_cli.engines.decoding import EVERY_OPTION, Decoding, in_words
from parakeet_cli.errors import UsageError
from parakeet_cli.system.loading import load_named

if TYPE_CHECKING:
    from parakeet_cli.engines.auto import EngineRequest
    from parakeet_cli.engines.base import Engine, EngineChoice, EngineOptions

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One engine: a few words for `--help`, and where its class is."""

    help: str
    location: str
    own_process: bool = False  # the model is in another process, so that a crash there is survived
    honours: frozenset[str] = frozenset()  # of the fields of Decoding
    expects_terms: bool = False  # whether it recognises the words to expect more readily
    told_language: bool = False  # whether it can be told which of its languages is spoken


ENGINES: dict[str, EngineRow] = {
    "whisper": EngineRow(
        "Whisper models; base is built in",
        "parakeet_cli.engines.whisper.engine:Whisper",
        honours=EVERY_OPTION,
        told_language=True,
    ),
    "mock": EngineRow(
        "a made-up transcript, for CI", "parakeet_cli.engines.mock:Mock", told_language=True
    ),
    "nemo": EngineRow(
        "Parakeet by NVIDIA NeMo",
        "parakeet_cli.engines.nemo.engine:Nemo",
        own_process=True,
        expects_terms=True,
    ),
    "onnx": EngineRow(
        "Parakeet by ONNX Runtime", "parakeet_cli.engines.onnx.engine:Onnx", expects_terms=True
    ),
}


def engine_names() -> tuple[str, ...]:
    """The values of `--engine`, `auto` first."""
    return (AUTO, *ENGINES)


def engine_help() -> dict[str, str]:
    """Each value of `--engine` with a few words about it, `auto` first."""
    return {
        AUTO: "picks nemo, onnx or whisper",
        **{name: row.help for name, row in ENGINES.items()},
    }


def choose(asked: str, origin: str, request: EngineRequest | None = None) -> EngineChoice:
    """Decide for `auto`; an engine asked for by name is never replaced by another.

    `origin` says where the name came from (an option, a variable, a file), `request` what else
    was asked for: settings or engine options. Raises UsageError for an unknown name.
    """
    from parakeet_cli.engines.base import EngineChoice, EngineOptions

    if asked == AUTO:
        from parakeet_cli.engines.auto import choose_automatically

        return choose_automatically(request or EngineOptions())
    if asked not in ENGINES:
        raise UsageError(
            f"There is no engine called '{asked}' ({origin}).",
            hint=f"Choose one of: {', '.join(engine_names())}.",
        )
    return EngineChoice(asked, origin)


def unfit_option(name: str, decoding: Decoding) -> tuple[str, tuple[str, ...]] | None:
    """What was asked of the decoder and the engine can't honour, and the engines that can."""
    for option in decoding.asked:
        if option not in ENGINES[name].honours:
            return option, tuple(row for row in ENGINES if option in ENGINES[row].honours)
    return None


def refuse_unfit(name: str, decoding: Decoding) -> None:
    """Raise UsageError for what was asked of the decoder and the engine can't honour."""
    if (unfit := unfit_option(name, decoding)) is not None:
        option, engines = unfit
        able = ", ".join(f"--engine {row}" for row in engines)
        raise UsageError(
            f"The engine {name} has no {in_words(option)}.",
            hint=f"Add {able}, or leave it out.",
            option=option,
        )


def make_engine(name: str, options: EngineOptions, *, concurrency: int) -> Engine:
    """The engine of that name, not yet loaded.

    `concurrency` is how many chunks there will be to transcribe at once: an engine that divides
    its cores between chunks gives them all to one where there is only one. Raises UsageError for
    what it can't honour.
    """
    refuse_unfit(name, options.decoding)
    engine: Engine = load_named(ENGINES[name].location)(options, concurrency=concurrency)
    return engine
